package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

const groupSize = 8

// TestGroupFaults writes groups of 8 calls and has one statement of the group
// fail, every one in every way. The write of a call that succeeds must be there, that of
// a call that fails must not, nothing may run outside of a transaction, and the next
// group must be written.
func TestGroupFaults(t *testing.T) {
	path := file(t)
	g := newGroups(t, path, nil)
	statements := g.run(t, -1, none)
	if statements < 30 {
		t.Fatalf("a group has only %d statements", statements)
	}
	cells := 0
	for range size.Pick(t, 1, 4, 40) {
		for at := range statements {
			for kind := none + 1; kind < faults; kind++ {
				if size.Race && size.At(t) == size.Quick && (at+int(kind))%4 > 0 {
					continue // the race detector needs no other statements
				}
				g.run(t, at, kind)
				cells++
				if t.Failed() {
					t.Fatalf("%v at statement %d of %d", kind, at, statements)
				}
			}
		}
	}
	checkFile(t, path)
	t.Logf("%d groups of %d calls, %d statements each; %s", cells, groupSize, statements, g.summary())
}

// groups makes groups of calls whose outcome is known.
type groups struct {
	store  *sqlite.Store
	driver *faultyDriver
	next   int

	done, refused, failed, unknown int
}

func newGroups(t *testing.T, path string, o *store.Observer) *groups {
	t.Helper()
	s, d := openPools(t, path, &sqlite.Options{Sync: sqlite.Normal, Observer: o}, "")
	return &groups{store: s, driver: d}
}

func (g *groups) summary() string {
	return fmt.Sprintf("%d calls done, %d refused, %d failed, %d unknown", g.done, g.refused, g.failed, g.unknown)
}

// member is a call of a group: what it writes, and how to see whether it did.
type member struct {
	op      store.Op
	refused error // what it gets where nothing fails
	present func(store.Record, error) bool
}

// members returns four creates, a replacement, a deletion and two calls that
// are refused. Each is about a record of its own.
func (g *groups) members(t *testing.T) []member {
	t.Helper()
	g.next++
	person := func(i int, data string) store.Record {
		id := fmt.Sprintf("%d-%d", g.next, i)
		return store.Record{
			ID: id, Kind: "user", Data: []byte(data),
			Unique: []store.Key{{Kind: "external", Value: id}},
			Index:  []store.Key{{Kind: "word", Value: data}},
			Due:    store.FromMillis(int64(1000 + g.next)),
		}
	}
	rev := apply(t, g.store, "t",
		store.Create(person(4, "old"), nil), store.Create(person(5, "old"), nil), store.Create(person(6, "old"), nil))
	old := func(i int) store.Record {
		r := person(i, "old")
		r.Revision = rev - 6 + store.Revision(i)
		return r
	}
	hasNew := func(r store.Record, err error) bool { return err == nil && string(r.Data) == "new" }
	isGone := func(_ store.Record, err error) bool { return errors.Is(err, store.ErrNotFound) }
	stale := old(6)
	stale.Revision--
	taken := person(7, "new")
	taken.Unique = old(6).Unique

	var m []member
	for i := range 4 {
		m = append(m, member{op: store.Create(person(i, "new"), []byte("note")), present: hasNew})
	}
	return append(m,
		member{op: store.Replace(old(4), person(4, "new"), []byte("note")), present: hasNew},
		member{op: store.Delete(old(5), []byte("note")), present: isGone},
		member{op: store.Replace(stale, person(6, "new"), nil), present: hasNew, refused: store.ErrStale},
		member{op: store.Create(taken, nil), present: hasNew, refused: store.ErrTaken},
	)
}

