package storetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// What the map store does with whole tenants.

// Import implements store.Importer.
func (s *mapStore) Import(ctx context.Context, tenant string, p store.Part) error {
	if err := cmp.Or(ctx.Err(), store.CheckImport(tenant, p)); err != nil {
		return err
	}
	defer s.locked()()
	t := s.tenant(tenant)
	records, err := t.newRecords(p.Records)
	if err != nil {
		return err
	}
	entries, err := t.newEntries(p.Changes)
	if err != nil {
		return err
	}
	if err := t.importTaken(p.Records); err != nil {
		return err
	}
	t.take(records, entries, p.Trimmed)
	s.tenants[tenant] = t
	s.wake()
	return nil
}

// newRecords returns the records that the tenant does not have.
func (t *mapTenant) newRecords(records []store.Record) ([]store.Record, error) {
	var fresh []store.Record
	for i, r := range records {
		stored, exists := t.records.get(r.ID)
		switch {
		case t.damaged[r.ID]:
			return nil, &store.DamagedError{ID: r.ID}
		case exists && diffRecord(copyOf(r), stored) != "":
			return nil, &store.StaleError{Op: i, Require: -1}
		case !exists && slices.ContainsFunc(t.records.all(), func(other store.Record) bool { return other.Created == r.Created }):
			return nil, &store.StaleError{Op: i, Require: -1}
		case !exists:
			fresh = append(fresh, copyOf(r))
		}
	}
	return fresh, nil
}

// newEntries returns the entries that the tenant does not have.
func (t *mapTenant) newEntries(entries []store.Change) ([]store.Change, error) {
	last := store.Revision(0)
	if n := len(t.feed); n > 0 {
		last = t.feed[n-1].Seq
	}
	for i, entry := range entries {
		if entry.Seq > last {
			return entries[i:], nil
		}
		at := slices.IndexFunc(t.feed, func(stored store.Change) bool { return stored.Seq == entry.Seq })
		if at < 0 || diffChanges(t.feed[at:at+1], entries[i:i+1]) != "" {
			return nil, &store.StaleError{Op: -1, Require: -1}
		}
	}
	return nil, nil
}

// importTaken checks the unique keys of records that are not stale.
func (t *mapTenant) importTaken(records []store.Record) error {
	for i, r := range records {
		for _, key := range r.Unique {
			id, held := t.holders[key]
			switch {
			case held && t.damaged[id]:
				return &store.DamagedError{ID: id}
			case held && id != r.ID:
				return &store.TakenError{Op: i, Require: -1, Key: key, Holder: copyOf(t.records.at(id))}
			}
		}
	}
	return nil
}

// take writes records and entries that are new, and forgets what another store has
// forgotten.
func (t *mapTenant) take(records []store.Record, entries []store.Change, trimmed store.Revision) {
	for _, r := range records {
		t.records.put(r)
		for _, key := range r.Unique {
			t.holders[key] = r.ID
		}
		t.last = max(t.last, r.Revision)
	}
	for _, entry := range entries {
		entry.Note = bytes.Clone(entry.Note)
		t.feed = append(t.feed, entry)
		t.last = max(t.last, entry.Seq)
	}
	if trimmed > t.trimmed {
		t.trimmed = trimmed
		t.feed = slices.DeleteFunc(t.feed, func(entry store.Change) bool { return entry.Seq <= trimmed })
	}
}

// Drop implements store.Dropper.
func (s *mapStore) Drop(ctx context.Context, tenant string) error {
	if err := cmp.Or(ctx.Err(), store.CheckDrop(tenant)); err != nil {
		return err
	}
	defer s.locked()()
	if len(s.tenant(tenant).records.byID) > 0 {
		return &store.StaleError{Op: -1, Require: -1}
	}
	delete(s.tenants, tenant)
	return nil
}

// Kinds implements store.KindLister.
func (s *mapStore) Kinds(ctx context.Context, tenant, after string) ([]string, error) {
	if err := cmp.Or(ctx.Err(), store.CheckKinds(tenant, after)); err != nil {
		return nil, err
	}
	defer s.locked()()
	kinds := map[string]bool{}
	for _, r := range s.tenant(tenant).records.byID {
		if r.Kind > after {
			kinds[r.Kind] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(kinds))
	return sorted[:min(len(sorted), store.MaxLimit)], nil
}

// Verify implements store.Verifier.
func (s *mapStore) Verify(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
	return func(yield func(store.Finding, error) bool) {
		if err := cmp.Or(ctx.Err(), store.CheckVerify(opts)); err != nil {
			yield(store.Finding{}, err)
			return
		}
		s.mu.Lock()
		names := s.names()
		s.mu.Unlock()
		for _, name := range names {
			if opts.Tenant != "" && opts.Tenant != name {
				continue
			}
			s.mu.Lock()
			found := s.tenant(name).verify(opts.Mend)
			s.mu.Unlock()
			for _, f := range found {
				f.Tenant = name
				if !yield(f, nil) {
					return
				}
			}
		}
	}
}

// verify returns what is wrong with a tenant, and puts it right if mend is set.
func (t *mapTenant) verify(mend bool) []store.Finding {
	var found []store.Finding
	last := store.Revision(0)
	for _, r := range t.records.all() {
		last = max(last, r.Revision)
		if t.damaged[r.ID] {
			found = append(found, store.Finding{Damage: store.DamagedRecord, ID: r.ID})
			continue
		}
		for _, key := range r.Unique {
			if t.holders[key] != r.ID {
				found = append(found, store.Finding{Damage: store.MissingKey, ID: r.ID, Mended: mend})
				t.mend(mend, func() { t.holders[key] = r.ID })
			}
		}
	}
	for key, id := range t.holders {
		if r, exists := t.records.get(id); !exists || !t.damaged[id] && !slices.Contains(r.Unique, key) {
			found = append(found, store.Finding{Damage: store.StrayKey, ID: id, Mended: mend})
			t.mend(mend, func() { delete(t.holders, key) })
		}
	}
	for _, entry := range t.feed {
		if last = max(last, entry.Seq); entry.Damaged {
			found = append(found, store.Finding{Damage: store.DamagedChange, Seq: entry.Seq})
		}
	}
	if last > t.last {
		found = append(found, store.Finding{Damage: store.LowRevision, Mended: mend})
		t.mend(mend, func() { t.last = last })
	}
	for id, damage := range t.misfiled {
		found = append(found, store.Finding{Damage: damage, ID: id, Mended: mend})
		t.mend(mend, func() { delete(t.misfiled, id) })
	}
	return found
}

func (t *mapTenant) mend(mend bool, f func()) {
	if mend {
		f()
	}
}

// Corrupt implements Corrupter. This store has no index of terms or of what is due that
// could be wrong: for the checks it remembers that it has been.
func (s *mapStore) Corrupt(ctx context.Context, tenant string, damage store.Damage, id string) error {
	s.mu.Lock()
	t := s.tenant(tenant)
	r := t.records.at(id)
	s.mu.Unlock()
	switch damage {
	case store.DamagedRecord:
		return s.Damage(ctx, tenant, id)
	case store.DamagedChange:
		return s.DamageChange(ctx, tenant, r.Revision)
	case store.MissingKey:
		delete(t.holders, r.Unique[0])
	case store.StrayKey:
		t.holders[store.Key{Kind: "stray", Value: "stray"}] = id
	case store.LowRevision:
		t.last = r.Revision - 1
	case store.MissingTerm, store.StrayTerm, store.WrongDue:
		t.misfiled[id] = damage
	default:
		return fmt.Errorf("cannot do %v", damage)
	}
	return nil
}
