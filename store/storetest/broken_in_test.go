package storetest

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// inMutant is a store inside a transaction that breaks a rule; see mutant.
type inMutant struct {
	name     string
	rejected string
	harm     func(tx *mapTx)
	store    func(tx *mapTx) store.Store // if set, what the host gets
	patience time.Duration
}

func (m inMutant) place() (Place, error) {
	place := newMapStore()
	return Place{
		Open: func() (store.Store, error) { return place, nil },
		Begin: func() (Transaction, error) {
			tx := beginMapTx(place)
			if m.harm != nil {
				m.harm(tx)
			}
			s := store.Store(joinedStore{hidden{tx}})
			if m.store != nil {
				s = m.store(tx)
			}
			return Transaction{
				Store: s, Commit: func() error { return tx.end(tx.commit) }, Rollback: func() error { return tx.end(tx.rollback) },
			}, nil
		},
	}, nil
}

// keepAfterRollback returns a harm that changes each tenant of the place after a rollback.
func keepAfterRollback(keep func(place *mapStore, name string, in *mapTenant)) func(*mapTx) {
	return func(tx *mapTx) {
		tx.rollback = func() {
			defer tx.place.locked()()
			for name, t := range tx.tenants {
				keep(tx.place, name, t)
			}
		}
	}
}

