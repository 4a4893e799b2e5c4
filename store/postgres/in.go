package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/store"
)

var (
	_ store.Joined  = (*Tx)(nil)
	_ store.Counter = (*Tx)(nil)
)

// Tx reads and writes inside a transaction of the host; see "Inside a transaction" in
// package store. It is a [store.Joined] and a [store.Counter]. Calls run one at a time.
type Tx struct {
	store *Store
	tx    pgx.Tx

	mu      sync.Mutex
	asked   bool // whether statements can be prepared
	named   bool
	aborted error
}

// In returns a store that reads and writes inside a transaction on the same database, in
// READ COMMITTED or a stricter isolation level. It sends nothing, and costs one allocation.
//
// A write locks its tenant until the transaction ends. Other writes of that tenant wait
// meanwhile, those of the store and those of other transactions; reads and other tenants do
// not. Two transactions that write the same two tenants in different orders deadlock, and
// PostgreSQL ends one of them. The error is then ErrAborted and wraps a *pgconn.PgError with
// the code 40P01, or 40001 for a serialization failure: roll back and run the whole
// transaction again. The first write of a new tenant takes an advisory lock, too: a
// transaction that makes tens of thousands of tenants may fill the server's lock table (53200,
// max_locks_per_transaction).
//
// While rows of the host are open, the connection is busy: calls fail with ErrInvalid and do
// nothing. If the context of a call ends while its statement runs, pgx closes the connection, and
// nothing of the transaction can be committed.
func (s *Store) In(tx pgx.Tx) *Tx { return &Tx{store: s, tx: tx} }

// Joined implements [store.Joined].
func (t *Tx) Joined() {}

var errTxOver = errors.New("the transaction is over")

// step implements source. An error of the database, of this call or an earlier one, is
// ErrAborted.
func (t *Tx) step(ctx context.Context, _ readTurn, f func(context.Context, session) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.aborted != nil {
		return t.aborted
	}
	err := t.store.usable()
	if err == nil {
		err = t.open(ctx)
	}
	if err == nil {
		c := session{conn: t.tx.Conn(), texts: t.store.texts, named: t.named}
		err = f(ctx, c)
		if err == nil || answered(err) {
			err = cmp.Or(t.store.checkSchemaNow(ctx, c), err)
		}
	}
	if err == nil || answered(err) {
		return err
	}
	if e := pgError(err); e != nil && t.store.forgetNames(e) { // the connection is the host's
		t.store.unnamed.Store(true) // for the next transaction
	}
	t.aborted = fmt.Errorf("%w: postgres: %w", store.ErrAborted, err)
	return t.aborted
}

// open returns an error unless the transaction is open. Statements go to the connection itself,
// which another transaction may use after this one.
func (t *Tx) open(ctx context.Context) error {
	if err := t.tx.SendBatch(ctx, new(pgx.Batch)).Close(); err != nil { // it sends nothing
		return err
	}
	switch pg := t.tx.Conn().PgConn(); {
	case pg.TxStatus() == 'I': // by a statement of the host
		return errTxOver
	case pg.IsBusy():
		return &store.InvalidError{Op: -1, What: "transaction", Why: "rows of the host are still being read"}
	}
	if !t.asked {
		t.asked = true
		t.named = !t.store.unnamed.Load() &&
			t.tx.Conn().Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
	}
	return nil
}

// Get implements [store.Store].
func (t *Tx) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return t.store.observeGet(ctx, t, tenant, key)
}

// Apply implements [store.Store].
func (t *Tx) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	c := t.store.observer.BeginCall("Apply")
	rev, err := t.apply(ctx, tenant, batch)
	c.End(store.CallInfo{Items: len(batch.Ops)}, err)
	return rev, err
}

func (t *Tx) apply(ctx context.Context, tenant string, in store.Batch) (store.Revision, error) {
	if err := store.Check(tenant, in); err != nil {
		return 0, err
	}
	turn := readTurn{method: "Apply", tenant: tenant}
	return apply(ctx, t, tenant, in, func(b *batch) (a answer) {
		a.err = t.step(ctx, turn, func(ctx context.Context, c session) (err error) {
			a, err = t.send(ctx, c, tenant, b)
			return err
		})
		return a
	}, func(d *disowned) error {
		return t.step(ctx, turn, func(ctx context.Context, c session) error {
			_, err := c.row(ctx, sqlDisown, disownArgs(true, tenant, d), func(*reply) {})
			return err
		})
	})
}

func (t *Tx) send(ctx context.Context, c session, tenant string, b *batch) (answer, error) {
	w := wave{calls: make([]*call, 1)}
	text, a := applyArgs(true, t.store.opts.Schema, []job{{tenant, b}})
	_, err := c.row(ctx, text, a, w.read)
	switch {
	case err != nil:
		return answer{}, err
	case w.answers == nil:
		return answer{}, errReply
	}
	if payload := t.store.notifyPayload([]string{tenant}); payload != "" && b.noted && w.answers[0].refusal == nil {
		if _, err := c.row(ctx, sqlNotify, notifyArgs(t.store.channel(), payload), func(*reply) {}); err != nil {
			return answer{}, err
		}
	}
	return w.answers[0], nil
}

// List implements [store.Store].
func (t *Tx) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return t.store.observeList(ctx, t, tenant, q)
}

// Changes implements [store.Store].
func (t *Tx) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return t.store.observeChanges(ctx, t, tenant, q)
}

// Trim implements [store.Store].
func (t *Tx) Trim(ctx context.Context, tenant string, through store.Revision) error {
	c := t.store.observer.BeginCall("Trim")
	err := t.trim(ctx, tenant, through)
	c.End(store.CallInfo{}, err)
	return err
}

func (t *Tx) trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	for {
		forgotten := 0
		err := t.step(ctx, readTurn{}, func(ctx context.Context, c session) (err error) {
			_, forgotten, err = trimOnce(ctx, c, true, tenant, through)
			return err
		})
		if err != nil || forgotten < trimStep {
			return err
		}
		ctx = context.WithoutCancel(ctx) // a part is done
	}
}

// Due implements [store.Store].
func (t *Tx) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return t.store.observeDue(ctx, t, q)
}

// Tenants implements [store.Store].
func (t *Tx) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return t.store.observeTenants(ctx, t, q)
}

// Count implements [store.Counter].
func (t *Tx) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return t.store.observeCount(ctx, t, tenant, q)
}
