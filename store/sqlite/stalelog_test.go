package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestStaleLog opens what is left after kill -9 with some of it exchanged.
func TestStaleLog(t *testing.T) {
	// The history: a is in the copies, b only in the database, c in the log.
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	must(t, s.Scrub(t.Context()))
	vacuumed, paged, raw, same := backup(t, path), file(t), file(t), file(t)
	restore(t, paged, path)
	copyFile(t, path, raw)
	apply(t, s, "t", store.Create(user("b"), nil))
	must(t, s.Scrub(t.Context()))
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
			switch before := contents(t, at); {
			case c.want != "":
				opensWith(t, at, name, pools, strings.Fields(c.want)...)
				checkFile(t, at)
			case !pools: // pools of the host have opened the file before
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
			}
		}
	}
}

// TestOwnLog opens what a crash can leave at each point of a checkpoint, which writes the
// pages of the log into the database in their order: whatever began the log, it is the
// database's own, and nothing is missing.
func TestOwnLog(t *testing.T) {
	t.Parallel()
	for name, host := range map[string]func(t *testing.T, path, copied string){
		"nothing else": func(*testing.T, string, string) {},
		"writes of the host": func(t *testing.T, path, _ string) {
			execRaw(t, path, `INSERT INTO host SELECT value, value, value, value, value FROM json_each('[101, 102, 103]')`)
		},
		"DROP TABLE":         func(t *testing.T, path, _ string) { execRaw(t, path, `DROP TABLE host`) },
		"VACUUM":             func(t *testing.T, path, _ string) { execRaw(t, path, `DROP TABLE host`, `VACUUM`) },
		"a copy in the file": restore,
	} {
		all := []struct{ size, autoVacuum int }{{512, 1}, {4096, 0}, {512, 0}, {4096, 1}}
		for _, pages := range all[:size.Pick(t, 2, 4, 4)] {
			t.Run(fmt.Sprint(name, pages), func(t *testing.T) {
				path := file(t)
				execRaw(t, path, fmt.Sprint(`PRAGMA page_size = `, pages.size), fmt.Sprint(`PRAGMA auto_vacuum = `, pages.autoVacuum),
					`PRAGMA journal_mode = WAL`, `CREATE TABLE host (n INTEGER PRIMARY KEY, a, b, c, d)`,
					`WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 100)
					INSERT INTO host SELECT n, zeroblob(500), x'00', n, n FROM n`)
				s := open(t, path, nil)
				apply(t, s, "t", store.Create(user("a"), nil))
				copied := backup(t, path)
				apply(t, s, "other", store.Create(user("b"), nil))
				execRaw(t, path, `PRAGMA wal_checkpoint(TRUNCATE)`)
				before := contents(t, path)[1]
				host(t, path, copied)
				apply(t, s, "t", store.Create(user("c"), nil))
				execRaw(t, path, `PRAGMA wal_checkpoint(FULL)`)
				after := contents(t, path)[1]
				step := pages.size * size.Pick(t, 1+len(after)/pages.size/12, 1, 1)
				for end := 0; end <= len(after); end += step {
					at := file(t)
					mixed := after[:end] + before[min(end, len(before)):]
					must(t, os.WriteFile(at, []byte(mixed), 0o600))
					copyFile(t, path+"-wal", at+"-wal")
					opensWith(t, at, fmt.Sprintf("after %d of %d bytes", end, len(after)), false, "a", "c")
				}
			})
		}
	}
}

// TestStaleLogOfSameState: two copies of one state have the same mark and not the same pages. The log
// of one, which was opened, is not the other's.
func TestStaleLogOfSameState(t *testing.T) {
	path, paged := file(t), file(t)
	s := open(t, path, nil)
	for i := range 50 { // in an order that VACUUM changes
		apply(t, s, "t", store.Create(user(fmt.Sprint(i*37%50)), []byte("note")))
	}
	must(t, s.Scrub(t.Context()))
	restore(t, paged, path)
	vacuumed := backup(t, path)
	apply(t, open(t, vacuumed, nil), "t", store.Create(user("new"), nil))
	copyFile(t, vacuumed+"-wal", paged+"-wal")
	if _, err := sqlite.Open(t.Context(), paged, nil); !errors.Is(err, sqlite.ErrStaleLog) {
		t.Error(err)
	}
}

// opensWith opens a database, which has these users, and closes it.
func opensWith(t *testing.T, path, when string, pools bool, ids ...string) {
	t.Helper()
	s := openEither(t, path, nil, pools)
	if got := users(t, s); !slices.Equal(got, ids) {
		t.Errorf("%s: users %v, want %v", when, got, ids)
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s: %v", when, err)
	}
}

// copyFile copies a file without SQLite, which drops the locks of this process. Here no
// call writes meanwhile.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o600))
}

// contents returns the names and contents of the files in the directory of a database.
func contents(t *testing.T, path string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		must(t, err)
		all = append(all, e.Name(), string(data))
	}
	return all
}

// TestOpenBesideWriter opens a database whose log another process writes and empties all
// the time.
func TestOpenBesideWriter(t *testing.T) {
	t.Parallel()
	path := file(t)
	r, err := startProcess(t).open(path)
	must(t, err)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			u := user(fmt.Sprint("u", i))
			u.Data = make([]byte, 900_000) // more than is read of the log at once, with the next
			if _, err := r.Apply(t.Context(), "t", store.Ops(store.Create(u, nil))); err != nil {
				t.Error(err)
				return
			}
			if i%3 == 0 {
				_ = r.Scrub(t.Context()) // a reader may be in its way
			}
		}
	}()
	for range size.Pick(t, 100, 1000, 1000) {
		s, err := sqlite.Open(t.Context(), path, &sqlite.Options{Sync: sqlite.Normal})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
}
