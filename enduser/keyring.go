package enduser

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/internal/redact"
	"github.com/rollbook-go/rollbook/store"
)

// Keyring has the keys under which secrets are sealed in the store. Without them a copy of
// the store shows no secret. It must be safe for concurrent use.
//
// Package keyfile has a Keyring in a file, and [NewKeyring] makes one of keys that the host
// already has. A Keyring over a key management service unwraps its keys and caches them.
type Keyring interface {
	// SealingKey returns the key for a new secret. A secret with a deadline is useless from
	// then on: the keyring may return a key that it destroys soon after, so that copies of
	// the store become unreadable too. With a zero deadline the secret must stay readable
	// until it is sealed anew, see [Manager.Reseal].
	SealingKey(ctx context.Context, deadline time.Time) (Key, error)

	// OpeningKey returns the key with an ID, and never another. It returns ErrNoKey if the
	// keyring does not have it, or no longer has it. Any other error means that it cannot
	// tell now: calls then fail with ErrUnavailable.
	OpeningKey(ctx context.Context, id string) (Key, error)
}

// KeyDestroyer is a Keyring that destroys expired keys. [Manager.Sweep] calls it.
type KeyDestroyer interface {
	// DestroyKeys destroys the keys for secrets with a deadline that have expired. It keeps
	// those for secrets without a deadline.
	DestroyKeys(ctx context.Context) error
}

// Key is an AES-256 key. Logs and prints do not show its secret. At most 2^32 secrets
// should be sealed under one key (NIST SP 800-38D section 8.3).
type Key struct {
	id     string
	secret redact.Secret[[32]byte]
}

// maxKeyID is the length of the longest ID of a key, in bytes.
const maxKeyID = 64

// NewKey returns a key of 32 random bytes. The ID is 1 to 64 bytes of text. It stands in
// clear beside sealed texts, and must never be used for other bytes. NewKey returns
// ErrInvalid if the ID is invalid, or if all bytes are zero: then somebody has forgotten to
// fill them in.
func NewKey(id string, secret [32]byte) (Key, error) {
	var v violations
	if id == "" || len(id) > maxKeyID || textFault(id) != "" {
		v.add(Field{Name: "key_id"}, CodeValue, "must be 1 to 64 bytes of text")
	}
	if secret == [32]byte{} {
		v.add(Field{Name: "secret"}, CodeValue, "must not be all zero")
	}
	if err := v.err(); err != nil {
		return Key{}, err
	}
	return Key{id, redact.New(secret)}, nil
}

// ID returns the key's ID.
func (k Key) ID() string { return k.id }

// String returns the key's ID and none of its secret.
func (k Key) String() string { return "key " + k.id }

// static is the Keyring of a fixed set of keys.
type static []Key

// NewKeyring returns a Keyring of keys that the host keeps elsewhere, for example in a
// secret of its platform. New secrets are sealed under the primary key; the others open
// older ones. It never destroys a key: anyone who has the keys can read copies of the store,
// with secrets that have expired.
//
// To rotate, first give all processes the new key behind the old one, then in front of it.
// Then call [Manager.Reseal], and take the old key away when [Manager.CountSealed] does not
// count it any more.
func NewKeyring(primary Key, others ...Key) Keyring {
	return static(append([]Key{primary}, others...))
}

// SealingKey implements Keyring.
func (s static) SealingKey(context.Context, time.Time) (Key, error) { return s[0], nil }

// OpeningKey implements Keyring.
func (s static) OpeningKey(_ context.Context, id string) (Key, error) {
	i := slices.IndexFunc(s, func(k Key) bool { return k.id == id })
	if i < 0 {
		return Key{}, ErrNoKey
	}
	return s[i], nil
}

// place is what a sealed text is bound to: it cannot be opened for another place.
type place struct {
	tenant string // the tenant's name in the store, which has the environment
	record string
	field  string
	until  time.Time // the deadline; zero: none
}

// sealVersion is the first byte of a sealed text. It is followed by the length of the key's
// ID, the ID, a random nonce of 12 bytes, the text encrypted by AES-256-GCM, and its tag.
const sealVersion = 1

// aad returns the additional data that is authenticated with a text. Each part has its
// length in front, so that no two places have the same data.
func (p place) aad(header []byte) []byte {
	until := int64(0)
	if !p.until.IsZero() {
		until = p.until.UnixMilli()
	}
	b := append([]byte{}, header...)
	for _, part := range []string{p.tenant, p.record, p.field} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return binary.AppendVarint(b, until)
}

func (k Key) aead() (cipher.AEAD, error) {
	secret := redact.Reveal(k.secret)
	if secret == nil {
		return nil, errors.New("the keyring returned the zero Key")
	}
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal returns a text that only the keyring can open, and only for that place.
func (m *Manager) seal(ctx context.Context, text string, p place) ([]byte, error) {
	if m.keyring == nil {
		return nil, ErrNoKeyring
	}
	key, err := m.keyring.SealingKey(ctx, p.until)
	if err != nil {
		return nil, keyringError("seal", err)
	}
	aead, err := key.aead()
	if err != nil {
		return nil, keyringError("seal", err)
	}
	header := append([]byte{sealVersion, byte(len(key.id))}, key.id...) //nolint:gosec // at most 64
	return aead.Seal(header, nil, []byte(text), p.aad(header)), nil     //nolint:gosec // it makes its own random nonce
}

// sealedUnder returns the ID of the key that a sealed text needs.
func sealedUnder(sealed []byte) (id string, header []byte, err error) {
	if len(sealed) < 2 || sealed[0] != sealVersion || len(sealed) < 2+int(sealed[1]) {
		return "", nil, fmt.Errorf("%w: a sealed text has no header", ErrCorrupt)
	}
	header = sealed[:2+int(sealed[1])]
	return string(header[2:]), header, nil
}

// open returns the text that was sealed for a place.
func (m *Manager) open(ctx context.Context, sealed []byte, p place) (string, error) {
	if m.keyring == nil {
		return "", ErrNoKeyring
	}
	id, header, err := sealedUnder(sealed)
	if err != nil {
		return "", err
	}
	key, err := m.keyring.OpeningKey(ctx, id)
	switch {
	case errors.Is(err, ErrNoKey):
		return "", ErrNoKey
	case err != nil:
		return "", keyringError("open", err)
	}
	aead, err := key.aead()
	if err != nil {
		return "", keyringError("open", err)
	}
	text, err := aead.Open(nil, nil, sealed[len(header):], p.aad(header))
	if err != nil {
		return "", fmt.Errorf("%w: a sealed text was changed, or sealed for another place", ErrCorrupt)
	}
	return string(text), nil
}

// keyringError returns the error for a keyring that failed. It only quotes the errors that
// mean something to callers of this package: from a keyring they mean something else.
func keyringError(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("enduser: %s: %w", what, err)
	}
	for _, ours := range []error{store.ErrStale, store.ErrTaken, store.ErrUnknown, store.ErrNotFound, ErrNoKey, ErrCorrupt, ErrUnknown} {
		if errors.Is(err, ours) {
			return fmt.Errorf("%w: keyring: %s: %s", ErrUnavailable, what, strings.TrimPrefix(err.Error(), "enduser: "))
		}
	}
	return fmt.Errorf("%w: keyring: %s: %w", ErrUnavailable, what, err)
}
