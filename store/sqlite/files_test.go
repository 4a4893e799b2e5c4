package sqlite_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// openEither opens a store with Open, or with New on pools of the host.
func openEither(t *testing.T, path string, opts *sqlite.Options, pools bool) *sqlite.Store {
	t.Helper()
	if !pools {
		return open(t, path, opts)
	}
	s, _ := openPools(t, path, opts, "")
	return s
}

// TestFileReplaced removes or replaces the files of an open store, one way at a time:
// the next write is refused before it is done, and so is everything else from then on,
// with one line in the log.
func TestFileReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps files that are open")
	}
	for name, replace := range map[string]func(path string) error{
		"removed":              os.Remove,
		"moved away":           func(path string) error { return os.Rename(path, path+".old") },
		"another moved over":   func(path string) error { return os.Rename(backup(t, path), path) },
		"log removed":          func(path string) error { return os.Remove(path + "-wal") },
		"index of log removed": func(path string) error { return os.Remove(path + "-shm") },
		"directory moved": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old")
		},
	} {
		for _, pools := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "data", "users.db")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			var log bytes.Buffer
			opts := &sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
			s := openEither(t, path, opts, pools)
			apply(t, s, "t", store.Create(user("a"), nil))
			must(t, replace(path))
			_, err := s.Apply(t.Context(), "t", store.Ops(store.Create(user("b"), nil)))
			if !isUnavailable(err, sqlite.ErrReplaced) {
				t.Errorf("%s: Apply: %v", name, err)
			}
			unusable(t, name, s, sqlite.ErrReplaced)
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("%s: the log has %s", name, log.String())
			}
		}
	}
}

// TestFileReplacedInATransaction: a write that was committed, but not to the file that is
// at the path then, may be lost.
func TestFileReplacedInATransaction(t *testing.T) {
	path := file(t)
	s, d := openPools(t, path, nil, "")
	apply(t, s, "t", store.Create(user("a"), nil)) // the tenant
	d.arm(-1, none, nil, nil)
	apply(t, s, "t", store.Create(user("a2"), nil))
	statements, _ := d.disarm()
	copied := backup(t, path)
	d.arm(statements-1, leaves, func() { // at COMMIT
		if err := os.Rename(copied, path); err != nil {
			t.Error(err)
		}
	}, nil)
	_, err := s.Apply(t.Context(), "t", store.Ops(store.Create(user("b"), nil)))
	if !errors.Is(err, sqlite.ErrReplaced) || !errors.Is(err, store.ErrUnknown) {
		t.Errorf("Apply: %v", err)
	}
	unusable(t, "replaced at COMMIT", s, sqlite.ErrReplaced)
}

// TestReadOfReplacedFile: the calls of a process that only reads fail, too.
func TestReadOfReplacedFile(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	must(t, os.Rename(backup(t, path), path))
	eventually(t, "a read is refused", func() bool {
		_, err := s.Get(t.Context(), "t", store.ID("a"))
		return errors.Is(err, sqlite.ErrReplaced)
	})
	unusable(t, "seen by a read", s, sqlite.ErrReplaced)
}

// TestFilesArePrivate: only its owner can read a new file, the files beside it, and a
// copy that is made as the package documentation says.
func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	const private = fs.FileMode(0o600)
	check := func(what, path string, want fs.FileMode, names ...string) {
		t.Helper()
		entries, err := os.ReadDir(filepath.Dir(path))
		must(t, err)
		var got []string
		for _, e := range entries {
			info, err := e.Info()
			must(t, err)
			if got = append(got, e.Name()); info.Mode() != want {
				t.Errorf("%s: %s is %v, want %v", what, e.Name(), info.Mode(), want)
			}
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: files %q, want %q", what, got, names)
		}
	}
	path := file(t)
	apply(t, open(t, path, nil), "t", store.Create(user("a"), nil))
	check("a new file", path, private, "rollbook.db", "rollbook.db-shm", "rollbook.db-wal")

	link, target := file(t), file(t)
	must(t, os.Symlink(target, link))
	open(t, link, nil)
	check("a new file behind a link", target, private, "rollbook.db", "rollbook.db-shm", "rollbook.db-wal")

	own := file(t)
	must(t, os.WriteFile(own, nil, 0o600))
	must(t, os.Chmod(own, 0o640)) //nolint:gosec // that is the case
	apply(t, open(t, own, nil), "t", store.Create(user("a"), nil))
	check("a file of the host", own, 0o640, "rollbook.db", "rollbook.db-shm", "rollbook.db-wal")

	copied := file(t)
	must(t, os.WriteFile(copied, nil, 0o600))
	vacuumInto(t, path, copied)
	check("a copy", copied, private, "rollbook.db")
	if ids := users(t, open(t, copied, nil)); !slices.Equal(ids, []string{"a"}) {
		t.Errorf("the copy has %q", ids)
	}
}
