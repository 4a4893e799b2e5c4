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
