package histories

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rollbook-go/rollbook/store"
)

// mutants are ways to break a store from the outside.
var mutants = []struct {
	name  string
	wrong func(store.Store) store.Store
}{
	{"check then act", func(s store.Store) store.Store { return checkThenAct{Store: s} }},
	{"double create", func(s store.Store) store.Store { return checkThenAct{Store: s, createsOnly: true} }},
	{"index, then record", func(s store.Store) store.Store { return indexThenRecord{s} }},
	{"stale read", func(s store.Store) store.Store { return &staleRead{Store: s, seen: map[readKey]store.Record{}} }},
	{"repeated write", func(s store.Store) store.Store { return &repeatedWrite{Store: s} }},
	{"repeated create", func(s store.Store) store.Store { return repeatedCreate{s} }},
}

// MutantCaught puts known races in front of the store that open returns, one
// after the other, and fails the test for a race that no history shows within a minute:
// on a busy machine some races are rare. The options and open are as for [Run], but
// Options.Histories does not count.
func MutantCaught(tb testing.TB, open func() (store.Store, error), opts *Options) {
	tb.Helper()
	o := opts.withDefaults()
	handles, err := openTwo(open)
	if err != nil {
		tb.Fatal(err)
	}
	for _, mutant := range mutants {
		wrapped := [2]store.Store{mutant.wrong(handles[0]), mutant.wrong(handles[1])}
		n := 1
		for began := time.Now(); !caught(tb, wrapped, o); n++ {
			if time.Since(began) > time.Minute {
				tb.Errorf("mutant %q: none of %d histories up to seed %d shows it", mutant.name, n, o.Seed)
				break
			}
			o.Seed++
		}
	}
}

// caught reports whether a history is found not to be linearizable.
func caught(tb testing.TB, handles [2]store.Store, o Options) bool {
	tb.Helper()
	h, err := record(tb.Context(), handles, o.Seed, o)
	if err != nil {
		tb.Fatalf("history with seed %d: %v", o.Seed, err)
	}
	return porcupine.CheckOperationsTimeout(model, h.ops, o.Timeout) == porcupine.Illegal
}

// yield lets other clients into the gap of a mutant, on few processors too.
func yield() {
	for range 4 {
		runtime.Gosched()
	}
}

// checkThenAct checks preconditions by reading, and writes unconditionally later.
type checkThenAct struct {
	store.Store
	createsOnly bool
}

func (m checkThenAct) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	if m.createsOnly && len(b.Require) > 0 {
		return m.Store.Apply(ctx, tenant, b)
	}
	if err := m.requires(ctx, tenant, b.Require); err != nil {
		return 0, err
	}
	for i, op := range b.Ops {
		if m.createsOnly && op.Old != nil {
			return m.Store.Apply(ctx, tenant, b)
		}
		at, err := m.revision(ctx, tenant, op.ID())
		if err != nil {
			return 0, err
		}
		removal := op.New == nil && op.Old.Revision == 0
		if (at > 0) != (op.Old != nil) || at > 0 && at != op.Old.Revision && !removal {
			return 0, &store.StaleError{Op: i, Require: -1}
		}
	}
	yield()
	for {
		forced, err := m.force(ctx, tenant, b.Ops)
		if err != nil {
			return 0, err
		}
		revision, err := m.Store.Apply(ctx, tenant, store.Ops(forced...))
		if !errors.Is(err, store.ErrStale) {
			return revision, err
		}
	}
}

// requires checks the requirements of a batch, by reading.
func (m checkThenAct) requires(ctx context.Context, tenant string, all []store.Require) error {
	for i, r := range all {
		if r.ID == "" {
			holder, err := m.Get(ctx, tenant, r.Free)
			switch {
			case err == nil:
				return &store.TakenError{Op: -1, Require: i, Key: r.Free, Holder: holder}
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
			continue
		}
		switch at, err := m.revision(ctx, tenant, r.ID); {
		case err != nil:
			return err
		case at != r.Revision:
			return &store.StaleError{Op: -1, Require: i}
		}
	}
	return nil
}

// revision reads the revision of a record, 0 if there is none.
func (m checkThenAct) revision(ctx context.Context, tenant, id string) (store.Revision, error) {
	r, err := m.Get(ctx, tenant, store.ID(id))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return r.Revision, err
}

// force returns the ops with preconditions that hold now.
func (m checkThenAct) force(ctx context.Context, tenant string, ops []store.Op) ([]store.Op, error) {
	forced := make([]store.Op, len(ops))
	for i, op := range ops {
		current, err := m.Get(ctx, tenant, store.ID(op.ID()))
		switch {
		case err == nil:
			op.Old = &current
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		case op.New == nil:
			return nil, &store.StaleError{Op: i, Require: -1} // nothing left to delete
		default:
			op.Old = nil
		}
		forced[i] = op
	}
	return forced, nil
}

// indexThenRecord reads the holder of a unique key first and the record later.
type indexThenRecord struct{ store.Store }

func (m indexThenRecord) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	r, err := m.Store.Get(ctx, tenant, key)
	if err != nil || key.Kind == "" {
		return r, err
	}
	yield()
	return m.Store.Get(ctx, tenant, store.ID(r.ID))
}

// staleRead answers every other Get from an earlier read.
type staleRead struct {
	store.Store
	mu   sync.Mutex
	gets int
	seen map[readKey]store.Record
}

type readKey struct {
	tenant string
	key    store.Key
}

func (m *staleRead) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	if r, ok := m.seen[readKey{tenant, key}]; ok && m.gets%2 == 0 {
		return r, nil
	}
	r, err := m.Store.Get(ctx, tenant, key)
	if err == nil {
		m.seen[readKey{tenant, key}] = r
	}
	return r, err
}

// repeatedWrite loses the answer to one write in fifty and sends it again.
type repeatedWrite struct {
	store.Store
	mu     sync.Mutex
	writes int
}

func (m *repeatedWrite) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	m.mu.Lock()
	m.writes++
	lost := m.writes%50 == 0
	m.mu.Unlock()
	revision, err := m.Store.Apply(ctx, tenant, b)
	if lost && err == nil {
		revision, err = m.Store.Apply(ctx, tenant, b)
	}
	return revision, err
}

// repeatedCreate loses the answers to creates and sends them again a little later. It
// takes an ID that is then in use as proof that the first create was done. If the record
// was deleted in between, the create is done twice.
type repeatedCreate struct{ store.Store }

func (m repeatedCreate) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	revision, err := m.Store.Apply(ctx, tenant, b)
	if err != nil || len(b.Ops) > 1 || b.Ops[0].Old != nil {
		return revision, err
	}
	for range 64 {
		yield()
	}
	again, err := m.Store.Apply(ctx, tenant, b)
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrTaken) {
		return revision, nil
	}
	return again, err
}
