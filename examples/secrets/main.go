// Secrets keeps values that a copy of the store must not reveal: the tokens of groups and
// the sensitive values of users. It seals them under keys in a file, and then replaces the
// durable key.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

func main() {
	dir, err := os.MkdirTemp("", "secrets")
	if err != nil {
		log.Fatal(err)
	}
	err = run(context.Background(), dir, os.Stdout)
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, out io.Writer) (err error) {
	// The keys have a folder of their own that no backup includes: a backup would keep
	// the keys that are to be destroyed. From the second start on, set Options.Existing.
	keys := filepath.Join(dir, "keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		return err
	}
	ring, err := keyfile.Open(ctx, filepath.Join(keys, "rollbook.keys"), nil)
	if err != nil {
		return err
	}
	if err := backup(ctx, ring, filepath.Join(dir, "first.keys")); err != nil {
		return err
	}
	st, err := sqlitestore.Open(ctx, filepath.Join(dir, "users.db"), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	users := enduser.New(st, &enduser.Options{Keyring: ring})

	// Values expire 24 hours after they were written. They are deleted and their keys
	// destroyed only by Run or Sweep, so at least one process has to run one of them, on
	// the host that has the file.
	sweeping, stop := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	sweeper.Go(func() { _ = users.Run(sweeping) }) // returns the context's error
	defer func() { stop(); sweeper.Wait() }()

	acme := users.Tenant("acme")
	if err := group(ctx, acme, out); err != nil {
		return err
	}
	if err := sensitive(ctx, acme, out); err != nil {
		return err
	}
	// Here no other call is in progress. A server would wait for a minute.
	return rotate(ctx, users, ring, filepath.Join(dir, "second.keys"), 0)
}

// group makes a group. Programs prove with its token that they belong to it.
func group(ctx context.Context, acme enduser.Tenant, out io.Writer) error {
	// This program shows a token once and does not keep it.
	team, old, err := acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7"})
	if err != nil {
		return err
	}
	// Programs with the old token have an hour to change to the new one.
	_, token, err := acme.Groups().Rotate(ctx, enduser.GroupByID(team.ID), time.Hour)
	if err != nil {
		return err
	}
	for _, t := range []string{token, old} {
		asking, err := whose(ctx, acme, "Bearer "+t)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "a request from %s\n", asking.ExternalID)
	}
	return nil
}

// whose returns the group that a request comes from, by its Authorization header.
// If the error is an enduser.ErrNotFound, answer 401; otherwise 503.
func whose(ctx context.Context, acme enduser.Tenant, authorization string) (enduser.Group, error) {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return enduser.Group{}, enduser.ErrNotFound
	}
	return acme.Groups().Authenticate(ctx, token)
}

// sensitive keeps a value that only this program can show again.
func sensitive(ctx context.Context, acme enduser.Tenant, out io.Writer) error {
	spec := enduser.Spec{ExternalID: "ann", Sensitive: map[string]enduser.Secret{
		"session": enduser.NewSecret(enduser.String("s3cr3t")),
	}}
	if _, _, err := acme.Upsert(ctx, spec); err != nil {
		return err
	}
	values, err := acme.RevealSensitive(ctx, enduser.ByExternalID("ann"))
	if err != nil {
		return err
	}
	session, _ := values["session"].Str()
	fmt.Fprintf(out, "in print %v, in the program %s\n", spec.Sensitive, session)
	return nil
}

// rotate replaces the durable keys by a new one: it makes the key, keeps a copy at path,
// promotes it, reseals the tokens and retires the other keys. Only one rotation may run at a
// time. After an error it can be repeated with another path. Other calls may use the old key
// for up to wait.
func rotate(ctx context.Context, users *enduser.Manager, ring *keyfile.Keyring, path string, wait time.Duration) error {
	id, err := ring.Add(ctx)
	if err != nil {
		return err
	}
	if err := backup(ctx, ring, path); err != nil { // before anything is sealed under it
		return err
	}
	if err := ring.Promote(ctx, id); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
	}
	if _, err := users.Reseal(ctx); err != nil { // a record is unreadable: keep its key
		return err
	}
	sealed, err := users.CountSealed(ctx)
	if err != nil {
		return err
	}
	keys, err := ring.Keys(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key.Epoch || key.Primary { // epoch keys are destroyed when they expire
			continue
		}
		if n := sealed[key.ID]; n > 0 {
			return fmt.Errorf("still sealed under %s: %d", key.ID, n)
		}
		if err := ring.Retire(ctx, key.ID); err != nil {
			return err
		}
	}
	return nil
}

// backup keeps a copy of the durable keys: without one, losing the file loses everything
// sealed under them. With the copy, anyone who has a copy of the store can read its tokens.
// So keep the two apart, and not on this disk as here.
func backup(ctx context.Context, ring *keyfile.Keyring, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the path is ours
	if err != nil {
		return err
	}
	return errors.Join(ring.Backup(ctx, f), f.Sync(), f.Close())
}
