package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
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
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			opts := &sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
			s, _ := openEither(t, path, opts, pools)
			apply(t, s, "t", store.Create(user("a"), nil))
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			_, err := s.Apply(t.Context(), "t", store.Ops(store.Create(user("b"), nil)))
			if !errors.Is(err, sqlite.ErrReplaced) || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
				t.Errorf("%s: Apply: %v", name, err)
			}
			outOfUse(t, name, s)
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("%s: the log has %s", name, log.String())
			}
		}
	}
}

func outOfUse(t *testing.T, name string, s *sqlite.Store) {
	t.Helper()
	ctx := t.Context()
	_, applyErr := s.Apply(ctx, "t", store.Ops(store.Create(user("c"), nil)))
	_, getErr := s.Get(ctx, "t", store.ID("a"))
	_, listErr := s.List(ctx, "t", store.Query{Kind: "user"})
	_, dueErr := s.Due(ctx, store.DueQuery{Before: store.FromMillis(1)})
	_, tenantsErr := s.Tenants(ctx, store.TenantQuery{})
	_, changesErr := s.Changes(ctx, "t", store.ChangeQuery{})
	for i, err := range []error{
		applyErr, getErr, listErr, dueErr, tenantsErr, changesErr, s.Trim(ctx, "t", 1), s.Wait(ctx, "t", 0), s.Scrub(ctx),
	} {
		if !errors.Is(err, sqlite.ErrReplaced) || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
			t.Errorf("%s: call %d: %v", name, i, err)
		}
	}
}

// openEither opens a store with Open, or with New on pools of the host, whose writer can
// be made to do things.
func openEither(t *testing.T, path string, opts *sqlite.Options, pools bool) (*sqlite.Store, *faultyDriver) {
	t.Helper()
	if !pools {
		return open(t, path, opts), nil
	}
	writerDSN, err := sqlite.DSN(path, opts, false)
	if err != nil {
		t.Fatal(err)
	}
	readerDSN, err := sqlite.DSN(path, opts, true)
	if err != nil {
		t.Fatal(err)
	}
	writer, d := newFaultyPool(t, writerDSN, path)
	reader, err := sql.Open("sqlite", readerDSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	s, err := sqlite.New(t.Context(), writer, reader, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, d
}

// TestFileReplacedInATransaction: a write that was committed, but not to the file that is
// at the path then, may be lost.
func TestFileReplacedInATransaction(t *testing.T) {
	path := file(t)
	s, d := openEither(t, path, nil, true)
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
	outOfUse(t, "replaced at COMMIT", s)
}

// TestReadOfReplacedFile: who only reads is told, too.
func TestReadOfReplacedFile(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	if err := os.Rename(backup(t, path), path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a read is refused", func() bool {
		_, err := s.Get(t.Context(), "t", store.ID("a"))
		return errors.Is(err, sqlite.ErrReplaced)
	})
	outOfUse(t, "seen by a read", s)
}

// TestStaleLog opens what is left after kill -9 with some of it exchanged.
func TestStaleLog(t *testing.T) {
	// The history: a is in the copies, b only in the database, c in the log.
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	scrub(t, s)
	vacuumed, paged, raw := backup(t, path), filepath.Join(t.TempDir(), "paged.db"), filepath.Join(t.TempDir(), "raw.db")
	restore(t, paged, path)
	copyFile(t, path, raw)
	apply(t, s, "t", store.Create(user("b"), nil))
	scrub(t, s)
	same := filepath.Join(t.TempDir(), "same.db")
	restore(t, same, path)
	apply(t, s, "t", store.Create(user("c"), nil))
	fresh := backup(t, path)
	other := file(t)
	apply(t, open(t, other, nil), "t", store.Create(user("x"), nil))

	for name, c := range map[string]struct {
		main, wal, shm string // what each file is a copy of; "": it is not there
		want           string // the users; "": ErrStaleLog
	}{
		"all of it":               {path, path + "-wal", path + "-shm", "a b c"},
		"without the index":       {path, path + "-wal", "", "a b c"},
		"the files after Scrub":   {path, "", "", "a b"},
		"a copy alone":            {vacuumed, "", "", "a"},
		"pages of the same state": {same, path + "-wal", "", "a b c"},
		"a copy":                  {vacuumed, path + "-wal", path + "-shm", ""},
		"a copy of the same time": {fresh, path + "-wal", path + "-shm", ""},
		"a copy and the index":    {vacuumed, "", path + "-shm", ""},
		"pages of before":         {paged, path + "-wal", path + "-shm", ""},
		"the file of before":      {raw, path + "-wal", path + "-shm", ""},
		"no database":             {"", path + "-wal", path + "-shm", ""},
		"no log":                  {path, "", path + "-shm", ""},
		"another database":        {other, path + "-wal", "", ""},
		"the log of another":      {path, other + "-wal", "", ""},
	} {
		for _, pools := range []bool{false, true} {
			at := file(t)
			for from, to := range map[string]string{c.main: at, c.wal: at + "-wal", c.shm: at + "-shm"} {
				if from != "" {
					copyFile(t, from, to)
				}
			}
			before := contents(t, at)
			if c.want == "" && pools { // whose pools have opened the file before
				continue
			}
			if c.want == "" {
				s, err := sqlite.Open(t.Context(), at, nil)
				if err == nil {
					_ = s.Close()
				}
				if !errors.Is(err, sqlite.ErrStaleLog) || !strings.Contains(err.Error(), at+"-wal") {
					t.Errorf("%s: %v", name, err)
				}
				if after := contents(t, at); !slices.Equal(before, after) {
					t.Errorf("%s: the refused files have changed", name)
				}
				continue
			}
			s, _ := openEither(t, at, nil, pools)
			page, err := s.List(t.Context(), "t", store.Query{Kind: "user"})
			var ids []string
			for _, r := range page.Records {
				ids = append(ids, r.ID)
			}
			if got := strings.Join(ids, " "); got != c.want || err != nil {
				t.Errorf("%s: users %s, want %s, %v", name, got, c.want, err)
			}
			checkFile(t, at)
		}
	}
}

func scrub(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// copyFile copies a file, as no program should that knows nothing of SQLite: here nobody
// writes, and what it releases are locks that nobody waits for.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// contents returns what is in the files of a database and beside it.
func contents(t *testing.T, path string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Name(), string(data))
	}
	return all
}

// TestOpenFails: the error names the path, and a file that was made is not left behind.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is the case
		path string
	}{
		"no directory":        {t.Context(), filepath.Join(dir, "none", "x.db")},
		"a directory":         {t.Context(), dir},
		"not a database":      {t.Context(), text},
		"context":             {ended, filepath.Join(dir, "context.db")},
		"no name for the log": {t.Context(), filepath.Join(dir, strings.Repeat("n", 253))},
	} {
		s, err := sqlite.Open(c.ctx, c.path, nil)
		if err == nil {
			t.Errorf("%s: opened: %v", name, s.Close())
		} else if !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: the error does not name %s: %v", name, c.path, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "text.db" {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestCopyIsPrivate: a copy that is made as the package documentation says can be read by
// nobody else.
func TestCopyIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	to := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	vacuumInto(t, path, to)
	if info, err := os.Stat(to); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("the copy is %v, %v", info.Mode(), err)
	}
	copied := open(t, to, nil)
	if _, err := copied.Get(t.Context(), "t", store.ID("a")); err != nil {
		t.Error(err)
	}
}
