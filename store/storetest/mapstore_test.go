package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// mapStore is a complete store over maps and one mutex, written from the
// documentation of package store alone. It stands for a third party's store;
// the broken stores that the kit has to reject are made of it.
type mapStore struct {
	mu      sync.Mutex
	tenants map[string]*mapTenant
	grown   chan struct{} // closed, and replaced, when a feed changes
}

type mapTenant struct {
	last    store.Revision
	trimmed store.Revision // the last entry that was forgotten
	records table
	holders map[store.Key]string // unique key to ID; the lazy rule says whether it holds
	feed    []store.Change

	// damaged has the records that cannot be read. Of them only what this store would
	// keep outside of the body is used: their place, and what they were indexed by.
	damaged map[string]bool

	misfiled map[string]store.Damage // see Corrupt
}

var (
	_ store.Store      = (*mapStore)(nil)
	_ store.Waiter     = (*mapStore)(nil)
	_ store.Scrubber   = (*mapStore)(nil)
	_ store.Counter    = (*mapStore)(nil)
	_ store.Confirmer  = (*mapStore)(nil)
	_ store.Importer   = (*mapStore)(nil)
	_ store.Dropper    = (*mapStore)(nil)
	_ store.KindLister = (*mapStore)(nil)
	_ store.Verifier   = (*mapStore)(nil)
	_ Damager          = (*mapStore)(nil)
	_ Corrupter        = (*mapStore)(nil)
)

// table has the records of a tenant.
type table struct {
	byID   map[string]store.Record
	sorted []store.Record // by Created; nil: not known
}

func (t *table) get(id string) (r store.Record, ok bool) {
	r, ok = t.byID[id]
	return r, ok
}

// at returns the record with an ID, an empty one if there is none.
func (t *table) at(id string) store.Record { return t.byID[id] }

func (t *table) put(r store.Record) { t.byID[r.ID], t.sorted = r, nil }

func (t *table) drop(id string) {
	delete(t.byID, id)
	t.sorted = nil
}

// all returns the records by Created.
func (t *table) all() []store.Record {
	if t.sorted == nil {
		t.sorted = slices.SortedFunc(maps.Values(t.byID), byCreated)
	}
	return t.sorted
}

// locked locks the store and returns what unlocks it.
func (s *mapStore) locked() (unlock func()) {
	s.mu.Lock()
	return s.mu.Unlock
}

func newMapStore() *mapStore {
	return &mapStore{tenants: map[string]*mapTenant{}, grown: make(chan struct{})}
}

func (s *mapStore) tenant(name string) *mapTenant {
	if t, ok := s.tenants[name]; ok {
		return t
	}
	return &mapTenant{records: table{byID: map[string]store.Record{}}, holders: map[store.Key]string{}, damaged: map[string]bool{}, misfiled: map[string]store.Damage{}}
}

// Get implements store.Store.
func (s *mapStore) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := cmp.Or(ctx.Err(), store.CheckKey(tenant, key)); err != nil {
		return store.Record{}, err
	}
	defer s.locked()()
	t := s.tenant(tenant)
	id := key.Value
	if key.Kind != "" {
		id = t.holders[key]
	}
	r, ok := t.records.get(id)
	switch {
	case !ok:
		return store.Record{}, store.ErrNotFound
	case t.damaged[id]:
		return store.Record{}, &store.DamagedError{ID: id}
	}
	return copyOf(r), nil
}

// Apply implements store.Store.
func (s *mapStore) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	if err := cmp.Or(ctx.Err(), store.Check(tenant, b)); err != nil {
		return 0, err
	}
	defer s.locked()()
	t := s.tenant(tenant)
	if err := t.refuses(b); err != nil {
		return 0, err
	}
	for _, op := range b.Ops {
		t.release(op)
	}
	for _, op := range b.Ops {
		t.write(op)
	}
	s.tenants[tenant] = t
	s.wake()
	return t.last, nil
}

// refuses returns why a batch cannot be written, nil if it can.
func (t *mapTenant) refuses(b store.Batch) error {
	if err := t.requires(b.Require); err != nil {
		return err
	}
	if err := t.stale(b.Ops); err != nil {
		return err
	}
	return t.taken(b.Ops)
}

// requires checks what a batch requires beside its ops.
func (t *mapTenant) requires(all []store.Require) error {
	for i, r := range all {
		if r.ID == "" {
			id, held := t.holders[r.Free]
			switch {
			case held && t.damaged[id]:
				return &store.DamagedError{ID: id}
			case held:
				return &store.TakenError{Op: -1, Require: i, Key: r.Free, Holder: copyOf(t.records.at(id))}
			}
			continue
		}
		if stored, exists := t.records.get(r.ID); exists != (r.Revision != 0) || exists && (stored.Revision != r.Revision || t.damaged[r.ID]) {
			return &store.StaleError{Op: -1, Require: i}
		}
	}
	return nil
}

// removal reports whether an op deletes whatever is there.
func removal(op store.Op) bool { return op.New == nil && op.Old.Revision == 0 }

