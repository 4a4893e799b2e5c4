package manage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

func sortedStrings(s []string) []string { return slices.Sorted(slices.Values(s)) }

// ann is a user with a value in every field.
var ann = enduser.Spec{
	ExternalID: "crm-7", Name: "Ann", FirstName: "Ann", LastName: "Smith", Email: "ann@example.com",
	Avatar: "https://example.com/ann.png", Language: "en", Metadata: enduser.Metadata{"plan": enduser.String("pro")},
	Accounts: []enduser.Account{{Type: "discord", ID: "8035"}}, Groups: []string{"crew"},
	SystemProperties: enduser.Metadata{"n": enduser.Int(1)},
}

func TestUsersGet(t *testing.T) {
	p := newPlace(t)
	acme := p.users.Tenant("acme").As("server")
	u := p.create(t, acme, ann)
	p.create(t, acme, enduser.Spec{Name: "Twin", Email: "twin@example.com"})
	p.create(t, acme, enduser.Spec{Name: "Twin", Email: "twin@example.com"})
	for _, args := range [][]string{
		{u.ID},
		{"CRM-7"},
		{"-email", "Ann@Example.com"},
		{"-account", "discord:8035"},
	} {
		args = append([]string{"users", "get", "-tenant", "acme"}, args...)
		wantText(t, p.ok(t, args...),
			"id                 "+u.ID,
			"external_id        crm-7",
			"name               Ann",
			"first_name         Ann",
			"last_name          Smith",
			"email              ann@example.com",
			"avatar             https://example.com/ann.png",
			"language           en",
			`metadata           {"plan":"pro"}`,
			"linked_account     discord:8035",
			"group              crew",
			`system_properties  {"n":1}`,
			"created            "+at+" by server",
			"updated            "+at+" by server",
			"added              "+at,
			"version            "+u.Version.String())
		wantText(t, p.ok(t, append(args, "-json")...), string(userjson.Native(nil, &u)))
	}
	for _, test := range []struct {
		status int
		says   string
		args   []string
	}{
		{cli.NotFound, "no such user", []string{"crm-8"}},
		{cli.NotFound, "no such user", []string{"-email", "nobody@example.com"}},
		{cli.NotFound, "no such user", []string{"-env", "Customer", "-account", "discord:8036"}},
		{cli.NotFound, `no tenant "acme" in the environment Testing`, []string{"-env", "Testing", "crm-7"}},
		{cli.Refused, "ambiguous", []string{"-email", "twin@example.com"}},
		{cli.Usage, "only one", []string{"crm-7", "-email", "ann@example.com"}},
		{cli.Usage, "must be given", nil},
		{cli.Usage, "-account", []string{"-account", "8035"}},
		{cli.Usage, "-env", []string{"-env", "Live", "crm-7"}},
	} {
		args := append([]string{"users", "get", "-tenant", "acme"}, test.args...)
		p.fails(t, test.status, test.says, args...)
		if log := p.run(t, args...).stderr; strings.Contains(log, "crm-") || strings.Contains(log, "@example") || strings.Contains(log, "80") {
			t.Errorf("the error of %q shows who was asked for: %s", test.args, log)
		}
	}
	p.fails(t, cli.Usage, "-tenant", "users", "get", "crm-7")
	p.fails(t, cli.NotFound, `no tenant "umbrella"`, "users", "get", "-tenant", "umbrella", "crm-7")
}

func TestUsersList(t *testing.T) {
	p := newPlace(t)
	acme := p.users.Tenant("acme")
	u := p.create(t, acme, ann)
	v := p.create(t, acme, enduser.Spec{FirstName: "Bob", LastName: "Smith\u202etest", Email: "bob@example.com"})
	list := func(args ...string) string {
		return p.ok(t, append([]string{"users", "list", "-tenant", "acme"}, args...)...)
	}
	const columns = "ID                        EXTERNAL ID  NAME            EMAIL            ADDED"
	first := u.ID + "  crm-7        Ann             ann@example.com  " + at
	wantText(t, list(), columns, first,
		v.ID+"  -            Bob Smith\ufffdtest  bob@example.com  "+at) // nothing steers the terminal
	wantText(t, list("-json"), string(userjson.Native(nil, &u)), string(userjson.Native(nil, &v)))
	for _, args := range [][]string{{"-limit", "1"}, {"-email", "ANN@example.com"}, {"-name", "ann"}, {"-group", "crew"}} {
		if got := list(args...); strings.Contains(got, v.ID) || !strings.Contains(got, u.ID) {
			t.Errorf("%q lists\n%s", args, got)
		}
	}
	if got := list("-name", "nobody"); got != "" {
		t.Errorf("a list of nobody is %q", got)
	}
	p.fails(t, cli.Usage, "-limit", "users", "list", "-tenant", "acme", "-limit", "-1")
	p.fails(t, cli.Usage, "email", "users", "list", "-tenant", "acme", "-email", "x y")
}

