package moving

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestDeletion deletes a tenant in processes that are killed, and then in one that is not.
func TestDeletion(t *testing.T) {
	redistest.Require(t)
	first, users := memory.New(nil), size.Pick(t, 1000, 10_000, 100_000)
	found(t, first, users)
	others := digests(t, first)
	for name := range others {
		if strings.HasSuffix(name, "acme") {
			delete(others, name)
		}
	}
	for _, k := range way()[1:] {
		t.Run(k.name, func(t *testing.T) {
			at := place{k.name, k.setup(t)}
			st, end := at.opened(t)
			_, err := store.Copy(t.Context(), st, first, nil)
			must(t, err)
			end()
			for range 2 {
				job{From: at, Tenant: "acme"}.killed(t, 1+rand.IntN(users/64/4))
			}
			st, end = at.opened(t)
			defer end()
			left := digests(t, st)
			d, err := manager(t, st).DeleteTenant(t.Context(), "acme", nil)
			must(t, err)
			if left["acme"] == "" || d.Records == 0 {
				t.Error("nothing was left by the processes that were killed")
			}
			if diff := cmp.Diff(others, digests(t, st)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
