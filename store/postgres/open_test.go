package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

func TestSchemaNames(t *testing.T) {
	for _, name := range []string{"plain", `with "quotes" and 'these'`, `back\slash.dot`, "Ünïcode ☃", "rollbook.x", strings.Repeat("n", 63)} {
		h := newHome(t)
		h.schema = name
		s := h.open(t, nil)
		put(t, s, "acme", store.Create(user("a"), nil))
		if _, err := s.Get(t.Context(), "acme", store.ID("a")); err != nil {
			t.Errorf("in schema %q: %v", name, err)
		}
	}
	for _, name := range []string{"a$b", "nul\x00", "\xff", strings.Repeat("n", 64)} {
		h := newHome(t)
		h.schema = name
		if s, err := h.dial(nil); err == nil {
			t.Errorf("schema %q was accepted", name)
			must(t, s.Close())
		}
	}
}

func TestSchemasShareNothing(t *testing.T) {
	one, two := newHome(t).open(t, nil), newHome(t).open(t, nil)
	put(t, one, "acme", store.Create(user("a"), nil))
	_, err := two.Get(t.Context(), "acme", store.ID("a"))
	wantError(t, "Get in the other schema", err, store.ErrNotFound)
}

// Several processes may make the schema at once.
func TestOpenAtOnce(t *testing.T) {
	h := newHome(t)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			s, err := h.dial(nil)
			if err == nil {
				err = s.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	must(t, errors.Join(errs...))
}

// A later version of the program migrates the schema: it drops the functions that this
// version calls.
func TestNewerSchema(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	put(t, s, "acme", store.Create(user("a"), nil))
	_, err := h.admin.Exec(t.Context(), h.in(`INSERT INTO rollbook.migration VALUES (1000, 'later', 1000)`))
	must(t, err)
	for _, function := range []string{"put_1", "apply_1", "trim_1", "disown_1", "lock_1", "import_1", "drop_1", "forget_1"} {
		_, err := h.admin.Exec(t.Context(), h.in(`DROP FUNCTION rollbook.`+function))
		must(t, err)
	}
	_, err = s.Apply(t.Context(), "acme", store.Ops(store.Create(user("b"), nil)))
	wantError(t, "Apply", err, store.ErrUnavailable)
	wantError(t, "Apply", err, postgres.ErrNewerSchema)
	_, err = s.Get(t.Context(), "acme", store.ID("a"))
	wantError(t, "Get", err, postgres.ErrNewerSchema)
	if _, err := h.dial(nil); !errors.Is(err, postgres.ErrNewerSchema) {
		t.Errorf("Open: %v", err)
	}
}

// A later step of the schema that needs no later program, such as an index, does not end those
// that do not know it.
func TestLaterSchema(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	put(t, s, "acme", store.Create(user("a"), nil))
	_, err := h.admin.Exec(t.Context(), h.in(`INSERT INTO rollbook.migration SELECT max(version) + 1, 'later', max(needs) FROM rollbook.migration`))
	must(t, err)
	for i, s := range []*postgres.Store{s, h.open(t, nil)} {
		_, err := s.Get(t.Context(), "acme", store.ID("a"))
		must(t, err)
		put(t, s, "acme", store.Create(user(fmt.Sprint("b", i)), nil))
	}
}

// Reads notice a newer schema, too, though not at once.
func TestNewerSchemaWhileReading(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	_, err := h.admin.Exec(t.Context(), h.in(`INSERT INTO rollbook.migration VALUES (1000, 'later', 1000)`))
	must(t, err)
	pgtest.Until(t, "a read notices the newer schema", func() bool {
		_, err := s.Get(t.Context(), "acme", store.ID("a"))
		return errors.Is(err, postgres.ErrNewerSchema)
	})
}

func TestUnsafeSettings(t *testing.T) {
	server := pgtest.Own(t, "fsync=off", "synchronous_commit=on")
	h := newHomeOn(t, server)
	_, err := h.dial(nil)
	var setting *postgres.SettingError
	if !errors.As(err, &setting) || setting.Setting != "fsync" {
		t.Errorf("Open: %v", err)
	}
	put(t, h.open(t, &postgres.Options{AllowUnsafe: true}), "acme", store.Create(user("a"), nil))

	h = newHome(t)
	h.dsn += "&synchronous_commit=off"
	_, err = h.dial(nil)
	if !errors.As(err, &setting) || setting.Setting != "synchronous_commit" {
		t.Errorf("Open: %v", err)
	}
}

// A role without the right to create schemas can use one that it was given, and one that
// only reads and writes tables can use what another has migrated.
func TestRights(t *testing.T) {
	h := newHome(t)
	role := pgx.Identifier{"role of " + h.schema}.Sanitize()
	for _, statement := range []string{
		`CREATE ROLE ` + role + ` LOGIN`,
		`CREATE SCHEMA ` + pgx.Identifier{h.schema}.Sanitize() + ` AUTHORIZATION ` + role,
	} {
		_, err := h.admin.Exec(t.Context(), statement)
		must(t, err)
	}
	as := func(h home) home {
		h.dsn += "&user=" + strings.ReplaceAll("role of "+h.schema, " ", "%20")
		return h
	}
	write := func(s *postgres.Store, what string) {
		r := user("a")
		r.Unique = []store.Key{{Kind: "k", Value: "v"}}
		r.Created = put(t, s, "acme", store.Create(r, []byte("note")))
		r.Revision = r.Created
		put(t, s, "acme", store.Delete(r, []byte("note")))
		if err := s.Trim(t.Context(), "acme", r.Created+1); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	write(as(h).open(t, nil), "the owner of the schema")

	other := newHome(t)
	must(t, other.open(t, nil).Close())
	role = pgx.Identifier{"role of " + other.schema}.Sanitize()
	schema := pgx.Identifier{other.schema}.Sanitize()
	for _, statement := range []string{
		`CREATE ROLE ` + role + ` LOGIN`,
		`GRANT USAGE ON SCHEMA ` + schema + ` TO ` + role,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + schema + ` TO ` + role,
	} {
		_, err := other.admin.Exec(t.Context(), statement)
		must(t, err)
	}
	write(as(other).open(t, nil), "a role with rights on the tables")
}

// A store that joins a transaction costs a host little.
func TestInAllocations(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	tx := begin(t, h.pool(t))
	if n := testing.AllocsPerRun(100, func() { sink = s.In(tx) }); n > 1 {
		t.Errorf("In: %v allocations", n)
	}
}

var sink any

// A table of the same name in a schema of others is not taken for the store's.
func TestForeignMigration(t *testing.T) {
	for _, statement := range []string{
		`CREATE TABLE rollbook.migration (version integer, what text)`,
		`CREATE TABLE rollbook.migration (version integer, what text); INSERT INTO rollbook.migration VALUES (3, 'host')`,
		`CREATE TABLE rollbook.migration (id text)`,
	} {
		h := newHome(t)
		_, err := h.admin.Exec(t.Context(), h.in(`CREATE SCHEMA `+pgx.Identifier{h.schema}.Sanitize()+`; `+statement))
		must(t, err)
		s, err := h.dial(nil)
		if err == nil {
			must(t, s.Close())
		}
		if err == nil || !strings.Contains(err.Error(), "another program") {
			t.Errorf("Open beside %q: %v", statement, err)
		}
	}
}

// What the server refuses to prepare is not sent again and again.
func TestPrepareRefused(t *testing.T) {
	h := newHome(t)
	retries := 0
	s := h.open(t, &postgres.Options{Observer: &store.Observer{Retry: func(store.RetryInfo) { retries++ }}})
	_, err := h.admin.Exec(t.Context(), h.in(`DROP FUNCTION rollbook.put_1`))
	must(t, err)
	_, err = s.Apply(t.Context(), "acme", store.Ops(store.Create(user("a"), nil)))
	wantError(t, "Apply", err, store.ErrUnavailable)
	if retries > 0 {
		t.Errorf("%d retries", retries)
	}
}
