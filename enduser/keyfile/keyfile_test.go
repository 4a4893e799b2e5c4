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
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// clock is a clock that stands until it is set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

// start is half past an hour.
var start = time.Date(2026, 9, 21, 14, 30, 0, 0, time.UTC)

func newClock() *clock { return &clock{t: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (c *clock) Add(d time.Duration) { c.Set(c.Now().Add(d)) }

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "rollbook.keys")
}

func open(t *testing.T, path string, c *clock) *keyfile.Keyring {
	t.Helper()
	k, err := keyfile.Open(t.Context(), path, &keyfile.Options{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t *testing.T, k *keyfile.Keyring, deadline time.Time) enduser.Key {
	t.Helper()
	key, err := k.SealingKey(t.Context(), deadline)
	if err != nil {
		t.Fatal(err)
	}
	return key
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
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// save writes a file as an operator would: another file, with its name.
func save(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, k *keyfile.Keyring) []keyfile.KeyInfo {
	t.Helper()
	infos, err := k.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
