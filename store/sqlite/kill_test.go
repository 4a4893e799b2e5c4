package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

const pathVariable = "ROLLBOOK_SQLITE_TEST_PATH"

// TestKill kills a process that writes with 8 goroutines, again and again, and
// compares what it acknowledged with the file: every write has a Note of its own, so an
// acknowledged one must be in the feed under its revision, and every record must be as
// its last entry says.
func TestKill(t *testing.T) {
	t.Parallel()
	path := file(t)
	cycles := size.Pick(t, 15, 100, 1000)
	feed := make(map[string][]store.Change) // by tenant, as far as it was read
	acknowledged := 0
	for cycle := range cycles {
		acks := writeAndKill(t, path, 5+rand.IntN(100))
		acknowledged += len(acks)
		compare(t, path, feed, acks)
		checkFile(t, path)
		if t.Failed() {
			t.Fatalf("in cycle %d", cycle)
		}
	}
	t.Logf("%d cycles, %d acknowledged writes, none lost", cycles, acknowledged)
	if acknowledged < 20*cycles {
		t.Errorf("%d acknowledged writes in %d cycles are too few to mean anything", acknowledged, cycles)
	}
}

type ack struct {
	tenant string
	rev    store.Revision
	word   string
}

// writeAndKill returns what was acknowledged before the process died.
func writeAndKill(t *testing.T, path string, enough int) (acks []ack) {
	t.Helper()
	cmd := self("write")
	cmd.Env = append(cmd.Env, pathVariable+"="+path)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var a ack
		if _, err := fmt.Sscanf(lines.Text(), "%s %d %s", &a.tenant, &a.rev, &a.word); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if acks = append(acks, a); len(acks) == enough {
			must(t, cmd.Process.Kill())
		}
	}
	var exit interface{ ExitCode() int }
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the writer was not killed but ended: %v", err)
	}
	return acks
}

func compare(t *testing.T, path string, feed map[string][]store.Change, acks []ack) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, nil)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	for _, tenant := range writerTenants() {
		feed[tenant] = readFeed(t, s, tenant, feed[tenant])
		last := make(map[string]store.Change)
		for i, c := range feed[tenant] {
			if c.Revision != store.Revision(i+1) { // every write has a note
				t.Fatalf("entry %d of the feed has revision %d", i, c.Revision)
			}
			last[c.ID] = c
		}
		for id, c := range last {
			r, err := s.Get(t.Context(), tenant, store.ID(id))
			switch {
			case c.Type == store.Deleted && errors.Is(err, store.ErrNotFound):
			case err != nil || c.Type == store.Deleted:
				t.Errorf("%s after %v: %v", id, c.Type, err)
			case r.Revision != c.Revision || string(r.Data) != string(c.Note):
				t.Errorf("%s has revision %d and %q, the feed has %d and %q", id, r.Revision, r.Data, c.Revision, c.Note)
			}
		}
	}
	for _, a := range acks {
		of := feed[a.tenant]
		if int(a.rev) > len(of) || string(of[a.rev-1].Note) != a.word {
			t.Errorf("acknowledged and lost: revision %d of %d", a.rev, len(of))
		}
	}
}

func writerTenants() []string { return []string{"one", "two"} }

// writeUntilKilled is the process that is killed: 8 goroutines, 500 records
// that all of them write, keys and terms that come and go.
func writeUntilKilled() {
	sync := sqlite.Sync(rand.IntN(2)) // a kill must not matter to either
	s, err := sqlite.Open(context.Background(), os.Getenv(pathVariable), &sqlite.Options{Sync: sync})
	if err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
	failed := make(chan error)
	for range 8 {
		go func() {
			for {
				if err := writeSomething(s); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	select {
	case err = <-failed:
	case <-time.After(5 * time.Minute): // the test has not killed this process
		err = errors.New("still alive")
	}
	fmt.Fprintln(os.Stderr, "writer:", err)
	os.Exit(1)
}

func writeSomething(s store.Store) error {
	ctx := context.Background()
	tenant := writerTenants()[rand.IntN(2)]
	id := fmt.Sprintf("id-%d", rand.IntN(500))
	old, err := s.Get(ctx, tenant, store.ID(id))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	word := fmt.Sprintf("%016x%s", rand.Uint64(), strings.Repeat("x", rand.IntN(600)))
	r := store.Record{
		ID: id, Kind: "user", Data: []byte(word),
		Unique: []store.Key{{Kind: "own", Value: id}, {Kind: "hot", Value: fmt.Sprint(rand.IntN(400))}},
		Index:  []store.Key{{Kind: "a", Value: fmt.Sprint(rand.IntN(5))}, {Kind: "b", Value: fmt.Sprint(rand.IntN(50))}},
	}
	if rand.IntN(3) == 0 {
		r.Due = store.FromMillis(1 + rand.Int64N(1e12))
	}
	op := store.Replace(old, r, []byte(word))
	switch {
	case err != nil:
		op = store.Create(r, []byte(word))
	case rand.IntN(5) == 0:
		op = store.Delete(old, []byte(word))
	}
	rev, err := s.Apply(ctx, tenant, store.Ops(op))
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrTaken) {
		return nil
	}
	if err != nil {
		return err
	}
	// One system call, so that the parent sees whole lines.
	_, err = fmt.Fprintf(os.Stdout, "%s %d %s\n", tenant, rev, word)
	return err
}
