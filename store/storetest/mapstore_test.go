package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
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
	trimmed store.Revision
	records map[string]store.Record
	holders map[store.Key]string // unique key to ID
	feed    []store.Change
}

var (
	_ store.Store    = (*mapStore)(nil)
	_ store.Waiter   = (*mapStore)(nil)
	_ store.Scrubber = (*mapStore)(nil)
)

func newMapStore() *mapStore {
	return &mapStore{tenants: map[string]*mapTenant{}, grown: make(chan struct{})}
}

func (s *mapStore) tenant(name string) *mapTenant {
	if t, ok := s.tenants[name]; ok {
		return t
	}
	return &mapTenant{records: map[string]store.Record{}, holders: map[store.Key]string{}}
}

// Get implements store.Store.
func (s *mapStore) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := cmp.Or(ctx.Err(), store.CheckKey(tenant, key)); err != nil {
		return store.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenant(tenant)
	id := key.Value
	if key.Kind != "" {
		id = t.holders[key]
	}
	r, ok := t.records[id]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return copyOf(r), nil
}

// Apply implements store.Store.
func (s *mapStore) Apply(ctx context.Context, tenant string, ops ...store.Op) (store.Revision, error) {
	if err := cmp.Or(ctx.Err(), store.Check(tenant, ops)); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenant(tenant)
	if err := t.stale(ops); err != nil {
		return 0, err
	}
	if err := t.taken(ops); err != nil {
		return 0, err
	}
	for _, op := range ops {
		t.release(op)
	}
	for _, op := range ops {
		t.write(op)
	}
	s.tenants[tenant] = t
	s.wake()
	return t.last, nil
}

// stale judges the preconditions of a batch.
func (t *mapTenant) stale(ops []store.Op) error {
	for i, op := range ops {
		stored, exists := t.records[op.ID()]
		switch {
		case op.Old == nil && exists:
			return &store.StaleError{Op: i}
		case op.Old != nil && (!exists || stored.Revision != op.Old.Revision):
			return &store.StaleError{Op: i}
		case op.New != nil && exists && op.New.Kind != stored.Kind:
			return &store.InvalidError{Op: i, What: "Old", Why: "not the stored record"}
		}
	}
	return nil
}

// taken judges the unique keys of a batch whose preconditions hold.
func (t *mapTenant) taken(ops []store.Op) error {
	freed := map[store.Key]bool{}
	for _, op := range ops {
		if op.Old != nil {
			for _, key := range t.records[op.Old.ID].Unique {
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
				return &store.TakenError{Op: i, Key: key, Holder: copyOf(*other)}
			}
			if id, ok := t.holders[key]; ok && !freed[key] {
				return &store.TakenError{Op: i, Key: key, Holder: copyOf(t.records[id])}
			}
			claimed[key] = op.New
		}
	}
	return nil
}

// release frees the keys of the record that an op replaces or deletes.
func (t *mapTenant) release(op store.Op) {
	if op.Old != nil {
		for _, key := range t.records[op.Old.ID].Unique {
			delete(t.holders, key)
		}
	}
}

// write writes an op that was judged and whose keys are free.
func (t *mapTenant) write(op store.Op) {
	t.last++
	change := store.Change{Revision: t.last, Type: op.Type(), ID: op.ID(), Note: bytes.Clone(op.Note)}
	if op.New == nil {
		change.Kind = t.records[op.Old.ID].Kind
		delete(t.records, op.Old.ID)
	} else {
		r := copyOf(*op.New)
		r.Created, r.Revision = t.last, t.last
		if op.Old != nil {
			r.Created = t.records[r.ID].Created
		}
		t.records[r.ID] = r
		for _, key := range r.Unique {
			t.holders[key] = r.ID
		}
		change.Kind = r.Kind
	}
	if op.Note != nil {
		t.feed = append(t.feed, change)
	}
}

// List implements store.Store.
func (s *mapStore) List(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
	q, err := store.CheckQuery(tenant, q)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var page []store.Record
	for _, r := range s.tenant(tenant).records {
		if matches(r, q) {
			page = append(page, r)
		}
	}
	slices.SortFunc(page, func(a, b store.Record) int { return cmp.Compare(a.Created, b.Created) })
	if q.Desc {
		slices.Reverse(page)
	}
	return copiesOf(page[:min(q.Limit, len(page))]), nil
}

