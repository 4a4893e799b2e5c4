package sqlite

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

var (
	_ store.Joined  = (*Tx)(nil)
	_ store.Counter = (*Tx)(nil)
)

// Tx is a [store.Store] inside a transaction of the host; see [Store.In]. It is a
// [store.Joined] and a [store.Counter]. Calls of one Tx wait for each other.
type Tx struct {
	store *Store
	tx    *sql.Tx
	since time.Time

	mu        sync.Mutex           // one call at a time
	ctx       context.Context      // of the call that runs
	joined    bool                 // the transaction was checked
	settings  error                // why it cannot be written through
	committed []byte               // the mark that the transaction began with; nil: not read yet
	aborted   error                // why it can only be rolled back
	logged    bool                 // that it takes long
	stmts     map[string]*sql.Stmt // by their text; nil after the first use
	args      []any
}

// In returns a store that reads and writes inside a transaction of the host on the same
// file, so that users and the host's own tables change together or not at all:
//
//	tx, err := db.BeginTx(ctx, nil) // db is a pool of the file, opened with DSN
//	if err != nil {
//		return err
//	}
//	defer tx.Rollback()
//	acme := users.On(st.In(tx)).Tenant("acme")
//	user, err := acme.Create(ctx, spec)
//	if err != nil {
//		return err
//	}
//	if _, err := tx.ExecContext(ctx, `INSERT INTO orders (user) VALUES (?)`, user.ID); err != nil {
//		return err
//	}
//	return tx.Commit()
//
// The section "In a transaction of the host" of the package documentation says what the
// transaction needs, what it holds up, and what happens if a statement fails. In itself does
// nothing that can fail. The first call checks the transaction, and fails with
// [store.ErrInvalid] if it is of a file at another path, or one whose settings the store cannot
// write under. The first write compares the files themselves.
func (s *Store) In(tx *sql.Tx) *Tx { return &Tx{store: s, tx: tx, since: now()} }

// Joined implements [store.Joined].
func (*Tx) Joined() {}

func (tx *Tx) source() source { return source{Store: tx.store, tx: tx} }

// Get implements [store.Store].
func (tx *Tx) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return tx.source().Get(ctx, tenant, key)
}

// List implements [store.Store].
func (tx *Tx) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return tx.source().List(ctx, tenant, q)
}

// Count implements [store.Counter].
func (tx *Tx) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return tx.source().Count(ctx, tenant, q)
}

// Changes implements [store.Store].
func (tx *Tx) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return tx.source().Changes(ctx, tenant, q)
}

// Due implements [store.Store].
func (tx *Tx) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return tx.source().Due(ctx, q)
}

// Tenants implements [store.Store].
func (tx *Tx) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return tx.source().Tenants(ctx, q)
}

// Apply implements [store.Store]. The batch is written when the host commits.
func (tx *Tx) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	c := tx.store.observer.BeginCall("Apply")
	rev, err := tx.apply(ctx, tenant, batch)
	c.End(store.CallInfo{Items: len(batch.Ops)}, err)
	return rev, err
}

func (tx *Tx) apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	if err := store.Check(tenant, batch); err != nil {
		return 0, err
	}
	return tx.write(ctx, newBatch(tenant, batch))
}

// Trim implements [store.Store]. The entries are forgotten when the host commits.
func (tx *Tx) Trim(ctx context.Context, tenant string, through store.Revision) error {
	c := tx.store.observer.BeginCall("Trim")
	err := tx.trim(ctx, tenant, through)
	c.End(store.CallInfo{}, err)
	return err
}

func (tx *Tx) trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	for t := (&trim{tenant: tenant, through: int64(through)}); !t.done; {
		if _, err := tx.write(ctx, t); err != nil {
			return err
		}
		ctx = context.WithoutCancel(ctx) // a part is done
	}
	return nil
}
