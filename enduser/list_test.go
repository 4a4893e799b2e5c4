package enduser_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// people makes n users: every second is in group "even", every third is called
// Ann, every fifth has the plan "pro".
func people(t testing.TB, acme enduser.Tenant, n int) []enduser.User {
	t.Helper()
	var users []enduser.User
	for i := range n {
		s := enduser.Spec{ExternalID: fmt.Sprint("crm-", i), Name: "Bob Ünal", Email: fmt.Sprintf("u%d@example.com", i/2)}
		if i%2 == 0 {
			s.Groups = []string{"even"}
		}
		if i%3 == 0 {
			s.Name = "Ann-Marie O'Neil, ÜNAL"
		}
		if i%5 == 0 {
			s.Metadata = enduser.Metadata{"plan": enduser.String("pro"), "n": enduser.Int(int64(i))}
		}
		s.Accounts = []enduser.Account{{Type: "irc", ID: fmt.Sprint(i)}}
		users = append(users, must(acme.Create(t.Context(), s))(t))
	}
	return users
}

// indexed is a schema under which people are found by their metadata.
var indexed = enduser.Schema{IndexedMetadata: []string{"plan", "n"}}

func TestListPages(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		acme := newWorld(st).acme
		page := must(acme.List(ctx, enduser.Query{}))(t)
		if page.Users == nil || len(page.Users) > 0 || !page.Next.IsZero() || !page.Previous.IsZero() {
			t.Errorf("no users: %+v", page)
		}
		want := ids(people(t, acme, 23))
		for _, desc := range []bool{false, true} {
			if desc {
				slices.Reverse(want)
			}
			for _, limit := range []int{1, 5, 22, 23, 24} {
				q := enduser.Query{Desc: desc, Limit: limit}
				got, last := walk(t, acme, q, len(want))
				diff(t, fmt.Sprintf("forward, desc %v, limit %d", desc, limit), got, want)
				q.Before = last
				got = walkBack(t, acme, q, len(want)-(len(want)-1)%limit-1)
				diff(t, fmt.Sprintf("backward, desc %v, limit %d", desc, limit), got, want[:len(got)])
			}
		}
		if n := len(must(acme.List(ctx, enduser.Query{}))(t).Users); n != 23 {
			t.Errorf("%d users of a page that is larger", n)
		}
		for name, q := range map[string]enduser.Query{
			"limit":          {Limit: 501},
			"negative limit": {Limit: -1},
		} {
			_, err := acme.List(ctx, q)
			wantInvalid(t, name, err, "limit invalid_value")
		}
		next := must(acme.List(ctx, enduser.Query{Limit: 1}))(t).Next
		_, err := acme.List(ctx, enduser.Query{Limit: 1, After: next, Before: next})
		wantInvalid(t, "two cursors", err, "cursor invalid_value")
	})
}

// walk reads page after page of a list of n users and checks what each says about its
// neighbors. It returns the IDs, and the cursor in front of the last page.
func walk(t testing.TB, acme enduser.Tenant, q enduser.Query, n int) (got []string, previous enduser.Cursor) {
	t.Helper()
	for {
		page := must(acme.List(t.Context(), q))(t)
		if page.Previous.IsZero() != (len(got) == 0) {
			t.Errorf("after %d users Previous is %v", len(got), page.Previous)
		}
		got = append(got, ids(page.Users)...)
		if page.Next.IsZero() != (len(got) == n) || len(got) > n {
			t.Fatalf("after %d of %d users Next is %v", len(got), n, page.Next)
		}
		if page.Next.IsZero() {
			return got, page.Previous
		}
		q.After = page.Next
	}
}

// walkBack reads from a cursor that n users stand in front of to the first of them.
func walkBack(t testing.TB, acme enduser.Tenant, q enduser.Query, n int) (got []string) {
	t.Helper()
	for !q.Before.IsZero() {
		page := must(acme.List(t.Context(), q))(t)
		if page.Next.IsZero() {
			t.Errorf("in front of %d users Next is zero", len(got))
		}
		got = append(ids(page.Users), got...)
		if page.Previous.IsZero() != (len(got) == n) || len(got) > n {
			t.Fatalf("after %d of %d users Previous is %v", len(got), n, page.Previous)
		}
		q.Before = page.Previous
	}
	return got
}

