package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestProxy: the go command takes all modules from the proxy, none has the files of another, and
// none has replace lines.
func TestProxy(t *testing.T) {
	root := filepath.Join("..", "..")
	version, err := required(filepath.Join(root, "store", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := makeProxy(root, dir); err != nil {
		t.Fatal(err)
	}
	modules := t.TempDir()
	args := []string{"mod", "download", rootModule + "@latest"}
	for _, sub := range nested() {
		args = append(args, rootModule+"/"+sub+"@latest")
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOPROXY="+fileURL(dir), "GONOSUMDB="+rootModule, "GOMODCACHE="+modules, "GOFLAGS=-modcacherw", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	base := filepath.Join(modules, filepath.FromSlash(rootModule))
	for _, want := range []string{"@" + version + "/enduser/doc.go", "@" + version + "/httpapi/internal/foreign/foreign.go", "/store/postgres@" + version + "/doc.go", "/cmd/rollbook@" + version + "/main.go"} {
		if _, err := os.Stat(base + filepath.FromSlash(want)); err != nil {
			t.Error(err)
		}
	}
	for _, sub := range nested() {
		mod, err := os.ReadFile(base + filepath.FromSlash("/"+sub+"@"+version+"/go.mod"))
		if err != nil || strings.Contains(string(mod), "replace") || !strings.Contains(string(mod), "module "+rootModule+"/"+sub+"\n") {
			t.Errorf("go.mod of %s: %v\n%s", sub, err, mod)
		}
	}
	for _, nested := range []string{"/store/postgres", "/otelrollbook", "/cmd/rollbook", "/bench", "/tools", "/deploy", "/internal/contract"} {
		if _, err := os.Stat(base + filepath.FromSlash("@"+version+nested)); err == nil {
			t.Errorf("the root module has the folder of the module %s", nested)
		}
	}
}

// TestWorkspace: go.work has the modules that are released and no other, since the versions of
// each count for all.
func TestWorkspace(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	_, uses, _ := strings.Cut(string(text), "use (\n")
	uses, _, _ = strings.Cut(uses, ")")
	got, want := strings.Fields(uses), []string{"."}
	for _, sub := range nested() {
		want = append(want, "./"+sub)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("go.work has %q, want %q", got, want)
	}
}

func TestCheckNotices(t *testing.T) {
	const (
		graph  = "shop " + rootModule + "@v0.0.0\n" + rootModule + "@v0.0.0 modernc.org/sqlite@v1.60.1\n"
		linked = "program: go1.26.0\n\tdep\t" + rootModule + "\tv0.0.0\n"
	)
	sqlite := trials()[0]
	if known, links, err := sqlite.check(graph, linked); known != 2 || links != 1 || err != nil {
		t.Errorf("%d modules, %d linked, %v", known, links, err)
	}
	tests := map[string][2]string{
		"another database is known":  {graph + rootModule + "@v0.0.0 github.com/jackc/pgx/v5@v5.12.0\n", linked},
		"the program's are known":    {graph + rootModule + "@v0.0.0 github.com/alecthomas/kong@v1.17.0\n", linked},
		"another database is linked": {graph, linked + "\tdep\tgithub.com/redis/go-redis/v9\tv9.23.0\n"},
		"nothing is required":        {"", linked},
		"nothing is linked":          {graph, ""},
	}
	for name, test := range tests {
		if _, _, err := sqlite.check(test[0], test[1]); err == nil {
			t.Errorf("not noticed: %s", name)
		}
	}
}

func TestSection(t *testing.T) {
	const document = "# A\n```\nno\n```\n## B c\ntext\n```\n# comment\none\n```\n```go\ntwo\n```\n### D\n```\nno\n```\n"
	want := []block{{"", "# comment\none\n"}, {"go", "two\n"}}
	if got := section(document, "B c"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := section(strings.ReplaceAll(document, "B c", "E"), "B c"); len(got) > 0 {
		t.Errorf("%q of a section that is not there", got)
	}
}
