package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestOwnLog opens what a crash can leave at each point of a checkpoint, which writes the
// pages of the log into the database in their order: whatever began the log, it is the
// database's own, and nothing is missing.
func TestOwnLog(t *testing.T) {
	for name, host := range map[string]func(t *testing.T, path, copied string){
		"nothing else": func(*testing.T, string, string) {},
		"writes of the host": func(t *testing.T, path, _ string) {
			execRaw(t, path, `INSERT INTO host SELECT value, value, value, value, value FROM json_each('[101, 102, 103]')`)
		},
		"DROP TABLE":         func(t *testing.T, path, _ string) { execRaw(t, path, `DROP TABLE host`) },
		"VACUUM":             func(t *testing.T, path, _ string) { execRaw(t, path, `DROP TABLE host`, `VACUUM`) },
		"a copy in the file": restore,
	} {
		for _, pages := range []struct{ size, autoVacuum int }{{512, 0}, {512, 1}, {4096, 0}, {4096, 1}} {
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
				for end := 0; end <= len(after); end += pages.size {
					at := file(t)
					mixed := after[:end] + before[min(end, len(before)):]
					if err := os.WriteFile(at, []byte(mixed), 0o600); err != nil {
						t.Fatal(err)
					}
					copyFile(t, path+"-wal", at+"-wal")
					opensWith(t, at, fmt.Sprintf("after %d of %d bytes", end, len(after)), "a", "c")
				}
			})
		}
	}
}

// opensWith opens a database, which has these users.
func opensWith(t *testing.T, path, when string, ids ...string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Errorf("%s: %v", when, err)
		return
	}
	page, err := s.List(t.Context(), "t", store.Query{Kind: "user"})
	var got []string
	for _, r := range page.Records {
		got = append(got, r.ID)
	}
	if err = errors.Join(err, s.Close()); err != nil || !slices.Equal(got, ids) {
		t.Errorf("%s: users %v, want %v, %v", when, got, ids, err)
	}
}

// execRaw runs statements on a connection of the host.
func execRaw(t *testing.T, path string, queries ...string) {
	t.Helper()
	db := rawOpen(t, path)
	defer db.Close()
	conn := connection(t, db)
	defer conn.Close()
	for _, q := range queries {
		execute(t, conn, q)
	}
}

// TestOpenBesideWriter opens a database whose log another process writes and empties all
// the time.
func TestOpenBesideWriter(t *testing.T) {
	path := file(t)
	r, err := startProcess(t).open(path)
	if err != nil {
		t.Fatal(err)
	}
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
	for range times(1000, 50) {
		s, err := sqlite.Open(t.Context(), path, nil)
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
