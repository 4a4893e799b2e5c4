package memory

import (
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Damager is a Store in which tests can damage records and entries of the feed.
type Damager struct{ *Store }

// Unwrap returns the Store.
func (d Damager) Unwrap() store.Store { return d.Store }

// Damage damages a record.
func (d Damager) Damage(_ context.Context, tenant, id string) error {
	sh := d.shard(tenant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.tenants[tenant]
	if t == nil || t.records[id] == nil {
		return errors.New("nothing to damage")
	}
	if e := t.records[id]; !e.damaged {
		e.damaged = true
		t.damaged++
	}
	return nil
}

// Corrupt damages a record, or what leads to it.
func (d Damager) Corrupt(ctx context.Context, tenant string, damage store.Damage, id string) error {
	sh := d.shard(tenant)
	sh.mu.Lock()
	t := sh.tenants[tenant]
	e := t.records[id]
	defer sh.mu.Unlock()
	stray := store.Key{Kind: "stray", Value: "stray"}
	switch damage {
	case store.DamagedRecord, store.DamagedChange:
		sh.mu.Unlock()
		defer sh.mu.Lock()
		if damage == store.DamagedRecord {
			return d.Damage(ctx, tenant, id)
		}
		return d.DamageChange(ctx, tenant, e.record.Revision)
	case store.MissingKey:
		delete(t.holders, e.record.Unique[0])
	case store.StrayKey:
		t.holders[stray] = e
	case store.MissingTerm:
		t.unindex(e.record.Kind, e.record.Index[0], e)
	case store.StrayTerm:
		t.index(e.record.Kind, stray, e)
	case store.WrongDue:
		t.earliest.Store(noDue)
	case store.LowRevision:
		t.last = e.record.Revision - 1
	default:
		return errors.New("no such damage")
	}
	return nil
}

// DamageChange damages an entry of the feed.
func (d Damager) DamageChange(_ context.Context, tenant string, seq store.Revision) error {
	sh := d.shard(tenant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.tenants[tenant]
	if t == nil || seq < 1 {
		return errors.New("nothing to damage")
	}
	f := &t.feed
	c, i := f.find(seq - 1)
	if c == len(f.chunks) || f.chunks[c][i].Seq != seq {
		return errors.New("nothing to damage")
	}
	f.chunks[c] = slices.Clone(f.chunks[c])
	f.chunks[c][i] = store.Change{Seq: seq, Damaged: true}
	return nil
}
