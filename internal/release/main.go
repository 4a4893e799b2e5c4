// Command release shows what a program gets that requires modules of this tree, before
// anything is tagged. It serves them as a module proxy does, without replace lines. It gets
// each of them, installs the program rollbook, and builds and runs the programs of the README
// by the README's commands, each in an empty folder. It fails if a program links, or its module
// graph has, what it did not ask for.
//
//	go run ./internal/release              in the root of the repository; needs PostgreSQL
//	go run ./internal/release -proxy DIR   makes the proxy only, and prints how to use it
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
)

const rootModule = "github.com/rollbook-go/rollbook"

// trial is a program of the README.
type trial struct {
	name    string   // heading of its section
	graph   []string // paths that its module graph must not have begin so
	links   []string // paths that it must not link
	needsPG bool
}

// trials returns the programs, and the modules of database drivers and of webhooks that each
// must not know, or link.
func trials() []trial {
	const postgres, sqlite, redis = "github.com/jackc/", "modernc.org/", "github.com/redis/"
	const signatures, guard = "github.com/standard-webhooks/", "code.dny.dev/"
	program := []string{
		"github.com/alecthomas/", "github.com/BurntSushi/", "github.com/vbauerster/", "github.com/golang-jwt/",
		"go.opentelemetry.io/", "github.com/prometheus/",
	}
	return []trial{
		{name: "On SQLite", graph: append(program, postgres), links: []string{postgres, redis, signatures, guard}},
		{name: "On Postgres", graph: program, links: []string{sqlite, redis, signatures, guard}, needsPG: true},
	}
}

