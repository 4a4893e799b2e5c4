package apitest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// A snapshot that misses a write would let tests say that nothing was written.
func TestStateOfNotices(t *testing.T) {
	apitest.Embedded(t, func(t *testing.T, st store.Store) {
		acme := apitest.NewWorld(t, st).Users.Tenant("acme")
		pin := func(n int64) map[string]enduser.Secret {
			return map[string]enduser.Secret{"pin": enduser.NewSecret(enduser.Int(n))}
		}
		group := enduser.GroupByExternalID("g")
		ann := enduser.ByExternalID("ann")
		for _, write := range []struct {
			name string
			do   func() error
			part func(s apitest.State) any // that must differ, beside the feed
		}{
			{"a user", func() error {
				_, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "ann", Sensitive: pin(1)})
				return err
			}, func(s apitest.State) any { return s.Users }},
			{"a secret", func() error {
				_, err := acme.Update(t.Context(), ann, func(e *enduser.Edit) error {
					enduser.Spec{Sensitive: pin(2)}.Merge(e)
					return nil
				})
				return err
			}, func(s apitest.State) any { return s.Secrets }},
			{"a group", func() error {
				_, _, err := acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "g"})
				return err
			}, func(s apitest.State) any { return s.Groups }},
			{"a token", func() error {
				_, _, err := acme.Groups().Rotate(t.Context(), group, 0)
				return err
			}, func(s apitest.State) any { return s.Tokens }},
			{"no user", func() error { return acme.Delete(t.Context(), ann) }, func(s apitest.State) any { return s.Users }},
			{"no group", func() error { return acme.Groups().Delete(t.Context(), group) }, func(s apitest.State) any { return s.Groups }},
		} {
			before := apitest.StateOf(t, acme)
			if diff := cmp.Diff(before, apitest.StateOf(t, acme)); diff != "" {
				t.Fatalf("before %s: two snapshots of the same differ:\n%s", write.name, diff)
			}
			if err := write.do(); err != nil {
				t.Fatal(err)
			}
			after := apitest.StateOf(t, acme)
			if cmp.Equal(write.part(before), write.part(after)) {
				t.Errorf("%s is not noticed", write.name)
			}
		}
		if changes := apitest.StateOf(t, acme).Changes; len(changes) == 0 {
			t.Error("the feed is not in it")
		}
	})
}
