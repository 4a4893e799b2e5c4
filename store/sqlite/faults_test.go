package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

const groupSize = 8

// TestGroupFaults writes groups of 8 calls and has one statement of the group
// fail, every one in every way. Whoever is told "done" must find his write,
// whoever is told "failed" must not, nothing may be executed outside of a
// transaction, and the next group must be written.
func TestGroupFaults(t *testing.T) {
	path := file(t)
	g := newGroups(t, path)
	statements := g.run(t, -1, none)
	if statements < 30 {
		t.Fatalf("a group has only %d statements", statements)
	}
	cells := 0
	for range times(4, 1) {
		for at := range statements {
			for kind := none + 1; kind < faults; kind++ {
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

func newGroups(t *testing.T, path string) *groups {
	t.Helper()
	return newObservedGroups(t, path, nil)
}

func newObservedGroups(t *testing.T, path string, o *store.Observer) *groups {
	t.Helper()
	opts := &sqlite.Options{Sync: sqlite.Normal, Observer: o}
	writerDSN, err := sqlite.DSN(path, opts, false)
	if err != nil {
		t.Fatal(err)
	}
	readerDSN, err := sqlite.DSN(path, opts, true)
	if err != nil {
		t.Fatal(err)
	}
	writer, d := newFaultyPool(t, writerDSN, path)
	reader, err := sql.Open("sqlite", readerDSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	s, err := sqlite.New(t.Context(), writer, reader, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &groups{store: s, driver: d}
}

func (g *groups) summary() string {
	return fmt.Sprintf("%d calls done, %d refused, %d failed, %d unknown", g.done, g.refused, g.failed, g.unknown)
}

// member is a call of a group: what it writes, and how to see whether it did.
type member struct {
	ops     []store.Op
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
	rev, err := g.store.Apply(t.Context(), "t", store.Ops(
		store.Create(person(4, "old"), nil), store.Create(person(5, "old"), nil), store.Create(person(6, "old"), nil)))
	if err != nil {
		t.Fatal(err)
	}
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
		m = append(m, member{ops: []store.Op{store.Create(person(i, "new"), []byte("note"))}, present: hasNew})
	}
	return append(m,
		member{ops: []store.Op{store.Replace(old(4), person(4, "new"), []byte("note"))}, present: hasNew},
		member{ops: []store.Op{store.Delete(old(5), []byte("note"))}, present: isGone},
		member{ops: []store.Op{store.Replace(stale, person(6, "new"), nil)}, present: hasNew, refused: store.ErrStale},
		member{ops: []store.Op{store.Create(taken, nil)}, present: hasNew, refused: store.ErrTaken},
	)
}

// run writes a group with a fault and judges what its callers were told. It
// returns the number of statements.
func (g *groups) run(t *testing.T, at int, kind fault) int {
	t.Helper()
	members := g.members(t)
	leaver := max(at, 0) % len(members)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()

	begun := make(chan struct{})
	g.driver.arm(at, kind, leave, begun)
	errs := make([]error, len(members))
	var wg sync.WaitGroup
	var answered atomic.Int32
	for i, m := range members {
		wg.Go(func() {
			c := t.Context()
			if i == leaver {
				c = ctx
			}
			_, errs[i] = g.store.Apply(c, "t", store.Ops(m.ops...))
			answered.Add(1)
		})
	}
	// A round that the last group has left to the writer may have had some already.
	eventually(t, "all calls are in the queue", func() bool { return g.store.Queued()+int(answered.Load()) == len(members) })
	close(begun)
	wg.Wait()
	statements, sins := g.driver.disarm()
	if len(sins) > 0 {
		t.Errorf("%v at %d: %s", kind, at, strings.Join(sins, "; "))
	}
	// The next group. It also comes after the end of this one, which a caller who
	// left has not waited for.
	if _, err := g.store.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: fmt.Sprint("next-", g.next), Kind: "user"}, nil))); err != nil {
		t.Errorf("%v at %d: the next group: %v", kind, at, err)
	}
	for i, m := range members {
		r, err := g.store.Get(t.Context(), "t", store.ID(m.ops[0].ID()))
		g.judge(t, fmt.Sprintf("%v at %d: call %d", kind, at, i), m, errs[i], m.present(r, err), kind)
	}
	return statements
}

func (g *groups) judge(t *testing.T, what string, m member, told error, present bool, kind fault) {
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
	path := file(t)
	opts := &sqlite.Options{Sync: sqlite.Normal}
	writerDSN, err := sqlite.DSN(path, opts, false)
	if err != nil {
		t.Fatal(err)
	}
	readerDSN, err := sqlite.DSN(path, opts, true)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := sql.Open("sqlite", writerDSN+"&_pragma=max_page_count(100)")
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader, err := sql.Open("sqlite", readerDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	s, err := sqlite.New(t.Context(), writer, reader, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	var kept []store.Record
	for i := 0; ; i++ {
		r := store.Record{ID: fmt.Sprint(i), Kind: "user", Data: make([]byte, 10_000)}
		r.Revision, err = s.Apply(t.Context(), "t", store.Ops(store.Create(r, nil)))
		if err != nil {
			break
		}
		if kept = append(kept, r); i > 1000 {
			t.Fatal("the file is never full")
		}
	}
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("full: %v", err)
	}
	if page, err := s.List(t.Context(), "t", store.Query{Kind: "user"}); err != nil || len(page.Records) != len(kept) {
		t.Errorf("%d records after %d were acknowledged: %v", len(page.Records), len(kept), err)
	}
	if _, err := s.Apply(t.Context(), "t", store.Ops(store.Delete(kept[0], nil), store.Delete(kept[1], nil))); err != nil {
		t.Errorf("making room: %v", err)
	}
	if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(kept[0], nil))); err != nil {
		t.Errorf("after making room: %v", err)
	}
	checkFile(t, path)
}
