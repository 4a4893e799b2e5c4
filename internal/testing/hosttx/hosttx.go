// Package hosttx runs histories of a host's transactions that write users and rows of a
// table of the host's own, and checks that neither is ever there without the other.
//
// A history is one transaction. It writes a few users through an enduser.Manager on the
// store inside, and a row for each, in any order. Then it commits, or rolls back, or fails
// at a statement, or its process is killed at some point (SIGKILL). The histories run in a
// process of their own, two at a time, which [Work] is and [Run] starts again after each
// kill. Run is the other end: it follows the feeds meanwhile and compares what is left.
package hosttx

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/rollbook-go/rollbook/store"
)

// Database is a database that holds a store and a table of the host with the columns name,
// which is unique, and value.
type Database interface {
	// Store is the store outside of transactions.
	Store() store.Store

	// Begin begins a transaction of the host.
	Begin(ctx context.Context) (Tx, error)

	// Rows returns the committed rows of the host's table.
	Rows(ctx context.Context) (map[string]string, error)
}

// ErrVictim is the error, or in the error, of a statement of the host that the database
// refused because of a deadlock. The history is rolled back.
var ErrVictim = errors.New("the victim of a deadlock")

// Tx is a transaction of the host.
type Tx interface {
	// Store is the store inside.
	Store() store.Store

	// Put writes a row of the host's table, over one that has the name.
	Put(ctx context.Context, name, value string) error

	// Delete deletes a row.
	Delete(ctx context.Context, name string) error

	// Fail runs a statement that fails.
	Fail(ctx context.Context) error

	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// The tenants and the names of their users.
const (
	tenants = 2
	names   = 12
)

// end is how a history ends.
type end int

const (
	commits end = iota
	rollsBack
	fails  // a statement fails half way, and it rolls back
	killed // half way
	killedAtCommit
)

// plan is what a history does. It follows from its number, so that both processes know it.
type plan struct {
	rng   *rand.Rand
	end   end
	steps int // users that it writes
	at    int // the step before which it fails or is killed
}

func newPlan(seed uint64, history int) plan {
	p := plan{rng: rand.New(rand.NewPCG(seed, uint64(history)))}
	p.steps = 1 + p.rng.IntN(4)
	p.at = p.rng.IntN(p.steps + 1)
	switch p.rng.IntN(20) {
	default:
		p.end = commits
	case 0, 1, 2, 3:
		p.end = rollsBack
	case 4, 5, 6, 7:
		p.end = fails
	case 8:
		p.end = killed
	case 9:
		p.end = killedAtCommit
	}
	return p
}
