package storetest

import (
	"context"
	"maps"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// mapTx is a transaction of the host on a map store: a copy that its commit puts in place.
// Mutants change the copy's methods and how it ends.
type mapTx struct {
	*broken  // on the copy
	place    *mapStore
	ended    error // of every call
	commit   func()
	rollback func()
}

func beginMapTx(place *mapStore) *mapTx {
	tx := &mapTx{broken: newBroken(), place: place}
	place.mu.Lock()
	tx.tenants = copyTenants(place.tenants)
	place.mu.Unlock()
	tx.commit = func() {
		defer place.locked()()
		place.tenants = tx.tenants
		place.wake()
	}
	tx.rollback = func() {}
	untilEnd(tx, ofGet)
	untilEnd(tx, ofApply)
	untilEnd(tx, ofList)
	untilEnd(tx, ofChanges)
	untilEnd(tx, ofDue)
	untilEnd(tx, ofTenants)
	untilEnd(tx, ofCount)
	trim := tx.trim
	tx.trim = func(ctx context.Context, tenant string, through store.Revision) error {
		if tx.ended != nil {
			return tx.ended
		}
		return trim(ctx, tenant, through)
	}
	return tx
}

// untilEnd makes a method fail once the transaction has ended.
func untilEnd[Q, A any](tx *mapTx, of func(*broken) *method[Q, A]) {
	of(tx.broken).asks(func(c *call[Q, A]) { c.err = tx.ended })
}

// end ends the transaction, and with it its calls.
func (tx *mapTx) end(f func()) error {
	tx.ended = store.ErrAborted
	f()
	return nil
}

// reads makes every read go to another store.
func (tx *mapTx) reads(s store.Store) {
	tx.get, tx.list, tx.changes = s.Get, s.List, s.Changes
}

// hidden is the store that the host gets: without the optional interfaces of the map.
type hidden struct{ store.Store }

// joinedStore is the same as a store.Joined.
type joinedStore struct{ hidden }

func (joinedStore) Joined() {}

func (j joinedStore) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return j.Store.(store.Counter).Count(ctx, tenant, q)
}

var (
	_ store.Joined  = joinedStore{}
	_ store.Counter = joinedStore{}
)

func copyTenants(from map[string]*mapTenant) map[string]*mapTenant {
	to := maps.Clone(from)
	for name, t := range to {
		c := *t
		c.records = table{byID: maps.Clone(t.records.byID)}
		c.holders, c.feed, c.damaged = maps.Clone(t.holders), slices.Clone(t.feed), maps.Clone(t.damaged)
		to[name] = &c
	}
	return to
}
