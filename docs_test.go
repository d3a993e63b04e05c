package voicemail

import (
	"encoding/json"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docPage is a page of the documentation.
type docPage struct {
	path string // with slashes
	text string
	code []string // its blocks of Go
}

var (
	fence   = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	span    = regexp.MustCompile("`[^`\n]+`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
)

// documentation returns all Markdown files of the repository.
func documentation(t *testing.T) []docPage {
	t.Helper()
	var pages []docPage
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		p := docPage{path: filepath.ToSlash(file), text: string(text)}
		for _, block := range fence.FindAllStringSubmatch(p.text, -1) {
			if block[1] == "go" {
				p.code = append(p.code, block[2])
			}
		}
		pages = append(pages, p)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	return pages
}

// prose is the page without its blocks of code.
func (p docPage) prose() string { return fence.ReplaceAllString(p.text, "") }

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)

// anchors are the fragments that lead to the headings, as the web pages of a repository make them.
func (p docPage) anchors() map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(p.prose(), -1) {
		all[strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return all
}

func TestEveryLinkOfTheDocumentationLeadsSomewhere(t *testing.T) {
	pages := map[string]docPage{}
	for _, p := range documentation(t) {
		pages[p.path] = p
	}
	for _, p := range pages {
		for _, l := range link.FindAllStringSubmatch(span.ReplaceAllString(p.prose(), ""), -1) {
			u, err := url.Parse(l[1])
			if !assert.NoError(t, err, p.path) || u.Scheme != "" {
				continue
			}
			target := p.path
			if u.Path != "" {
				target = path.Join(path.Dir(p.path), u.Path)
			}
			_, err = os.Stat(filepath.FromSlash(target))
			if !assert.NoError(t, err, "%s: the link %s", p.path, l[1]) || u.Fragment == "" {
				continue
			}
			assert.True(t, pages[target].anchors()[u.Fragment], "%s: the link %s: there is no such heading", p.path, l[1])
		}
	}
}

var (
	goCommand   = regexp.MustCompile(`\bgo (?:run|test|build|install) (?:-\S+ )*(\./[\w/.-]*\w)`)
	makeCommand = regexp.MustCompile("(?m)(?:^    |`)make ([a-z]+)\\b")
)

func TestEveryCommandOfTheDocumentationIsThere(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	seen := 0
	for _, p := range documentation(t) {
		for _, c := range goCommand.FindAllStringSubmatch(p.text, -1) {
			seen++
			found, err := build.ImportDir(filepath.FromSlash(strings.TrimSuffix(c[1], "/...")), 0)
			if assert.NoError(t, err, "%s: %s", p.path, c[0]) && strings.HasPrefix(c[0], "go run") {
				assert.Equal(t, "main", found.Name, "%s: %s", p.path, c[0])
			}
		}
		for _, c := range makeCommand.FindAllStringSubmatch(p.text, -1) {
			seen++
			assert.True(t, strings.Contains(string(makefile), "\n"+c[1]+":"), "%s: %s", p.path, c[0])
		}
	}
	assert.Greater(t, seen, 20)
}

// exported are the names of the published packages: voicemail.Service, voicemail.Service.Ping, voicemail.Limits.Messages.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, dir := range published {
		p := loadAPI(t, dir)
		p.each(func(name, _ string, decl ast.Node) {
			for n := range strings.SplitSeq(name, ", ") {
				names[p.Name+"."+n] = true
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				fields, ok := n.(*ast.FieldList)
				if _, isType := decl.(*ast.GenDecl); !ok || !isType {
					return true
				}
				for _, f := range fields.List {
					for _, id := range f.Names {
						names[p.Name+"."+name+"."+id.Name] = true
					}
				}
				return true
			})
		})
	}
	return names
}

// qualified is what a page says of a published package: pkg.Name or pkg.Name.Member.
var qualified = regexp.MustCompile(`\b(voicemail|access|asterisk|config|gdpr|metrics|mwi|storage|blobstore|faultstore|memstore|pvstore|s3store|storagetest|tracing)(\.[A-Z]\w*)(\.[A-Z]\w*)?`)