func inMutants() []inMutant {
	return []inMutant{
		{name: "writes go to the place at once", rejected: "in/commit in/rollback in/revision in/feed in/trim", harm: func(tx *mapTx) {
			tx.apply, tx.trim, tx.commit = tx.place.Apply, tx.place.Trim, func() {}
			tx.reads(tx.place)
		}},
		{name: "reads do not see what was written", rejected: "in/commit in/refused", harm: func(tx *mapTx) {
			begun := newMapStore()
			begun.tenants = copyTenants(tx.tenants)
			tx.reads(begun)
		}},
		{name: "reads do not see what was there", rejected: "in/commit", harm: func(tx *mapTx) {
			tx.get.asks(func(c *call[store.Key, store.Record]) {
				if tx.place.tenants[c.tenant] != nil && c.q == store.ID("a") {
					c.err = store.ErrNotFound
				}
			})
		}},
		{name: "a commit is lost", rejected: "in/commit in/feed", harm: func(tx *mapTx) { tx.commit = func() {} }},
		{name: "a commit loses the feed", rejected: "in/commit in/feed", harm: func(tx *mapTx) {
			commit := tx.commit
			tx.commit = func() {
				for name, t := range tx.tenants {
					t.feed = nil
					if old := tx.place.tenants[name]; old != nil {
						t.feed = old.feed
					}
				}
				commit()
			}
		}},
		{name: "a commit repeats an entry", rejected: "in/feed", harm: func(tx *mapTx) {
			commit := tx.commit
			tx.commit = func() {
				for _, t := range tx.tenants {
					if n := len(t.feed); n > 0 {
						c := t.feed[n-1]
						t.last++
						c.Seq, c.Revision = t.last, t.last
						t.feed = append(t.feed, c)
					}
				}
				commit()
			}
		}},
		{name: "a rollback commits", rejected: "in/rollback in/revision in/feed in/trim", harm: func(tx *mapTx) { tx.rollback = tx.commit }},
		{name: "a rollback keeps the revision", rejected: "in/revision in/rollback", harm: keepAfterRollback(func(place *mapStore, name string, in *mapTenant) {
			if t := place.tenants[name]; t != nil {
				t.last = in.last
			}
		})},
		{name: "a rollback keeps the keys", rejected: "in/rollback", harm: keepAfterRollback(func(place *mapStore, name string, in *mapTenant) {
			if t := place.tenants[name]; t != nil {
				t.holders = in.holders
			}
		})},
		{name: "a rollback keeps the feed", rejected: "in/rollback in/feed", harm: keepAfterRollback(func(place *mapStore, name string, in *mapTenant) {
			if t := place.tenants[name]; t != nil {
				t.feed = in.feed
			}
		})},
		{name: "a rollback keeps what was trimmed", rejected: "in/trim", harm: keepAfterRollback(func(place *mapStore, name string, in *mapTenant) {
			if t := place.tenants[name]; t != nil && in.trimmed > 0 {
				t.trimmed, t.feed = in.trimmed, in.feed
			}
		})},
		{name: "a rollback keeps the tenants", rejected: "in/rollback", harm: keepAfterRollback(func(place *mapStore, name string, _ *mapTenant) {
			place.tenants[name] = place.tenant(name)
		})},
		{name: "Trim does not wait for the commit", rejected: "in/trim", harm: func(tx *mapTx) {
			trim := tx.trim
			tx.trim = func(ctx context.Context, tenant string, through store.Revision) error {
				return errors.Join(trim(ctx, tenant, through), tx.place.Trim(ctx, tenant, through))
			}
		}},
		{name: "a refusal aborts", rejected: "in/refused", harm: func(tx *mapTx) {
			tx.apply.answers(func(c *applyCall) {
				if errors.Is(c.err, store.ErrTaken) || errors.Is(c.err, store.ErrStale) {
					tx.ended = store.ErrAborted
				}
			})
		}},
		{name: "a refusal undoes the transaction", rejected: "in/refused", harm: func(tx *mapTx) {
			tx.apply.answers(func(c *applyCall) {
				if errors.Is(c.err, store.ErrTaken) {
					tx.tenants = copyTenants(tx.place.tenants)
				}
			})
		}},
		{name: "a context that has ended aborts", rejected: "in/context", harm: func(tx *mapTx) {
			tx.get.answers(func(c *getCall) {
				if c.ctx.Err() != nil {
					tx.ended = store.ErrAborted
				}
			})
		}},
		{name: "Apply writes though its context has ended", rejected: "in/context", harm: func(tx *mapTx) {
			apply := tx.mapStore.Apply
			tx.apply.answers(func(c *applyCall) {
				if c.ctx.Err() != nil {
					_, _ = apply(context.WithoutCancel(c.ctx), c.tenant, c.q)
				}
			})
		}},
		{name: "a context that ends makes the outcome unknown", rejected: "in/canceled", harm: func(tx *mapTx) {
			tx.apply.answers(func(c *applyCall) {
				if c.err == nil && c.ctx.Err() != nil {
					c.err = store.ErrUnknown
				}
			})
		}},
		{name: "a canceled write is done", rejected: "in/canceled", harm: func(tx *mapTx) {
			tx.apply.answers(func(c *applyCall) {
				if c.err == nil {
					c.err = c.ctx.Err()
				}
			})
		}},
		{name: "calls go on after ErrAborted", rejected: "in/canceled", harm: func(tx *mapTx) {
			tx.apply.answers(func(c *applyCall) {
				if c.ctx.Err() != nil {
					c.err = store.ErrAborted
				}
			})
		}},
		{name: "a canceled write is unavailable", rejected: "in/canceled", harm: func(tx *mapTx) {
			tx.apply.turns(context.Canceled, store.ErrUnavailable)
		}},
		{name: "a canceled trim is half done", rejected: "in/trim-canceled", harm: func(tx *mapTx) {
			trim := tx.trim
			tx.trim = func(ctx context.Context, tenant string, through store.Revision) error {
				if err := trim(context.WithoutCancel(ctx), tenant, through/2); err != nil {
					return err
				}
				return trim(ctx, tenant, through)
			}
		}},
		{name: "a canceled trim is unavailable", rejected: "in/trim-canceled", harm: func(tx *mapTx) {
			tx.trim = func(context.Context, string, store.Revision) error { return store.ErrUnavailable }
		}},
		{name: "calls go on after the end", rejected: "in/over", harm: func(tx *mapTx) {
			tx.get = tx.mapStore.Get
		}},
		{name: "calls after the end reach the place", rejected: "in/over", harm: func(tx *mapTx) {
			apply := tx.apply
			tx.apply = func(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
				if tx.ended != nil {
					_, _ = tx.place.Apply(ctx, tenant, b)
				}
				return apply(ctx, tenant, b)
			}
		}},
		{name: "it does not say that it is inside", rejected: "in/wait in/optional", patience: time.Second, store: func(tx *mapTx) store.Store {
			return hidden{tx}
		}},
		{name: "it waits", rejected: "in/optional", store: func(tx *mapTx) store.Store {
			return struct {
				joinedStore
				store.Waiter
			}{joinedStore{hidden{tx}}, tx.mapStore}
		}},
		{name: "it scrubs", rejected: "in/optional", store: func(tx *mapTx) store.Store {
			return struct {
				joinedStore
				store.Scrubber
			}{joinedStore{hidden{tx}}, tx.mapStore}
		}},
		{name: "it confirms", rejected: "in/optional", store: func(tx *mapTx) store.Store {
			return struct {
				joinedStore
				store.Confirmer
			}{joinedStore{hidden{tx}}, tx.mapStore}
		}},
		{name: "it imports", rejected: "in/optional", store: func(tx *mapTx) store.Store {
			return struct {
				joinedStore
				store.Importer
			}{joinedStore{hidden{tx}}, tx.mapStore}
		}},
		{name: "it drops", rejected: "in/optional", store: func(tx *mapTx) store.Store {
			return struct {
				joinedStore
				store.Dropper
			}{joinedStore{hidden{tx}}, tx.mapStore}
		}},
		{name: "it lists kinds", rejected: "in/optional", store: func(tx *mapTx) store.Store {
			return struct {
				joinedStore
				store.KindLister
			}{joinedStore{hidden{tx}}, tx.mapStore}
		}},
		{name: "it verifies", rejected: "in/optional", store: func(tx *mapTx) store.Store {
			return struct {
				joinedStore
				store.Verifier
			}{joinedStore{hidden{tx}}, tx.mapStore}
		}},
		// The checks of Run are those of its own tests. That they look inside is shown by one.
		{name: "Get finds nothing", rejected: "apply/round-trip handles/see", harm: func(tx *mapTx) {
			tx.get.asks(func(c *getCall) { c.err = store.ErrNotFound })
		}},
	}
}

