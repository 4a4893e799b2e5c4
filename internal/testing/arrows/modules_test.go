package arrows_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// light are the packages that link no database, and the modules that each may
// link beside this one.
func light() map[string][]string {
	return map[string][]string{
		modulePath + "/store":           nil,
		modulePath + "/store/memory":    nil,
		modulePath + "/store/storetest": nil,
		modulePath + "/enduser":         {"golang.org/x/net", "golang.org/x/text"},
		modulePath + "/httpapi":         {"golang.org/x/net", "golang.org/x/text"},
	}
}

func TestLightPackagesStayLight(t *testing.T) {
	for _, goos := range platforms() {
		for name, modules := range light() {
			t.Run(goos+"/"+name, func(t *testing.T) {
				t.Parallel()
				modules := append([]string{modulePath}, modules...)
				for _, p := range list(t, ".", goos, "-deps", name) {
					if !p.Standard && !slices.Contains(modules, p.module()) {
						t.Errorf("links %s", p.ImportPath)
					}
				}
			})
		}
	}
}

// TestConsoleIsLinkedByItsImporters: a program that does not import the console links nothing of
// it, nor html/template, with which the linker keeps every exported method of a program.
func TestConsoleIsLinkedByItsImporters(t *testing.T) {
	const console, docs = modulePath + "/httpapi/console", modulePath + "/httpapi/docs"
	const example, program, serve = modulePath + "/examples/console", modulePath + "/cmd/rollbook", modulePath + "/cmd/rollbook/internal/serve"
	for _, goos := range platforms() {
		for _, test := range []struct {
			module, dep string
			linkedBy    []string
		}{
			{".", console, []string{example}},
			{".", "html/template", []string{example, console, docs}},
			{"cmd/rollbook", console, []string{program, serve}},
		} {
			t.Run(goos+" "+test.module+" "+test.dep, func(t *testing.T) {
				t.Parallel()
				var by []string
				for _, p := range list(t, test.module, goos, "./...") {
					if slices.Contains(p.Deps, test.dep) {
						by = append(by, p.ImportPath)
					}
				}
				if slices.Sort(by); !slices.Equal(by, test.linkedBy) {
					t.Errorf("%s is linked by %q, want %q", test.dep, by, test.linkedBy)
				}
			})
		}
	}
}

// TestScratchModule builds what a user builds who wants the memory store alone,
// in a module of its own, and looks at what was linked.
func TestScratchModule(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", `package main

import (
	"`+modulePath+`/store"
	"`+modulePath+`/store/memory"
)

func main() { var _ store.Store = (*memory.Store)(nil) }
`)
	write("go.mod", "module example.com/scratch\n\ngo 1.26.0\n\nrequire "+modulePath+" v0.0.0\n\nreplace "+modulePath+" => "+root(t)+"\n")
	// The sums of this module are those of a module that requires nothing else.
	sums, err := os.ReadFile(filepath.Join(root(t), "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write("go.sum", string(sums))

	run(t, dir, []string{"GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off"}, "build", "-buildvcs=false", "-o", "scratch", ".")
	for line := range strings.Lines(string(run(t, dir, nil, "version", "-m", "scratch"))) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "dep" && fields[1] != modulePath {
			t.Errorf("links %s", fields[1])
		}
	}
}

// TestNestedModulesAreNamed: ./... passes over a nested module without a word,
// so the Makefile has to name each for it to be tested at all.
func TestNestedModulesAreNamed(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^NESTED\s*:=(.*)$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("the Makefile has no line NESTED :=")
	}
	named := strings.Fields(string(line[1]))
	slices.Sort(named)

	var found []string
	err = fs.WalkDir(os.DirFS(root(t)), ".", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == "testdata" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if dir, is := strings.CutSuffix(path, "/go.mod"); is {
			found = append(found, dir)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if !slices.Equal(found, named) {
		t.Errorf("nested modules: there are %q, the Makefile names %q", found, named)
	}
}
