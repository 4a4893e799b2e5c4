package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// slowly applies a batch and then stays a little longer, as a disk would.
func slowly(ctx context.Context, b *broken, tenant string, batch store.Batch) (store.Revision, error) {
	rev, err := b.mapStore.Apply(ctx, tenant, batch)
	if err == nil {
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Microsecond):
		}
	}
	return rev, err
}

func outcomeMutants() []mutant {
	given := func(outcome func(b *broken, ctx context.Context, tenant string, ops []store.Op, rev store.Revision) (store.Revision, error)) func(b *broken) {
		return func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				rev, err := slowly(ctx, b, tenant, batch)
				if err == nil && ctx.Err() != nil {
					return outcome(b, ctx, tenant, batch.Ops, rev)
				}
				return rev, err
			}
		}
	}
	return []mutant{
		{
			name: "a write that was done returns the context's error", rejected: "outcome/canceled-create outcome/canceled-replace outcome/any-look",
			harm: given(func(_ *broken, ctx context.Context, _ string, _ []store.Op, _ store.Revision) (store.Revision, error) {
				return 0, ctx.Err()
			}),
		},
		{
			name: "ErrUnknown says nothing of the context", rejected: "outcome/canceled-create outcome/canceled-replace outcome/any-look",
			harm: given(func(*broken, context.Context, string, []store.Op, store.Revision) (store.Revision, error) {
				return 0, store.ErrUnknown
			}),
		},
		{
			name: "a write that was done is tried again", rejected: "outcome/canceled-create outcome/any-look",
			harm: given(func(b *broken, ctx context.Context, tenant string, ops []store.Op, _ store.Revision) (store.Revision, error) {
				return b.mapStore.Apply(context.WithoutCancel(ctx), tenant, store.Ops(ops...))
			}),
		},
		{
			name: "a write that is given up is acknowledged and lost", rejected: "outcome/canceled-create outcome/any-look",
			harm: given(func(b *broken, _ context.Context, tenant string, ops []store.Op, rev store.Revision) (store.Revision, error) {
				defer b.locked()()
				b.tenant(tenant).records.drop(ops[0].ID())
				return rev, nil
			}),
		},
		{
			name: "a write that is given up leaves its keys", rejected: "outcome/canceled-create outcome/any-look",
			harm: given(func(b *broken, ctx context.Context, tenant string, ops []store.Op, _ store.Revision) (store.Revision, error) {
				defer b.locked()()
				b.tenant(tenant).records.drop(ops[0].ID())
				return 0, fmt.Errorf("%w: %w", store.ErrUnknown, ctx.Err())
			}),
		},
		{
			name: "a write that is given up goes on without its entry", rejected: "outcome/canceled-create outcome/any-look",
			harm: given(func(b *broken, ctx context.Context, tenant string, _ []store.Op, _ store.Revision) (store.Revision, error) {
				defer b.locked()()
				if t := b.tenant(tenant); len(t.feed) > 0 {
					t.feed = t.feed[:len(t.feed)-1]
				}
				return 0, fmt.Errorf("%w: %w", store.ErrUnknown, ctx.Err())
			}),
		},
		{name: "every write is done twice", rejected: "outcome/repeat apply/round-trip revisions/count", harm: func(b *broken) {
			b.apply.asks(func(c *applyCall) { _, c.err = b.mapStore.Apply(c.ctx, c.tenant, c.q) })
		}},
		{name: "an equal batch gets the first one's answer", rejected: "outcome/repeat", harm: func(b *broken) {
			var mu sync.Mutex
			answers := map[string]store.Revision{}
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				mu.Lock()
				defer mu.Unlock()
				id := tenant + showBatch(batch)
				if rev, ok := answers[id]; ok {
					return rev, nil
				}
				rev, err := b.mapStore.Apply(ctx, tenant, batch)
				if err == nil {
					answers[id] = rev
				}
				return rev, err
			}
		}},
		{name: "a Trim that was done returns the context's error", rejected: "outcome/trim", harm: func(b *broken) {
			b.trim = func(ctx context.Context, tenant string, through store.Revision) error {
				if err := b.mapStore.Trim(ctx, tenant, through); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
				case <-time.After(20 * time.Microsecond):
				}
				return ctx.Err()
			}
		}},
	}
}