func TestMutantsInTransactionsAreRejected(t *testing.T) {
	t.Parallel()
	byName := map[string]check{}
	rejected := map[string]bool{}
	for _, c := range checksIn() {
		byName[c.name] = c
	}
	for _, m := range inMutants() {
		for _, name := range strings.Fields(m.rejected) {
			rejected[name] = true
			c, ok := byName[name]
			if !ok {
				t.Fatalf("there is no check %q", name)
			}
			ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(m.patience, deadline))
			if c.in(ctx, m.place) == nil {
				t.Errorf("%s passes %s", m.name, name)
			}
			cancel()
		}
	}
	for _, c := range inChecks() {
		if !rejected[c.name] {
			t.Errorf("no mutant is rejected by %s", c.name)
		}
	}
}

func TestRunInOnMapStore(t *testing.T) {
	t.Parallel()
	RunIn(t, inMutant{}.place)
}

// TestNotInside shows that the table of what is left out names checks that there are.
func TestNotInside(t *testing.T) {
	t.Parallel()
	for prefix, why := range notInside() {
		found := false
		for _, c := range checks() {
			found = found || strings.HasPrefix(c.name, prefix)
		}
		if !found || why == "" {
			t.Errorf("no check is called %s…, or nothing says why it is left out", prefix)
		}
	}
}

// TestTransactionFaults shows that a transaction that cannot begin or end fails its check.
func TestTransactionFaults(t *testing.T) {
	t.Parallel()
	fault := errors.New("the disk is on fire")
	fail := func() error { return fault }
	for name, begin := range map[string]func(tx Transaction) (Transaction, error){
		"begin":  func(tx Transaction) (Transaction, error) { return tx, fault },
		"commit": func(tx Transaction) (Transaction, error) { tx.Commit = fail; return tx, nil },
		"none":   nil,
	} {
		err := checksIn()[0].in(t.Context(), func() (Place, error) {
			place, err := inMutant{}.place()
			right := place.Begin
			place.Begin = nil
			if begin != nil {
				place.Begin = func() (Transaction, error) {
					tx, _ := right() // which does not fail
					return begin(tx)
				}
			}
			return place, err
		})
		var failure *Failure
		if !errors.As(err, &failure) || begin != nil && !errors.Is(err, fault) {
			t.Errorf("%s: %v, want a *Failure with the fault", name, err)
		}
	}
}
