package enduser_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
)

// GetAll answers each reference as Get does, in order.
func TestGetAll(t *testing.T) {
	each(t, func(t *testing.T, below store.Store) {
		ctx := t.Context()
		st := &faultstore.Store{Store: below}
		w := newWorld(st)
		slack := enduser.Account{Type: "slack", ID: "1"}
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "crm-1", Email: "one@example.com", Accounts: []enduser.Account{slack}}))(t)
		for range 2 {
			must(w.acme.Create(ctx, enduser.Spec{Email: "two@example.com"}))(t)
		}
		refs := []enduser.Ref{
			enduser.ByID(u.ID), enduser.ByExternalID("CRM-1"), enduser.ByEmail("One@example.com"), enduser.ByAccount(slack),
			enduser.ByEitherID("crm-1"), enduser.ByID("nobody"), enduser.ByEmail("two@example.com"), enduser.ByID(""),
			{},
		}
		for len(refs) < enduser.MaxGetAll {
			refs = append(refs, refs[len(refs)%9])
		}
		found := must(w.acme.GetAll(ctx, refs))(t)
		if len(found) != len(refs) {
			t.Fatalf("%d answers to %d references", len(found), len(refs))
		}
		for i, ref := range refs {
			want, err := w.acme.Get(ctx, ref)
			if (found[i].Err == nil) != (err == nil) || err != nil && found[i].Err.Error() != err.Error() {
				t.Errorf("%v: error %v, want %v", ref, found[i].Err, err)
			}
			diff(t, ref.String(), found[i].User, want)
		}
		wantInvalid(t, "too many", second(w.acme.GetAll(ctx, append(refs, refs[0]))), "refs too_many")
		if none, err := w.acme.GetAll(ctx, nil); err != nil || len(none) > 0 {
			t.Errorf("no references: %v, %v", none, err)
		}
		st.Fail(store.ErrUnavailable)
		wantErr(t, "without store", second(w.acme.GetAll(ctx, refs)), enduser.ErrUnavailable)
		if slices.ContainsFunc(found, func(f enduser.Found) bool { return errors.Is(f.Err, enduser.ErrUnavailable) }) {
			t.Error("an error of the call is that of a reference")
		}
	})
}
