package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/store"
)

var (
	_ store.Joined  = (*Tx)(nil)
	_ store.Counter = (*Tx)(nil)
)

// Tx reads and writes inside a transaction of the host. It is a [store.Joined] and a
// [store.Counter]. Calls run one at a time.
type Tx struct {
	store *Store
	tx    pgx.Tx
}

// In returns a store that reads and writes inside a transaction on the same database. It
// sends nothing.
func (s *Store) In(tx pgx.Tx) *Tx { return &Tx{store: s, tx: tx} }

// Joined implements [store.Joined].
func (t *Tx) Joined() {}