// short is what a page says of the three nouns and their options without the package.
var short = regexp.MustCompile(`(?:^|[^.\w])((?:Service|Mailbox|Message|CopyOptions|DepositOptions|Envelope|Limits|State)\.[A-Z]\w*)`)

func TestEveryNameInTheDocumentationIsExported(t *testing.T) {
	names, seen := exported(t), 0
	for _, p := range documentation(t) {
		for _, code := range append(span.FindAllString(p.prose(), -1), p.code...) {
			for _, q := range qualified.FindAllStringSubmatch(code, -1) {
				seen++
				assert.True(t, names[q[1]+q[2]], "%s: %s%s", p.path, q[1], q[2])
				assert.True(t, q[3] == "" || names[q[0]], "%s: %s", p.path, q[0])
			}
			for _, q := range short.FindAllStringSubmatch(code, -1) {
				seen++
				assert.True(t, names["voicemail."+q[1]], "%s: %s", p.path, q[1])
			}
		}
	}
	assert.Greater(t, seen, 100)
}

func TestTheCodeOfTheDocumentationIsGo(t *testing.T) {
	for _, p := range documentation(t) {
		for _, code := range p.code {
			text := strings.ReplaceAll(code, "…", "etc") // where something is left out
			_, err := parser.ParseFile(token.NewFileSet(), p.path, "package p\n"+strings.TrimPrefix(text, "package main\n"), 0)
			if err != nil {
				_, err = parser.ParseFile(token.NewFileSet(), p.path, "package p\nfunc _() {\n"+text+"\n}", 0)
			}
			assert.NoError(t, err, code)
		}
	}
}

// buildProgram builds a program of the documentation, as a package of this module that is there for as long as the build, and returns the command.
func buildProgram(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	source, overlay, command := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "command")
	require.NoError(t, os.WriteFile(source, []byte(program), 0o600))
	here, err := filepath.Abs("examples/program/main.go")
	require.NoError(t, err)
	doc, err := json.Marshal(map[string]map[string]string{"Replace": {here: source}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, doc, 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", command, "./examples/program").CombinedOutput()
	require.NoError(t, err, string(out))
	return command
}

func TestTheProgramsOfTheDocumentationCanBeBuilt(t *testing.T) {
	built := map[string]bool{}
	for _, p := range documentation(t) {
		for _, code := range p.code {
			if strings.HasPrefix(code, "package main\n") {
				buildProgram(t, code)
				built[p.path] = true
			}
		}
	}
	assert.True(t, built["README.md"] && built["docs/asterisk.md"], built)
}

func TestTheFirstProgramOfTheReadmeCountsOnWithEachRun(t *testing.T) {
	i := slices.IndexFunc(documentation(t), func(p docPage) bool { return p.path == "README.md" })
	command := buildProgram(t, documentation(t)[i].code[0])
	dir := t.TempDir()
	for _, want := range []string{"1 new\n", "2 new\n"} {
		run := exec.CommandContext(t.Context(), command)
		run.Dir = dir
		out, err := run.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, want, string(out))
	}
}

// Whoever adds a guide, a decision, a published package or an example, adds it where a newcomer looks.
func TestTheReadmesNameEveryGuideDecisionPackageAndExample(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	readme := string(text)
	guides, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, g := range guides {
		assert.True(t, strings.Contains(readme, "("+filepath.ToSlash(g)+")"), "the guide %s", g)
	}
	decisions, err := os.ReadFile("docs/decisions/README.md")
	require.NoError(t, err)
	numbered, err := filepath.Glob("docs/decisions/0*.md")
	require.NoError(t, err)
	for _, d := range numbered {
		assert.True(t, strings.Contains(string(decisions), "("+filepath.Base(d)+")"), "the decision %s", d)
	}
	for _, dir := range published {
		assert.True(t, strings.Contains(readme, "("+dir+")"), "the package %s", dir)
	}
	examples, err := filepath.Glob("examples/*")
	require.NoError(t, err)
	for _, dir := range examples {
		if _, err := build.ImportDir(dir, 0); err == nil {
			assert.True(t, strings.Contains(readme, filepath.ToSlash(dir)), "the example %s", dir)
		}
	}
}
