package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

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
				_, err = s.Apply(t.Context(), "t", store.Ops(store.Create(user(fmt.Sprint(i)), nil)))
				err = errors.Join(err, s.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	conn, _ := raw(t, path)
	if got := rows(t, conn, `SELECT count(*) FROM rollbook_migration`); !slices.Equal(got, []string{row(int64(1))}) {
		t.Errorf("%q migrations", got)
	}
	checkFile(t, path)
}

const later = `CREATE TABLE rollbook_later (n INTEGER) STRICT`

// TestMigrateNewerSchema: a store does not open a newer schema, nor does it go on in one
// that a later version has made meanwhile.
func TestMigrateNewerSchema(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	reading := open(t, path, nil)
	conn, _ := raw(t, path)
	must(t, sqlite.MigrateTo(t.Context(), conn, later))
	before := schema(t, conn)
	if _, err := sqlite.Open(t.Context(), path, nil); !errors.Is(err, sqlite.ErrNewerSchema) {
		t.Errorf("a newer schema: %v", err)
	}
	if diff := cmp.Diff(before, schema(t, conn)); diff != "" {
		t.Errorf("the refused schema has changed:\n%s", diff)
	}
	_, err := s.Apply(t.Context(), "t", store.Ops(store.Create(user("b"), nil)))
	if !isUnavailable(err, sqlite.ErrNewerSchema) {
		t.Errorf("Apply: %v", err)
	}
	for what, s := range map[string]*sqlite.Store{"after a write": s, "without a write": reading} {
		eventually(t, what+" a read is refused", func() bool {
			_, err := s.Get(t.Context(), "t", store.ID("a"))
			return errors.Is(err, sqlite.ErrNewerSchema)
		})
		unusable(t, what, s, sqlite.ErrNewerSchema)
	}
}

// TestMigrateHarmless: a later version may change the schema so that this one can go on.
func TestMigrateHarmless(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	execRaw(t, path, `CREATE INDEX later ON rollbook_record (revision)`,
		`INSERT INTO rollbook_migration (version, name, needs) SELECT max(version) + 1, 'later', max(needs) FROM rollbook_migration`)
	apply(t, s, "t", store.Create(user("b"), nil))
	apply(t, open(t, path, nil), "t", store.Create(user("c"), nil))
}

// TestApplicationID: a file is known as one of Rollbook, unless the host has called it something else.
func TestApplicationID(t *testing.T) {
	for before, want := range map[int64]int64{0: 0x526f6c6c, 5: 5} {
		path := file(t)
		execRaw(t, path, fmt.Sprintf(`PRAGMA application_id = %d`, before))
		open(t, path, nil)
		conn, _ := raw(t, path)
		if got := rows(t, conn, `PRAGMA application_id`); !slices.Equal(got, []string{row(want)}) {
			t.Errorf("application ID %q, want %x", got, want)
		}
	}
}

// A migration that fails halfway, or whose process ends there, leaves nothing.
func TestMigrateInterrupted(t *testing.T) {
	path := file(t)
	conn, _ := raw(t, path)
	fails := func(texts ...string) {
		t.Helper()
		before := schema(t, conn)
		if err := sqlite.MigrateTo(t.Context(), conn, texts...); err == nil {
			t.Fatal("a wrong migration succeeds")
		}
		if diff := cmp.Diff(before, schema(t, conn)); diff != "" {
			t.Errorf("an interrupted migration has changed:\n%s", diff)
		}
	}
	fails(later + `; ` + later)
	s := open(t, path, nil) // the connection above holds no lock any more
	apply(t, s, "t", store.Create(user("a"), nil))

	// A later version adds to a schema that is in use.
	fails(later, `not SQL`)
	must(t, sqlite.MigrateTo(t.Context(), conn, later))
	if !slices.Contains(schema(t, conn), row("table rollbook_later")) {
		t.Error("a later migration is not there")
	}
	checkFile(t, path)
}

func schema(t *testing.T, conn *sql.Conn) []string {
	t.Helper()
	return rows(t, conn, `SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1`)
}
