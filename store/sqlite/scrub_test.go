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
	"github.com/rollbook-go/rollbook/store/sqlite"
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
			if err != nil {
				t.Fatal(err)
			}
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
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	apply := func(ops ...store.Op) store.Revision {
		t.Helper()
		rev, err := s.Apply(ctx, "t", store.Ops(ops...))
		if err != nil {
			t.Fatal(err)
		}
		return rev
	}
	r := store.Record{
		Kind: "user", Data: []byte(strings.Repeat(canary, 1000)),
		Unique: []store.Key{{Kind: "k", Value: canary}},
		Index:  []store.Key{{Kind: "k", Value: canary + strings.Repeat("x", 1500)}},
	}
	for range 20 {
		r.ID = "a" + canary
		r.Revision = apply(store.Create(r, []byte(canary)))
		changed := r
		changed.Data, changed.Unique, changed.Index = []byte("harmless"), nil, nil
		changed.Revision = apply(store.Replace(r, changed, nil))
		apply(store.Delete(changed, []byte(strings.Repeat(canary, 500))))
	}
	apply(store.Create(r, nil))
	if err := (damager{s, path}).Damage(ctx, "t", r.ID); err != nil {
		t.Fatal(err)
	}
	apply(store.Remove(r.ID, "user", nil))
	apply(store.Create(store.Record{ID: "last", Kind: "user"}, []byte("harmless"))) // its entry stays
	if err := s.Trim(ctx, "t", 1000); err != nil {
		t.Fatal(err)
	}
	if scrub {
		if err := s.Scrub(ctx); err != nil {
			t.Fatal(err)
		}
	}
	// The store is in the other process, so this one may read its files.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		b, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(path+suffix+".kept", b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// Scrub waits for a reader of an older state, and writes go on meanwhile.
func TestScrubWaitsForReaders(t *testing.T) {
	path := file(t)
	s := open(t, path, &sqlite.Options{Sync: sqlite.Normal})
	create := func(id string) {
		t.Helper()
		if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: id, Kind: "user"}, nil))); err != nil {
			t.Fatal(err)
		}
	}
	create("a")
	db := rawOpen(t, path)
	defer db.Close()
	conn := connection(t, db)
	execute(t, conn, `BEGIN`)
	var n int
	if err := conn.QueryRowContext(t.Context(), `SELECT count(*) FROM rollbook_record`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	create("b")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Scrub(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a reader: %v", err)
	}
	scrubbed := make(chan error, 1)
	go func() { scrubbed <- s.Scrub(t.Context()) }()
	create("c")
	execute(t, conn, `ROLLBACK`)
	if err := <-scrubbed; err != nil {
		t.Errorf("when the reader has gone: %v", err)
	}
}
