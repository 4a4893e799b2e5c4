package sqlite_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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
			apply(t, open(t, path, nil), "t", store.Create(user("a"), nil))
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
	apply(t, s, "t", store.Create(user("a"), nil))
	if _, err := os.Stat("rollbook.db"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second file: %v", err)
	}
}

// TestOpenFails: an error of the file names the path, and a file that was made is not
// left behind.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	text := filepath.Join(dir, "text.db")
	must(t, os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 100)), 0o600))
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is the case
		path string
		opts sqlite.Options
		says string
	}{
		"memory":       {path: ":memory:", says: "in memory"},
		"memory URI":   {path: "file::memory:?cache=shared", says: "in memory"},
		"empty":        {path: "", says: "in memory"},
		"URI":          {path: "file:x.db", says: "not a URI"},
		"NUL":          {path: "x\x00.db", says: "NUL"},
		"sync":         {path: filepath.Join(dir, "x.db"), opts: sqlite.Options{Sync: 7}, says: "Options.Sync"},
		"readers":      {path: filepath.Join(dir, "x.db"), opts: sqlite.Options{Readers: -1}, says: "Readers"},
		"cache":        {path: filepath.Join(dir, "x.db"), opts: sqlite.Options{CacheSize: -1}, says: "CacheSize"},
		"lock timeout": {path: filepath.Join(dir, "x.db"), opts: sqlite.Options{LockTimeout: -1}, says: "LockTimeout"},

		"no directory":        {path: filepath.Join(dir, "none", "x.db")},
		"a directory":         {path: dir},
		"not a database":      {path: text},
		"context":             {ctx: ended, path: filepath.Join(dir, "context.db")},
		"no name for the log": {path: filepath.Join(dir, strings.Repeat("n", 253))},
	} {
		s, err := sqlite.Open(cmp.Or(c.ctx, t.Context()), c.path, &c.opts)
		switch says := cmp.Or(c.says, c.path); {
		case err == nil:
			t.Errorf("%s: opened: %v", name, s.Close())
		case !strings.HasPrefix(err.Error(), "sqlite: ") || !strings.Contains(err.Error(), says):
			t.Errorf("%s: the error does not name %s: %v", name, says, err)
		case c.ctx != nil && !errors.Is(err, context.Canceled):
			t.Errorf("%s: %v", name, err)
		}
	}
	blocked := file(t)
	must(t, os.Mkdir(blocked+"-journal", 0o700))
	if s, err := sqlite.Open(t.Context(), blocked, nil); err == nil {
		t.Errorf("no place for a journal: opened: %v", s.Close())
	}
	if _, err := os.Stat(blocked); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a new file is left behind: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "text.db" {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// Both pools have the settings on each of their connections.
func TestPragmas(t *testing.T) {
	for _, sync := range []sqlite.Sync{sqlite.Full, sqlite.Normal} {
		for _, reader := range []bool{false, true} {
			path := file(t)
			open(t, path, nil)
			name, err := sqlite.PoolDSN(path, &sqlite.Options{Sync: sync, CacheSize: 3 << 20, MmapSize: 5 << 20}, reader)
			must(t, err)
			db, err := sql.Open("sqlite", name)
			must(t, err)
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
				must(t, err)
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
		must(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	const good = "_pragma=busy_timeout(100)&_pragma=journal_mode(wal)&_pragma=synchronous(full)" +
		"&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&_pragma=trusted_schema(0)"
	without := func(pragma, other string) string { return strings.Replace(good, pragma, other, 1) }
	rollback, wide := file(t), file(t)
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
		"not UTF-8":            {pool(wide, "_pragma=encoding(%22UTF-16le%22)&"+good), pool(wide, good), "not in UTF-8"},
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
	must(t, err)
	apply(t, s, "t", store.Create(user("a"), nil))
	must(t, s.Close())
	for _, db := range []*sql.DB{writer, reader} {
		if err := db.PingContext(t.Context()); err != nil {
			t.Errorf("a pool of the host after Close: %v", err)
		}
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("Close has left %d connections in use", n)
		}
	}
}

// Close fails the writes that wait, and every later call.
func TestClose(t *testing.T) {
	path := file(t)
	before := runtime.NumGoroutine()
	s, err := sqlite.Open(t.Context(), path, nil)
	must(t, err)
	locker, unlock := raw(t, path)
	execute(t, locker, `BEGIN IMMEDIATE`) // so that they wait
	errs := make([]error, 10)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			if i == 0 {
				errs[i] = s.Wait(t.Context(), "t", 0)
				return
			}
			_, errs[i] = s.Apply(t.Context(), "t", store.Ops(store.Create(user(fmt.Sprint(i)), nil)))
		})
	}
	eventually(t, "all wait", func() bool { return s.Queued() == len(errs)-1 })
	must(t, s.Close())
	wg.Wait()
	for i, err := range errs {
		if !isUnavailable(err, store.ErrUnavailable) {
			t.Errorf("call %d, which waited: %v", i, err)
		}
	}
	unusable(t, "closed", s, store.ErrUnavailable)
	must(t, s.Close()) // a second time
	unlock()
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	after := open(t, path, nil)
	if names, err := after.Tenants(t.Context(), store.TenantQuery{}); err != nil || len(names.Names) > 0 {
		t.Errorf("tenants %v, %v", names, err)
	}
}

// Before its first write a store runs no goroutine of its own.
func TestNoGoroutineBeforeTheFirstWrite(t *testing.T) {
	path := file(t)
	open(t, path, nil) // the schema
	before := runtime.NumGoroutine()
	open(t, path, nil)
	// database/sql runs one for each of the two pools.
	eventually(t, "two goroutines at most", func() bool { return runtime.NumGoroutine() <= before+2 })
}
