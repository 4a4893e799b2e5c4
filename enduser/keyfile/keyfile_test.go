//go:build unix && !aix && !solaris

package keyfile_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
)

// start is half past an hour.
var start = time.Date(2026, 9, 21, 14, 30, 0, 0, time.UTC)

func newClock() *clock.Clock { return clock.At(start) }

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
}

func must[T any](v T, err error) func(tb) T {
	return func(t tb) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func ok(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "rollbook.keys")
}

func open(t *testing.T, path string, c *clock.Clock) *keyfile.Keyring {
	t.Helper()
	return must(keyfile.Open(t.Context(), path, &keyfile.Options{Now: c.Now}))(t)
}

func seal(t *testing.T, k *keyfile.Keyring, deadline time.Time) enduser.Key {
	t.Helper()
	return must(k.SealingKey(t.Context(), deadline))(t)
}

// seals checks under which key a Keyring seals.
func seals(t *testing.T, k *keyfile.Keyring, deadline time.Time, want enduser.Key) {
	t.Helper()
	if got := seal(t, k, deadline); got.ID() != want.ID() {
		t.Errorf("sealed under %v; want %v", got, want)
	}
}

// secretOf returns what a key hides.
func secretOf(key enduser.Key) []byte {
	v := reflect.ValueOf(key).FieldByName("secret").Field(0).Elem().Elem()
	b := make([]byte, v.Len())
	for i := range b {
		b[i] = byte(v.Index(i).Uint())
	}
	return b
}

// sumOf returns what stands for a secret where it must not be shown.
func sumOf(key enduser.Key) string {
	sum := sha256.Sum256(secretOf(key))
	return hex.EncodeToString(sum[:8])
}

// checkOpens checks that a Keyring has a key.
func checkOpens(t *testing.T, k *keyfile.Keyring, want enduser.Key) {
	t.Helper()
	got, err := k.OpeningKey(t.Context(), want.ID())
	if err != nil {
		t.Errorf("%v: %v", want, err)
		return
	}
	if got.ID() != want.ID() || sumOf(got) != sumOf(want) {
		t.Errorf("%v is %v, with the secret %s instead of %s", want, got, sumOf(got), sumOf(want))
	}
}

func checkNoKey(t *testing.T, k *keyfile.Keyring, id string) {
	t.Helper()
	key, err := k.OpeningKey(t.Context(), id)
	if !errors.Is(err, enduser.ErrNoKey) || key != (enduser.Key{}) {
		t.Errorf("%s: %v, %v; want ErrNoKey", id, key, err)
	}
}

func load(t *testing.T, path string) []byte {
	t.Helper()
	return must(os.ReadFile(path))(t)
}

// save writes a file as an operator would: another file, with its name.
func save(t *testing.T, path string, b []byte) {
	t.Helper()
	ok(t, os.WriteFile(path+".new", b, 0o600))
	ok(t, os.Rename(path+".new", path))
}

func keys(t *testing.T, k *keyfile.Keyring) []keyfile.KeyInfo {
	t.Helper()
	return must(k.Keys(t.Context()))(t)
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
