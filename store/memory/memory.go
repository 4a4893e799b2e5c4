// Package memory keeps records in the memory of the process.
//
// Nothing survives the process: what was written is gone when the Store is, and
// no other process sees it. It is meant for tests, for caches that can be filled
// again, and for programs of one process that can afford to lose their data. It
// passes the same conformance tests as the databases do, so a program tested on
// it can be run on one of them.
//
// # Concurrency
//
// A Store is spread over 256 shards by tenant, each with one lock. Reads of a
// tenant run beside each other, and beside writes of tenants in other shards.
// Under a lock only pointers move: records are never changed once they are
// written, and are copied before the lock is taken and after it is released. List
// gives the lock back after every 1,024 records it has looked at. No call waits
// for anything else, so contexts matter before a call, between the steps of List
// and Due, and in Wait. There is no ErrUnavailable and no ErrUnknown, there are
// no goroutines, and there is nothing to close: a Store that is not referred to
// any more is garbage.
//
// # Cost
//
// Get, and Apply for each key, is a map lookup; an index term costs Apply a
// binary search in the list of that term, however many records it has. List
// walks the shortest list that its query names and finds its place in it by
// binary search, at any depth. Due looks at each tenant once, by its earliest
// Due only.
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
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

var (
	_ store.Store  = (*Store)(nil)
	_ store.Waiter = (*Store)(nil)
)

const shardCount = 256

// Store is a store in memory. It is safe for concurrent use. New makes one.
type Store struct {
	seed   maphash.Seed
	shards [shardCount]shard

	// names has every tenant in the order of its first write, which is the
	// order of Tenants. It only grows: a part of it can be read without the lock.
	namesMu sync.RWMutex
	names   []*tenant
}

// shard has the tenants of one part of the hash range.
type shard struct {
	mu      sync.RWMutex
	tenants map[string]*tenant
	waiting map[string]*bell // of tenants that may not exist yet
	_       [64]byte         // keeps the locks of two shards off one cache line
}

// New returns an empty store.
func New() *Store {
	s := &Store{seed: maphash.MakeSeed()}
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
	if err := store.CheckKey(tenant, key); err != nil {
		return store.Record{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	sh := s.shard(tenant)
	sh.mu.RLock()
	r := sh.tenants[tenant].get(key)
	sh.mu.RUnlock()
	if r == nil {
		return store.Record{}, store.ErrNotFound
	}
	return copyOut(r), nil
}

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, tenant string, ops ...store.Op) (store.Revision, error) {
	if err := store.Check(tenant, ops); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	writes := copyIn(ops)
	last, err := s.apply(tenant, writes)
	if err != nil {
		return 0, err.public()
	}
	return last, nil
}

func (s *Store) apply(name string, writes []write) (store.Revision, *refusal) {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t, exists := sh.tenants[name]
	if !exists {
		t = newTenant(name)
	}
	if err := t.judge(writes); err != nil {
		return 0, err
	}
	if t.apply(writes) {
		sh.ring(name)
	}
	if !exists {
		s.add(sh, t)
	}
	return t.last, nil
}

// add makes a tenant known after its first write.
func (s *Store) add(sh *shard, t *tenant) {
	sh.tenants[t.name] = t
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	t.place = len(s.names)
	s.names = append(s.names, t)
}
