package backend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/store"
)

// Keyring is the flag that names the keys that secrets are sealed under. Commands embed it
// beside Store.
type Keyring struct {
	Keyring string `path:"" placeholder:"KEYRING" help:"The keys that secrets are sealed under: FILE for processes of one host, shared:FILE for several hosts that each have a copy, or none. By default a file beside the store."`
}

// defaultKeyring is the file of stores that are no file.
const defaultKeyring = "rollbook.keyring"

// File returns the path of the keyring's file, "" if there is to be none. It is shared if
// programs only read it.
func (k *Keyring) File(s *Store) (path string, shared bool) {
	switch path, shared = strings.CutPrefix(k.Keyring, "shared:"); {
	case shared:
		return path, true
	case path == "none":
		return "", false
	case path != "":
		return path, false
	}
	database, isFile := s.File()
	if !isFile {
		return defaultKeyring, false
	}
	if slices.Contains([]string{".db", ".db3", ".sqlite", ".sqlite3"}, filepath.Ext(database)) {
		database = strings.TrimSuffix(database, filepath.Ext(database))
	}
	return database + ".keyring", false
}

// Find opens the keyring of a store for a command that works on what is there. It makes no
// file: what is sealed under a new key cannot be opened by the servers on the store. The error for
// a file that does not exist has the status NotFound.
func (k *Keyring) Find(ctx context.Context, s *Store, log *slog.Logger) (enduser.Keyring, error) {
	if err := k.missing(s); err != nil {
		return nil, err
	}
	return k.Open(ctx, s, log)
}

// missing returns an error if there is to be a file and is none.
func (k *Keyring) missing(s *Store) error {
	if path, _ := k.File(s); path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return cli.Exit(cli.NotFound, fmt.Errorf("-keyring: there is no file %s", path))
		}
	}
	return nil
}

// fill opens the keyring for users that come in. It makes a file only for a store that is empty:
// servers on one that is not have a keyring already, and cannot read what is sealed under another
// one. The keyring is nil if theirs is not where it is by default.
func (k *Keyring) fill(ctx context.Context, s *Store, st store.Store, log *slog.Logger) (enduser.Keyring, error) {
	if err := k.missing(s); err != nil {
		page, listErr := st.Tenants(ctx, store.TenantQuery{Limit: 1})
		switch {
		case listErr != nil:
			return nil, listErr
		case len(page.Names) > 0 && k.Keyring == "":
			return nil, nil //nolint:nilnil // rows that need one are rejected
		case len(page.Names) > 0:
			return nil, err
		}
	}
	return k.Open(ctx, s, log)
}

// Open opens the keyring of a store, and makes its file if there never was one, unless it is
// shared. The keyring is nil if there is to be none. It is also nil if the default file cannot be
// kept private: then the log says so, and no secrets can be kept. A shared keyring is a
// [*keyfile.Shared], whose file can be read again.
func (k *Keyring) Open(ctx context.Context, s *Store, log *slog.Logger) (enduser.Keyring, error) {
	path, shared := k.File(s)
	switch {
	case k.Keyring != "" && path == "" && k.Keyring != "none":
		return nil, cli.Exit(cli.Usage, errors.New("-keyring: the path is empty"))
	case path == "":
		return nil, nil //nolint:nilnil // no keyring
	case shared:
		ring, err := keyfile.OpenShared(path)
		if err != nil {
			return nil, fmt.Errorf("-keyring shared:%s: %w", path, err)
		}
		return ring, nil
	}
	_, err := os.Lstat(path)
	made := errors.Is(err, fs.ErrNotExist)
	ring, err := keyfile.Open(ctx, path, nil)
	switch {
	case k.Keyring == "" && (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, keyfile.ErrExposed)):
		log.Warn("no keyring: -keyring names a better place", slog.Any("error", err))
		return nil, nil //nolint:nilnil // likewise
	case err != nil:
		return nil, fmt.Errorf("-keyring %s: %w", path, err)
	}
	_, isFile := s.File()
	away := k.Keyring == "" && !isFile // in the working folder, wherever the store is
	switch {
	case made && away:
		log.Warn("made a keyring in the working folder: everything that uses this store needs it", slog.String("file", path))
	case made:
		log.Info("made a keyring: keep a copy of it", slog.String("file", path))
	case away:
		log.Info("keyring in the working folder", slog.String("file", path))
	}
	return ring, nil
}
