package backend_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// newRegistry returns the flags of a command, and what it works with.
func newRegistry(flag string) (*backend.Registry, *cli.Env, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &backend.Registry{Store: *newStore(flag)}, &cli.Env{Stdout: new(bytes.Buffer), Stderr: log, Now: time.Now}, log
}

// TestUse: on a store of each kind a command does what another has left to do.
func TestUse(t *testing.T) {
	for name, flag := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			r, env, log := newRegistry(flag(t))
			if err := r.Use(t.Context(), env, true, nil); cli.Status(err) != cli.NotFound {
				t.Errorf("without a keyring: status %d, %v", cli.Status(err), err)
			}
			if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
				t.Errorf("the folder has %v, %v", made, err)
			}
			err := r.Fill(t.Context(), env, false, func(users *enduser.Manager, _ func(string) enduser.Policy) error {
				_, _, err := users.Tenant("acme").Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "crew"})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, secrets := range []bool{false, true} {
				err := r.Use(t.Context(), env, secrets, func(users *enduser.Manager) error {
					g, err := users.Tenant("acme").Groups().Get(t.Context(), enduser.GroupByExternalID("crew"))
					if err != nil {
						return err
					}
					_, err = users.Tenant("acme").Groups().Reveal(t.Context(), g)
					return err
				})
				if secrets && err != nil || !secrets && !errors.Is(err, enduser.ErrNoKeyring) {
					t.Errorf("with secrets %v: %v", secrets, err)
				}
			}
			_, isFile := r.Store.File()
			if got := log.String(); strings.Contains(got, "made a keyring in the working folder") == isFile || strings.Count(got, "\n") > 1 {
				t.Errorf("the log is %s", got)
			}
		})
	}
}

// TestWrongTenants: a wrong file of -tenants is a wrong setting, and nothing is made.
func TestWrongTenants(t *testing.T) {
	t.Chdir(t.TempDir())
	r, env, _ := newRegistry("sqlite:users.db")
	r.Tenants.Tenants = "none.toml"
	err := r.Fill(t.Context(), env, false, nil)
	if err2 := r.Use(t.Context(), env, false, nil); cli.Status(err) != cli.Usage || cli.Status(err2) != cli.Usage {
		t.Errorf("%v, %v", err, err2)
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("the folder has %v, %v", made, err)
	}
}

// TestFillKeyring: a keyring is made for an empty store alone. What is sealed under a new one the
// servers on the store could not read.
func TestFillKeyring(t *testing.T) {
	for name, flag := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			r, env, _ := newRegistry(flag(t))
			create := func() error {
				return r.Fill(t.Context(), env, false, func(users *enduser.Manager, _ func(string) enduser.Policy) error {
					_, err := users.Tenant("acme").Create(t.Context(), enduser.Spec{Name: "Ann"})
					_, _, err2 := users.Tenant("acme").Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "crew"})
					return errors.Join(err, err2)
				})
			}
			r.Keyring.Keyring = "shared:none"
			if err := create(); cli.Status(err) != cli.NotFound {
				t.Errorf("shared: status %d, %v", cli.Status(err), err)
			}
			if path, isFile := r.Store.File(); isFile {
				if _, err := os.Stat(path); err == nil {
					t.Error("a store was made")
				}
			}
			r.Keyring.Keyring = "none"
			if err := create(); !errors.Is(err, enduser.ErrNoKeyring) {
				t.Error(err)
			}
			r.Keyring.Keyring = "elsewhere"
			if err := create(); cli.Status(err) != cli.NotFound {
				t.Errorf("status %d, %v", cli.Status(err), err)
			}
			r.Keyring.Keyring = ""
			if err := create(); !errors.Is(err, enduser.ErrNoKeyring) {
				t.Error(err)
			}
			path, _ := r.Keyring.File(&r.Store)
			for _, made := range []string{"none", "elsewhere", path} {
				if _, err := os.Stat(made); err == nil {
					t.Errorf("%s was made", made)
				}
			}
		})
	}
}

