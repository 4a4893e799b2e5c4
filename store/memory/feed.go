package memory

import (
	"context"
	"iter"
	"slices"
	"sort"

	"github.com/rollbook-go/rollbook/store"
)

// feedChunk is the number of entries of a full chunk of a feed.
const feedChunk = 512

// feed is a tenant's change feed in chunks, so that it never has to be moved as
// a whole. Entries in a chunk never change; chunks grow at their end.
type feed struct {
	chunks  [][]store.Change
	trimmed store.Revision // the last entry that was forgotten
}

func (f *feed) add(c store.Change) {
	if n := len(f.chunks); n > 0 && len(f.chunks[n-1]) < feedChunk {
		f.chunks[n-1] = append(f.chunks[n-1], c)
		return
	}
	f.chunks = append(f.chunks, []store.Change{c})
}

// find returns where the entries behind a place begin: a chunk and the index in it, or
// one past the last chunk.
func (f *feed) find(after store.Revision) (chunk, i int) {
	chunk = sort.Search(len(f.chunks), func(c int) bool {
		return f.chunks[c][len(f.chunks[c])-1].Seq > after
	})
	if chunk == len(f.chunks) {
		return chunk, 0
	}
	in := f.chunks[chunk]
	return chunk, sort.Search(len(in), func(i int) bool { return in[i].Seq > after })
}

// reaches reports whether there is an entry behind a place. Trimming does not change
// that: it leaves the newest one.
func (f *feed) reaches(after store.Revision) bool {
	c, _ := f.find(after)
	return c < len(f.chunks)
}

// walk walks the entries that a query selects.
func (f *feed) walk(q store.ChangeQuery) iter.Seq[*store.Change] {
	if q.Desc {
		return f.descend(q)
	}
	return func(yield func(*store.Change) bool) {
		c, i := f.find(q.After)
		for ; c < len(f.chunks); c, i = c+1, 0 {
			for ; i < len(f.chunks[c]); i++ {
				change := &f.chunks[c][i]
				if q.Before > 0 && change.Seq >= q.Before || !yield(change) {
					return
				}
			}
		}
	}
}

func (f *feed) descend(q store.ChangeQuery) iter.Seq[*store.Change] {
	return func(yield func(*store.Change) bool) {
		c, i := len(f.chunks), 0
		if q.Before > 0 {
			c, i = f.find(q.Before - 1)
		}
		for {
			for i--; i >= 0; i-- {
				change := &f.chunks[c][i]
				if change.Seq <= q.After || !yield(change) {
					return
				}
			}
			if c--; c < 0 {
				return
			}
			i = len(f.chunks[c])
		}
	}
}

// page returns the entries that a query selects. Their notes are not copied yet.
func (f *feed) page(q store.ChangeQuery) store.ChangePage {
	page := store.ChangePage{Trimmed: f.trimmed}
	room := pageRoom{left: store.MaxPageData}
	for change := range f.walk(q) {
		if len(page.Changes) == q.Limit || !room.take(len(change.Note)) {
			page.Next = page.Changes[len(page.Changes)-1].Seq
			break
		}
		page.Changes = append(page.Changes, *change)
	}
	return page
}

// trim forgets the entries before the newest one that is not behind a place.
func (f *feed) trim(through store.Revision) {
	c, i := f.find(through)
	if i--; i < 0 {
		if c--; c < 0 {
			return // there is none
		}
		i = len(f.chunks[c]) - 1
	}
	switch {
	case i > 0:
		f.trimmed = f.chunks[c][i-1].Seq
	case c > 0:
		before := f.chunks[c-1]
		f.trimmed = before[len(before)-1].Seq
	default:
		return // no entry is before it
	}
	f.chunks = slices.Delete(f.chunks, 0, c)
	f.chunks[0] = slices.Clone(f.chunks[0][i:]) // a part of the old array would keep the forgotten entries
}

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	begun := s.begin()
	page, err := s.changes(ctx, tenant, q)
	damaged := 0
	for i := range page.Changes {
		if page.Changes[i].Damaged {
			damaged++
		}
	}
	s.end(begun, store.CallInfo{Method: "Changes", Err: err, Items: len(page.Changes), Damaged: damaged})
	return page, err
}

func (s *Store) changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	q, err := store.CheckChanges(tenant, q)
	if err != nil {
		return store.ChangePage{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.ChangePage{}, err
	}
	done, err := s.turns.Long(ctx, tenant)
	if err != nil {
		return store.ChangePage{}, err
	}
	defer done()
	sh := s.shard(tenant)
	sh.mu.RLock()
	var page store.ChangePage
	if t := sh.tenants[tenant]; t != nil {
		page = t.feed.page(q)
	}
	sh.mu.RUnlock()
	if q.After < page.Trimmed && (q.After > 0 || !q.Desc) {
		return store.ChangePage{}, &store.TrimmedError{Through: page.Trimmed}
	}
	for i := range page.Changes {
		page.Changes[i].Note = cloneNote(page.Changes[i].Note)
	}
	return page, nil
}

// Trim implements [store.Store].
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	begun := s.begin()
	err := s.trim(ctx, tenant, through)
	s.end(begun, store.CallInfo{Method: "Trim", Err: err})
	return err
}

func (s *Store) trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(tenant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.tenants[tenant]; t != nil {
		t.feed.trim(through)
	}
	return nil
}
