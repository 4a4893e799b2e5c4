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
		diff(t, "nothing", changesAfter(t, w.acme, 0), []enduser.Change{})
		s := everything()
		must(w.acme.Create(ctx, s))(t)
		w.Advance(time.Second)
		bob := w.acme.As("bob")
		s.ExternalID = "crm-7"
		s.Name, s.Email = "A", "b@example.com"
		s.Metadata = enduser.Metadata{"plan": enduser.Null, "a.b": enduser.Int(1)}
		s.SystemProperties = enduser.Metadata{"x": enduser.Null, "beta": enduser.Bool(false)}
		s.Accounts, s.Groups = append(s.Accounts, enduser.Account{Type: "irc", ID: "a"}), []string{"g3"}
		upserted(bob.Upsert(ctx, s))(t, enduser.Updated)
		must(bob.Associate(ctx, enduser.ByID("u1")))(t)
		must(bob.Associate(ctx, enduser.ByID("u1")))(t) // nothing
		must(bob.Update(ctx, enduser.ByID("u1"), func(u *enduser.Edit) error {
			u.ExternalID, u.FirstName, u.LastName, u.Avatar, u.Language = "", "", "", "", ""
			return nil
		}))(t)
		ok(t, w.acme.As("").Delete(ctx, enduser.ByID("u1")))
		later := epoch.Add(time.Second)
		diff(t, "feed", changesAfter(t, w.acme, 0), []enduser.Change{
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

// readFeed reads a tenant's feed page by page, from where the query begins.
func readFeed(t testing.TB, tenant enduser.Tenant, q enduser.ChangeQuery) (all []enduser.Change) {
	t.Helper()
	for {
		page := must(tenant.Changes(t.Context(), q))(t)
		all = append(all, page.Changes...)
		if n := len(page.Changes); n > 0 && page.Position != page.Changes[n-1].Position {
			t.Errorf("the position of a page is %v, and its last entry's %v", page.Position, page.Changes[n-1].Position)
		}
		if !page.More {
			return all
		}
		if q.Desc {
			q.Before = page.Position
		} else {
			q.After = page.Position
		}
	}
}

// changedIDs returns what changes are about.
func changedIDs(changes []enduser.Change) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.ID
	}
	return out
}

func TestWaitChanges(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		origin := must(w.acme.Latest(t.Context()))(t)
		must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
		for name, p := range map[string]enduser.Position{"the origin": origin, "none": {}} {
			if err := w.acme.WaitChanges(t.Context(), p); err != nil {
				t.Errorf("after %s there is one already: %v", name, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		done := make(chan error, 1)
		wait := func() {
			after := must(w.acme.Latest(ctx))(t)
			go func() { done <- w.acme.WaitChanges(ctx, after) }()
		}
		wait()
		must(w.users.Tenant("other").Create(ctx, enduser.Spec{}))(t)
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		if err := <-done; err != nil {
			t.Error("a write did not wake it:", err)
		}
		wait()
		cancel()
		wantErr(t, "context", <-done, context.Canceled)
		ok(t, w.acme.TrimChanges(t.Context(), must(w.acme.Latest(t.Context()))(t)))
		if err := w.acme.WaitChanges(t.Context(), origin); err != nil {
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
		after := must(acme.Latest(ctx))(t)
		go func() {
			for range n {
				if _, err := acme.Create(ctx, enduser.Spec{}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for next := int64(1); next <= n; {
			ok(t, acme.WaitChanges(ctx, after))
			page := must(acme.Changes(ctx, enduser.ChangeQuery{After: after}))(t)
			for _, c := range page.Changes {
				if c.Revision != next {
					t.Fatalf("revision %d stands where %d belongs: the feed has a gap", c.Revision, next)
				}
				next++
				if _, err := acme.Get(ctx, enduser.ByID(c.ID)); err != nil {
					t.Errorf("change %d: %v", c.Revision, err)
				}
			}
			after = page.Position
		}
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
