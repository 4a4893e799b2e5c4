package memory

import (
	"context"
	"slices"
	"sort"

	"github.com/rollbook-go/rollbook/store"
)

// feedChunk is the number of entries of a full chunk of a feed.
const feedChunk = 512

// feed is a tenant's change feed in chunks, so that it never has to be moved as
// a whole. What stands in a chunk is never changed; chunks grow at their end.
type feed struct {
	chunks  [][]store.Change
	trimmed store.Revision // up to here it is forgotten
}

func (f *feed) add(c store.Change) {
	if n := len(f.chunks); n > 0 && len(f.chunks[n-1]) < feedChunk {
		f.chunks[n-1] = append(f.chunks[n-1], c)
		return
	}
	f.chunks = append(f.chunks, []store.Change{c})
}

// after returns the entries behind a revision, at most limit of them, in parts
// that stay as they are when the lock is gone.
func (f *feed) after(revision store.Revision, limit int) [][]store.Change {
	var parts [][]store.Change
	for c := f.find(revision); c < len(f.chunks) && limit > 0; c++ {
		part := behind(f.chunks[c], revision)
		part = part[:min(limit, len(part))]
		parts = append(parts, part)
		limit -= len(part)
	}
	return parts
}

// reaches reports whether there is something to say about what comes after a
// revision: an entry, or that it was trimmed.
func (f *feed) reaches(revision store.Revision) bool {
	return revision < f.trimmed || f.find(revision) < len(f.chunks)
}

// find returns the first chunk that has an entry behind a revision.
func (f *feed) find(revision store.Revision) int {
	return sort.Search(len(f.chunks), func(c int) bool {
		return f.chunks[c][len(f.chunks[c])-1].Revision > revision
	})
}

// behind returns the part of a chunk that comes after a revision.
func behind(chunk []store.Change, revision store.Revision) []store.Change {
	return chunk[sort.Search(len(chunk), func(i int) bool { return chunk[i].Revision > revision }):]
}

// trim forgets entries up to a revision and reports whether it was behind what
// had been forgotten before.
func (f *feed) trim(through store.Revision) bool {
	if through <= f.trimmed {
		return false
	}
	f.trimmed = through
	f.chunks = slices.Delete(f.chunks, 0, f.find(through))
	if len(f.chunks) > 0 { // a copy of the rest: the whole would keep what is forgotten
		f.chunks[0] = slices.Clone(behind(f.chunks[0], through))
	}
	return true
}

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, tenant string, after store.Revision, limit int) ([]store.Change, error) {
	limit, err := store.CheckChanges(tenant, after, limit)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.shard(tenant)
	sh.mu.RLock()
	var parts [][]store.Change
	trimmed := false
	if t := sh.tenants[tenant]; t != nil {
		trimmed = after < t.feed.trimmed
		parts = t.feed.after(after, limit)
	}
	sh.mu.RUnlock()
	if trimmed {
		return nil, store.ErrTrimmed
	}
	changes := slices.Concat(parts...)
	for i := range changes {
		changes[i].Note = cloneNote(changes[i].Note)
	}
	return changes, nil
}

// Trim implements [store.Store].
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(tenant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.tenants[tenant]; t != nil && t.feed.trim(min(through, t.last)) {
		sh.ring(tenant)
	}
	return nil
}

// bell wakes those who wait for a tenant's feed.
type bell struct {
	rung    chan struct{}
	waiting int
}

// ring wakes who waits for a tenant; with the lock held.
func (sh *shard) ring(tenant string) {
	if b := sh.waiting[tenant]; b != nil {
		close(b.rung)
		delete(sh.waiting, tenant)
	}
}

// Wait implements [store.Waiter].
func (s *Store) Wait(ctx context.Context, tenant string, after store.Revision) error {
	if err := store.CheckTrim(tenant, after); err != nil {
		return err
	}
	sh := s.shard(tenant)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := sh.await(tenant, after)
		if b == nil {
			return nil
		}
		select {
		case <-b.rung:
		case <-ctx.Done():
			sh.leave(tenant, b)
			return ctx.Err()
		}
	}
}

// await returns what will ring when the feed changes, nil if it already reaches
// beyond the revision.
func (sh *shard) await(tenant string, after store.Revision) *bell {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.tenants[tenant]; t != nil && t.feed.reaches(after) {
		return nil
	}
	b := sh.waiting[tenant]
	if b == nil {
		b = &bell{rung: make(chan struct{})}
		sh.waiting[tenant] = b
	}
	b.waiting++
	return b
}

// leave gives up waiting; the last to leave takes the bell along.
func (sh *shard) leave(tenant string, b *bell) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if b.waiting--; b.waiting == 0 && sh.waiting[tenant] == b {
		delete(sh.waiting, tenant)
	}
}