func main() {
	only := flag.String("proxy", "", "only make the proxy, in this folder")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	if only != "" {
		return proxyOnly(only)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	env, err := makeEnvironment(filepath.Join(dir, "proxy"), filepath.Join(dir, "modules"))
	if err != nil {
		return err
	}
	if err := getEach(filepath.Join(dir, "gets"), env); err != nil {
		return err
	}
	if err := install(filepath.Join(dir, "install"), env); err != nil {
		return err
	}
	for i, t := range trials() {
		folder := filepath.Join(dir, fmt.Sprint("program", i))
		if err := t.run(string(readme), folder, env); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// getEach gets each module into an empty module of its own, and builds all its packages.
func getEach(folder string, env []string) error {
	for i, sub := range append([]string{""}, nested()...) {
		sh := shell{filepath.Join(folder, fmt.Sprint(i)), env}
		if err := os.MkdirAll(sh.folder, 0o700); err != nil {
			return err
		}
		module := path.Join(rootModule, sub)
		if _, err := sh.run("go mod init host\ngo get " + module + "/...\ngo build " + module + "/..."); err != nil {
			return err
		}
		fmt.Printf("go get %s: ok\n", module)
	}
	return nil
}

// install installs the program, and asks it for its version.
func install(folder string, env []string) error {
	sh := shell{folder, append(slices.Clone(env), "GOBIN="+folder)}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	out, err := sh.run("go install " + rootModule + "/cmd/rollbook@latest\n./rollbook version")
	if err != nil {
		return err
	}
	fmt.Printf("go install: %s\n", out)
	return nil
}

func proxyOnly(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	env, err := makeEnvironment(dir, filepath.Join(dir, "modules"))
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		fmt.Printf("export %s='%s'\n", name, value)
	}
	return err
}

// makeEnvironment makes the proxy in a folder and returns the variables under which the go
// command uses it. Other modules come from this machine's module cache, which is a proxy too, and then from
// the usual places. The modules are unpacked into a folder of their own, since their
// versions mean another content after the next change. Builds trim paths, so that what
// is compiled there once need not be compiled again.
func makeEnvironment(proxy, modules string) ([]string, error) {
	if err := makeProxy(".", proxy); err != nil {
		return nil, err
	}
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY", "GONOSUMDB", "GOFLAGS").Output()
	if err != nil {
		return nil, err
	}
	v := strings.Split(string(out), "\n")
	cache, usual, unsummed, flags := v[0], v[1], v[2], v[3]
	return []string{
		"GOPROXY=" + strings.Join([]string{fileURL(proxy), fileURL(filepath.Join(cache, "cache", "download")), usual}, ","),
		"GONOSUMDB=" + strings.TrimPrefix(unsummed+","+rootModule, ","),
		"GOMODCACHE=" + modules,
		"GOFLAGS=" + strings.TrimSpace(flags+" -trimpath -modcacherw"),
		"GOWORK=off",
		"CGO_ENABLED=0",
	}, nil
}

func fileURL(path string) string { return "file://" + filepath.ToSlash(path) }

// run follows the program's section of the README in an empty folder, and then looks at
// what came of it.
func (t trial) run(readme, folder string, env []string) error {
	blocks := section(readme, t.name)
	i := slices.IndexFunc(blocks, func(b block) bool { return strings.HasPrefix(b.text, "package main") })
	if i < 0 {
		return errors.New("the README has no program under this heading")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(blocks[i].text), 0o600); err != nil {
		return err
	}
	sh := shell{folder, env}
	if t.needsPG {
		server, err := pgtest.Start()
		if err != nil {
			return err
		}
		defer server.Close()
		dsn, err := server.Create()
		if err != nil {
			return err
		}
		sh.env = append(slices.Clone(env), "DATABASE_URL="+dsn)
	}
	for _, b := range blocks {
		if b.language != "" {
			continue
		}
		out, err := sh.run(b.text)
		fmt.Printf("%s", out)
		if err != nil {
			return err
		}
	}
	return t.inspect(sh)
}

// inspect looks at the module graph and the binary, and prints their sizes.
func (t trial) inspect(sh shell) error {
	graph, err := sh.run("go mod graph")
	if err != nil {
		return err
	}
	linked, err := sh.run("go build -ldflags=-s -o program . && go version -m program")
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(sh.folder, "program"))
	if err != nil {
		return err
	}
	known, links, err := t.check(graph, linked)
	if err != nil {
		return err
	}
	fmt.Printf("%s: ok: the module graph has %d modules; the program links %d of them and has %.1f MB\n\n",
		t.name, known, links, float64(info.Size())/1e6)
	return nil
}

// check counts the modules that the program knows, by the output of go mod graph, and
// links, by that of go version -m.
func (t trial) check(graph, linked string) (known, links int, err error) {
	all := make(map[string]bool)
	for _, module := range strings.Fields(graph) {
		name, _, versioned := strings.Cut(module, "@")
		if slices.ContainsFunc(t.graph, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return 0, 0, fmt.Errorf("the module graph has %s", module)
		}
		if versioned && name != "go" && name != "toolchain" {
			all[name] = true
		}
	}
	for line := range strings.Lines(linked) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "dep" {
			continue
		}
		links++
		if slices.ContainsFunc(t.links, func(p string) bool { return strings.HasPrefix(fields[1], p) }) {
			return 0, 0, fmt.Errorf("the program links %s", fields[1])
		}
	}
	if !all[rootModule] || links == 0 {
		return 0, 0, fmt.Errorf("the program does not use %s", rootModule)
	}
	return len(all), links, nil
}

// shell runs commands in a folder.
type shell struct {
	folder string
	env    []string
}

func (s shell) run(script string) (string, error) {
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = s.folder
	// The installed program refuses variables that are no settings, such as those of tests.
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ROLLBOOK_") })
	cmd.Env = append(inherited, s.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.TrimSpace(script), err, out, &stderr)
	}
	return string(out), nil
}

// block is a code block of a document.
type block struct{ language, text string }

// section returns the blocks between a heading and the next.
func section(document, heading string) (blocks []block) {
	inside, open := false, false
	for line := range strings.Lines(document) {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case !open && strings.HasPrefix(line, "#"):
			inside = strings.TrimLeft(strings.TrimSpace(line), "# ") == heading
		case !inside:
		case isFence && !open:
			open = true
			blocks = append(blocks, block{language: strings.TrimSpace(fence)})
		case isFence:
			open = false
		case open:
			blocks[len(blocks)-1].text += line
		}
	}
	return blocks
}
