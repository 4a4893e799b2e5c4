package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

const canary = "canary-7f3a"

// TestScrub looks for a word in the files after everything that held it was
// deleted, overwritten or trimmed. The files are read only when the store is
// closed: reading them in this process would drop its locks.
func TestScrub(t *testing.T) {
	for _, scrub := range []bool{true, false} {
		path := file(t)
		fillWithCanaries(t, path, scrub)
		found := 0
		for _, suffix := range []string{"", "-wal", "-shm"} {
			b, err := os.ReadFile(path + suffix + ".kept")
			must(t, err)
			found += bytes.Count(b, []byte(canary))
		}
		if scrub && found > 0 {
			t.Errorf("%d copies after Scrub", found)
		}
		if !scrub && found == 0 {
			t.Error("no copies without Scrub: the test cannot see them")
		}
	}
}

// fillWithCanaries keeps the files as they are before the store is closed, since
// closing empties the log as well.
func fillWithCanaries(t *testing.T, path string, scrub bool) {
	t.Helper()
	child := startProcess(t)
	s, err := child.open(path)
	must(t, err)
	r := store.Record{
		Kind: "user", Data: []byte(strings.Repeat(canary, 1000)),
		Unique: []store.Key{{Kind: "k", Value: canary}},
		Index:  []store.Key{{Kind: "k", Value: canary + strings.Repeat("x", 1500)}},
	}
	for range 20 {
		r.ID = "a" + canary
		r.Revision = apply(t, s, "t", store.Create(r, []byte(canary)))
		changed := r
		changed.Data, changed.Unique, changed.Index = []byte("harmless"), nil, nil
		changed.Revision = apply(t, s, "t", store.Replace(r, changed, nil))
		apply(t, s, "t", store.Delete(changed, []byte(strings.Repeat(canary, 500))))
	}
	apply(t, s, "t", store.Create(r, nil))
	must(t, damager{s, path}.Damage(t.Context(), "t", r.ID))
	apply(t, s, "t", store.Remove(r.ID, "user", nil))
	apply(t, s, "t", store.Create(store.Record{ID: "last", Kind: "user"}, []byte("harmless"))) // its entry stays
	must(t, s.Trim(t.Context(), "t", 1000))
	if scrub {
		must(t, s.Scrub(t.Context()))
	}
	// The store is in the other process, so this one may read its files.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		copyFile(t, path+suffix, path+suffix+".kept")
	}
	must(t, s.close())
}

// Scrub waits for a reader of an older state, and writes go on meanwhile.
func TestScrubWaitsForReaders(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a"), nil))
	conn, _ := raw(t, path)
	execute(t, conn, `BEGIN`)
	rows(t, conn, `SELECT count(*) FROM rollbook_record`)
	apply(t, s, "t", store.Create(user("b"), nil))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Scrub(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a reader: %v", err)
	}
	scrubbed := make(chan error, 1)
	go func() { scrubbed <- s.Scrub(t.Context()) }()
	apply(t, s, "t", store.Create(user("c"), nil))
	execute(t, conn, `ROLLBACK`)
	if err := <-scrubbed; err != nil {
		t.Errorf("when the reader has gone: %v", err)
	}
}
