package voicemail

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// published are the packages that applications import.
var published = []string{
	".", "access", "asterisk", "config", "gdpr", "metrics", "mwi", "storage", "storage/blobstore", "storage/faultstore", "storage/memstore", "storage/pvstore", "storage/s3store", "storage/storagetest", "tracing",
}

// apiPackage is a package as its documentation shows it on linux.
type apiPackage struct {
	*doc.Package
	fset *token.FileSet
}

func loadAPI(t *testing.T, dir string) apiPackage {
	t.Helper()
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = "linux", "amd64", false
	found, err := ctx.ImportDir(dir, 0)
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range found.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, path.Join("github.com/genesys/voicemail", dir), doc.Mode(0))
	require.NoError(t, err)
	return apiPackage{p, fset}
}

// each calls f for every exported declaration, in the order of the names.
func (p apiPackage) each(f func(name, text string, decl ast.Node)) {
	values := func(groups []*doc.Value) {
		for _, g := range groups {
			f(strings.Join(g.Names, ", "), g.Doc, g.Decl)
		}
	}
	funcs := func(receiver string, fns []*doc.Func) {
		for _, fn := range fns {
			f(receiver+fn.Name, fn.Doc, fn.Decl)
		}
	}
	values(p.Consts)
	values(p.Vars)
	funcs("", p.Funcs)
	for _, typ := range p.Types {
		f(typ.Name, typ.Doc, typ.Decl)
		values(typ.Consts)
		values(typ.Vars)
		funcs("", typ.Funcs)
		funcs(typ.Name+".", typ.Methods)
	}
}

// aligned are the spaces by which a column is aligned, which a longer name beside it would change.
var aligned = regexp.MustCompile(`(\S)  +`)

// listing prints the declarations without comments and bodies.
func (p apiPackage) listing(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	p.each(func(_, _ string, decl ast.Node) {
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				n.Body, n.Doc = nil, nil
			case *ast.GenDecl:
				n.Doc = nil
			case *ast.TypeSpec:
				n.Doc, n.Comment = nil, nil
			case *ast.ValueSpec:
				n.Doc, n.Comment = nil, nil
			case *ast.Field:
				n.Doc, n.Comment = nil, nil
			}
			return true
		})
		var one bytes.Buffer
		require.NoError(t, (&printer.Config{Mode: printer.UseSpaces, Tabwidth: 4}).Fprint(&one, p.fset, decl))
		for line := range strings.Lines(one.String()) {
			if strings.TrimSpace(line) != "" { // where a comment was
				out.WriteString(aligned.ReplaceAllString(line, "$1 "))
			}
		}
		out.WriteString("\n\n")
	})
	return out.String()
}

func TestEveryPackageThatCanBeImportedIsPublished(t *testing.T) {
	var found []string
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); dir != "." && (name[0] == '.' || name == "internal" || name == "testdata") || dir == "examples" {
			return fs.SkipDir
		}
		if _, err := build.ImportDir(dir, 0); err == nil {
			found = append(found, filepath.ToSlash(dir))
		}
		return nil
	})
	require.NoError(t, err)
	assert.ElementsMatch(t, published, found, "its API is in no listing, and nobody asks for comments and examples")
}

// A change of this file is a change of what applications rely on: it needs a line in the changelog, and after v1 it must only grow.
func TestTheAPIIsThatOfItsGoldenFile(t *testing.T) {
	var out bytes.Buffer
	for _, dir := range published {
		p := loadAPI(t, dir)
		fmt.Fprintf(&out, "package %s // %s\n\n%s", p.Name, p.ImportPath, p.listing(t))
	}
	golden(t, "api.txt", out.Bytes())
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	for _, dir := range published {
		p := loadAPI(t, dir)
		assert.True(t, strings.HasPrefix(p.Doc, "Package "+p.Name+" "), "%s: the package's own comment", dir)
		p.each(func(name, text string, decl ast.Node) {
			if strings.TrimSpace(text) != "" {
				return
			}
			group, ok := decl.(*ast.GenDecl)
			if !ok {
				assert.Fail(t, "no comment", "%s.%s", p.Name, name)
				return
			}
			for _, spec := range group.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					assert.False(t, spec.Doc == nil && spec.Comment == nil, "%s.%s has no comment, nor has its group", p.Name, spec.Names[0])
				case *ast.TypeSpec:
					assert.NotNil(t, spec.Doc, "%s.%s has no comment", p.Name, name)
				}
			}
		})
	}
}

// A method can be explained together with the one before, if it is named there.
func TestEveryMethodOfAnInterfaceIsDocumented(t *testing.T) {
	for _, dir := range published {
		p := loadAPI(t, dir)
		for _, typ := range p.Types {
			ast.Inspect(typ.Decl, func(n ast.Node) bool {
				iface, ok := n.(*ast.InterfaceType)
				if !ok || len(iface.Methods.List) == 1 {
					return true // the comment of the interface is that of its only method
				}
				comment := ""
				for _, m := range iface.Methods.List {
					if m.Doc != nil {
						comment = m.Doc.Text()
					}
					for _, name := range m.Names {
						assert.Contains(t, comment+typ.Doc, name.Name, "%s.%s", p.Name, typ.Name)
					}
				}
				return true
			})
		}
	}
}
