package enduser_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
)

// TestCopiesAreForgotten: 24 hours after a sensitive value was written nothing reads
// it, swept or not; an hour later a copy of the store that was taken while it lived
// cannot be opened any more with what the keyring still has, whatever the clock is
// set to.
func TestCopiesAreForgotten(t *testing.T) {
	dir := t.TempDir()
	began := time.Date(2026, 3, 28, 10, 20, 30, 0, time.UTC)
	now := began
	clock := func() time.Time { return now }
	openRing := func() *keyfile.Keyring {
		t.Helper()
		ring, err := keyfile.Open(t.Context(), filepath.Join(dir, "keyring"), &keyfile.Options{Now: clock})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return ring
	}
	reveal := func(ring *keyfile.Keyring, file string) (map[string]enduser.Value, error) {
		t.Helper()
		m := enduser.New(backends.OpenSQLite(t, file), &enduser.Options{Now: clock, Keyring: ring})
		return m.Tenant("acme").RevealSensitive(t.Context(), enduser.ByExternalID("crm-7"))
	}

	ring := openRing()
	file := filepath.Join(dir, "users.db")
	users := enduser.New(backends.OpenSQLite(t, file), &enduser.Options{Now: clock, Keyring: ring})
	acme := users.Tenant("acme")
	secret := enduser.String("sess_abc123")
	_, _, err := acme.Ensure(t.Context(), enduser.Spec{
		ExternalID: "crm-7", Sensitive: map[string]enduser.Secret{"session": enduser.NewSecret(secret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		ok(t, os.WriteFile(backup+suffix, text, 0o600))
	}

	want := map[string]enduser.Value{"session": secret}
	now = began.Add(enduser.SensitiveTTL - time.Millisecond)
	for name, path := range map[string]string{"the store": file, "the copy": backup} {
		got, err := reveal(ring, path)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%s, while the value lives: %v\n%s", name, err, diff)
		}
	}
	now = began.Add(enduser.SensitiveTTL)
	if got, err := reveal(ring, file); err != nil || len(got) > 0 {
		t.Errorf("24 hours later, before a sweep: %v %v", got, err)
	}

	now = began.Truncate(time.Hour).Add(time.Hour + enduser.SensitiveTTL)
	if _, err := users.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = began // somebody turns the clock back to read the copy
	for name, ring := range map[string]*keyfile.Keyring{"the keyring": ring, "one opened anew": openRing()} {
		if got, err := reveal(ring, backup); !errors.Is(err, enduser.ErrNoKey) {
			t.Errorf("%s opens the copy: %v %v", name, got, err)
		}
	}
}
