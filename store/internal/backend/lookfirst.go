package backend

import (
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// LookFirst says whether a batch that only creates a record with a unique key is worth a read
// first: if its first key has been seen in use, or creates of others that had not been seen were
// refused now and then. What it says is a hint, for one process: keys come and go. The zero
// value is ready for use.
type LookFirst struct {
	made   sync.Once
	seed   maphash.Seed
	seen   []atomic.Uint32 // parts of the hashes of keys, by the rest of it
	inVain atomic.Int32    // reads of unseen keys since the last create of one that is held
}

const (
	maxSeen   = 1 << 20 // 4 MiB, of which the system gives what is used
	maxInVain = 300

	// worthInVain is how many reads in vain a create of a key that is held is worth, and
	// worthLost if the place of the key is another's: this one may have been seen, too, and
	// then says nothing about those that were not.
	worthInVain = 20
	worthLost   = 2
)

// Worth reports whether to read who holds the batch's first key.
func (l *LookFirst) Worth(tenant string, b store.Batch) bool {
	if !onlyCreates(b) {
		return false
	}
	if l.inVain.Load() < maxInVain {
		return true
	}
	place, part := l.place(tenant, firstKey(b))
	return place.Load() == part
}

// Read takes note of what the read found: whether the key is held, so that the create is refused.
func (l *LookFirst) Read(tenant string, b store.Batch, held bool) {
	place, part := l.place(tenant, firstKey(b))
	if held {
		l.held(place, part)
		return
	}
	if place.CompareAndSwap(part, 0) { // seen, and no longer in use, it may be
		return
	}
	if n := l.inVain.Load(); n < maxInVain {
		l.inVain.Add(1)
	}
}

// Written takes note of what became of a batch that was written or refused.
func (l *LookFirst) Written(tenant string, b store.Batch, err error) {
	if !onlyCreates(b) {
		return
	}
	key := firstKey(b)
	place, part := l.place(tenant, key)
	if err == nil {
		place.Store(part)
	} else if taken, ok := errors.AsType[*store.TakenError](err); ok && taken.Key == key {
		l.held(place, part)
	}
}

// held takes note of a create that a read refuses, or would have.
func (l *LookFirst) held(place *atomic.Uint32, part uint32) {
	worth := int32(worthLost)
	switch place.Swap(part) {
	case part:
		return
	case 0:
		worth = worthInVain
	}
	l.inVain.Store(max(l.inVain.Load()-worth, 0))
}

func (l *LookFirst) place(tenant string, key store.Key) (place *atomic.Uint32, part uint32) {
	l.made.Do(func() { l.seed, l.seen = maphash.MakeSeed(), make([]atomic.Uint32, maxSeen) })
	h := maphash.Comparable(l.seed, struct {
		tenant string
		key    store.Key
	}{tenant, key})
	return &l.seen[h%maxSeen], uint32(h>>32) | 1
}

// onlyCreates reports whether a batch only creates one record, with a unique key.
func onlyCreates(b store.Batch) bool {
	return len(b.Ops) == 1 && len(b.Require) == 0 && b.Ops[0].Type() == store.Created && len(b.Ops[0].New.Unique) > 0
}

func firstKey(b store.Batch) store.Key { return b.Ops[0].New.Unique[0] }
