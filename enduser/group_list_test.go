package enduser_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// Pages of every size, from both ends and in both orders, are the list.
func TestListGroups(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		empty := must(w.acme.ListGroups(ctx, enduser.GroupQuery{}))(t)
		if empty.Groups == nil || len(empty.Groups) != 0 || empty.HasMore || empty.HasPrevious {
			t.Errorf("no groups: %+v", empty)
		}
		var want []enduser.Group
		for i := range 11 {
			must(w.acme.Create(ctx, enduser.Spec{}))(t) // between them, and not in the list
			g := must(w.acme.CreateGroup(ctx, enduser.GroupSpec{ProvidedID: fmt.Sprint("g", i), Name: fmt.Sprint("Group ", i)}))(t)
			must(w.acme.In(enduser.Testing).CreateGroup(ctx, enduser.GroupSpec{ProvidedID: fmt.Sprint("g", i)}))(t)
			want = append(want, g)
		}
		if err := w.acme.DeleteGroup(ctx, enduser.GroupByID(want[4].ID)); err != nil {
			t.Fatal(err)
		}
		want = slices.Delete(want, 4, 5)
		want[2] = must(w.acme.UpdateGroup(ctx, enduser.GroupByID(want[2].ID), func(g *enduser.Group) error { g.Demo = true; return nil }))(t)
		for _, desc := range []bool{false, true} {
			if desc {
				slices.Reverse(want)
			}
			for _, limit := range []int{1, 3, 10, 11, 500, 0} {
				what := fmt.Sprintf("desc %v, limit %d", desc, limit)
				forth, last := walkGroups(t, w.acme, enduser.GroupQuery{Desc: desc, Limit: limit})
				diff(t, what, forth, want)
				// Back from the last, without it.
				var back []enduser.Group
				q := enduser.GroupQuery{Desc: desc, Limit: limit, Before: last.Cursor()}
				for more := true; more; {
					page := must(w.acme.ListGroups(ctx, q))(t)
					if !page.HasMore {
						t.Errorf("%s: nothing after a page before another", what)
					}
					back = append(slices.Clone(page.Groups), back...)
					if more = page.HasPrevious; more {
						q.Before = page.Groups[0].Cursor()
					}
				}
				diff(t, what+", back", back, want[:len(want)-1])
			}
		}
		for what, q := range map[string]enduser.GroupQuery{
			"limit": {Limit: -1}, "limit ": {Limit: 501},
			"cursor": {After: -1}, "cursor ": {Before: -1}, "cursor  ": {After: 1, Before: 2},
		} {
			_, err := w.acme.ListGroups(ctx, q)
			wantInvalid(t, what, err, map[byte]string{'l': "limit invalid_value", 'c': "cursor invalid_value"}[what[0]])
		}
	})
}

// walkGroups reads a list page by page.
func walkGroups(t *testing.T, tenant enduser.Tenant, q enduser.GroupQuery) (all []enduser.Group, last enduser.Group) {
	t.Helper()
	for more := true; more; {
		page := must(tenant.ListGroups(t.Context(), q))(t)
		if page.HasPrevious != (len(all) > 0) {
			t.Errorf("%+v: has previous %v", q, page.HasPrevious)
		}
		all = append(all, page.Groups...)
		more = page.HasMore
		last = all[len(all)-1]
		q.After = last.Cursor()
	}
	return all, last
}

// Users belong to a group by its provided ID in any case, before it exists, while
// it does, and after.
func TestUsersOfAGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		first := must(w.acme.Create(ctx, enduser.Spec{Groups: []string{"Team-é"}}))(t)
		members := func(what string, want ...string) {
			t.Helper()
			for _, spelling := range []string{"Team-é", "TEAM-É", "team-e\u0301"} {
				page := must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Group: spelling}}))(t)
				diff(t, what+" by "+spelling, ids(page.Users), want)
			}
		}
		members("before", first.ID)
		g := must(w.acme.CreateGroup(ctx, enduser.GroupSpec{ProvidedID: "TEAM-É"}))(t)
		members("created", first.ID)
		next := must(w.acme.Create(ctx, enduser.Spec{Groups: []string{g.ProvidedID, "other"}}))(t)
		members("another", first.ID, next.ID)
		// A spelling that is the same ID is the same membership.
		s := enduser.Spec{ExternalID: "x", Groups: []string{"team-É"}}
		upserted(w.acme.Upsert(ctx, s))(t, enduser.Created)
		s.Groups[0] = "TEAM-é"
		u := upserted(w.acme.Upsert(ctx, s))(t, enduser.Unchanged)
		diff(t, "groups", u.Groups, []string{"team-É"})
		_, err := w.acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.User) error {
			u.Groups = []string{"team-é", "TEAM-e\u0301"}
			return nil
		})
		wantInvalid(t, "twice", err, "groups[1] duplicate")
		if err := w.acme.DeleteGroup(ctx, enduser.GroupByID(g.ID)); err != nil {
			t.Fatal(err)
		}
		members("deleted", first.ID, next.ID, u.ID)
		diff(t, "left alone", must(w.acme.Get(ctx, enduser.ByID(first.ID)))(t), first)
	})
}

func TestAllGroups(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		const count = 450 // more than two pages
		for i := range count {
			must(w.acme.CreateGroup(ctx, enduser.GroupSpec{ProvidedID: fmt.Sprint("g", i)}))(t)
		}
		n := 0
		for g, err := range w.acme.AllGroups(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if g.ProvidedID != fmt.Sprint("g", n) {
				t.Fatalf("group %d is %s", n, g.ProvidedID)
			}
			if n++; n == 250 { // the body of the loop may write
				if err := w.acme.DeleteGroup(ctx, enduser.GroupByID(g.ID)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n != count {
			t.Errorf("%d groups, want %d", n, count)
		}
		for _, err := range w.users.Tenant("").AllGroups(ctx) {
			wantErr(t, "no tenant", err, enduser.ErrInvalid)
			n++
		}
		if n != count+1 {
			t.Error("an error was not yielded once")
		}
	})
}