func TestWithStatus(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, cli.OK},
		{enduser.ErrNotFound, cli.NotFound},
		{&enduser.InvalidError{}, cli.Usage},
		{fmt.Errorf("it failed: %w", &enduser.ConflictError{}), cli.Refused},
		{enduser.ErrVersion, cli.Refused},
		{enduser.ErrAmbiguous, cli.Refused},
		{enduser.ErrContended, cli.Refused},
		{enduser.ErrInUse, cli.Refused},
		{enduser.ErrUnavailable, cli.Failed},
		{enduser.ErrUnknown, cli.Failed},
		{cli.Exit(cli.Rejected, enduser.ErrNotFound), cli.Rejected},
	} {
		if got := backend.WithStatus(test.err); cli.Status(got) != test.want || !errors.Is(got, test.err) {
			t.Errorf("%v: status %d, %v; want %d", test.err, cli.Status(got), got, test.want)
		}
	}
}

// TestTenant: a handle is that on what the store has, whatever the settings say of external IDs.
func TestTenant(t *testing.T) {
	r, env, _ := newRegistry("sqlite:" + t.TempDir() + "/users.db")
	err := r.Fill(t.Context(), env, false, func(users *enduser.Manager, _ func(string) enduser.Policy) error {
		for name, exact := range map[string]bool{"any": false, "exact": true, "both": true} {
			if _, err := users.Tenant(name).WithExactIDs(exact).Create(t.Context(), enduser.Spec{Name: "Ann"}); err != nil {
				return err
			}
		}
		if _, err := users.Tenant("both").Create(t.Context(), enduser.Spec{Name: "Ann"}); err != nil {
			return err
		}
		for _, test := range []struct {
			tenant backend.Tenant
			exact  bool
			status int
		}{
			{backend.Tenant{Tenant: "any"}, false, cli.OK},
			{backend.Tenant{Tenant: "any", ExactIDs: true}, false, cli.OK},
			{backend.Tenant{Tenant: "exact"}, true, cli.OK},
			{backend.Tenant{Tenant: "both"}, false, cli.OK},
			{backend.Tenant{Tenant: "both", ExactIDs: true}, true, cli.OK},
			{backend.Tenant{Tenant: "any", Env: "Testing"}, false, cli.NotFound},
			{backend.Tenant{Tenant: "nobody"}, false, cli.NotFound},
			{backend.Tenant{Tenant: strings.Repeat("x", 256)}, false, cli.Usage},
		} {
			got, err := test.tenant.Existing(t.Context(), users)
			err = backend.WithStatus(err)
			if cli.Status(err) != test.status || err == nil && (got.ExactIDs() != test.exact || got.Name() != test.tenant.Tenant) {
				t.Errorf("%v: %v, exact %v, %v", test.tenant, got, got.ExactIDs(), err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEmptied: a tenant whose users are all deleted is still there.
func TestEmptied(t *testing.T) {
	r, env, _ := newRegistry("sqlite:" + t.TempDir() + "/users.db")
	err := r.Fill(t.Context(), env, false, func(users *enduser.Manager, _ func(string) enduser.Policy) error {
		acme := users.Tenant("acme")
		u, err := acme.Create(t.Context(), enduser.Spec{Name: "Ann"})
		if err != nil {
			return err
		}
		if err := acme.Delete(t.Context(), enduser.ByID(u.ID)); err != nil {
			return err
		}
		_, err = (&backend.Tenant{Tenant: "acme"}).Existing(t.Context(), users)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// forgetful is a store that came from a copy without changes.
type forgetful struct{ store.Store }

func (forgetful) Changes(context.Context, string, store.ChangeQuery) (store.ChangePage, error) {
	return store.ChangePage{}, nil
}

// TestWithoutChanges: a tenant without a feed exists if it has a user or a group.
func TestWithoutChanges(t *testing.T) {
	key, err := enduser.NewKey("k", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	users := enduser.New(forgetful{memory.New(nil)}, &enduser.Options{Keyring: enduser.NewKeyring(key)})
	if _, err := users.Tenant("users").Create(t.Context(), enduser.Spec{Name: "Ann"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := users.Tenant("groups").Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "crew"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"users": cli.OK, "groups": cli.OK, "neither": cli.NotFound} {
		if _, err := (&backend.Tenant{Tenant: name}).Existing(t.Context(), users); cli.Status(err) != want {
			t.Errorf("%s: status %d, %v", name, cli.Status(err), err)
		}
	}
}
