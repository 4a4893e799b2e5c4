package arrows_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// modulePath is the module that is tested.
const modulePath = "github.com/rollbook-go/rollbook"

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string // without those of its tests
	Deps       []string // what it links
	Standard   bool
	Module     *struct{ Path string }
}

// module returns the path of the module that p belongs to; "" for the standard
// library.
func (p listed) module() string {
	if p.Module == nil {
		return ""
	}
	return p.Module.Path
}

// released returns the folders of the modules that others require.
func released() []string { return []string{".", "store/postgres"} }

// list returns what `go list` says of packages of a module as they are built for an
// operating system. Modules that are not in the module cache (-e) are missing in it.
func list(t *testing.T, module, goos string, args ...string) []listed {
	t.Helper()
	args = append([]string{"list", "-e", "-json=ImportPath,Imports,Deps,Standard,Module"}, args...)
	out := run(t, filepath.Join(root(t), module), []string{"GOOS=" + goos, "CGO_ENABLED=0", "GOPROXY=off", "GOWORK=off"}, args...)
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// run runs the go command in a directory and returns what it prints.
func run(t *testing.T, dir string, env []string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

// root returns the directory of the module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// platforms are those whose build lists are looked at: files with build
// constraints import differently.
func platforms() []string { return []string{"linux", "darwin", "windows"} }