// together makes calls that share a transaction, of which a statement fails, and returns
// what they were told and the number of statements.
func (g *groups) together(t *testing.T, at int, kind fault, batches []store.Batch) (errs []error, statements int) {
	t.Helper()
	leaver := max(at, 0) % len(batches)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	begun := make(chan struct{})
	g.driver.arm(at, kind, leave, begun)
	errs = make([]error, len(batches))
	var wg sync.WaitGroup
	var answered atomic.Int32
	for i, b := range batches {
		wg.Go(func() {
			c := t.Context()
			if i == leaver {
				c = ctx
			}
			_, errs[i] = g.store.Apply(c, "t", b)
			answered.Add(1)
		})
	}
	// A round that the last group has left to the writer may have had some already.
	eventually(t, "all calls are in the queue", func() bool { return g.store.Queued()+int(answered.Load()) == len(batches) })
	close(begun)
	wg.Wait()
	statements, sins := g.driver.disarm()
	if len(sins) > 0 {
		t.Errorf("%v at %d: %s", kind, at, strings.Join(sins, "; "))
	}
	return errs, statements
}

// run writes a group with a fault and checks what its callers were told. It
// returns the number of statements.
func (g *groups) run(t *testing.T, at int, kind fault) int {
	t.Helper()
	members := g.members(t)
	var batches []store.Batch
	for _, m := range members {
		batches = append(batches, store.Ops(m.op))
	}
	errs, statements := g.together(t, at, kind, batches)
	// The next group. It also comes after the end of this one, for which a caller that
	// left has not waited.
	next := store.Create(store.Record{ID: fmt.Sprint("next-", g.next), Kind: "user"}, nil)
	if _, err := g.store.Apply(t.Context(), "t", store.Ops(next)); err != nil {
		t.Errorf("%v at %d: the next group: %v", kind, at, err)
	}
	for i, m := range members {
		r, err := g.store.Get(t.Context(), "t", store.ID(m.op.ID()))
		g.check(t, fmt.Sprintf("%v at %d: call %d", kind, at, i), m, errs[i], m.present(r, err), kind)
	}
	return statements
}

func (g *groups) check(t *testing.T, what string, m member, told error, present bool, kind fault) {
	t.Helper()
	switch {
	case told == nil:
		g.done++
		if !present || m.refused != nil {
			t.Errorf("%s was told that it is done; present: %v", what, present)
		}
	case errors.Is(told, store.ErrUnknown):
		g.unknown++
		if m.refused != nil && kind != leaves {
			t.Errorf("%s would have been refused and was told %v", what, told)
		}
	case errors.Is(told, store.ErrUnavailable):
		g.failed++
		if present {
			t.Errorf("%s was told %v and is present", what, told)
		}
		if kind == none || kind == leaves {
			t.Errorf("%s: %v", what, told)
		}
	case m.refused != nil && errors.Is(told, m.refused):
		g.refused++
		if present {
			t.Errorf("%s was refused and is present", what)
		}
	default:
		t.Errorf("%s: %v", what, told)
	}
}

// TestDiskFull fills a file that may not grow, with SQLite's own error.
func TestDiskFull(t *testing.T) {
	for range size.Pick(t, 1, 5, 200) {
		path := file(t)
		s, _ := openPools(t, path, &sqlite.Options{Sync: sqlite.Normal}, "&_pragma=max_page_count(100)")
		var kept []store.Record
		var err error
		for err == nil {
			r := user(fmt.Sprint(len(kept)))
			r.Data = make([]byte, 10_000)
			r.Revision, err = s.Apply(t.Context(), "t", store.Ops(store.Create(r, nil)))
			if kept = append(kept, r); len(kept) > 1000 {
				t.Fatal("the file is never full")
			}
		}
		kept = kept[:len(kept)-1]
		if !isUnavailable(err, store.ErrUnavailable) {
			t.Errorf("full: %v", err)
		}
		if ids := users(t, s); len(ids) != len(kept) {
			t.Errorf("%d records after %d were acknowledged", len(ids), len(kept))
		}
		apply(t, s, "t", store.Delete(kept[0], nil), store.Delete(kept[1], nil)) // makes room
		apply(t, s, "t", store.Create(kept[0], nil))
		checkFile(t, path)
		must(t, s.Close())
	}
}
