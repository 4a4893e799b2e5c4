package memory

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// Import implements [store.Importer].
func (s *Store) Import(ctx context.Context, tenant string, p store.Part) error {
	begun := s.begin()
	err := s.importPart(ctx, tenant, p)
	s.end(begun, store.CallInfo{Method: "Import", Err: err, Items: len(p.Records) + len(p.Changes)})
	return err
}

func (s *Store) importPart(ctx context.Context, name string, p store.Part) error {
	if err := store.CheckImport(name, p); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if refused := s.writePart(name, copyPart(p)); refused != nil {
		return refused.public()
	}
	return nil
}

// part is a part as the store keeps it: its own copy of everything.
type part struct {
	records []*store.Record // nil: there already
	changes []store.Change
	trimmed store.Revision
}

// copyPart copies a part. As in copyIn, the strings of index terms are still the caller's.
func copyPart(p store.Part) *part {
	own := &part{trimmed: p.Trimmed}
	for i := range p.Records {
		r := copyOut(&p.Records[i])
		r.ID = strings.Clone(r.ID)
		for k, key := range r.Unique {
			r.Unique[k] = cloneKey(key)
		}
		r.Due = store.FromMillis(store.Millis(r.Due))
		own.records = append(own.records, &r)
	}
	for _, c := range p.Changes {
		c.Kind, c.ID, c.Note = strings.Clone(c.Kind), strings.Clone(c.ID), bytes.Clone(c.Note)
		own.changes = append(own.changes, c)
	}
	return own
}

func (s *Store) writePart(name string, p *part) *refusal {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t, exists := sh.tenants[name]
	if !exists {
		t = newTenant(name)
	}
	if refused := t.checkPart(p); refused != nil {
		return refused
	}
	t.applyPart(p)
	if !exists {
		s.add(sh, t)
	}
	sh.ring(name)
	return nil
}

// checkPart checks a part and takes out what is there already.
func (t *tenant) checkPart(p *part) *refusal {
	for i, r := range p.records {
		e := t.records[r.ID]
		switch {
		case e != nil && e.damaged:
			return &refusal{err: &store.DamagedError{ID: r.ID}}
		case e != nil && !equal(e.record, r), e == nil && t.created(r.Created):
			return &refusal{err: &store.StaleError{Op: i, Require: -1}}
		case e != nil:
			p.records[i] = nil
		}
	}
	fresh, ok := t.feed.behind(p.changes)
	if !ok {
		return &refusal{err: &store.StaleError{Op: -1, Require: -1}}
	}
	p.changes = fresh
	for i, r := range p.records {
		if r == nil {
			continue
		}
		for _, key := range r.Unique {
			if e := t.holders[key]; e != nil {
				return e.refuse(&store.TakenError{Op: i, Require: -1, Key: key})
			}
		}
	}
	return nil
}

// created reports whether a record was created at a revision.
func (t *tenant) created(at store.Revision) bool {
	if at > t.last {
		return false
	}
	for _, k := range t.kinds {
		if c := k.records.seek(&entry{created: at}); c.entry() != nil && c.entry().created == at {
			return true
		}
	}
	return false
}

// applyPart writes a part that was checked.
func (t *tenant) applyPart(p *part) {
	for _, r := range p.records {
		if r != nil {
			t.insert(r)
			t.last = max(t.last, r.Revision)
		}
	}
	for _, c := range p.changes {
		t.feed.add(c)
		t.last = max(t.last, c.Seq)
	}
	t.feed.forget(p.trimmed)
	t.earliest.Store(t.earliestDue())
}

// behind returns the entries that are later than all in the feed. It reports false if one
// of the others is not in the feed as it is here.
func (f *feed) behind(changes []store.Change) (fresh []store.Change, ok bool) {
	for i := range changes {
		c, at := f.find(changes[i].Seq - 1)
		if c == len(f.chunks) {
			return changes[i:], true
		}
		a, b := &f.chunks[c][at], &changes[i]
		if a.Seq != b.Seq || a.Damaged || a.Type != b.Type || a.Kind != b.Kind || a.ID != b.ID || !bytes.Equal(a.Note, b.Note) {
			return nil, false
		}
	}
	return nil, true
}

// forget forgets all entries through a place, if that is later than what was forgotten.
// There is an entry behind it.
func (f *feed) forget(through store.Revision) {
	if through <= f.trimmed {
		return
	}
	f.trimmed = through
	c, i := f.find(through)
	f.chunks = slices.Delete(f.chunks, 0, c)
	f.chunks[0] = slices.Clone(f.chunks[0][i:])
}

// equal reports whether two records are the same in everything.
func equal(a, b *store.Record) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.Created == b.Created && a.Revision == b.Revision &&
		a.Due.Equal(b.Due) && slices.Equal(a.Unique, b.Unique) && slices.Equal(a.Index, b.Index) && bytes.Equal(a.Data, b.Data)
}
