package enduser_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
)

// TestKnownUsersWriteNothing: get-or-create of a known user, and an upsert that changes
// nothing, are reads.
func TestKnownUsersWriteNothing(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		watched := &faultstore.Store{Store: st}
		w := newWorld(watched)
		spec := enduser.Spec{ExternalID: "crm-7", Name: "Ann", Email: "ann@example.com"}
		ann := must(w.acme.Create(t.Context(), spec))(t)
		watched.OnApplied = func(int64, []store.Op) error {
			t.Error("a batch was written")
			return nil
		}
		for _, spec := range []enduser.Spec{spec, {ExternalID: "CRM-7"}} {
			for name, call := range map[string]func() (enduser.User, enduser.Outcome, error){
				"Ensure": func() (enduser.User, enduser.Outcome, error) { return w.acme.Ensure(t.Context(), spec) },
				"Upsert": func() (enduser.User, enduser.Outcome, error) { return w.acme.Upsert(t.Context(), spec) },
			} {
				got, outcome, err := call()
				if err != nil || outcome != enduser.Unchanged {
					t.Errorf("%s: %v, %v", name, outcome, err)
				}
				diff(t, name, got, ann)
			}
		}
		diff(t, "feed", feed(t, w.acme), []string{"created u1"})
	})
}
