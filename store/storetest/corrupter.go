package storetest

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Corrupter damages what a store keeps, for the checks of store.Verifier: by writing into
// the database below the store, say. The kit finds it with store.As in the handle that
// Place.Open returns, as it finds a Damager. A store that has a Verifier needs one: else the
// checks that seed damage fail.
type Corrupter interface {
	// Corrupt does one kind of damage to what the store keeps of a record, and harms
	// nothing else. The record can be read. It has a unique key, an index term, and a Due
	// that is the earliest of its tenant; it was created with a Note and not written since,
	// and it is the newest record of its tenant. Depending on the damage:
	//
	//   - store.DamagedRecord: the record cannot be read, as after Damager.Damage.
	//   - store.DamagedChange: its entry in the feed cannot be read, as after
	//     Damager.DamageChange.
	//   - store.MissingKey: its first unique key leads nowhere.
	//   - store.StrayKey: the unique key {Kind: "stray", Value: "stray"}, which it does not
	//     list, leads to it.
	//   - store.MissingTerm: it is not listed by its first index term.
	//   - store.StrayTerm: the term {Kind: "stray", Value: "stray"} of its kind, which it
	//     does not have, leads to it.
	//   - store.WrongDue: Due of all tenants does not find it.
	//   - store.LowRevision: the tenant's last revision is lower than the record's.
	Corrupt(ctx context.Context, tenant string, damage store.Damage, id string) error
}
