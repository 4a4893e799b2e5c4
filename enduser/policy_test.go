package enduser_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A policy goes with the handle, and one that the host has set wins.
func TestWhichPolicyHolds(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		slackOnly := enduser.Policy{AccountTypes: []string{"slack"}}
		users := enduser.New(st, &enduser.Options{Policy: func(tenant string) (enduser.Policy, bool) { return slackOnly, tenant == "fixed" }})
		irc := enduser.Spec{Accounts: []enduser.Account{{Type: "irc", ID: "a"}}}
		must(users.Tenant("free").Create(ctx, irc))(t)
		const want = "linked_accounts[0].type invalid_value"
		wantInvalid(t, "given", second(users.Tenant("free").With(slackOnly).Create(ctx, irc)), want)
		wantInvalid(t, "fixed", second(users.Tenant("fixed").Create(ctx, irc)), want)
		wantInvalid(t, "fixed and given", second(users.Tenant("fixed").With(enduser.Policy{}).Create(ctx, irc)), want)
		must(users.Tenant("fixed").Create(ctx, enduser.Spec{Accounts: []enduser.Account{{Type: "slack", ID: "a"}}}))(t)
	})
}

// A handle says which policy holds, with its defaults. What is done to the answer changes
// nothing.
func TestPolicyOfAHandle(t *testing.T) {
	t.Parallel()
	given := enduser.Policy{AccountTypes: []string{"slack"}, MaxGroups: 1000}
	users := enduser.New(memory.New(nil), &enduser.Options{Policy: func(tenant string) (enduser.Policy, bool) {
		return enduser.Policy{MaxName: 7}, tenant == "fixed"
	}})
	for what, tt := range map[string]struct {
		tenant           enduser.Tenant
		types            []string
		name, groups, id int
	}{
		"given":           {users.Tenant("free").With(given), []string{"slack"}, 256, 128, 255},
		"fixed and given": {users.Tenant("fixed").With(given), nil, 7, 64, 255},
		"of no Manager":   {enduser.Tenant{}, nil, 256, 64, 255},
	} {
		for range 2 {
			p := tt.tenant.Policy()
			if !slices.Equal(p.AccountTypes, tt.types) || p.MaxName != tt.name || p.MaxGroups != tt.groups || p.MaxExternalID != tt.id {
				t.Errorf("%s: %+v", what, p)
			}
			for i := range p.AccountTypes {
				p.AccountTypes[i] = "irc"
			}
		}
	}
}

func TestReindex(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		const n = 230 // more than a page
		for i := range n {
			must(w.acme.Create(ctx, enduser.Spec{Metadata: enduser.Metadata{"plan": enduser.String([]string{"pro", "free"}[i%2])}}))(t)
		}
		must(w.acme.Create(ctx, enduser.Spec{Name: "has no plan"}))(t)
		must(w.acme.In(enduser.Testing).Create(ctx, enduser.Spec{Metadata: enduser.Metadata{"plan": enduser.String("pro")}}))(t)
		before := must(w.acme.Get(ctx, enduser.ByID("u1")))(t)
		fed := len(changesAfter(t, w.acme, 0))

		w.schema = enduser.Schema{IndexedMetadata: []string{"plan", "n"}}
		acme := w.acme
		pro := enduser.Query{Filter: enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("pro")}}, Limit: 500}
		if got := len(must(acme.List(ctx, pro))(t).Users); got != 0 {
			t.Errorf("%d users are found before they are indexed", got)
		}
		for _, want := range []int{n, 0} {
			if got := must(acme.Reindex(ctx))(t); got != want {
				t.Errorf("reindexed %d, want %d", got, want)
			}
		}
		if got := len(must(acme.List(ctx, pro))(t).Users); got != n/2 {
			t.Errorf("%d users are found, want %d", got, n/2)
		}
		if got := len(must(acme.In(enduser.Testing).List(ctx, pro))(t).Users); got != 0 {
			t.Errorf("%d users of the other environment were indexed too", got)
		}
		after := must(acme.Get(ctx, enduser.ByID("u1")))(t)
		if after.Revision <= before.Revision || after.Version == before.Version {
			t.Errorf("revision %d and version %s, was %d and %s", after.Revision, after.Version, before.Revision, before.Version)
		}
		after.Version, after.Revision = before.Version, before.Revision
		diff(t, "the user", after, before)
		if got := len(changesAfter(t, w.acme, 0)); got != fed {
			t.Errorf("the feed has %d changes, want %d", got, fed)
		}
	})
}

func TestHandlesThatAreNotAdmitted(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		users := enduser.New(st, nil)
		for name, c := range map[string]struct {
			tenant enduser.Tenant
			want   []string
		}{
			"no name":     {users.Tenant(""), []string{"tenant invalid_value"}},
			"long name":   {users.Tenant(strings.Repeat("x", 256)), []string{"tenant invalid_value"}},
			"not UTF-8":   {users.Tenant("\xff"), []string{"tenant invalid_value"}},
			"control":     {users.Tenant("a\x00"), []string{"tenant invalid_value"}},
			"environment": {users.Tenant("a").In("Staging"), []string{"environment invalid_value"}},
			"actor":       {users.Tenant("a").As("\n"), []string{"actor invalid_value"}},
			"long actor":  {users.Tenant("a").As(strings.Repeat("x", 257)), []string{"actor invalid_value"}},
			"all": {users.Tenant("").In("x").As("\n"), []string{
				"tenant invalid_value", "environment invalid_value", "actor invalid_value",
			}},
		} {
			for op, call := range operations(t) {
				wantInvalid(t, name+": "+op, call(c.tenant, nobody()), c.want...)
			}
		}
	})
}

func TestTheZeroTenant(t *testing.T) {
	for op, call := range operations(t) {
		wantErr(t, op, guard(func() error { return call(enduser.Tenant{}, nobody()) }), enduser.ErrInvalid)
	}
}

// guard turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}
