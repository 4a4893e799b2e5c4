//go:build unix && !aix && !solaris

package keyfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/store/memory"
)

func folder() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "keyfile")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, "rollbook.keys"), func() { os.RemoveAll(dir) }
}

func ExampleOpen() {
	path, remove := folder()
	defer remove()

	ring, err := keyfile.Open(context.Background(), path, nil)
	if err != nil {
		log.Fatal(err)
	}
	users := enduser.New(memory.New(nil), &enduser.Options{Keyring: ring})
	fmt.Println(users.HasKeyring())
	// Output: true
}

// From its second start on, a program knows that there is a file. If there is none
// then, the folder is not mounted, or the file is lost: new keys would open nothing.
func ExampleOptions() {
	path, remove := folder()
	defer remove()

	_, err := keyfile.Open(context.Background(), path, &keyfile.Options{Existing: true})
	fmt.Println(errors.Is(err, keyfile.ErrMissing))
	// Output: true
}

// A secret that lives for a day is sealed under a key that lives for 25 hours at
// most. Once it is destroyed, no copy of the store can be read.
func ExampleKeyring_DestroyKeys() {
	path, remove := folder()
	defer remove()
	now := time.Date(2026, 9, 21, 14, 30, 0, 0, time.UTC)

	ctx := context.Background()
	ring, err := keyfile.Open(ctx, path, &keyfile.Options{Now: func() time.Time { return now }})
	if err != nil {
		log.Fatal(err)
	}
	key, err := ring.SealingKey(ctx, now.Add(24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}

	now = time.Date(2026, 9, 22, 15, 0, 0, 0, time.UTC)
	_, err = ring.OpeningKey(ctx, key.ID()) // its time is over, and it is in the file
	fmt.Println(errors.Is(err, enduser.ErrNoKey))
	before, err := ring.Keys(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := ring.DestroyKeys(ctx); err != nil { // Manager.Sweep does it, and so does Run
		log.Fatal(err)
	}
	after, err := ring.Keys(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(before), len(after), after[0].Primary)
	// Output:
	// true
	// 2 1 true
}

// Rotation: the package comment has all the steps.
func ExampleKeyring_Promote() {
	path, remove := folder()
	defer remove()

	ctx := context.Background()
	ring, err := keyfile.Open(ctx, path, nil)
	if err != nil {
		log.Fatal(err)
	}
	old, err := ring.SealingKey(ctx, time.Time{})
	if err != nil {
		log.Fatal(err)
	}

	id, err := ring.Add(ctx)
	if err != nil {
		log.Fatal(err)
	}
	var backup bytes.Buffer // to where the copies of keys are kept
	if err := ring.Backup(ctx, &backup); err != nil {
		log.Fatal(err)
	}
	if err := ring.Promote(ctx, id); err != nil {
		log.Fatal(err)
	}
	// Here, wait a minute, and call Manager.Reseal and Manager.CountSealed.
	if err := ring.Retire(ctx, old.ID()); err != nil {
		log.Fatal(err)
	}

	keys, err := ring.Keys(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(keys), keys[0].ID == id, keys[0].Primary)
	// Output: 1 true true
}

// A tool makes and changes the file; the hosts only read copies of it.
func ExampleOpenShared() {
	path, remove := folder()
	defer remove()

	ctx := context.Background()
	tool, err := keyfile.Open(ctx, path, nil)
	if err != nil {
		log.Fatal(err)
	}
	host, err := keyfile.OpenShared(path) // after it was copied there
	if err != nil {
		log.Fatal(err)
	}
	users := enduser.New(memory.New(nil), &enduser.Options{Keyring: host})
	fmt.Println(users.HasKeyring(), len(host.Keys()))

	if _, err := tool.Add(ctx); err != nil {
		log.Fatal(err)
	}
	if err := host.Reload(); err != nil { // on a signal, for example
		log.Fatal(err)
	}
	fmt.Println(len(host.Keys()))
	// Output:
	// true 1
	// 2
}
