package sqlite_test

import (
	"fmt"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// TestKnownTenants: what a store knows of a tenant from its last transaction is not used
// after another one has written, nor after more tenants than it keeps in mind.
func TestKnownTenants(t *testing.T) {
	path := file(t)
	handles := []store.Store{open(t, path, nil), open(t, path, nil)}
	const writes = 40
	for i := range writes {
		kind := fmt.Sprint("kind", i/4) // both handles use each kind twice, one of them first
		for _, tenant := range []string{"t", "other"} {
			rev := apply(t, handles[i%2], tenant, store.Create(store.Record{
				ID: fmt.Sprint(i), Kind: kind,
				Unique: []store.Key{{Kind: kind, Value: fmt.Sprint(i)}}, Index: []store.Key{{Kind: kind, Value: "x"}},
			}, []byte("note")))
			if rev != store.Revision(i+1) {
				t.Fatalf("write %d of %s has revision %d", i, tenant, rev)
			}
		}
	}
	for i := range 1100 {
		apply(t, handles[0], fmt.Sprint("tenant", i), store.Create(user("a", "x"), nil))
	}
	for i, tenant := range []string{"t", "tenant0", "tenant1099"} {
		want := []store.Revision{writes + 1, 2, 2}[i]
		if rev := apply(t, handles[0], tenant, store.Create(user("b", "y"), nil)); rev != want {
			t.Errorf("%s: revision %d, want %d", tenant, rev, want)
		}
	}
	checkFile(t, path)
}