func TestListFilters(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		w.schema = indexed
		acme := w.acme
		users := people(t, acme, 60)
		pro := enduser.Metadata{"plan": enduser.String("pro")}
		for name, c := range map[string]struct {
			filter enduser.Filter
			want   func(i int) bool
		}{
			"external ID":             {enduser.Filter{ExternalID: "CRM-7"}, func(i int) bool { return i == 7 }},
			"e-mail":                  {enduser.Filter{Email: " U3@EXAMPLE.COM"}, func(i int) bool { return i/2 == 3 }},
			"account":                 {enduser.Filter{Account: enduser.Account{Type: "irc", ID: "7"}}, func(i int) bool { return i == 7 }},
			"word":                    {enduser.Filter{Name: "ann"}, func(i int) bool { return i%3 == 0 }},
			"words":                   {enduser.Filter{Name: "neil  MARIE"}, func(i int) bool { return i%3 == 0 }},
			"word composed otherwise": {enduser.Filter{Name: "u\u0308nal"}, func(int) bool { return true }},
			"part of a word":          {enduser.Filter{Name: "an"}, func(int) bool { return false }},
			"group":                   {enduser.Filter{Group: "even"}, func(i int) bool { return i%2 == 0 }},
			"group in another case":   {enduser.Filter{Group: "EVEN"}, func(int) bool { return false }},
			"metadata":                {enduser.Filter{Metadata: pro}, func(i int) bool { return i%5 == 0 }},
			"metadata twice":          {enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("pro"), "n": enduser.Int(10)}}, func(i int) bool { return i == 10 }},
			"metadata as text":        {enduser.Filter{Metadata: enduser.Metadata{"n": enduser.String("10")}}, func(i int) bool { return i == 10 }},
			"all three":               {enduser.Filter{Name: "Ann", Group: "even", Metadata: pro}, func(i int) bool { return i%30 == 0 }},
			"everything": {enduser.Filter{
				ExternalID: "crm-30", Email: "u15@example.com", Account: enduser.Account{Type: "irc", ID: "30"},
				Name: "o'neil", Group: "even", Metadata: pro,
			}, func(i int) bool { return i == 30 }},
			"unique, but not the group":  {enduser.Filter{ExternalID: "crm-31", Group: "even"}, func(int) bool { return false }},
			"unique, but not the name":   {enduser.Filter{ExternalID: "crm-31", Name: "Ann"}, func(int) bool { return false }},
			"unique, but not the e-mail": {enduser.Filter{ExternalID: "crm-31", Email: "x@example.com"}, func(int) bool { return false }},
			"unique, but not the plan":   {enduser.Filter{ExternalID: "crm-31", Metadata: pro}, func(int) bool { return false }},
			"two unique of two users":    {enduser.Filter{ExternalID: "crm-31", Account: enduser.Account{Type: "irc", ID: "30"}}, func(int) bool { return false }},
		} {
			var want []string
			for i, u := range users {
				if c.want(i) {
					want = append(want, u.ID)
				}
			}
			var got []string
			q := enduser.Query{Filter: c.filter, Limit: 7}
			for {
				page := must(acme.List(t.Context(), q))(t)
				got = append(got, ids(page.Users)...)
				if page.Next.IsZero() {
					break
				}
				q.After = page.Next
			}
			diff(t, name, got, want)
			got = nil
			for u, err := range acme.All(t.Context(), c.filter) {
				got = append(got, must(u, err)(t).ID)
			}
			diff(t, "All: "+name, got, want)
		}
	})
}