// stale checks the preconditions of a batch.
func (t *mapTenant) stale(ops []store.Op) error {
	for i, op := range ops {
		stored, exists := t.records.get(op.ID())
		switch {
		case t.damaged[op.ID()] && (op.New != nil || !removal(op)):
			return &store.DamagedError{ID: op.ID()}
		case op.Old == nil && exists, op.Old != nil && !exists:
			return &store.StaleError{Op: i, Require: -1}
		case !exists:
		case removal(op):
			if !t.damaged[stored.ID] && stored.Kind != op.Old.Kind {
				return &store.InvalidError{Op: i, What: "kind", Why: "not the record's"}
			}
		case stored.Revision != op.Old.Revision:
			return &store.StaleError{Op: i, Require: -1}
		case op.New != nil && op.New.Kind != stored.Kind:
			return &store.InvalidError{Op: i, What: "Old", Why: "not the stored record"}
		}
	}
	return nil
}

// taken checks the unique keys of a batch whose preconditions hold.
func (t *mapTenant) taken(ops []store.Op) error {
	freed := map[store.Key]bool{}
	for _, op := range ops {
		if op.Old != nil {
			for _, key := range t.records.at(op.Old.ID).Unique {
				freed[key] = true
			}
		}
	}
	claimed := map[store.Key]*store.Record{}
	for i, op := range ops {
		if op.New == nil {
			continue
		}
		for _, key := range op.New.Unique {
			if other, ok := claimed[key]; ok {
				return &store.TakenError{Op: i, Require: -1, Key: key, Holder: copyOf(*other)}
			}
			if id, ok := t.holders[key]; ok && !freed[key] {
				if t.damaged[id] {
					return &store.DamagedError{ID: id}
				}
				return &store.TakenError{Op: i, Require: -1, Key: key, Holder: copyOf(t.records.at(id))}
			}
			claimed[key] = op.New
		}
	}
	return nil
}

// release frees the keys of the record that an op replaces or deletes.
func (t *mapTenant) release(op store.Op) {
	if op.Old != nil {
		for _, key := range t.records.at(op.Old.ID).Unique {
			delete(t.holders, key)
		}
	}
}

// write writes an op that was checked and whose keys are free.
func (t *mapTenant) write(op store.Op) {
	t.last++
	change := store.Change{Seq: t.last, Revision: t.last, Type: op.Type(), ID: op.ID(), Note: bytes.Clone(op.Note)}
	if op.New == nil {
		if change.Kind = t.records.at(op.Old.ID).Kind; removal(op) {
			change.Kind = op.Old.Kind
		}
		t.records.drop(op.Old.ID)
		delete(t.damaged, op.Old.ID)
	} else {
		r := copyOf(*op.New)
		r.Created, r.Revision = t.last, t.last
		if op.Old != nil {
			r.Created = t.records.at(r.ID).Created
		}
		t.records.put(r)
		for _, key := range r.Unique {
			t.holders[key] = r.ID
		}
		change.Kind = r.Kind
	}
	if op.Note != nil {
		t.feed = append(t.feed, change)
	}
}

// Damage implements Damager.
func (s *mapStore) Damage(_ context.Context, tenant, id string) error {
	defer s.locked()()
	s.tenant(tenant).damaged[id] = true
	return nil
}

// DamageChange implements Damager.
func (s *mapStore) DamageChange(_ context.Context, tenant string, seq store.Revision) error {
	defer s.locked()()
	for i, change := range s.tenant(tenant).feed {
		if change.Seq == seq {
			s.tenant(tenant).feed[i] = store.Change{Seq: seq, Damaged: true}
		}
	}
	return nil
}

// wake wakes those that wait for any feed. s.mu is held.
func (s *mapStore) wake() {
	close(s.grown)
	s.grown = make(chan struct{})
}

// Wait implements store.Waiter.
func (s *mapStore) Wait(ctx context.Context, tenant string, after store.Revision) error {
	for {
		s.mu.Lock()
		grown := s.grown
		s.mu.Unlock()
		page, err := s.Changes(ctx, tenant, store.ChangeQuery{After: after, Limit: 1})
		switch {
		case len(page.Changes) > 0 || errors.Is(err, store.ErrTrimmed):
			return nil
		case err != nil:
			return err
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Scrub implements store.Scrubber: a map keeps nothing that was deleted.
func (s *mapStore) Scrub(ctx context.Context) error { return ctx.Err() }

// Confirm implements store.Confirmer: what a map shows it does not lose.
func (s *mapStore) Confirm(ctx context.Context, tenant string) error {
	if err := store.CheckTrim(tenant, 0); err != nil {
		return err
	}
	return ctx.Err()
}

// names returns the tenants in their order. s.mu is held.
func (s *mapStore) names() []string { return slices.Sorted(maps.Keys(s.tenants)) }

func copyOf(r store.Record) store.Record {
	r.Unique, r.Index, r.Data = slices.Clone(r.Unique), slices.Clone(r.Index), bytes.Clone(r.Data)
	if !r.Due.IsZero() {
		r.Due = r.Due.UTC()
	} else {
		r.Due = time.Time{}
	}
	return r
}