func matches(r store.Record, q store.Query) bool {
	for _, term := range q.Match {
		if !slices.Contains(r.Index, term) {
			return false
		}
	}
	return r.Kind == q.Kind && r.Created > q.After && (q.Before == 0 || r.Created < q.Before) &&
		(q.NotDueBefore.IsZero() || r.Due.IsZero() || !r.Due.Before(q.NotDueBefore))
}

// Changes implements store.Store.
func (s *mapStore) Changes(ctx context.Context, tenant string, after store.Revision, limit int) ([]store.Change, error) {
	limit, err := store.CheckChanges(tenant, after, limit)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenant(tenant)
	if after < t.trimmed {
		return nil, store.ErrTrimmed
	}
	var page []store.Change
	for _, change := range t.feed {
		if change.Revision > after && len(page) < limit {
			change.Note = bytes.Clone(change.Note)
			page = append(page, change)
		}
	}
	return page, nil
}

// Trim implements store.Store.
func (s *mapStore) Trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := cmp.Or(ctx.Err(), store.CheckTrim(tenant, through)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenant(tenant)
	t.trimmed = max(t.trimmed, min(through, t.last))
	t.feed = slices.DeleteFunc(t.feed, func(c store.Change) bool { return c.Revision <= t.trimmed })
	s.wake()
	return nil
}

// Due implements store.Store.
func (s *mapStore) Due(ctx context.Context, q store.DueQuery) ([]store.DueRecord, error) {
	q, err := store.CheckDueQuery(q)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var tenants []string
	due := map[string][]store.Record{}
	for _, name := range s.names() {
		for _, r := range s.tenants[name].records {
			if !r.Due.IsZero() && r.Due.Before(q.Before) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) {
				due[name] = append(due[name], r)
			}
		}
		if name > q.After && len(due[name]) > 0 && len(tenants) < q.Limit {
			tenants = append(tenants, name)
		}
	}
	var page []store.DueRecord
	for _, name := range tenants {
		records := due[name]
		slices.SortFunc(records, func(a, b store.Record) int { return a.Due.Compare(b.Due) })
		for _, r := range records[:min(q.Limit/len(tenants), len(records))] {
			page = append(page, store.DueRecord{Tenant: name, Record: copyOf(r)})
		}
	}
	return page, nil
}

// Tenants implements store.Store.
func (s *mapStore) Tenants(ctx context.Context, after string, limit int) ([]string, error) {
	limit, err := store.CheckTenants(after, limit)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.DeleteFunc(s.names(), func(name string) bool { return name <= after })
	return names[:min(limit, len(names))], nil
}

func (s *mapStore) names() []string {
	var names []string
	for name := range s.tenants {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Wait implements store.Waiter.
func (s *mapStore) Wait(ctx context.Context, tenant string, after store.Revision) error {
	for {
		s.mu.Lock()
		grown := s.grown
		s.mu.Unlock()
		page, err := s.Changes(ctx, tenant, after, 1)
		switch {
		case len(page) > 0 || errors.Is(err, store.ErrTrimmed):
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

// wake wakes those that wait for any feed. s.mu is held.
func (s *mapStore) wake() {
	close(s.grown)
	s.grown = make(chan struct{})
}

// Scrub implements store.Scrubber: a map keeps nothing that was deleted.
func (s *mapStore) Scrub(ctx context.Context) error { return ctx.Err() }

func copyOf(r store.Record) store.Record {
	r.Unique, r.Index, r.Data = slices.Clone(r.Unique), slices.Clone(r.Index), bytes.Clone(r.Data)
	if !r.Due.IsZero() {
		r.Due = r.Due.UTC()
	} else {
		r.Due = time.Time{}
	}
	return r
}

func copiesOf(records []store.Record) []store.Record {
	var out []store.Record
	for _, r := range records {
		out = append(out, copyOf(r))
	}
	return out
}
