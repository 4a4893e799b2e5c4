package backend_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

func TestKeyringFile(t *testing.T) {
	for _, test := range []struct {
		store, keyring, path string
		shared               bool
	}{
		{"sqlite:rollbook.db", "", "rollbook.keyring", false},
		{"sqlite:/var/lib/acme/users.db", "", "/var/lib/acme/users.keyring", false},
		{"sqlite:dir.db/users", "", "dir.db/users.keyring", false},
		{"sqlite:users.sqlite3", "", "users.keyring", false},
		{"sqlite:users.v2", "", "users.v2.keyring", false}, // beside users.v1
		{"memory:", "", "rollbook.keyring", false},
		{"postgres://h/db", "", "rollbook.keyring", false},
		{"redis://h", "", "rollbook.keyring", false},
		{"sqlite:users.db", "keys", "keys", false},
		{"sqlite:users.db", "shared:/run/secrets/keys", "/run/secrets/keys", true},
		{"sqlite:users.db", "none", "", false},
	} {
		path, shared := (&backend.Keyring{Keyring: test.keyring}).File(newStore(test.store))
		if path != test.path || shared != test.shared {
			t.Errorf("-store %s -keyring %s: %s, shared %v", test.store, test.keyring, path, shared)
		}
	}
}

// TestKeyringOpen: the keyring is made beside its store, once, and the log says so.
func TestKeyringOpen(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	var ids []string
	for start, want := range []string{"made a keyring", ""} {
		log, text := logged()
		ring, err := new(backend.Keyring).Open(t.Context(), newStore("sqlite:"+dir+"/users.db"), log)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ring.SealingKey(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, key.ID())
		if got := text.String(); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("start %d: the log is %q", start, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "users.keyring")); err != nil || ids[0] != ids[1] {
		t.Errorf("%v; the keys are %q", err, ids)
	}
	log, text := logged()
	for range 2 { // where it is not beside the store, every start says where it is
		if _, err := new(backend.Keyring).Open(t.Context(), newStore("memory:"), log); err != nil {
			t.Error(err)
		}
	}
	if strings.Count(text.String(), "file=rollbook.keyring") != 2 {
		t.Errorf("the log is %q", text)
	}
}

func TestKeyringNone(t *testing.T) {
	t.Chdir(t.TempDir())
	log, text := logged()
	none := &backend.Keyring{Keyring: "none"}
	for name, open := range map[string]func(context.Context, *backend.Store, *slog.Logger) (enduser.Keyring, error){
		"Open": none.Open, "Find": none.Find,
	} {
		ring, err := open(t.Context(), newStore("memory:"), log)
		if ring != nil || err != nil || text.Len() > 0 {
			t.Errorf("%s: %v, %v; the log is %q", name, ring, err, text)
		}
	}
	if _, err := (&backend.Keyring{Keyring: "shared:"}).Open(t.Context(), newStore("memory:"), log); cli.Status(err) != cli.Usage {
		t.Errorf("shared: without a path: %v", err)
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("the folder has %v, %v", made, err)
	}
}

// TestKeyringExposed: where the default file cannot be kept private there is no keyring. One that
// was asked for is refused.
func TestKeyringExposed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	log, text := logged()
	ring, err := new(backend.Keyring).Open(t.Context(), newStore("sqlite:"+dir+"/users.db"), log)
	if ring != nil || err != nil || !strings.Contains(text.String(), "-keyring") {
		t.Errorf("%v, %v; the log is %q", ring, err, text)
	}
	named := &backend.Keyring{Keyring: dir + "/users.keyring"}
	if ring, err := named.Open(t.Context(), newStore("memory:"), log); ring != nil || err == nil {
		t.Errorf("a file in that folder: %v, %v", ring, err)
	}
}

// TestKeyringShared: a shared keyring is only read.
func TestKeyringShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	k := &backend.Keyring{Keyring: "shared:" + path}
	log, text := logged()
	if _, err := k.Open(t.Context(), newStore("memory:"), log); err == nil || !strings.HasPrefix(err.Error(), "-keyring shared:") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := keyfile.Open(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	ring, err := k.Open(t.Context(), newStore("memory:"), log)
	if err != nil || text.Len() > 0 {
		t.Fatalf("%v; the log is %q", err, text)
	}
	if _, ok := ring.(*keyfile.Shared); !ok {
		t.Errorf("the keyring is a %T", ring)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("a file was made beside it")
	}
}
