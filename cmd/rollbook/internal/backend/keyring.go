package backend

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// Keyring is the flag that names the keys that secrets are sealed under. Commands embed it
// beside Store.
type Keyring struct {
	Keyring string `placeholder:"KEYRING" help:"The keys that secrets are sealed under: FILE, shared:FILE or none. By default a file beside the store."`
}

// Open opens the keyring of a store. It is nil if there is none.
func (k *Keyring) Open(ctx context.Context, s *Store, log *slog.Logger) (enduser.Keyring, error) {
	path := k.Keyring
	if path == "" {
		path = "rollbook.keyring"
	}
	if path == "none" {
		return nil, nil //nolint:nilnil // no keyring
	}
	ring, err := keyfile.Open(ctx, path, nil)
	if err != nil {
		return nil, fmt.Errorf("-keyring %s: %w", path, err)
	}
	return ring, nil
}
