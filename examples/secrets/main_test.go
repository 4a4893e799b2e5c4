//go:build unix && !aix && !solaris

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	want := "a request from team-7\na request from team-7\nin print map[session:[redacted]], in the program s3cr3t\n"
	if got := out.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhose(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	for _, test := range []struct {
		header string
		want   error
	}{
		{"Bearer " + token, nil},
		{"Bearer " + token[1:], enduser.ErrNotFound},
		{token, enduser.ErrNotFound},
		{"", enduser.ErrNotFound},
	} {
		if _, err := whose(t.Context(), w.users.Tenant("acme"), test.header); !errors.Is(err, test.want) {
			t.Errorf("%d bytes: %v, want %v", len(test.header), err, test.want)
		}
	}
}

func TestRotate(t *testing.T) {
	w := newWorld(t)
	token, old := w.token(t), w.durable(t)
	kept := filepath.Join(t.TempDir(), "rollbook.keys")
	if err := rotate(t.Context(), w.users, w.ring, kept, 0); err != nil {
		t.Fatal(err)
	}
	if now := w.durable(t); len(now) != 1 || now[0] == old[0] {
		t.Errorf("the keys are %v, and were %v", now, old)
	}
	// The copy opens the tokens that are sealed now.
	ring, err := keyfile.Open(t.Context(), kept, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.users = enduser.New(w.store, &enduser.Options{Keyring: ring})
	if w.token(t) != token {
		t.Error("the token is another one")
	}
}

// TestRotateWithoutCopy: a key without a copy is not used. A rotation that failed does not
// hinder the next.
func TestRotateWithoutCopy(t *testing.T) {
	w := newWorld(t)
	old := w.durable(t)
	path := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rotate(t.Context(), w.users, w.ring, path, 0); !errors.Is(err, os.ErrExist) {
		t.Errorf("rotate: %v", err)
	}
	if key, err := w.ring.SealingKey(t.Context(), time.Time{}); err != nil || key.ID() != old[0] {
		t.Errorf("secrets are sealed under %v, %v; want %s", key, err, old[0])
	}
	if err := rotate(t.Context(), w.users, w.ring, path+"2", 0); err != nil {
		t.Error(err)
	}
	if now := w.durable(t); len(now) != 1 {
		t.Errorf("the keys are %v", now)
	}
}

// TestRotateKeepsWhatIsNeeded: a process that still uses the old key loses nothing.
func TestRotateKeepsWhatIsNeeded(t *testing.T) {
	w := newWorld(t)
	old, err := w.ring.SealingKey(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	behind := enduser.New(w.store, &enduser.Options{Keyring: enduser.NewKeyring(old)})
	err = rotate(t.Context(), behind, w.ring, filepath.Join(t.TempDir(), "copy"), 0)
	if err == nil || !strings.Contains(err.Error(), "still sealed under "+old.ID()) {
		t.Errorf("rotate: %v", err)
	}
	if _, err := w.ring.OpeningKey(t.Context(), old.ID()); err != nil {
		t.Errorf("the old key: %v", err)
	}
}

// TestRotateWaits: the old key stays while other calls may use it, even if the rotation ends
// there.
func TestRotateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dir, begun := t.TempDir(), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := rotate(ctx, w.users, w.ring, filepath.Join(dir, "1"), time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("rotate: %v", err)
		}
		if keys := w.durable(t); len(keys) != 2 {
			t.Errorf("the keys are %v", keys)
		}
		if err := rotate(t.Context(), w.users, w.ring, filepath.Join(dir, "2"), time.Minute); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took != 90*time.Second || len(w.durable(t)) != 1 {
			t.Errorf("after %v the keys are %v", took, w.durable(t))
		}
	})
}

// world has one group.
type world struct {
	store store.Store
	ring  *keyfile.Keyring
	users *enduser.Manager
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ring, err := keyfile.Open(t.Context(), filepath.Join(t.TempDir(), "rollbook.keys"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: memory.New(nil), ring: ring}
	w.users = enduser.New(w.store, &enduser.Options{Keyring: ring})
	if _, _, err := w.users.Tenant("acme").Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "team-7"}); err != nil {
		t.Fatal(err)
	}
	return w
}

// token returns the group's token.
func (w *world) token(t *testing.T) string {
	t.Helper()
	groups := w.users.Tenant("acme").Groups()
	g, err := groups.Get(t.Context(), enduser.GroupByExternalID("team-7"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := groups.Reveal(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// durable returns the IDs of the durable keys.
func (w *world) durable(t *testing.T) []string {
	t.Helper()
	keys, err := w.ring.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, key := range keys {
		if !key.Epoch {
			ids = append(ids, key.ID)
		}
	}
	return ids
}
