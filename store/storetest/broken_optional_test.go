package storetest

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func waiterMutants() []mutant {
	return []mutant{
		{name: "Wait never wakes", rejected: "waiter/ready waiter/wakes waiter/trimmed waiter/many waiter/fallback", patience: 300 * time.Millisecond, harm: func(b *broken) {
			b.wait = func(ctx context.Context, _ string, _ store.Revision) error {
				<-ctx.Done()
				return ctx.Err()
			}
		}},
		{name: "Wait wakes one at a time", rejected: "waiter/many", patience: 300 * time.Millisecond, harm: func(b *broken) {
			turn := make(chan struct{}, 1)
			turn <- struct{}{}
			b.wait = func(ctx context.Context, tenant string, after store.Revision) error {
				select {
				case <-turn: // and never hands it on
					return b.mapStore.Wait(ctx, tenant, after)
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}},
		{name: "Wait returns ErrTrimmed", rejected: "waiter/ready waiter/trimmed", harm: func(b *broken) {
			b.wait = func(ctx context.Context, tenant string, after store.Revision) error {
				err := b.mapStore.Wait(ctx, tenant, after)
				if _, read := b.mapStore.Changes(ctx, tenant, store.ChangeQuery{After: after}); read != nil {
					err = read
				}
				return err
			}
		}},
		{name: "Wait does not look before it waits", rejected: "waiter/ready", patience: 300 * time.Millisecond, harm: func(b *broken) {
			b.wait = func(ctx context.Context, _ string, _ store.Revision) error {
				b.mu.Lock()
				grown := b.grown
				b.mu.Unlock()
				select {
				case <-grown:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}},
		{name: "Wait ends without an error when its context does", rejected: "waiter/context", harm: func(b *broken) {
			b.wait = func(ctx context.Context, tenant string, after store.Revision) error {
				if err := b.mapStore.Wait(ctx, tenant, after); err == nil {
					return nil
				}
				return store.ErrUnavailable
			}
		}},
	}
}

func scrubberMutants() []mutant {
	return []mutant{
		{name: "Scrub empties the feed", rejected: "scrubber/keeps", harm: func(b *broken) {
			b.scrub = func(ctx context.Context) error {
				defer b.locked()()
				for _, t := range b.tenants {
					t.feed = nil
				}
				return ctx.Err()
			}
		}},
		{name: "Scrub gives deleted revisions back", rejected: "scrubber/concurrent", harm: func(b *broken) {
			b.scrub = func(ctx context.Context) error {
				defer b.locked()()
				for _, t := range b.tenants {
					if len(t.records.byID) == 0 {
						t.last = 0
					}
				}
				return ctx.Err()
			}
		}},
		{name: "Scrub fails when it is disturbed", rejected: "scrubber/concurrent", harm: func(b *broken) {
			busy := make(chan struct{}, 1)
			b.scrub = func(ctx context.Context) error {
				select {
				case busy <- struct{}{}:
					runtime.Gosched()
					<-busy
					return ctx.Err()
				default:
					return store.ErrUnavailable
				}
			}
		}},
		{name: "Scrub ignores its context", rejected: "scrubber/context", harm: func(b *broken) {
			b.scrub = func(context.Context) error { return nil }
		}},
	}
}

func confirmerMutants() []mutant {
	return []mutant{
		{name: "Confirm writes", rejected: "confirmer/keeps", harm: func(b *broken) {
			b.confirm = func(ctx context.Context, tenant string) error {
				_, err := b.mapStore.Apply(ctx, tenant, store.Ops(store.Create(store.Record{ID: "confirmed", Kind: "probe"}, nil)))
				if errors.Is(err, store.ErrStale) {
					err = nil
				}
				return err
			}
		}},
		{name: "Confirm ignores its context", rejected: "confirmer/refuses", harm: func(b *broken) {
			b.confirm = func(_ context.Context, tenant string) error { return store.CheckTrim(tenant, 0) }
		}},
		{name: "Confirm takes any name", rejected: "confirmer/refuses", harm: func(b *broken) {
			b.confirm = func(ctx context.Context, _ string) error { return ctx.Err() }
		}},
	}
}
