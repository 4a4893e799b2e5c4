package manage_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

func TestTenantsList(t *testing.T) {
	p := newPlace(t)
	wantText(t, p.ok(t, "tenants", "list")+"\n", "") // nothing
	acme := p.users.Tenant("acme")
	p.create(t, acme, enduser.Spec{Name: "Ann"})
	p.create(t, acme, enduser.Spec{Name: "Bob"})
	p.create(t, acme.In(enduser.Testing), enduser.Spec{Name: "Cy"})
	p.create(t, p.users.Tenant("exact"), enduser.Spec{Name: "Dee"})
	if _, _, err := acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "crew"}); err != nil {
		t.Fatal(err)
	}
	sorted := func(text string) string {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if strings.HasPrefix(lines[0], "TENANT") {
			lines = lines[1:] // the order is the store's own
		}
		return strings.Join(sortedStrings(lines), "\n") + "\n"
	}
	wantText(t, sorted(p.ok(t, "tenants", "list")),
		"acme    Customer     any case  2      1       0",
		"acme    Testing      any case  1      0       0",
		"exact   Customer     exact     1      0       0")
	wantText(t, sorted(p.ok(t, "tenants", "list", "-count", "2")),
		"acme    Customer     any case  2+     1       0",
		"acme    Testing      any case  1      0       0",
		"exact   Customer     exact     1      0       0")
	wantText(t, sorted(p.ok(t, "tenants", "list", "-count=0")),
		"acme    Customer     any case",
		"acme    Testing      any case",
		"exact   Customer     exact")
	wantText(t, sorted(p.ok(t, "tenants", "list", "-json", "-count=2")),
		`{"tenant":"acme","environment":"Customer","exact_ids":false,"users":{"n":2,"exact":false},"groups":{"n":1,"exact":true},"webhooks":{"n":0,"exact":true}}`,
		`{"tenant":"acme","environment":"Testing","exact_ids":false,"users":{"n":1,"exact":true},"groups":{"n":0,"exact":true},"webhooks":{"n":0,"exact":true}}`,
		`{"tenant":"exact","environment":"Customer","exact_ids":true,"users":{"n":1,"exact":true},"groups":{"n":0,"exact":true},"webhooks":{"n":0,"exact":true}}`)
	p.fails(t, cli.Usage, "count", "tenants", "list", "-count", "100001")
}

func TestTenantsDelete(t *testing.T) {
	p := newPlace(t)
	for _, tenant := range []string{"acme", "exact", "other"} {
		p.create(t, p.users.Tenant(tenant), enduser.Spec{Name: "Ann"})
		p.create(t, p.users.Tenant(tenant).In(enduser.Testing), enduser.Spec{Name: "Bob"})
	}
	has := func(want ...string) {
		t.Helper()
		got := make(map[string]int)
		for info, err := range p.users.Tenants(t.Context(), &enduser.TenantsOptions{Count: 9}) {
			if err != nil {
				t.Fatal(err)
			}
			got[info.Name] += info.Users.N
		}
		for _, tenant := range want {
			if got[tenant] != 2 {
				t.Errorf("tenant %s has %d users", tenant, got[tenant])
			}
		}
		if len(got) != len(want) {
			t.Errorf("the store has %v; want %q", got, want)
		}
	}
	p.fails(t, cli.Refused, `tenant "acme" has 2 users: -yes deletes them`, "tenants", "delete", "acme")
	p.fails(t, cli.NotFound, `no tenant "acm"`, "tenants", "delete", "acm", "-yes")
	has("acme", "exact", "other")
	a := p.run(t, "tenants", "delete", "acme", "-yes")
	if a.status != cli.OK || a.stdout != "deleted records  2\n" {
		t.Errorf("delete ended with %d and printed %q", a.status, a.stdout)
	}
	has("exact", "other")
	a = p.run(t, "tenants", "delete", "exact", "-yes", "-json")
	if a.status != cli.OK || a.stdout != fmt.Sprintln(`{"tenant":"exact","records":2}`) {
		t.Errorf("delete ended with %d and printed %q", a.status, a.stdout)
	}
	has("other")
	p.fails(t, cli.NotFound, `no tenant "acme"`, "tenants", "delete", "acme", "-yes")
}

func TestTenantsReindex(t *testing.T) {
	p := newPlace(t)
	acme := p.users.Tenant("acme")
	ids := []string{p.create(t, acme, ann).ID, p.create(t, acme, enduser.Spec{Name: "Bob"}).ID}
	p.create(t, acme.In(enduser.Testing), ann)
	p.create(t, p.users.Tenant("other"), ann)
	file := p.path("tenants.toml")
	if err := os.WriteFile(file, []byte("[default.schema]\nindexed_metadata = [\"plan\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantText(t, p.ok(t, "tenants", "reindex", "acme"), "reindexed  0")
	wantText(t, p.ok(t, "tenants", "reindex", "acme", "-tenants", file), "reindexed  2")
	wantText(t, p.ok(t, "tenants", "reindex", "acme", "-tenants", file, "-json"), `{"tenant":"acme","reindexed":0}`)
	indexed := enduser.New(p.store, &enduser.Options{Now: p.clock.Now, Schema: func(string) enduser.Schema {
		return enduser.Schema{IndexedMetadata: []string{"plan"}}
	}})
	for tenant, want := range map[string]int{"acme": 1, "other": 0} {
		n, err := indexed.Tenant(tenant).Count(t.Context(), enduser.Query{Filter: enduser.Filter{Metadata: ann.Metadata}})
		if err != nil || n.N != want {
			t.Errorf("of %s %d users are found by metadata, %v; want %d", tenant, n.N, err, want)
		}
	}
	p.damage(t, "acme", ids[1])
	a := p.run(t, "tenants", "reindex", "acme")
	if a.status != cli.Rejected || a.stdout != "reindexed  2\n" || !strings.Contains(a.stderr, ids[1]) {
		t.Errorf("ended with %d and printed %q, %q", a.status, a.stdout, a.stderr)
	}
	p.fails(t, cli.NotFound, "no tenant", "tenants", "reindex", "acm")
}
