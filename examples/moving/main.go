// Moving fills a registry from another system, writes a tenant to a file and reads it elsewhere,
// backs a database up, and takes everything to another store. docs/moving.md explains each.
//
//	go run ./examples/moving
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

func main() {
	dir, err := os.MkdirTemp("", "moving")
	if err == nil {
		err = run(context.Background(), dir, os.Stdout)
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func moveIn(ctx context.Context, acme enduser.Tenant, users iter.Seq[enduser.Import], out io.Writer) error {
	for result, err := range acme.ImportAll(ctx, users, nil) {
		switch {
		case err == nil:
		case result.Answered: // this row was not written; the others go on
			fmt.Fprintf(out, "row %d: %v\n", result.Row, err)
		default:
			return err // run it again: what is there already stays as it is
		}
	}
	return nil
}

func moveOut(ctx context.Context, users *enduser.Manager, tenant, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := archive.Export(ctx, users, file, &archive.ExportOptions{Tenant: tenant}); err != nil {
		return err
	}
	return file.Sync()
}

func readBack(ctx context.Context, others *enduser.Manager, path string, rejected io.Writer) (archive.ImportResult, error) {
	file, err := os.Open(path)
	if err != nil {
		return archive.ImportResult{}, err
	}
	defer file.Close()
	return archive.Import(ctx, others, file, &archive.ImportOptions{Rejected: rejected})
}

func backUp(ctx context.Context, st *sqlite.Store, path string, ring *keyfile.Keyring, keys io.Writer) error {
	if err := ring.Backup(ctx, keys); err != nil { // to another place than the database
		return err
	}
	return st.Backup(ctx, path, nil)
}

func restore(ctx context.Context, path, backup string) (*sqlite.Store, error) {
	if err := sqlite.Restore(ctx, path, backup, &sqlite.RestoreOptions{Replace: true}); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, path, nil)
}

func changeStore(ctx context.Context, from, to store.Store) error {
	_, err := store.Copy(ctx, to, from, nil) // stop all writers first
	if errors.Is(err, store.ErrSourceChanged) {
		return fmt.Errorf("somebody wrote meanwhile; begin again with an empty store: %w", err)
	}
	return err // after any other error: the same call goes on where it was
}

func run(ctx context.Context, dir string, out io.Writer) error {
	at := func(name string) string { return filepath.Join(dir, name) }
	st, err := sqlite.Open(ctx, at("users.db"), nil)
	if err != nil {
		return err
	}
	defer st.Close()
	ring, err := keyfile.Open(ctx, at("users.keyring"), nil)
	if err != nil {
		return err
	}
	users := enduser.New(st, &enduser.Options{Keyring: ring})

	customers := []enduser.Import{
		{ID: "cus_1", CreatedAt: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), Spec: enduser.Spec{ExternalID: "crm-1", Name: "Ann"}},
		{ID: "cus_2", Spec: enduser.Spec{ExternalID: "crm-2", Name: "Bob", Email: "bob"}}, // no address
	}
	if err := moveIn(ctx, users.Tenant("acme"), slices.Values(customers), out); err != nil {
		return err
	}
	if err := moveOut(ctx, users, "acme", at("acme.ndjson")); err != nil {
		return err
	}
	elsewhere := enduser.New(memory.New(nil), nil)
	result, err := readBack(ctx, elsewhere, at("acme.ndjson"), out)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "elsewhere:", result.Created, "created")

	keys, err := os.OpenFile(at("backup.keyring"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer keys.Close()
	if err := errors.Join(backUp(ctx, st, at("backup.db"), ring, keys), keys.Sync()); err != nil {
		return err
	}
	restored, err := restore(ctx, at("restored.db"), at("backup.db"))
	if err != nil {
		return err
	}
	defer restored.Close()
	to := memory.New(nil)
	if err := changeStore(ctx, restored, to); err != nil {
		return err
	}
	u, err := users.On(to).Tenant("acme").Get(ctx, enduser.ByID("cus_1"))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, u.Name, "since", u.CreatedAt.Year())
	return nil
}
