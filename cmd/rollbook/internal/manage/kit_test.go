package manage_test

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/manage"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store"
)

// place is a store that commands work on, with a keyring beside it.
type place struct {
	dir   string
	flags []string // that name the store
	clock *clock.Clock
	store store.Store
	users *enduser.Manager // of a server on it
}

// start is when everything here happens.
var start = time.Date(2026, 9, 21, 14, 30, 0, 0, time.UTC)

const at = "2026-09-21T14:30:00.000Z" // as commands print it

// newPlace returns an SQLite store in a folder of its own.
func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir(), clock: clock.At(start)}
	p.flags = []string{"-store", "sqlite:" + p.path("users.db")}
	ring, err := keyfile.Open(t.Context(), p.path("users.keyring"), &keyfile.Options{Now: p.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	p.store = backends.OpenSQLite(t, p.path("users.db"))
	p.users = enduser.New(p.store, &enduser.Options{
		Now: p.clock.Now, Keyring: ring, Schema: func(tenant string) enduser.Schema {
			return enduser.Schema{ExactIDs: strings.HasPrefix(tenant, "exact")}
		},
	})
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// answer is what a command left.
type answer struct {
	status         int
	stdout, stderr string
}

// run runs a command on the store. A word that begins with @ is a path in its folder.
func (p *place) run(t *testing.T, args ...string) answer {
	t.Helper()
	return p.bare(t, append(slices.Clone(args), p.flags...)...)
}

// bare runs a command without the flags of the store.
func (p *place) bare(t *testing.T, args ...string) answer {
	t.Helper()
	for i, arg := range args {
		if name, isPath := strings.CutPrefix(arg, "@"); isPath {
			args[i] = p.path(name)
		}
	}
	var program struct {
		Tenants manage.Tenants `cmd:""`
		Users   manage.Users   `cmd:""`
		Groups  manage.Groups  `cmd:""`
		Keyring manage.Keyring `cmd:""`
		Version manage.Version `cmd:""`
	}
	var out, log bytes.Buffer
	env := &cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &log, Now: p.clock.Now}
	status := config.Main(context.WithoutCancel(t.Context()), &program, args, nil, env)
	return answer{status, out.String(), log.String()}
}

// ok runs a command that must succeed in silence, and returns what it printed.
func (p *place) ok(t *testing.T, args ...string) string {
	t.Helper()
	a := p.run(t, args...)
	if a.status != cli.OK || a.stderr != "" {
		t.Fatalf("%q ended with %d and printed %q, %q", args, a.status, a.stdout, a.stderr)
	}
	return a.stdout
}

// fails runs a command that must end with a status and one line that has a text.
func (p *place) fails(t *testing.T, status int, says string, args ...string) {
	t.Helper()
	a := p.run(t, args...)
	if a.status != status || !strings.Contains(a.stderr, says) || strings.Count(a.stderr, "\n") != 1 {
		t.Errorf("%q ended with %d and printed %q, %q; want %d and one line with %q", args, a.status, a.stdout, a.stderr, status, says)
	}
}

// create makes a user.
func (p *place) create(t *testing.T, tenant enduser.Tenant, s enduser.Spec) enduser.User {
	t.Helper()
	u, err := tenant.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// damage makes a record one that cannot be read.
func (p *place) damage(t *testing.T, tenant, id string) {
	t.Helper()
	r, err := p.store.Get(t.Context(), tenant, store.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	next := r
	next.Data = []byte("damaged")
	if _, err := p.store.Apply(t.Context(), tenant, store.Ops(store.Replace(r, next, nil))); err != nil {
		t.Fatal(err)
	}
}

// wantText compares what was printed.
func wantText(t *testing.T, got string, lines ...string) {
	t.Helper()
	if want := strings.Join(lines, "\n") + "\n"; got != want {
		t.Errorf("printed\n%s\nand not\n%s", got, want)
	}
}
