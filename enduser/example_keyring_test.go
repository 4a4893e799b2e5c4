package enduser_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// kmsKeyring is a Keyring whose keys are wrapped by a key management service. The
// host keeps the wrapped ones, which are no secret, in a table of its own, and every
// process unwraps what it needs. It is no KeyDestroyer: anyone who has the table and
// whom the service unwraps for, can read copies of the store, also values whose time
// is over.
type kmsKeyring struct {
	service *kms
	wrapped map[string][]byte // the table: by a key's ID; a line is never changed
	primary string            // the ID of the key for new secrets, in the table
	now     func() time.Time

	mu     sync.Mutex
	opened map[string]openedKey // at most maxOpened
}

type openedKey struct {
	key   enduser.Key
	until time.Time // then the service is asked again: it may no longer agree
}

const (
	maxOpened = 100
	openedFor = 5 * time.Minute
)

// SealingKey implements Keyring.
func (k *kmsKeyring) SealingKey(ctx context.Context, _ time.Time) (enduser.Key, error) {
	return k.OpeningKey(ctx, k.primary)
}

// OpeningKey implements Keyring.
func (k *kmsKeyring) OpeningKey(ctx context.Context, id string) (enduser.Key, error) {
	k.mu.Lock()
	known := k.opened[id]
	k.mu.Unlock()
	if k.now().Before(known.until) {
		return known.key, nil
	}
	wrapped, ok := k.wrapped[id] // if the table cannot be read, return its error and not ErrNoKey
	if !ok {
		return enduser.Key{}, enduser.ErrNoKey
	}
	// Not under the lock: who waits for the service holds up nobody else. The service
	// binds the key to its ID, so that lines of the table cannot be exchanged.
	secret, err := k.service.unwrap(ctx, wrapped, id)
	switch {
	case errors.Is(err, errDestroyed): // for good, and nothing else is
		return enduser.Key{}, enduser.ErrNoKey
	case err != nil: // the Manager makes it ErrUnavailable, or leaves it the context's error
		return enduser.Key{}, fmt.Errorf("unwrap a key: %w", err)
	}
	key, err := enduser.NewKey(id, secret)
	if err != nil {
		return enduser.Key{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.opened) >= maxOpened {
		clear(k.opened) // those in use come back, with one call each
	}
	k.opened[id] = openedKey{key, k.now().Add(openedFor)}
	return key, nil
}

// A service can be away, and a key can be gone: calls tell the two apart.
func ExampleKeyring() {
	ctx := context.Background()
	service := newKMS()
	wrapped, err := service.newKey(ctx, "2026-05") // once, by a tool
	if err != nil {
		log.Fatal(err)
	}
	now := time.Date(2026, time.May, 4, 9, 30, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	users := enduser.New(memory.New(nil), &enduser.Options{Now: clock, Keyring: &kmsKeyring{
		service: service,
		wrapped: map[string][]byte{"2026-05": wrapped},
		primary: "2026-05",
		now:     clock,
		opened:  map[string]openedKey{},
	}})
	acme := users.Tenant("acme")
	g, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"})
	if err != nil {
		log.Fatal(err)
	}

	service.fault = errors.New("kms: no route to host")
	_, err = acme.Groups().Reveal(ctx, g)
	fmt.Println("cached:", err, service.calls)
	now = now.Add(openedFor)
	_, err = acme.Groups().Reveal(ctx, g)
	fmt.Println("away:", errors.Is(err, enduser.ErrUnavailable))
	service.fault = errDestroyed
	_, err = acme.Groups().Reveal(ctx, g)
	fmt.Println("gone:", errors.Is(err, enduser.ErrNoKey))
	// Output:
	// cached: <nil> 1
	// away: true
	// gone: true
}

// errDestroyed is what the service says of a key that will never come back. A key
// that is disabled, or that the caller has no right to, is another error.
var errDestroyed = errors.New("kms: destroyed")

// kms stands for a key management service: its own key never leaves it.
type kms struct {
	aead  cipher.AEAD
	fault error
	calls int
}

func newKMS() *kms {
	var root [32]byte
	rand.Read(root[:])
	block, err := aes.NewCipher(root[:])
	if err != nil {
		log.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		log.Fatal(err)
	}
	return &kms{aead: aead}
}

// newKey returns a new key, wrapped.
func (s *kms) newKey(ctx context.Context, id string) ([]byte, error) {
	var secret [32]byte
	rand.Read(secret[:])
	wrapped := s.aead.Seal(nil, nil, secret[:], []byte(id)) //nolint:gosec // it makes its own random nonce
	return wrapped, errors.Join(ctx.Err(), s.fault)
}

func (s *kms) unwrap(ctx context.Context, wrapped []byte, id string) (secret [32]byte, err error) {
	s.calls++
	if err := errors.Join(ctx.Err(), s.fault); err != nil {
		return secret, err
	}
	b, err := s.aead.Open(nil, nil, wrapped, []byte(id))
	copy(secret[:], b)
	return secret, err
}
