package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// keyringFile keeps the keys that secrets are sealed under.
const keyringFile = "rollbook.keyring"

// openKeyring opens the file that -keyring names. If the default file cannot be kept private,
// as on systems without locks or rights on files, there is no keyring: the server works and
// refuses to keep secrets.
func openKeyring(ctx context.Context, path string, log *slog.Logger) (enduser.Keyring, error) {
	if path == "none" {
		return nil, nil //nolint:nilnil // no keyring
	}
	k, err := keyfile.Open(ctx, path, nil)
	switch {
	case path == keyringFile && (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, keyfile.ErrExposed)):
		log.Warn("no keyring: -keyring names a better place", slog.Any("error", err))
		return nil, nil //nolint:nilnil // likewise
	case err != nil:
		return nil, fmt.Errorf("-keyring %s: %w", path, err)
	}
	return k, nil
}

// keyFile keeps the key that the server makes for itself.
const keyFile = "rollbook.key"

// ownKey returns the key in the file. If there is no file it makes one that only its owner
// may read.
func ownKey(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the path is ours
	if errors.Is(err, fs.ErrExist) {
		text, err := os.ReadFile(path) //nolint:gosec // likewise
		if err != nil {
			return "", err
		}
		key := strings.TrimSpace(string(text))
		if key == "" {
			return "", fmt.Errorf("%s is empty: delete it", path)
		}
		return key, nil
	}
	if err != nil {
		return "", err
	}
	key := "rbk_" + rand.Text()
	_, err = f.WriteString(key + "\n")
	return key, errors.Join(err, f.Sync(), f.Close())
}