// TestUsersListLong: a list that is longer than what is aligned together has every user.
func TestUsersListLong(t *testing.T) {
	p := newPlace(t)
	const users = 1203
	rows := make([]enduser.Spec, users)
	for i := range rows {
		rows[i] = enduser.Spec{ExternalID: fmt.Sprint("crm-", i)}
	}
	for _, err := range p.users.Tenant("acme").UpsertAll(t.Context(), slices.Values(rows), nil) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, json := range []string{"-json", "-json=false"} {
		got := p.ok(t, "users", "list", "-tenant", "acme", json)
		for i := range rows {
			id := fmt.Sprint("crm-", i)
			if !strings.Contains(got, " "+id+" ") && !strings.Contains(got, `"`+id+`"`) {
				t.Fatalf("%s: %s is not in the list", json, id)
			}
		}
	}
}

func TestUsersDelete(t *testing.T) {
	p := newPlace(t)
	acme := p.users.Tenant("acme")
	var ids []string
	for i := range 5 {
		ids = append(ids, p.create(t, acme, enduser.Spec{ExternalID: fmt.Sprint("crm-", i)}).ID)
	}
	left := func(want int) {
		t.Helper()
		if n, err := acme.Count(t.Context(), enduser.Query{}); err != nil || n.N != want {
			t.Errorf("%d users are left, %v; want %d", n.N, err, want)
		}
	}
	wantText(t, p.ok(t, "users", "delete", "-tenant", "acme", ids[0], "CRM-1"), "deleted  2")
	left(3)
	a := p.run(t, "users", "delete", "-tenant", "acme", "-json", "crm-1", ids[2], "nobody")
	if a.status != cli.NotFound || a.stdout != "{\"deleted\":1,\"missing\":2}\n" || strings.Contains(a.stderr, "nobody") {
		t.Errorf("ended with %d and printed %q, %q", a.status, a.stdout, a.stderr)
	}
	left(2)
	p.ok(t, "users", "delete", "-tenant", "acme", "-actor", "ops", "crm-3")
	changes, err := acme.Changes(t.Context(), enduser.ChangeQuery{Desc: true, Limit: 2})
	if err != nil || changes.Changes[0].Actor != "ops" || changes.Changes[1].Actor != "rollbook" {
		t.Errorf("changes %v, %v", changes.Changes, err)
	}
	p.fails(t, cli.Usage, "id", "users", "delete", "-tenant", "acme")
	left(1)
}

// TestExactIDs: a command finds a tenant whichever way it compares external IDs.
func TestExactIDs(t *testing.T) {
	p := newPlace(t)
	exact := p.users.Tenant("exact")
	p.create(t, exact, enduser.Spec{ExternalID: "ID", Name: "Upper"})
	p.create(t, exact, enduser.Spec{ExternalID: "id", Name: "Lower"})
	name := func(args ...string) string {
		t.Helper()
		got := p.ok(t, append([]string{"users", "get", "-tenant", "exact", "-json"}, args...)...)
		_, rest, _ := strings.Cut(got, `"name":"`)
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
	if a, b := name("ID"), name("id"); a != "Upper" || b != "Lower" {
		t.Errorf("found %q and %q", a, b)
	}
	// From here on there are users of both kinds.
	p.create(t, exact.WithExactIDs(false), enduser.Spec{ExternalID: "iD", Name: "Any"})
	if a, b := name("ID"), name("-exact-ids", "ID"); a != "Any" || b != "Upper" {
		t.Errorf("found %q and %q", a, b)
	}
}

// TestUnreadable: a list passes over a user that cannot be read, and says so.
func TestUnreadable(t *testing.T) {
	p := newPlace(t)
	acme := p.users.Tenant("acme")
	ids := []string{p.create(t, acme, ann).ID, p.create(t, acme, enduser.Spec{Name: "Bob"}).ID}
	p.damage(t, "acme", ids[0])
	a := p.run(t, "users", "list", "-tenant", "acme")
	if a.status != cli.Rejected || !strings.Contains(a.stdout, ids[1]) || !strings.Contains(a.stderr, "1 cannot be read: ") {
		t.Errorf("ended with %d and printed %q, %q", a.status, a.stdout, a.stderr)
	}
	p.fails(t, cli.Failed, "cannot be read", "users", "get", "-tenant", "acme", ids[0])
	p.ok(t, "users", "delete", "-tenant", "acme", ids[0])
	p.ok(t, "users", "list", "-tenant", "acme")
}
