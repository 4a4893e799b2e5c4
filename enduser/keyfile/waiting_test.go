//go:build unix

package keyfile_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// TestReadersDoNotWait: while another process holds the lock, and a call of this one
// waits for it, those that only read go on, also in a file that was changed.
func TestReadersDoNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	open := func() *keyfile.Keyring {
		t.Helper()
		k, err := keyfile.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, other := open(), open()
	id, err := other.Add(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Promote(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	waiting, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := k.Add(waiting)
		ended <- err
	}()

	reading, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 100 { // some of them while Add waits
		key, err := k.SealingKey(reading, time.Time{})
		if err != nil || key.ID() != id {
			t.Fatalf("sealing: %v, %v", key, err)
		}
		if _, err := k.OpeningKey(reading, id); err != nil {
			t.Fatalf("opening: %v", err)
		}
		if keys, err := k.Keys(reading); err != nil || len(keys) != 2 {
			t.Fatalf("keys: %v, %v", keys, err)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("a writer did not wait: %v", err)
	default:
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("a writer that was told to stop wrote")
	}
}