func contextMutants() []mutant {
	free := context.WithoutCancel
	var all []mutant
	for method, harm := range map[string]func(b *broken){
		"Get": func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				return b.mapStore.Get(free(ctx), tenant, key)
			}
		},
		"Apply": func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				return b.mapStore.Apply(free(ctx), tenant, batch)
			}
		},
		"List": func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
				return b.mapStore.List(free(ctx), tenant, q)
			}
		},
		"Changes": func(b *broken) {
			b.changes = func(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
				return b.mapStore.Changes(free(ctx), tenant, q)
			}
		},
		"Trim": func(b *broken) {
			b.trim = func(ctx context.Context, tenant string, through store.Revision) error {
				return b.mapStore.Trim(free(ctx), tenant, through)
			}
		},
		"Due": func(b *broken) {
			b.due = func(ctx context.Context, _ string, q store.DueQuery) (store.DuePage, error) {
				return b.mapStore.Due(free(ctx), q)
			}
		},
		"Tenants": func(b *broken) {
			b.names = func(ctx context.Context, _ string, q store.TenantQuery) (store.TenantPage, error) {
				return b.mapStore.Tenants(free(ctx), q)
			}
		},
	} {
		all = append(all, mutant{name: method + " ignores its context", rejected: "contexts/ended", harm: harm})
	}
	return append(all,
		mutant{name: "an ended context makes a write unknown", rejected: "contexts/ended", harm: refusing(func(_ *broken, c *applyCall, _ error) {
			if errors.Is(c.err, context.Canceled) {
				c.err = fmt.Errorf("%w: %w", store.ErrUnknown, c.err)
			}
		})},
		mutant{name: "an ended context makes the store unavailable", rejected: "contexts/ended", harm: func(b *broken) { b.apply.turns(context.Canceled, store.ErrUnavailable) }},
		mutant{name: "a write is undone when its context ends", rejected: "contexts/after", harm: func(b *broken) {
			steps{}.harm(b)
			apply := b.apply
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				rev, err := apply(ctx, tenant, batch)
				undo := func() {
					if ctx.Err() != nil && err == nil {
						defer b.locked()()
						b.tenant(tenant).records.drop(batch.Ops[0].ID())
					}
				}
				b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
					undo()
					return b.mapStore.Get(ctx, tenant, key)
				}
				return rev, err
			}
		}},
		mutant{name: "a call that is given up fails the next", rejected: "contexts/others", harm: func(b *broken) {
			poisoned := make(chan struct{}, 1)
			b.get.answers(func(c *getCall) {
				if c.ctx.Err() != nil {
					select {
					case poisoned <- struct{}{}:
					default:
					}
				}
			})
			b.apply.asks(func(c *applyCall) {
				if c.ctx.Err() == nil && len(poisoned) > 0 {
					c.err = context.Canceled
				}
			})
		}},
		mutant{name: "writes of several tenants meet in one", rejected: "races/everything", harm: steps{pause: runtime.Gosched}.harm},
	)
}

// lagging is a handle that keeps what it has read once.
type lagging struct {
	*broken
	mu    sync.Mutex
	cache map[string]store.Record
}

func (l *lagging) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := tenant + show(key)
	if r, ok := l.cache[id]; ok && ctx.Err() == nil {
		return copyOf(r), nil
	}
	r, err := l.broken.Get(ctx, tenant, key)
	if err == nil {
		l.cache[id] = copyOf(r)
	}
	return r, err
}

func handleMutants() []mutant {
	return []mutant{
		{name: "a handle keeps what it has read", rejected: "handles/see handles/alternate", other: func(b *broken) store.Store {
			return &lagging{broken: b, cache: map[string]store.Record{}}
		}, patience: 2 * time.Second},
		{name: "every handle is a store of its own", rejected: "handles/see handles/reopen handles/many races/create waiter/wakes", other: func(*broken) store.Store {
			return newBroken()
		}, patience: time.Second},
		{name: "the second handle cannot write", rejected: "handles/alternate handles/many", other: func(b *broken) store.Store {
			reader := *b
			reader.apply = func(context.Context, string, store.Batch) (store.Revision, error) { return 0, store.ErrUnavailable }
			return &reader
		}},
	}
}
