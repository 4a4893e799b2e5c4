package enduser_test

import (
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
)

// Each value is live until 24 hours after it was written, and expires then even if nothing
// is swept. Sweep deletes expired values and nothing else.
func TestSensitiveTTL(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"early": secret("1"), "again": secret("2")}}))(t)
		ref := enduser.ByID(u.ID)
		w.Advance(time.Hour)
		must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error {
			u.SetSensitive("again", secret("2"))
			u.SetSensitive("late", secret("3"))
			return nil
		}))(t)
		early, again, late := enduser.String("1"), enduser.String("2"), enduser.String("3")
		fed := feed(t, w.acme)

		w.Advance(23*time.Hour - time.Millisecond)
		reveals(t, "a millisecond before", w.acme, ref, values{"early": early, "again": again, "late": late})
		sweepNone(t, w)
		reveals(t, "swept a millisecond before", w.acme, ref, values{"early": early, "again": again, "late": late})
		revision := must(w.acme.Get(ctx, ref))(t).Revision

		w.Advance(time.Millisecond)
		reveals(t, "at the deadline", w.acme, ref, values{"again": again, "late": late})
		before := must(st.Get(ctx, "acme", store.ID("sensitive/"+u.ID)))(t)
		sweepNone(t, w)
		after := must(st.Get(ctx, "acme", store.ID("sensitive/"+u.ID)))(t)
		if len(after.Data) >= len(before.Data) || !after.Due.Equal(epoch.Add(25*time.Hour)) {
			t.Errorf("swept: %d bytes of %d left, due %v", len(after.Data), len(before.Data), after.Due)
		}
		reveals(t, "swept at the deadline", w.acme, ref, values{"again": again, "late": late})

		w.Advance(time.Hour - time.Millisecond)
		reveals(t, "a millisecond before the next", w.acme, ref, values{"again": again, "late": late})
		w.Advance(time.Millisecond)
		reveals(t, "at the next", w.acme, ref, values{})
		sweepNone(t, w)
		if ids := sensitiveOf(t, st, "acme"); len(ids) != 0 {
			t.Errorf("records of %v are left", ids)
		}
		reveals(t, "swept", w.acme, ref, values{})
		diff(t, "feed", feed(t, w.acme), fed) // that values expire is no change of the user
		if got := must(w.acme.Get(ctx, ref))(t); got.Revision != revision {
			t.Errorf("the user has revision %d, had %d", got.Revision, revision)
		}
		// And it all begins anew.
		must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error { u.SetSensitive("new", secret("4")); return nil }))(t)
		reveals(t, "new", w.acme, ref, values{"new": enduser.String("4")})
		ok(t, w.acme.Delete(ctx, ref))
		if ids := sensitiveOf(t, st, "acme"); len(ids) != 0 {
			t.Errorf("records of %v are left", ids)
		}
	})
}

func sweepNone(t *testing.T, w *world) {
	t.Helper()
	if n := must(w.users.Sweep(t.Context()))(t); n != 0 {
		t.Errorf("swept %d users", n)
	}
}

// To an update, expired values do not exist: removing them changes nothing, and the next
// write drops them.
func TestUpdatesOfExpiredValues(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"dead": secret("1")}}))(t)
		ref := enduser.ByID(u.ID)
		w.Advance(enduser.SensitiveTTL)
		for name, edit := range map[string]func(*enduser.Edit){
			"null": func(u *enduser.Edit) { u.SetSensitive("dead", enduser.Secret{}) }, "clear": func(u *enduser.Edit) { u.ClearSensitive() },
		} {
			got := must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error { edit(u); return nil }))(t)
			diff(t, name, got, u)
		}
		must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error { u.SetSensitive("new", secret("2")); return nil }))(t)
		reveals(t, "new", w.acme, ref, values{"new": enduser.String("2")})
		if r := must(st.Get(ctx, "acme", store.ID("sensitive/"+u.ID)))(t); !r.Due.Equal(w.Now().Add(enduser.SensitiveTTL)) {
			t.Errorf("due %v: the expired value is still there", r.Due)
		}
		w.Advance(enduser.SensitiveTTL)
		sweepNone(t, w) // the record goes, and the user does not know
		got := must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error { u.Name = "x"; u.ClearSensitive(); return nil }))(t)
		diff(t, "after a sweep", must(w.acme.Get(ctx, ref))(t), got)
		ok(t, w.acme.Delete(ctx, ref))
	})
}

