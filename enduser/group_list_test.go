package enduser_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// Pages of every size, forth and back and in both orders, are the list.
func TestListGroups(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		empty := must(w.acme.Groups().List(ctx, enduser.GroupQuery{}))(t)
		if empty.Groups == nil || len(empty.Groups) != 0 || !empty.Next.IsZero() || !empty.Previous.IsZero() {
			t.Errorf("no groups: %+v", empty)
		}
		var want []enduser.Group
		for i := range 11 {
			must(w.acme.Create(ctx, enduser.Spec{}))(t) // between them, and not in the list
			g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i), Name: fmt.Sprint("Group ", i)}))(t)
			made(w.acme.In(enduser.Testing).Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i)}))(t)
			want = append(want, g)
		}
		ok(t, w.acme.Groups().Delete(ctx, enduser.GroupByID(want[4].ID)))
		want = slices.Delete(want, 4, 5)
		want[2] = must(w.acme.Groups().Update(ctx, enduser.GroupByID(want[2].ID), func(g *enduser.Group) error { g.Name = "x"; return nil }))(t)
		for _, desc := range []bool{false, true} {
			if desc {
				slices.Reverse(want)
			}
			for _, limit := range []int{1, 3, 10, 11, 500, 0} {
				what := fmt.Sprintf("desc %v, limit %d", desc, limit)
				q := enduser.GroupQuery{Desc: desc, Limit: limit}
				var pages [][]enduser.Group
				for more := true; more; {
					page := must(w.acme.Groups().List(ctx, q))(t)
					if page.Previous.IsZero() != (len(pages) == 0) {
						t.Errorf("%s: page %d has the previous cursor %v", what, len(pages), page.Previous)
					}
					pages = append(pages, page.Groups)
					if q.After, more = page.Next, !page.Next.IsZero(); !more {
						q.Before = page.Previous
					}
				}
				diff(t, what, slices.Concat(pages...), want)
				for i := len(pages) - 2; i >= 0; i-- {
					page := must(w.acme.Groups().List(ctx, q))(t)
					if page.Next.IsZero() {
						t.Errorf("%s: page %d has no next one on the way back", what, i)
					}
					diff(t, what+", back", page.Groups, pages[i])
					q.Before = page.Previous
				}
				if !q.Before.IsZero() {
					t.Errorf("%s: a page before the first", what)
				}
			}
		}
		for _, limit := range []int{-1, 501} {
			wantInvalid(t, "limit", second(w.acme.Groups().List(ctx, enduser.GroupQuery{Limit: limit})), "limit invalid_value")
		}
		next := must(w.acme.Groups().List(ctx, enduser.GroupQuery{Limit: 1}))(t).Next
		for what, c := range map[string]struct {
			groups enduser.Groups
			query  enduser.GroupQuery
			want   string
		}{
			"two cursors":         {w.acme.Groups(), enduser.GroupQuery{After: next, Before: next}, "cursor invalid_value"},
			"another order":       {w.acme.Groups(), enduser.GroupQuery{After: next, Desc: true}, "cursor invalid_cursor"},
			"another environment": {w.acme.In(enduser.Testing).Groups(), enduser.GroupQuery{After: next}, "cursor invalid_cursor"},
			"another tenant":      {w.users.Tenant("other").Groups(), enduser.GroupQuery{Before: next}, "cursor invalid_cursor"},
		} {
			wantInvalid(t, what, second(c.groups.List(ctx, c.query)), c.want)
		}
		wantInvalid(t, "a list of users", second(w.acme.List(ctx, enduser.Query{After: next})), "cursor invalid_cursor")
	})
}

// Users belong to a group by its external ID in any spelling, before the group exists,
// while it does, and after.
func TestUsersOfAGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		first := must(w.acme.Create(ctx, enduser.Spec{Groups: []string{"Team-é"}}))(t)
		members := func(what string, want ...string) {
			t.Helper()
			for _, spelling := range []string{"Team-é", "Team-e\u0301"} {
				page := must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Group: spelling}}))(t)
				diff(t, what+" by "+spelling, ids(page.Users), want)
			}
		}
		members("before", first.ID)
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "Team-e\u0301"}))(t)
		members("created", first.ID)
		next := must(w.acme.Create(ctx, enduser.Spec{Groups: []string{g.ExternalID, "other"}}))(t)
		members("another", first.ID, next.ID)
		// A spelling that is the same ID is the same membership.
		s := enduser.Spec{ExternalID: "x", Groups: []string{"Team-é"}}
		upserted(w.acme.Upsert(ctx, s))(t, enduser.Created)
		s.Groups[0] = "Team-e\u0301"
		u := upserted(w.acme.Upsert(ctx, s))(t, enduser.Unchanged)
		diff(t, "groups", u.Groups, []string{"Team-é"})
		_, err := w.acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error {
			u.Groups = []string{"Team-e\u0301", "team-é", "Team-é"}
			return nil
		})
		wantInvalid(t, "twice", err, "groups[2] duplicate")
		ok(t, w.acme.Groups().Delete(ctx, enduser.GroupByID(g.ID)))
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
			made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i)}))(t)
		}
		n := 0
		for g, err := range w.acme.Groups().All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if g.ExternalID != fmt.Sprint("g", n) {
				t.Fatalf("group %d is %s", n, g.ExternalID)
			}
			if n++; n == 250 { // the body of the loop may write
				ok(t, w.acme.Groups().Delete(ctx, enduser.GroupByID(g.ID)))
			}
		}
		if n != count {
			t.Errorf("%d groups, want %d", n, count)
		}
		for _, err := range w.users.Tenant("").Groups().All(ctx) {
			wantErr(t, "no tenant", err, enduser.ErrInvalid)
			n++
		}
		if n != count+1 {
			t.Error("an error was not yielded once")
		}
	})
}
