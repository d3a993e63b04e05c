// Package deptest fails a test when a package links what it must not, and says why it must not.
package deptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Rule says what packages must not link, directly or through others. The tests of a package are not looked at, and neither is what
// the standard library links.
//
// Packages are named by import path; one that ends in "/..." means all below it, too.
type Rule struct {
	// Packages are those that the rule is about. One that does not exist keeps it.
	Packages []string
	// Except are packages of these that the rule is not about.
	Except []string
	// Forbid are the packages that they must not link.
	Forbid []string
	// Only, if set, are the packages outside of the standard library that they may link.
	Only []string
	// Why is printed when the rule is broken.
	Why string
}

// Check fails t for every package matched by pattern, in the words of go list, that breaks a rule.
func Check(t testing.TB, pattern string, rules ...Rule) {
	t.Helper()
	g, err := load(t, pattern)
	if err != nil {
		t.Fatalf("deptest: %v", err)
	}
	for _, broken := range g.check(rules) {
		t.Error(broken)
	}
}

// graph is what each package imports, without the standard library.
type graph map[string][]string

func load(t testing.TB, pattern string) (graph, error) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports", pattern)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	return parse(bytes.NewReader(out))
}

func parse(list io.Reader) (graph, error) {
	g := graph{}
	for d := json.NewDecoder(list); ; {
		var p struct {
			ImportPath string
			Standard   bool
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if !p.Standard {
			g[p.ImportPath] = p.Imports
		}
	}
	if len(g) == 0 {
		return nil, errors.New("go list: no packages")
	}
	return g, nil
}

// check returns a text for every package and every forbidden one that it links.
func (g graph) check(rules []Rule) (broken []string) {
	for _, rule := range rules {
		for pkg := range g {
			if !matches(rule.Packages, pkg) || matches(rule.Except, pkg) {
				continue
			}
			for linked, chain := range g.chains(pkg) {
				if matches(rule.Forbid, linked) || rule.Only != nil && !matches(rule.Only, linked) {
					broken = append(broken, fmt.Sprintf("%s must not link %s: %s\n\t%s", pkg, linked, rule.Why, strings.Join(chain, "\n\timports ")))
				}
			}
		}
	}
	slices.Sort(broken)
	return broken
}

// chains returns every package that pkg links, with a shortest way to it.
func (g graph) chains(pkg string) map[string][]string {
	found := map[string][]string{pkg: {pkg}}
	for queue := []string{pkg}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, next := range g[at] {
			if _, known := g[next]; known && found[next] == nil {
				found[next] = append(slices.Clone(found[at]), next)
				queue = append(queue, next)
			}
		}
	}
	delete(found, pkg)
	return found
}

func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		root, below := strings.CutSuffix(p, "/...")
		return pkg == root || below && strings.HasPrefix(pkg, root+"/")
	})
}