func TestListRefusesFilters(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		w.schema = indexed
		acme := w.acme
		seven := enduser.Metadata{}
		for i := range 7 {
			seven[fmt.Sprint("k", i)] = enduser.Int(1)
		}
		many := enduser.Schema{}
		for key := range seven {
			many.IndexedMetadata = append(many.IndexedMetadata, key)
		}
		for name, c := range map[string]struct {
			filter enduser.Filter
			want   string
		}{
			"a key that is not indexed": {enduser.Filter{Metadata: enduser.Metadata{"secret": enduser.Int(1)}}, "metadata invalid_value"},
			"no words":                  {enduser.Filter{Name: " - "}, "name invalid_value"},
			"nine words":                {enduser.Filter{Name: "a b c d e f g h i"}, "name invalid_value"},
			"name not UTF-8":            {enduser.Filter{Name: "\xff"}, "name invalid_value"},
			"external ID not UTF-8":     {enduser.Filter{ExternalID: "\xff"}, "external_id invalid_utf8"},
			"half an account":           {enduser.Filter{Account: enduser.Account{Type: "irc"}}, "account_id required"},
			"e-mail":                    {enduser.Filter{Email: "a\x00"}, "email invalid_characters"},
			"long group":                {enduser.Filter{Group: strings.Repeat("x", 257)}, "group too_long"},
		} {
			_, err := acme.List(t.Context(), enduser.Query{Filter: c.filter})
			wantInvalid(t, name, err, c.want)
			n := 0
			for _, err := range acme.All(t.Context(), c.filter) {
				n++
				wantInvalid(t, "All: "+name, err, c.want)
			}
			if n != 1 {
				t.Errorf("All: %s: %d errors, want one", name, n)
			}
		}
		w.schema = many
		_, err := acme.List(t.Context(), enduser.Query{Filter: enduser.Filter{Metadata: seven}})
		wantInvalid(t, "seven keys", err, "metadata too_many")
	})
}

// The loop's body may call the Manager, and what it does to users does not make
// the loop lose or repeat any.
func TestAllWhileWriting(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		acme := newWorld(st).acme
		const n = 450 // more than two pages
		users := people(t, acme, n)
		var got []string
		i := 0
		for u, err := range acme.All(ctx, enduser.Filter{}) {
			got = append(got, must(u, err)(t).ID)
			switch i++; {
			case i > n:
				t.Fatal("the loop sees what it writes itself without an end")
			case i%7 == 0:
				if err := acme.Delete(ctx, enduser.ByID(u.ID)); err != nil {
					t.Fatal(err)
				}
			case i%3 == 0:
				must(acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.Name = "seen"; return nil }))(t)
			}
		}
		diff(t, "seen", got, ids(users))
		i = 0
		for range acme.All(ctx, enduser.Filter{}) {
			if i++; i == 3 {
				break
			}
		}
	})
}

// An empty page behind a cursor, whose users are gone, says in either direction that
// nothing is beyond it, and leads back.
func TestEmptyPagesBehindACursor(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		acme := newWorld(st).acme
		users := people(t, acme, 4)
		for _, desc := range []bool{false, true} {
			first := must(acme.List(ctx, enduser.Query{Limit: 1, Desc: desc}))(t)
			rest := must(acme.List(ctx, enduser.Query{Limit: 50, Desc: desc, After: first.Next}))(t)
			back := must(acme.List(ctx, enduser.Query{Limit: 1, Desc: desc, Before: rest.Previous}))(t)
			diff(t, "back", ids(back.Users), ids(first.Users))
			last := users[len(users)-1]
			if desc {
				last = users[0]
			}
			inFront := must(acme.List(ctx, enduser.Query{Limit: len(users) - 1, Desc: desc}))(t)
			if err := acme.Delete(ctx, enduser.ByID(last.ID)); err != nil {
				t.Fatal(err)
			}
			empty := must(acme.List(ctx, enduser.Query{Limit: 3, Desc: desc, After: inFront.Next}))(t)
			if len(empty.Users) > 0 || !empty.Next.IsZero() || empty.Previous.IsZero() {
				t.Errorf("%d users, next %v, previous %v", len(empty.Users), empty.Next, empty.Previous)
			}
			back = must(acme.List(ctx, enduser.Query{Limit: 3, Desc: desc, Before: empty.Previous}))(t)
			diff(t, "back from an empty page", ids(back.Users), ids(inFront.Users))
			users = slices.DeleteFunc(users, func(u enduser.User) bool { return u.ID == last.ID })
		}
		all := must(acme.List(ctx, enduser.Query{Limit: 1}))(t)
		second := must(acme.List(ctx, enduser.Query{After: all.Next}))(t)
		if err := acme.Delete(ctx, enduser.ByID(all.Users[0].ID)); err != nil {
			t.Fatal(err)
		}
		empty := must(acme.List(ctx, enduser.Query{Before: second.Previous}))(t)
		if len(empty.Users) > 0 || !empty.Previous.IsZero() || empty.Next.IsZero() {
			t.Errorf("%d users, next %v, previous %v", len(empty.Users), empty.Next, empty.Previous)
		}
		diff(t, "on from an empty page", ids(must(acme.List(ctx, enduser.Query{After: empty.Next}))(t).Users), ids(second.Users))
	})
}
