package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

func TestOpenPaths(t *testing.T) {
	for _, name := range []string{
		"plain.db", "with space.db", "what?mode=ro", "sharp#fragment.db", "percent%20.db", "100%", "a&b=c;d.db",
		"quote'\".db", "ünï.db", "_pragma=x", "new\nline.db", "[brackets]+~.db", "back\\slash", "bad\xffutf8.db",
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.ContainsAny(name, "?\"\n\\\xff") {
				t.Skip("Windows has no such names")
			}
			path := filepath.Join(t.TempDir(), name)
			s := open(t, path, nil)
			if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "a", Kind: "user"}, nil))); err != nil {
				t.Fatal(err)
			}
			var names []string
			err := filepath.WalkDir(filepath.Dir(path), func(path string, d fs.DirEntry, err error) error {
				if !d.IsDir() {
					names = append(names, filepath.Base(path))
				}
				return err
			})
			if err != nil || len(names) != 3 || names[0] != name {
				t.Errorf("files %q, %v", names, err)
			}
		})
	}
}

func TestOpenRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	s := open(t, "rollbook.db", &sqlite.Options{Readers: 2})
	t.Chdir(t.TempDir()) // connections that are opened later find the file
	if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "a", Kind: "user"}, nil))); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("rollbook.db"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second file: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, path := range map[string]string{
		"memory":       ":memory:",
		"memory URI":   "file::memory:?cache=shared",
		"empty":        "",
		"URI":          "file:x.db",
		"NUL":          "x\x00.db",
		"no directory": filepath.Join(t.TempDir(), "none", "x.db"),
		"a directory":  t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sqlite.Open(t.Context(), path, nil)
			if err == nil {
				t.Errorf("opened %q: %v", path, s.Close())
			}
		})
	}
	path := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), path, nil); err == nil {
		t.Errorf("opened a text: %v", s.Close())
	}
	for name, opts := range map[string]sqlite.Options{
		"sync": {Sync: 7}, "readers": {Readers: -1}, "cache": {CacheSize: -1}, "lock timeout": {LockTimeout: -1},
	} {
		if s, err := sqlite.Open(t.Context(), file(t), &opts); err == nil {
			t.Errorf("%s: opened: %v", name, s.Close())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Open(ctx, file(t), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
}

// Both pools have the settings on each of their connections, whenever it is made.
func TestPragmas(t *testing.T) {
	for _, sync := range []sqlite.Sync{sqlite.Full, sqlite.Normal} {
		for _, reader := range []bool{false, true} {
			path := file(t)
			open(t, path, nil)
			name, err := sqlite.DSN(path, &sqlite.Options{Sync: sync, CacheSize: 3 << 20, MmapSize: 5 << 20}, reader)
			if err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", name)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			want := map[string]string{
				"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1",
				"trusted_schema": "0", "temp_store": "2", "cache_size": "-3072", "mmap_size": "5242880",
				"busy_timeout": "10", "query_only": "0",
			}
			if sync == sqlite.Normal {
				want["synchronous"] = "1"
			}
			if reader {
				want["busy_timeout"], want["query_only"] = "100", "1"
			}
			for range 3 {
				conn, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close() // all at once, so that there are three
				for pragma, value := range want {
					var got string
					if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
						t.Errorf("%v, reader %v: %s is %s, want %s, %v", sync, reader, pragma, got, value, err)
					}
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	path := file(t)
	open(t, path, nil)
	pool := func(path, pragmas string) *sql.DB {
		uri, err := sqlite.DatabaseURI(path)
		if err != nil {
			uri = path
		}
		db, err := sql.Open("sqlite", uri+"?"+pragmas)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	const good = "_pragma=busy_timeout(100)&_pragma=journal_mode(wal)&_pragma=synchronous(full)" +
		"&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&_pragma=trusted_schema(0)"
	without := func(pragma, other string) string { return strings.Replace(good, pragma, other, 1) }
	rollback := file(t)
	same := pool(path, good)
	for name, c := range map[string]struct {
		writer, reader *sql.DB
		says           string
	}{
		"one pool":             {same, same, "two pools"},
		"no writer":            {nil, same, "writer and a reader"},
		"no reader":            {same, nil, "writer and a reader"},
		"two files":            {pool(path, good), pool(file(t), good), "different files"},
		"memory":               {pool(":memory:", good), pool(path, good), "not a file"},
		"not wal":              {pool(rollback, without("journal_mode(wal)", "journal_mode(delete)")), pool(rollback, good), "journal_mode"},
		"synchronous":          {pool(path, without("synchronous(full)", "synchronous(normal)")), pool(path, good), "synchronous"},
		"foreign keys":         {pool(path, without("foreign_keys(1)", "foreign_keys(0)")), pool(path, good), "foreign_keys"},
		"secure delete":        {pool(path, without("secure_delete(1)", "secure_delete(0)")), pool(path, good), "secure_delete"},
		"trusted schema":       {pool(path, without("trusted_schema(0)", "trusted_schema(1)")), pool(path, good), "trusted_schema"},
		"reader trusts schema": {pool(path, good), pool(path, without("trusted_schema(0)", "trusted_schema(1)")), "reader pool: trusted_schema"},
		"long busy timeout":    {pool(path, without("busy_timeout(100)", "busy_timeout(5000)")), pool(path, good), "busy_timeout"},
		"settings of another driver": {
			pool(path, "_busy_timeout=100&_foreign_keys=1&_secure_delete=1&_journal_mode=WAL"), pool(path, good), "secure_delete",
		},
	} {
		s, err := sqlite.New(t.Context(), c.writer, c.reader, nil)
		if err == nil {
			t.Errorf("%s: accepted: %v", name, s.Close())
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want something of %q", name, err, c.says)
		}
	}
	writer, reader := pool(path, good), pool(path, good)
	s, err := sqlite.New(t.Context(), writer, reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "a", Kind: "user"}, nil))); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, db := range []*sql.DB{writer, reader} {
		if err := db.PingContext(t.Context()); err != nil {
			t.Errorf("a pool of the host after Close: %v", err)
		}
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("Close has left %d connections in use", n)
		}
	}
}

// Writes that wait when the store is closed are answered, as is every later call.
func TestClose(t *testing.T) {
	path := file(t)
	before := runtime.NumGoroutine()
	s, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := rawOpen(t, path)
	locker, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, locker, `BEGIN IMMEDIATE`) // so that they wait
	errs := make([]error, 10)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			if i == 0 {
				errs[i] = s.Wait(t.Context(), "t", 0)
				return
			}
			_, errs[i] = s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: string(rune('a' + i)), Kind: "user"}, nil)))
		})
	}
	eventually(t, "all wait", func() bool { return s.Queued() == len(errs)-1 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	_, getErr := s.Get(t.Context(), "t", store.ID("a"))
	_, listErr := s.List(t.Context(), "t", store.Query{Kind: "user"})
	_, applyErr := s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "a", Kind: "user"}, nil)))
	_, dueErr := s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(1)})
	later := []error{getErr, listErr, applyErr, dueErr, s.Trim(t.Context(), "t", 1), s.Scrub(t.Context()), s.Wait(t.Context(), "t", 0)}
	for i, err := range append(errs, later...) {
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	execute(t, locker, `ROLLBACK`)
	if err := errors.Join(locker.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	after := open(t, path, nil)
	if names, err := after.Tenants(t.Context(), store.TenantQuery{}); err != nil || len(names.Names) > 0 {
		t.Errorf("tenants %v, %v", names, err)
	}
}

// A store that nobody writes to runs no goroutine of its own.
func TestNoGoroutineBeforeTheFirstWrite(t *testing.T) {
	path := file(t)
	open(t, path, nil) // the schema
	before := runtime.NumGoroutine()
	open(t, path, nil)
	// database/sql runs one for each of the two pools.
	eventually(t, "two goroutines at most", func() bool { return runtime.NumGoroutine() <= before+2 })
}

// TestNewFilesArePrivate: what people are registered in is for its owner alone.
func TestNewFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	modes := func(path string) (modes []fs.FileMode) {
		t.Helper()
		s := open(t, path, nil)
		if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "a", Kind: "user"}, nil))); err != nil {
			t.Fatal(err)
		}
		names, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(names) != 3 {
			t.Fatalf("files %v, %v", names, err)
		}
		for _, name := range names {
			info, err := name.Info()
			if err != nil {
				t.Fatal(err)
			}
			modes = append(modes, info.Mode())
		}
		return modes
	}
	if got, want := modes(filepath.Join(t.TempDir(), "users.db")), []fs.FileMode{0o600, 0o600, 0o600}; !slices.Equal(got, want) {
		t.Errorf("a new file: %v, want %v", got, want)
	}
	link, target := filepath.Join(t.TempDir(), "link.db"), filepath.Join(t.TempDir(), "users.db")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	open(t, link, nil)
	if info, err := os.Stat(target); err != nil || info.Mode() != 0o600 {
		t.Errorf("a new file behind a link: %v, %v", info, err)
	}
	path := filepath.Join(t.TempDir(), "users.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil { //nolint:gosec // that is the case
		t.Fatal(err)
	}
	if got, want := modes(path), []fs.FileMode{0o640, 0o640, 0o640}; !slices.Equal(got, want) {
		t.Errorf("a file of the host: %v, want %v", got, want)
	}
}
