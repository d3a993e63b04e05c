package voicemail

import (
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// entryTypes are the types by which applications use a package. Of the others the methods are explained by their comments.
var entryTypes = map[string][]string{
	".":                  {"Service", "Mailbox", "Message", "Greetings", "CallerID", "MessageID"},
	"access":             {"Access"},
	"config":             {"Config"},
	"gdpr":               {"Controller"},
	"mwi":                {"Publisher", "Summary", "Board"},
	"metrics":            {"Metrics", "Tenant"},
	"tracing":            {"Tracing"},
	"storage":            {"Store"},
	"storage/faultstore": {"Store"},
	"storage/memstore":   {"Store"},
	"storage/pvstore":    {"Store"},
}

// promised are methods that a type has for an interface of the standard library or of package storage: the example of that interface is theirs.
var promised = map[string]bool{
	"Format": true, "LogValue": true, "String": true, "MarshalText": true, "UnmarshalText": true, "AppendText": true,
	"Create": true, "Open": true, "Stat": true, "Delete": true, "List": true, "Close": true, "Copy": true, "Ping": true, "Retention": true, "Unwrap": true,
}

// withoutExample are entry points that no running example shows, and why.
var withoutExample = map[string]string{
	"voicemail.Service.Privacy":              "its key is internal: only package gdpr can call it",
	"voicemail.Service.Records":              "its key is internal: only package access can call it",
	"blobstore.Open":                         "needs an account: the example is compiled, the driver's tests run it",
	"s3store.Open":                           "needs a bucket: the example is compiled, the driver's tests run it",
	"s3store.ApplyLifecycle":                 "needs a bucket; docs/lifecycle.md shows it",
	"voicemail.Service.Greetings":            "the examples of Greetings begin with it",
	"metrics.Metrics.RedisConnectionFailure": "the example of Tenant has it",
	"storagetest.Run":                        "needs the T of a test: the example is compiled, examples/driver runs it",
	"storagetest.Bench":                      "needs the B of a benchmark; it is called as Run is",
	"mwi.Publisher.Recount":                  "is for a bus that lost messages: its comment says all",
}

func TestEveryEntryPointHasARunningExample(t *testing.T) {
	for _, dir := range published {
		p := loadAPI(t, dir)
		shown := loadExamples(t, dir)
		check := func(name string, ok bool) {
			full := p.Name + "." + name
			if why, excepted := withoutExample[full]; excepted {
				assert.False(t, ok, "%s has an example now: take it off the list", full)
				assert.NotEmpty(t, why, full)
				return
			}
			assert.True(t, ok, "%s: no example with an output shows it", full)
		}
		for _, fn := range p.functions() {
			check(fn, shown.call(p.Name, fn))
		}
		for _, typ := range entryTypes[dir] {
			methods, makers := p.methods(t, typ)
			for _, m := range methods {
				if dir == "storage" || !promised[m] {
					check(typ+"."+m, shown.about(append(makers, typ, "")...).call("", m))
				}
			}
		}
	}
}

// functions returns the exported functions.
func (p apiPackage) functions() []string {
	names := funcNames(p.Funcs)
	for _, typ := range p.Types {
		names = append(names, funcNames(typ.Funcs)...)
	}
	return names
}

// methods returns the exported methods of a type or of an interface, and the functions that return it.
func (p apiPackage) methods(t *testing.T, name string) (methods, makers []string) {
	t.Helper()
	i := slices.IndexFunc(p.Types, func(typ *doc.Type) bool { return typ.Name == name })
	require.GreaterOrEqual(t, i, 0, "no type %s.%s", p.Name, name)
	methods = funcNames(p.Types[i].Methods)
	ast.Inspect(p.Types[i].Decl, func(n ast.Node) bool {
		if iface, ok := n.(*ast.InterfaceType); ok {
			for _, m := range iface.Methods.List {
				methods = append(methods, m.Names[0].Name)
			}
		}
		return true
	})
	require.NotEmpty(t, methods, "%s.%s", p.Name, name)
	return methods, funcNames(p.Types[i].Funcs)
}

func funcNames(fns []*doc.Func) []string {
	var names []string
	for _, fn := range fns {
		names = append(names, fn.Name)
	}
	return names
}

// examples are those of a package that are run, since they have an output.
type examples []*doc.Example

func loadExamples(t *testing.T, dir string) examples {
	t.Helper()
	found, err := build.Default.ImportDir(dir, 0)
	require.NoError(t, err)
	fset := token.NewFileSet()
	var list examples
	for _, name := range found.XTestGoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		for _, ex := range doc.Examples(f) {
			if ex.Output != "" {
				list = append(list, ex)
			}
		}
	}
	return list
}

// about returns the examples that the documentation shows beside one of the names; "" is the package.
func (list examples) about(names ...string) examples {
	return slices.DeleteFunc(slices.Clone(list), func(ex *doc.Example) bool {
		name, _, _ := strings.Cut(ex.Name, "_")
		return !slices.Contains(names, name)
	})
}

// call reports whether one of the examples calls a function of a package, or a method if pkg is empty.
func (list examples) call(pkg, name string) bool {
	return slices.ContainsFunc(list, func(ex *doc.Example) bool {
		called := false
		ast.Inspect(ex.Code, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == name {
				x, _ := s.X.(*ast.Ident)
				called = called || pkg == "" || x != nil && x.Name == pkg
			}
			return true
		})
		return called
	})
}
