package enduser_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

func TestChangesSayWhatWasDone(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		diff(t, "nothing", must(w.acme.Changes(ctx, 0, 0))(t), []enduser.Change{})
		s := everything()
		must(w.acme.Create(ctx, s))(t)
		w.advance(time.Second)
		bob := w.acme.As("bob")
		s.ExternalID = "crm-7"
		s.Name, s.Email = "A", "b@example.com"
		s.Metadata = enduser.Metadata{"plan": enduser.Null, "a.b": enduser.Int(1)}
		s.SystemProperties = enduser.Metadata{"x": enduser.Null, "beta": enduser.Bool(false)}
		s.Accounts, s.Groups = append(s.Accounts, enduser.Account{Type: "irc", ID: "a"}), []string{"g3"}
		upserted(bob.Upsert(ctx, s))(t, enduser.Updated)
		must(bob.Associate(ctx, enduser.ByID("u1")))(t)
		must(bob.Associate(ctx, enduser.ByID("u1")))(t) // nothing
		must(bob.Update(ctx, enduser.ByID("u1"), func(u *enduser.User) error {
			u.ExternalID, u.FirstName, u.LastName, u.Avatar, u.Language = "", "", "", "", ""
			return nil
		}))(t)
		if err := w.acme.As("").Delete(ctx, enduser.ByID("u1")); err != nil {
			t.Fatal(err)
		}
		later := epoch.Add(time.Second)
		diff(t, "feed", must(w.acme.Changes(ctx, 0, 0))(t), []enduser.Change{
			{Revision: 1, Type: enduser.ChangeCreated, Kind: "user", ID: "u1", Actor: "ann", At: epoch},
			{Revision: 2, Type: enduser.ChangeUpdated, Kind: "user", ID: "u1", Actor: "bob", At: later, Fields: []string{
				"name", "email", "metadata.a.b", "metadata.plan", "system_properties.beta", "linked_accounts", "groups",
			}},
			{Revision: 3, Type: enduser.ChangeAssociated, Kind: "user", ID: "u1", Actor: "bob", At: later, Fields: []string{"expires_at"}},
			{Revision: 4, Type: enduser.ChangeUpdated, Kind: "user", ID: "u1", Actor: "bob", At: later, Fields: []string{
				"external_id", "first_name", "last_name", "avatar", "language",
			}},
			{Revision: 5, Type: enduser.ChangeDeleted, Kind: "user", ID: "u1", At: later},
		})
	})
}

func TestChangesPageAndTrim(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		acme := newWorld(st).acme
		want := ids(people(t, acme, 30))
		var got []string
		for after := int64(0); ; {
			page := must(acme.Changes(ctx, after, 7))(t)
			for _, c := range page {
				got = append(got, c.ID)
				after = c.Revision
			}
			if len(page) < 7 {
				break
			}
		}
		diff(t, "in pages", got, want)
		diff(t, "after the last", must(acme.Changes(ctx, 30, 0))(t), []enduser.Change{})
		diff(t, "beyond the last", must(acme.Changes(ctx, 1<<40, 0))(t), []enduser.Change{})

		if err := acme.TrimChanges(ctx, 10); err != nil {
			t.Fatal(err)
		}
		for _, after := range []int64{0, 9} {
			_, err := acme.Changes(ctx, after, 0)
			wantErr(t, "trimmed", err, enduser.ErrTrimmed)
		}
		if page := must(acme.Changes(ctx, 10, 1))(t); len(page) != 1 || page[0].Revision != 11 {
			t.Errorf("after the trim: %v", page)
		}
		must(acme.Get(ctx, enduser.ByID(want[0])))(t) // trimming takes no users away
		if err := acme.TrimChanges(ctx, 5); err != nil {
			t.Error("trimmed already:", err)
		}

		for name, err := range map[string]error{
			"limit":          second(acme.Changes(ctx, 0, 1001)),
			"negative limit": second(acme.Changes(ctx, 0, -1)),
			"negative":       second(acme.Changes(ctx, -1, 1)),
			"trim":           acme.TrimChanges(ctx, -1),
		} {
			sentinel(t, name, err)
			wantErr(t, name, err, enduser.ErrInvalid)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestWaitChanges(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		u := must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
		if err := w.acme.WaitChanges(t.Context(), 0); err != nil {
			t.Error("there is one already:", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- w.acme.WaitChanges(ctx, u.Revision) }()
		must(w.users.Tenant("other").Create(ctx, enduser.Spec{}))(t)
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		if err := <-done; err != nil {
			t.Error("a write did not wake it:", err)
		}
		go func() { done <- w.acme.WaitChanges(ctx, 1<<40) }()
		cancel()
		wantErr(t, "context", <-done, context.Canceled)
		if err := w.acme.TrimChanges(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if err := w.acme.WaitChanges(t.Context(), 0); err != nil {
			t.Error("ErrTrimmed is something to read:", err)
		}
	})
}

// A change in the feed is readable by what it points at: who sees it sees the
// user as it was then, or newer.
func TestChangesDoNotRunAhead(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		acme := newWorld(st).acme
		done := make(chan error, 1)
		const n = 100
		go func() {
			for range n {
				if _, err := acme.Create(ctx, enduser.Spec{}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for after, seen := int64(0), 0; seen < n; {
			if err := acme.WaitChanges(ctx, after); err != nil {
				t.Fatal(err)
			}
			for _, c := range must(acme.Changes(ctx, after, 0))(t) {
				if c.Revision != after+1 {
					t.Fatalf("revision %d follows %d: the feed has a gap", c.Revision, after)
				}
				after = c.Revision
				seen++
				if _, err := acme.Get(ctx, enduser.ByID(c.ID)); err != nil {
					t.Errorf("change %d: %v", c.Revision, err)
				}
			}
		}
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