// Whatever deletes a user deletes its values in the same batch.
func TestSensitiveGoesWithItsUser(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		watched := &faultstore.Store{Store: st}
		w := newWorld(watched)
		watched.OnApplied = func(_ int64, ops []store.Op) error {
			for _, op := range ops {
				if op.New == nil && op.Old.Kind == "user" {
					sensitive := "sensitive/" + op.Old.ID
					if _, err := st.Get(ctx, "acme", store.ID(sensitive)); err == nil {
						t.Errorf("%s is deleted without its values", op.Old.ID)
					}
				}
			}
			return nil
		}
		account := []enduser.Account{{Type: "irc", ID: "a"}}
		provisional := func() enduser.User {
			return must(w.acme.Create(ctx, enduser.Spec{
				ExternalID: "a", Accounts: account, ExpiresIn: time.Minute, Sensitive: secrets{"k": secret("v"), "l": secret("w")},
			}))(t)
		}
		for name, end := range map[string]func(enduser.User){
			"deleted": func(u enduser.User) {
				ok(t, w.acme.Delete(ctx, enduser.ByID(u.ID)))
			},
			"swept": func(enduser.User) {
				w.Advance(time.Minute)
				if n := must(w.users.Sweep(ctx))(t); n != 1 {
					t.Errorf("swept %d", n)
				}
			},
			"taken over by a create": func(enduser.User) {
				w.Advance(time.Minute)
				must(w.acme.Create(ctx, enduser.Spec{ExternalID: "A"}))(t)
			},
			"taken over by an ensure with values": func(enduser.User) {
				w.Advance(time.Minute)
				upserted(w.acme.Ensure(ctx, enduser.Spec{Accounts: account, Sensitive: secrets{"new": secret("n")}}))(t, enduser.Created)
				reveals(t, "the new one", w.acme, enduser.ByAccount(enduser.Account{Type: "irc", ID: "a"}), values{"new": enduser.String("n")})
			},
			"taken over by an update": func(enduser.User) {
				w.Advance(time.Minute)
				u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
				must(w.acme.Link(ctx, enduser.ByID(u.ID), account[0]))(t)
			},
		} {
			u := provisional()
			ref := enduser.ByID(u.ID)
			reveals(t, name, w.acme, ref, values{"k": enduser.String("v"), "l": enduser.String("w")})
			end(u)
			wantErr(t, name+": reveal", second(w.acme.RevealSensitive(ctx, ref)), enduser.ErrNotFound)
			wantErr(t, name+": the record of its values", second(st.Get(ctx, "acme", store.ID("sensitive/"+u.ID))), store.ErrNotFound)
			for u, err := range w.acme.All(ctx, enduser.Filter{}) { // clean for the next
				ok(t, w.acme.Delete(ctx, enduser.ByID(must(u, err)(t).ID)))
			}
			must(w.users.Sweep(ctx))(t)
			if ids := sensitiveOf(t, st, "acme"); len(ids) != 0 {
				t.Errorf("%s: records of %v are left", name, ids)
			}
		}
		// A user that has expired shows nothing, before any sweep.
		u := provisional()
		w.Advance(time.Minute)
		wantErr(t, "expired", second(w.acme.RevealSensitive(ctx, enduser.ByID(u.ID))), enduser.ErrNotFound)
	})
}

// A damaged sensitive record is replaced if an update clears all values, deleted with its
// user, and swept once none of its values can be live.
func TestDamagedSensitiveRecord(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		spoil := func(id string) store.Key {
			t.Helper()
			u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: id, Sensitive: map[string]enduser.Secret{"a": enduser.NewSecret(enduser.Int(1))}}))(t)
			tamper(t, st, "sensitive/"+u.ID, func(r *store.Record) { r.Data = []byte("{") })
			return store.ID("sensitive/" + u.ID)
		}
		cleared, swept, deleted := spoil("cleared"), spoil("swept"), spoil("deleted")
		set := func(id string, anew bool) error {
			return second(w.acme.Update(ctx, enduser.ByExternalID(id), func(u *enduser.Edit) error {
				if anew {
					u.ClearSensitive()
				}
				u.SetSensitive("b", enduser.NewSecret(enduser.Int(2)))
				return nil
			}))
		}
		wantErr(t, "set beside what cannot be read", set("cleared", false), enduser.ErrCorrupt)
		if err := set("cleared", true); err != nil {
			t.Errorf("set after all was cleared: %v", err)
		}
		diff(t, "revealed", must(w.acme.RevealSensitive(ctx, enduser.ByExternalID("cleared")))(t), map[string]enduser.Value{"b": enduser.Int(2)})
		ok(t, w.acme.Delete(ctx, enduser.ByExternalID("deleted")))
		wantErr(t, "deleted with its user", second(st.Get(ctx, "acme", deleted)), store.ErrNotFound)
		for range 2 {
			must(st.Get(ctx, "acme", swept))(t)
			w.Advance(enduser.SensitiveTTL + time.Millisecond)
			must(w.users.Sweep(ctx))(t)
		}
		wantErr(t, "swept the second time", second(st.Get(ctx, "acme", swept)), store.ErrNotFound)
		wantErr(t, "swept like others", second(st.Get(ctx, "acme", cleared)), store.ErrNotFound)
	})
}
