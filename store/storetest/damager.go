package storetest

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Damager damages records, for the checks of rule 14: by flipping bits in the database
// below the store, say. The kit finds it with store.As in the handle that Place.Open
// returns, so that a test can wrap its store with it. A store without a Damager passes
// the checks of rule 14.
type Damager interface {
	// Damage makes the record with an ID unreadable: it still exists, in all of its
	// indexes, but its content is lost. The record exists and is not damaged yet.
	Damage(ctx context.Context, tenant, id string) error

	// DamageChange makes the entry of the feed with that Seq unreadable. The entry
	// exists.
	DamageChange(ctx context.Context, tenant string, seq store.Revision) error
}
