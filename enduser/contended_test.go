package enduser_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A store in which somebody else is always faster ends in ErrContended after a
// bounded number of tries.
func TestStorms(t *testing.T) {
	stale := func(op int) func(int64, []store.Op) error {
		return func(_ int64, ops []store.Op) error {
			if ops[len(ops)-1].Old == nil && op == 0 && len(ops) == 1 {
				return nil // an upsert's create is answered as the store does
			}
			return &store.StaleError{Op: op}
		}
	}
	for name, call := range map[string]func(context.Context, enduser.Tenant) error{
		"update": func(ctx context.Context, a enduser.Tenant) error {
			return second(a.Update(ctx, enduser.ByExternalID("a"), rename))
		},
		"upsert": func(ctx context.Context, a enduser.Tenant) error {
			_, _, err := a.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "Eve"})
			return err
		},
		"delete": func(ctx context.Context, a enduser.Tenant) error { return a.Delete(ctx, enduser.ByExternalID("a")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &faultstore.Store{Store: memory.New(nil)}
				w := newWorld(f)
				must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a"}))(t)
				f.OnApply = stale(0)
				wantErr(t, name, call(t.Context(), w.acme), enduser.ErrContended)
				if n := f.Applies(); n > 100 {
					t.Errorf("%d tries", n)
				}
			})
		})
	}
	// An expired holder that comes back each time it is swept by others.
	t.Run("takeover", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &faultstore.Store{Store: memory.New(nil)}
			w := newWorld(f)
			must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a", ExpiresIn: time.Second}))(t)
			w.Advance(time.Second)
			tooMany := errors.New("no end of tries")
			f.OnApply = func(n int64, ops []store.Op) error {
				switch {
				case n > 2000:
					return tooMany
				case len(ops) > 1:
					return &store.StaleError{Op: 0}
				}
				return nil
			}
			_, _, err := w.acme.Upsert(t.Context(), enduser.Spec{ExternalID: "a"})
			wantErr(t, "upsert", err, enduser.ErrContended)
		})
	})
	// A user that is always deleted just before it is changed.
	t.Run("deleted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			mem := memory.New(nil)
			other := enduser.New(mem, nil).Tenant("acme")
			f := &faultstore.Store{Store: mem}
			w := newWorld(f)
			f.OnApply = func(_ int64, ops []store.Op) error {
				if ops[0].Old == nil {
					_, _, err := other.Ensure(t.Context(), enduser.Spec{ExternalID: "a"})
					return err
				}
				return other.Delete(t.Context(), enduser.ByExternalID("a"))
			}
			_, _, err := w.acme.Upsert(t.Context(), enduser.Spec{ExternalID: "a", Name: "Ann"})
			wantErr(t, "upsert", err, enduser.ErrContended)
		})
	})
}

// An upsert that meets a user which is renamed meanwhile does not take the new
// name away from it: then nobody has the ID, and the upsert makes a user.
func TestUpsertRacingRename(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		other := enduser.New(st, nil).Tenant("acme")
		f := &faultstore.Store{Store: st}
		w := newWorld(f)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
		done := false
		f.OnApply = func(_ int64, ops []store.Op) error {
			if ops[0].Old != nil && !done {
				done = true
				must(other.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.ExternalID = "b"; return nil }))(t)
			}
			return nil
		}
		v := must(first(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "Ann"})))(t)
		if got := must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t); got.ExternalID != "b" || v.ID == u.ID {
			t.Errorf("the upsert of a wrote %s, and %s is now %q", v.ID, u.ID, got.ExternalID)
		}
	})
}
