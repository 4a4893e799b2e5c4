package storetest

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Damager is implemented, for the checks of rule 14 only, by a store that can spoil
// what it keeps: by flipping bits in the database below itself, say. It is looked for
// with store.As on what Place.Open returns, so that a test can wrap its store with it.
// Where it is missing, the checks of rule 14 are passed without a word.
type Damager interface {
	// Damage makes the record with an ID unreadable: it still exists, in every index
	// it was in, but what it says is lost. The record exists and was not damaged yet.
	Damage(ctx context.Context, tenant, id string) error

	// DamageChange makes the entry of the feed with that Seq unreadable. The entry
	// exists.
	DamageChange(ctx context.Context, tenant string, seq store.Revision) error
}
