//go:build unix && !aix && !solaris

package keyfile_test

import (
	"context"
	"testing"
	"time"
)

// While another process holds the lock and a call of this one waits for it, calls that
// only read go on, also after the file was changed.
func TestReadersDoNotWait(t *testing.T) {
	path := newPath(t)
	k, other := open(t, path, newClock()), open(t, path, newClock())
	id := must(other.Add(t.Context()))(t)
	added := must(other.OpeningKey(t.Context(), id))(t)
	ok(t, other.Promote(t.Context(), id))
	lock(t, path)
	waiting, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := k.Add(waiting)
		ended <- err
	}()

	for range 100 { // some of them while Add waits
		seals(t, k, time.Time{}, added)
		checkOpens(t, k, added)
		if infos := keys(t, k); len(infos) != 2 {
			t.Fatalf("keys: %v", infos)
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
