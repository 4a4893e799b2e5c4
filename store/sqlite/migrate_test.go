package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// Many stores, half of them in another process, open a new file at once.
func TestMigrateAtOnce(t *testing.T) {
	path := file(t)
	child := startProcess(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if i%2 == 0 {
				r, err := child.open(path)
				if err == nil {
					err = r.close()
				}
				if err != nil {
					t.Errorf("in the other process: %v", err)
				}
				return
			}
			s, err := sqlite.Open(t.Context(), path, nil)
			if err == nil {
				_, err = s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: fmt.Sprint(i), Kind: "user"}, nil)))
				err = errors.Join(err, s.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := rawOpen(t, path)
	defer db.Close()
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM rollbook_migration`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d migrations, %v", n, err)
	}
	checkFile(t, path)
}

func TestMigrateNewerSchema(t *testing.T) {
	path := file(t)
	open(t, path, nil)
	db := rawOpen(t, path)
	defer db.Close()
	conn := connection(t, db)
	if err := sqlite.MigrateTo(t.Context(), conn, `CREATE TABLE rollbook_later (n INTEGER) STRICT`); err != nil {
		t.Fatal(err)
	}
	before := schema(t, db)
	if _, err := sqlite.Open(t.Context(), path, nil); !errors.Is(err, sqlite.ErrNewerSchema) {
		t.Errorf("a newer schema: %v", err)
	}
	if diff := cmp.Diff(before, schema(t, db)); diff != "" {
		t.Errorf("the refused schema has changed:\n%s", diff)
	}
}

// A migration that fails halfway, or whose process ends there, leaves nothing.
func TestMigrateInterrupted(t *testing.T) {
	path := file(t)
	db := rawOpen(t, path)
	defer db.Close()
	conn := connection(t, db)
	err := sqlite.MigrateTo(t.Context(), conn, `CREATE TABLE rollbook_half (n INTEGER) STRICT; CREATE TABLE rollbook_half (n INTEGER)`)
	if err == nil {
		t.Fatal("a wrong migration succeeds")
	}
	if left := schema(t, db); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	s := open(t, path, nil) // the connection above holds no lock any more
	if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "a", Kind: "user"}, nil))); err != nil {
		t.Error(err)
	}

	// What a later version adds keeps what is there; interrupted, it changes nothing.
	before := schema(t, db)
	if err := sqlite.MigrateTo(t.Context(), conn, `CREATE TABLE rollbook_b (n INTEGER)`, `not SQL`); err == nil {
		t.Error("a wrong migration succeeds")
	}
	if diff := cmp.Diff(before, schema(t, db)); diff != "" {
		t.Errorf("an interrupted migration has changed:\n%s", diff)
	}
	if err := sqlite.MigrateTo(t.Context(), conn, `CREATE TABLE rollbook_b (n INTEGER)`); err != nil {
		t.Error(err)
	}
	if !slices.Contains(schema(t, db), "table rollbook_b") {
		t.Error("a later migration is not there")
	}
	newer := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, sqlite.ErrNewerSchema) || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
			t.Errorf("%s in a schema that a later version has made: %v", what, err)
		}
	}
	_, err = s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: "b", Kind: "user"}, nil)))
	newer("Apply", err)
	_, err = s.Get(t.Context(), "t", store.ID("a"))
	newer("Get", err)
	newer("Trim", s.Trim(t.Context(), "t", 1))
	newer("Wait", s.Wait(t.Context(), "t", 0))
}

// TestMigrateUnderAReader: who only reads sees a newer schema, too.
func TestMigrateUnderAReader(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	db := rawOpen(t, path)
	defer db.Close()
	if err := sqlite.MigrateTo(t.Context(), connection(t, db), `CREATE TABLE rollbook_b (n INTEGER)`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a read is refused", func() bool {
		_, err := s.Get(t.Context(), "t", store.ID("a"))
		return errors.Is(err, sqlite.ErrNewerSchema)
	})
}

func TestMigrationsAreNumbered(t *testing.T) {
	for name, files := range map[string][]string{
		"a gap":     {"0001_a.sql", "0003_b.sql"},
		"twice":     {"0001_a.sql", "0001_b.sql"},
		"no number": {"first.sql"},
	} {
		system := fstest.MapFS{}
		for _, f := range files {
			system["migrations/"+f] = &fstest.MapFile{}
		}
		if n, err := sqlite.LoadMigrations(system); err == nil {
			t.Errorf("%s: %d migrations", name, n)
		}
	}
}

func connection(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func schema(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows := query(t, db, `SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1`)
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}
