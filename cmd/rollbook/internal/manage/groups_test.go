package manage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// group is what a command shows of one.
type group struct {
	ID, Token string
	Number    int64
}

func (p *place) group(t *testing.T, args ...string) group {
	t.Helper()
	var g group
	if err := json.Unmarshal([]byte(p.ok(t, append([]string{"groups"}, append(args, "-json", "-tenant", "acme")...)...)), &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGroups(t *testing.T) {
	p := newPlace(t)
	groups := p.users.Tenant("acme").Groups()
	authenticates := func(token string, want string) {
		t.Helper()
		g, err := groups.Authenticate(t.Context(), token)
		if g.ID != want || (want == "") != errors.Is(err, enduser.ErrNotFound) {
			t.Errorf("the token is of %q, %v; want %q", g.ID, err, want)
		}
	}
	made := p.group(t, "create", "crew", "-name", "The crew", "-actor", "ops")
	authenticates(made.Token, made.ID)
	p.fails(t, cli.Refused, "conflict", "groups", "create", "-tenant", "acme", "crew")
	p.fails(t, cli.Usage, "external_id", "groups", "create", "-tenant", "acme", " ")
	g, err := groups.Get(t.Context(), enduser.GroupByID(made.ID))
	if err != nil || g.Name != "The crew" || g.CreatedBy != "ops" {
		t.Errorf("the group is %#v, %v", g, err)
	}
	wantText(t, p.ok(t, "groups", "list", "-tenant", "acme"),
		fmt.Sprintf("%-24s  EXTERNAL ID  %-*s  NAME      ADDED", "ID", max(6, len(fmt.Sprint(g.Number))), "NUMBER"),
		fmt.Sprintf("%s  crew         %-6d  The crew  %s", g.ID, g.Number, at))
	wantText(t, p.ok(t, "groups", "list", "-tenant", "acme", "-json"), string(userjson.Group(nil, &g)))
	for _, id := range []string{"crew", made.ID} {
		wantText(t, p.ok(t, "groups", "get", "-tenant", "acme", "-token", id),
			"id           "+g.ID,
			"external_id  crew",
			fmt.Sprint("number       ", g.Number),
			"name         The crew",
			"created      "+at+" by ops",
			"updated      "+at+" by ops",
			"version      "+g.Version.String(),
			"token        "+made.Token)
		wantText(t, p.ok(t, "groups", "get", "-tenant", "acme", "-json", id), string(userjson.Group(nil, &g)))
	}

	next := p.group(t, "rotate", "crew", "-overlap", "1h")
	authenticates(next.Token, made.ID)
	authenticates(made.Token, made.ID)
	p.clock.Advance(time.Hour)
	authenticates(made.Token, "")
	last := p.group(t, "rotate", made.ID, "-overlap", "0s")
	authenticates(next.Token, "")
	authenticates(last.Token, made.ID)

	p.fails(t, cli.NotFound, "no such group", "groups", "get", "-tenant", "acme", "nobody")
	p.fails(t, cli.NotFound, "no such group", "groups", "rotate", "-tenant", "acme", "nobody")
	p.fails(t, cli.Usage, "-overlap", "groups", "rotate", "-tenant", "acme", "crew", "-overlap", "721h")
	p.fails(t, cli.NotFound, "no tenant", "groups", "rotate", "-tenant", "umbrella", "crew")
	p.fails(t, cli.Usage, "-limit", "groups", "list", "-tenant", "acme", "-limit=-1")
	p.fails(t, cli.Failed, "no keyring", "groups", "rotate", "-tenant", "acme", "crew", "-keyring", "none")
	// A new key would seal what no server can open.
	for _, args := range [][]string{{"create", "b"}, {"rotate", "crew"}, {"get", "-token", "crew"}} {
		p.fails(t, cli.NotFound, "no file", append(append([]string{"groups"}, args...), "-tenant", "acme", "-keyring", p.path("missing"))...)
	}
	if _, err := os.Stat(p.path("missing")); err == nil {
		t.Error("a keyring was made")
	}
	authenticates(last.Token, made.ID)
	// So does another key, but a keyring that was lost must be replaced.
	p.ok(t, "keyring", "new", "-keyring", p.path("another"))
	for _, warning := range []string{"cannot read the new one", ""} {
		a := p.run(t, "groups", "rotate", "-tenant", "acme", "crew", "-keyring", p.path("another"))
		if a.status != cli.OK || !strings.Contains(a.stderr, warning) || (warning == "") != (a.stderr == "") {
			t.Errorf("status %d, %q; want %q", a.status, a.stderr, warning)
		}
	}

	p.ok(t, "groups", "create", "-tenant", "new", "-env", "Testing", "first") // the tenant need not exist
	if list := p.ok(t, "groups", "list", "-tenant", "new", "-env", "Testing"); !strings.Contains(list, "first") {
		t.Errorf("the new tenant has %q", list)
	}
}
