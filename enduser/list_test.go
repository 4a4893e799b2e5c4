package enduser_test

import (
	"fmt"
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
				ok(t, acme.Delete(ctx, enduser.ByID(u.ID)))
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
