// Package memory keeps records in the memory of the process.
//
// Nothing survives the process, and no other process sees the records. The package is
// meant for tests, for caches that can be filled again, and for programs of one process
// that can afford to lose their data. It passes the same conformance tests as the
// databases do, so a program tested on it can run on one of them.
//
// # Concurrency
//
// A Store is spread over 256 shards by tenant, each with one lock. Reads of a
// tenant run beside each other, and beside writes of tenants in other shards.
// Under a lock only pointers move: records are never changed once they are
// written, and are copied before the lock is taken and after it is released. Reads
// of pages give the lock back after every 1,024 index entries.
//
// Copying large pages keeps processors busy. So List, Changes, Due and Count take
// turns: one fewer at a time than there are processors, at least one, and tenants
// that wait are served one after the other. Get and Apply wait for no turn. A context
// is checked before a call, while it waits for its turn, between steps, and in Wait.
// Import writes a whole part under the lock of its tenant's shard. Verify gives the lock
// back after every 1,024 entries.
// There is no ErrUnavailable and no ErrUnknown, there are no goroutines, and there is
// nothing to close: the garbage collector frees a Store that is no longer used, and all
// that a tenant had after Drop.
//
// # Cost
//
// Get, and Apply for each key, is a map lookup; an index term costs Apply a
// binary search in the list of that term, however many records it has. List
// walks the shortest list that its query names and finds its place in it by
// binary search, at any depth; each entry that it reads counts towards the query's
// Budget. After the last record of a page it searches for one more, so that Next is
// zero at the end. Count without Match and NotDueBefore reads no entry. Due reads
// only the earliest Due of a tenant that has nothing due; such a tenant counts as one
// entry that gives nothing.
//
// A record takes about 260 bytes and its Data, plus about 120 bytes and the
// value for each unique key, 45 bytes for each index term that it has in common
// with others, 260 bytes for one that it has alone, and 10 bytes for a Due. An
// entry of the change feed takes about 100 bytes and its Note until Trim forgets
// it. A tenant takes about 800 bytes beside its records. These were measured on
// 64-bit Go 1.26; BenchmarkMillion measures one of them.
package memory

import (
	"context"
	"hash/maphash"
	"runtime"
	"sync"

	"github.com/rollbook-go/rollbook/internal/fair"
	"github.com/rollbook-go/rollbook/store"
)

var (
	_ store.Store      = (*Store)(nil)
	_ store.Waiter     = (*Store)(nil)
	_ store.Counter    = (*Store)(nil)
	_ store.Importer   = (*Store)(nil)
	_ store.Dropper    = (*Store)(nil)
	_ store.KindLister = (*Store)(nil)
	_ store.Verifier   = (*Store)(nil)
)

const shardCount = 256

// Options configure a Store. The zero value is ready to use.
type Options struct {
	// Observer gets every call. Nothing is grouped here and nothing retried, so only
	// its Call is used. Nil: none.
	Observer *store.Observer
}

// Store is a store in memory. It is safe for concurrent use. New makes one.
type Store struct {
	seed   maphash.Seed
	shards [shardCount]shard
	called func(store.CallInfo) // of the Observer; nil: none
	turns  *fair.Turns          // for reads of whole pages

	// names has every tenant by name, which is the order of Tenants. A walk finds its
	// place by the name alone, whether that tenant is still there or not.
	namesMu sync.RWMutex
	names   sorted[*tenant, byName]
}

// shard has the tenants of one part of the hash range.
type shard struct {
	mu      sync.RWMutex
	tenants map[string]*tenant
	waiting map[string]*bell // of tenants that may not exist yet
	_       [64]byte         // keeps the locks of two shards off one cache line
}

// New returns an empty store. Nil options are the zero Options.
func New(opts *Options) *Store {
	s := &Store{seed: maphash.MakeSeed(), turns: fair.New(runtime.GOMAXPROCS(0))}
	if opts != nil && opts.Observer != nil {
		s.called = opts.Observer.Call
	}
	for i := range s.shards {
		s.shards[i].tenants = make(map[string]*tenant)
		s.shards[i].waiting = make(map[string]*bell)
	}
	return s
}

func (s *Store) shard(tenant string) *shard {
	return &s.shards[maphash.String(s.seed, tenant)%shardCount]
}

// Get implements [store.Store]. It allocates at most twice: once for the keys
// and once for the data of the record.
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	begun := s.begin()
	r, err := s.get(ctx, tenant, key)
	s.end(begun, store.CallInfo{Method: "Get", Err: err, Items: one(err)})
	return r, err
}

func (s *Store) get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := store.CheckKey(tenant, key); err != nil {
		return store.Record{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	sh := s.shard(tenant)
	sh.mu.RLock()
	r, damaged := sh.tenants[tenant].get(key)
	sh.mu.RUnlock()
	switch {
	case r == nil:
		return store.Record{}, store.ErrNotFound
	case damaged:
		return store.Record{}, &store.DamagedError{ID: r.ID}
	}
	return copyOut(r), nil
}

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	begun := s.begin()
	last, err := s.apply(ctx, tenant, b)
	s.end(begun, store.CallInfo{Method: "Apply", Err: err, Items: len(b.Ops)})
	return last, err
}

func (s *Store) apply(ctx context.Context, name string, b store.Batch) (store.Revision, error) {
	if err := store.Check(name, b); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if refused := s.held(name, b); refused != nil {
		return 0, refused.public()
	}
	writes := copyIn(b.Ops)
	last, refused := s.write(name, b.Require, writes)
	if refused != nil {
		return 0, refused.public()
	}
	return last, nil
}

// held refuses a batch that only creates a record whose first unique key is held. It takes
// no lock that keeps others out: get-or-create of what exists does not wait for writes.
func (s *Store) held(name string, b store.Batch) *refusal {
	if len(b.Ops) != 1 || len(b.Require) > 0 || b.Ops[0].Type() != store.Created || len(b.Ops[0].New.Unique) == 0 {
		return nil
	}
	r := b.Ops[0].New
	sh := s.shard(name)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	t := sh.tenants[name]
	if t == nil || t.records[r.ID] != nil { // a batch that is stale and taken is stale
		return nil
	}
	if e := t.holders[r.Unique[0]]; e != nil {
		return e.refuse(&store.TakenError{Op: 0, Require: -1, Key: r.Unique[0]})
	}
	return nil
}

func (s *Store) write(name string, require []store.Require, writes []write) (store.Revision, *refusal) {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t, exists := sh.tenants[name]
	if !exists {
		t = newTenant(name)
	}
	if refused := t.check(require, writes); refused != nil {
		return 0, refused
	}
	if t.apply(writes) {
		sh.ring(name)
	}
	if !exists {
		s.add(sh, t)
	}
	return t.last, nil
}

// add registers a tenant after its first write.
func (s *Store) add(sh *shard, t *tenant) {
	sh.tenants[t.name] = t
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	s.names.insert(t)
}
