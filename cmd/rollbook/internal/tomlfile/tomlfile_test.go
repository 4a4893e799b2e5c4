package tomlfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tomlfile"
)

type document struct {
	Name   string
	Counts []int
	Inner  map[string]struct{ Level int }
}

func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.toml")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	t.Parallel()
	path := write(t, "name = 'a'\ncounts = [1, 2]\n[inner.x]\nlevel = 3\n", 0o644)
	var got document
	if err := tomlfile.Read(path, &got); err != nil {
		t.Fatal(err)
	}
	want := document{"a", []int{1, 2}, map[string]struct{ Level int }{"x": {3}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWrong: errors name the file, the line and keys, and show no value.
func TestWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ //nolint:gosec // no secrets of anyone
		"name = secret":                        "line 1: not valid TOML",
		"\nname = 'secret":                     "line 2: not valid TOML",
		"name = 'a'\nname = 'secret'":          "line 2: not valid TOML",
		"name = \"\\secret\"":                  "line 1: not valid TOML",
		"secret":                               "line 1: not valid TOML",
		"name = 1":                             "name has a value of the wrong type",
		"\ncounts = ['secret']":                "counts has a value of the wrong type",
		"inner = 'secret'":                     "inner has a value of the wrong type",
		"other = 'secret'\n":                   "unknown: other",
		"[inner.x]\nlevels = 'secret'\nup = 1": "unknown: inner.x.levels, inner.x.up",
		"name = '\xff\xfe secret'":             "line 1: not valid TOML",
	} {
		path := write(t, text, 0o600)
		err := tomlfile.Read(path, new(document))
		if err == nil || err.Error() != path+": "+want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if private := tomlfile.ReadPrivate(path, new(document)); private == nil || private.Error() != err.Error() {
			t.Errorf("%q: %v privately", text, private)
		}
	}
}

// TestPrivate: a file with secrets that others can read is refused, and one that a link leads
// to is accepted.
func TestPrivate(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{0o400, 0o600} {
		path := write(t, "name = 'a'", mode)
		link := path + ".link"
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		var got document
		if err := tomlfile.ReadPrivate(link, &got); err != nil || got.Name != "a" {
			t.Errorf("%#o: %v %v", mode, got, err)
		}
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o644, 0o610} {
		path := write(t, "name = 'a'", mode)
		if err := tomlfile.ReadPrivate(path, new(document)); err == nil || !strings.Contains(err.Error(), path+" has mode ") {
			t.Errorf("%#o: %v", mode, err)
		}
	}
	if err := tomlfile.ReadPrivate(t.TempDir(), new(document)); err == nil {
		t.Error("a folder was read")
	}
}
