package enduser_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// A write of unknown outcome is done for both the user and its values, or for neither.
func TestUnknownOutcomesOfSensitive(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		f := &faultstore.Store{Store: st}
		w := newWorld(f)
		ref := enduser.ByExternalID("a")
		for _, done := range []bool{false, true} {
			lose := func() {
				lost := func(int64, []store.Op) error { return fmt.Errorf("connection lost: %w", store.ErrUnknown) }
				if f.OnApply = lost; done {
					f.OnApply, f.OnApplied = nil, lost
				}
			}
			keep := func() { f.OnApply, f.OnApplied = nil, nil }
			u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", Sensitive: secrets{"k": secret("v")}}))(t)
			want := values{"k": enduser.String("v")}
			reveals(t, "created", w.acme, ref, want)
			diff(t, "created", must(w.acme.Get(ctx, ref))(t), u)
			for _, step := range []struct {
				name string
				edit func(*enduser.Edit)
				want values
			}{
				{"set", func(u *enduser.Edit) { u.SetSensitive("l", secret("w")) }, values{"k": enduser.String("v"), "l": enduser.String("w")}},
				{"clear", func(u *enduser.Edit) { u.ClearSensitive() }, values{}},
				{"set anew", func(u *enduser.Edit) { u.SetSensitive("m", secret("x")) }, values{"m": enduser.String("x")}},
			} {
				what := fmt.Sprintf("%s, done %v", step.name, done)
				edit := func(u *enduser.Edit) error { step.edit(u); u.Name = step.name; return nil }
				sent := f.Applies()
				lose()
				wantErr(t, what, second(w.acme.Update(ctx, ref, edit)), enduser.ErrUnknown)
				keep()
				if n := f.Applies() - sent; n != 1 {
					t.Errorf("%s: sent %d times", what, n)
				}
				if done {
					want = step.want
				}
				reveals(t, what, w.acme, ref, want)
				if named := must(w.acme.Get(ctx, ref))(t).Name == step.name; named != done {
					t.Errorf("%s: the user was written: %v", what, named)
				}
				if want = step.want; !done {
					must(w.acme.Update(ctx, ref, edit))(t)
					reveals(t, what+", repeated", w.acme, ref, want)
				}
			}
			lose()
			wantErr(t, "delete", w.acme.Delete(ctx, ref), enduser.ErrUnknown)
			keep()
			if err := w.acme.Delete(ctx, ref); (err == nil) == done {
				t.Errorf("done %v: delete again: %v", done, err)
			}
			if ids := sensitiveOf(t, st, "acme"); len(ids) != 0 {
				t.Errorf("done %v: records of %v are left", done, ids)
			}
		}
	})
}

// Of 64 updates of different keys at once, some of which remove a key, none is lost.
func TestConcurrentSensitiveUpdates(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for try := range size.Pick(t, 1, 4, 20) {
			u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: numbered(16, secret("old"))}))(t)
			ref := enduser.ByID(u.ID)
			at(func(i int) {
				key := fmt.Sprint("k", i+8) // half of the old ones are written, and some are removed
				s := enduser.NewSecret(enduser.Int(int64(i)))
				if i >= callers-8 {
					key, s = fmt.Sprint("k", i-(callers-8)), enduser.Secret{}
				}
				if _, err := w.acme.Update(ctx, ref, func(u *enduser.Edit) error { u.SetSensitive(key, s); return nil }); err != nil {
					t.Errorf("try %d, caller %d: %v", try, i, err)
				}
			})
			want := make(values)
			for i := range callers - 8 {
				want[fmt.Sprint("k", i+8)] = enduser.Int(int64(i))
			}
			reveals(t, fmt.Sprint("try ", try), w.acme, ref, want)
			changes := changesAfter(t, w.acme, u.Revision)
			if len(changes) != callers {
				t.Errorf("try %d: %d changes, want %d", try, len(changes), callers)
			}
		}
	})
}

// However updates, deletions, takeovers and sweeps are interleaved, every sensitive record
// has its user, live or expired.
func TestNoValuesWithoutUser(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		var wg sync.WaitGroup
		turns := size.Pick(t, 20, 120, 400)
		for worker := range 6 {
			wg.Go(func() {
				for i := range turns {
					id := fmt.Sprint("crm-", (i*7+worker)%3)
					ref := enduser.ByExternalID(id)
					var err error
					switch (i + worker) % 6 {
					case 0, 1:
						_, _, err = w.acme.Ensure(ctx, enduser.Spec{ExternalID: id, ExpiresIn: time.Second, Sensitive: secrets{"k": secret("v")}})
					case 2:
						_, err = w.acme.Update(ctx, ref, func(u *enduser.Edit) error { u.SetSensitive(fmt.Sprint("k", worker), secret("v")); return nil })
					case 3:
						_, err = w.acme.Update(ctx, ref, func(u *enduser.Edit) error { u.ClearSensitive(); return nil })
					case 4:
						if i%4 == 0 {
							err = w.acme.Delete(ctx, ref)
						} else {
							_, err = w.users.Sweep(ctx)
						}
					default:
						w.Advance(300 * time.Millisecond)
						_, _, err = w.acme.Upsert(ctx, enduser.Spec{ExternalID: id, Sensitive: secrets{"l": secret("w")}, ExpiresIn: time.Second})
					}
					if err != nil && !errors.Is(err, enduser.ErrNotFound) && !errors.Is(err, enduser.ErrContended) {
						t.Errorf("worker %d, turn %d: %v", worker, i, err)
					}
				}
			})
		}
		wg.Wait()
		checkSensitiveHaveUsers(t, st, "acme")
		w.Advance(enduser.SensitiveTTL)
		must(w.users.Sweep(ctx))(t)
		if ids := sensitiveOf(t, st, "acme"); len(ids) != 0 {
			t.Errorf("records of %v are left", ids)
		}
	})
}

// checkSensitiveHaveUsers checks that every sensitive record has its user.
func checkSensitiveHaveUsers(t testing.TB, st store.Store, name string) {
	t.Helper()
	for _, id := range sensitiveOf(t, st, name) {
		r, err := st.Get(t.Context(), name, store.ID(id))
		if err != nil || r.Kind != "user" {
			t.Errorf("values of %s without a user: %v, kind %q", id, err, r.Kind)
		}
	}
}
