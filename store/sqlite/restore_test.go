package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	driver "modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestRestoreIntoOpenFile restores an older copy into the file with SQLite's backup
// API while the store is open, after which the number of one tenant is another's.
// The store must have forgotten the state before: no tenant sees or changes records of
// another.
func TestRestoreIntoOpenFile(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	acme := secret("acme")
	rev := apply(t, s, "acme", store.Create(acme, []byte("acme")))
	acme.Created, acme.Revision = rev, rev
	copied := backup(t, path)

	apply(t, s, "umbrella", store.Create(secret("umbrella"), []byte("umbrella")))
	if seen := everything(t, s, "umbrella"); !slices.Equal(seen, []string{"umbrella"}) {
		t.Fatalf("before: umbrella sees %q", seen)
	}
	restore(t, path, copied)
	apply(t, s, "zeta", store.Create(secret("zeta"), []byte("zeta")))
	for _, tenant := range []string{"acme", "zeta"} {
		if seen := everything(t, s, tenant); !slices.Equal(seen, []string{tenant}) {
			t.Errorf("%s sees %q", tenant, seen)
		}
	}
	if seen := everything(t, s, "umbrella"); len(seen) > 0 {
		t.Errorf("umbrella, which is not in the copy, sees %q", seen)
	}

	// Nor does the writer know anything of a tenant from before.
	if rev := apply(t, s, "umbrella", store.Create(secret("again"), []byte("again"))); rev != 1 {
		t.Errorf("the first write of umbrella is revision %d", rev)
	}
	must(t, s.Trim(t.Context(), "umbrella", 1))
	restore(t, path, copied)
	if _, err := s.Apply(t.Context(), "umbrella", store.Ops(store.Delete(acme, nil))); !errors.Is(err, store.ErrStale) {
		t.Errorf("deleting a user of acme as umbrella: %v", err)
	}
	if seen := everything(t, s, "acme"); !slices.Equal(seen, []string{"acme"}) {
		t.Errorf("in the end acme sees %q", seen)
	}
	checkFile(t, path)
}

// secret is a record that can be found in every way; what it is about is its data.
func secret(what string) store.Record {
	return store.Record{
		ID: "id", Kind: "user", Data: []byte(what), Due: store.FromMillis(1),
		Unique: []store.Key{{Kind: "external", Value: "x"}},
		Index:  []store.Key{{Kind: "word", Value: "a"}, {Kind: "word", Value: "b"}},
	}
}

// everything reads in every way and returns what the reads showed, each thing once.
func everything(t *testing.T, s *sqlite.Store, tenant string) (seen []string) {
	t.Helper()
	ctx := t.Context()
	see := func(records []store.Record, err error) {
		t.Helper()
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", tenant, err)
		}
		for _, r := range records {
			seen = append(seen, string(r.Data))
		}
	}
	for _, key := range []store.Key{store.ID("id"), {Kind: "external", Value: "x"}} {
		r, err := s.Get(ctx, tenant, key)
		see([]store.Record{r}[:min(1, len(r.ID))], err)
	}
	word := secret("").Index
	for terms := range len(word) + 1 {
		page, err := s.List(ctx, tenant, store.Query{Kind: "user", Match: word[:terms]})
		see(page.Records, err)
		n, err := s.Count(ctx, tenant, store.CountQuery{Kind: "user", Match: word[:terms]})
		if err != nil || n.N != len(page.Records) {
			t.Errorf("%s: %d records and %+v counted, %v", tenant, len(page.Records), n, err)
		}
	}
	all, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(9)})
	see(nil, err)
	one, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(9), Tenant: tenant})
	see(nil, err)
	for _, due := range append(all.Tenants, one.Tenants...) {
		if due.Tenant == tenant {
			see(due.Records, nil)
		} else if len(due.Records) != 1 || string(due.Records[0].Data) != due.Tenant {
			t.Errorf("due of %s: %v", due.Tenant, due.Records)
		}
	}
	page, err := s.Changes(ctx, tenant, store.ChangeQuery{})
	see(nil, err)
	for _, c := range page.Changes {
		seen = append(seen, string(c.Note))
	}
	names, err := s.Tenants(ctx, store.TenantQuery{})
	see(nil, err)
	if known := slices.Contains(names.Names, tenant); known != (len(seen) > 0) {
		t.Errorf("%s is in the list of tenants: %v, and sees %q", tenant, known, seen)
	}
	if len(seen) == 0 { // there is nothing to wake for
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		if err := s.Wait(ctx, tenant, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: Wait: %v", tenant, err)
		}
	}
	slices.Sort(seen)
	return slices.Compact(seen)
}

// backup makes a copy as the package documentation says.
func backup(t *testing.T, path string) (copied string) {
	t.Helper()
	copied = filepath.Join(t.TempDir(), "copy.db")
	vacuumInto(t, path, copied)
	return copied
}

func vacuumInto(t *testing.T, path, to string) {
	t.Helper()
	conn, done := raw(t, path)
	defer done()
	_, err := conn.ExecContext(t.Context(), `VACUUM INTO ?`, to)
	must(t, err)
}

// restore replaces the content of the file at path by that of another, in a transaction
// of SQLite.
func restore(t *testing.T, path, from string) {
	t.Helper()
	conn, done := raw(t, path)
	defer done()
	must(t, conn.Raw(func(c any) error {
		b, err := c.(interface {
			NewRestore(uri string) (*driver.Backup, error)
		}).NewRestore("file:" + from)
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			more, err = b.Step(-1)
		}
		return errors.Join(err, b.Finish())
	}))
}
