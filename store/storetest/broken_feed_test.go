package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// feeding returns a harm that changes the entries of every batch.
func feeding(change func(t *mapTenant, op store.Op, i int)) func(b *broken) {
	return func(b *broken) {
		b.applies(steps{write: func(t *mapTenant, op store.Op) {
			n := len(t.feed)
			t.write(op)
			change(t, op, n)
		}})
	}
}

// changing returns a harm that changes the entry of every op that has one.
func changing(change func(entry *store.Change)) func(b *broken) {
	return feeding(func(t *mapTenant, _ store.Op, i int) {
		if i < len(t.feed) {
			change(&t.feed[i])
		}
	})
}

func feedMutants() []mutant {
	changesWith := func(f func(b *broken, t *mapTenant, tenant string, after store.Revision, limit int) ([]store.Change, error)) func(b *broken) {
		return func(b *broken) {
			b.changes = func(ctx context.Context, tenant string, after store.Revision, limit int) ([]store.Change, error) {
				limit, err := store.CheckChanges(tenant, after, limit)
				if err := cmp.Or(ctx.Err(), err); err != nil {
					return nil, err
				}
				b.mu.Lock()
				t := b.tenant(tenant)
				b.mu.Unlock()
				return f(b, t, tenant, after, limit)
			}
		}
	}
	trimWith := func(f func(b *broken, t *mapTenant, tenant string, through store.Revision)) func(b *broken) {
		return func(b *broken) {
			b.trim = func(ctx context.Context, tenant string, through store.Revision) error {
				if err := cmp.Or(ctx.Err(), store.CheckTrim(tenant, through)); err != nil {
					return err
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				f(b, b.tenant(tenant), tenant, through)
				b.wake()
				return nil
			}
		}
	}
	trim := func(t *mapTenant, through store.Revision) {
		t.trimmed = max(t.trimmed, min(through, t.last))
		t.feed = slices.DeleteFunc(t.feed, func(c store.Change) bool { return c.Revision <= t.trimmed })
	}
	return []mutant{
		{name: "the feed loses every third entry", rejected: "changes/order changes/tail trim/forgets", harm: feeding(func(t *mapTenant, _ store.Op, i int) {
			if t.last%3 == 0 {
				t.feed = t.feed[:i]
			}
		})},
		{name: "the feed doubles entries", rejected: "changes/types changes/tail races/create outcome/canceled-create", harm: feeding(func(t *mapTenant, _ store.Op, i int) {
			t.feed = append(t.feed, t.feed[i:]...)
		})},
		{name: "ops without a Note have entries", rejected: "changes/notes changes/after", harm: feeding(func(t *mapTenant, op store.Op, i int) {
			if i == len(t.feed) {
				t.feed = append(t.feed, store.Change{Revision: t.last, Type: op.Type(), Kind: "user", ID: op.ID()})
			}
		})},
		{name: "empty Notes have no entries", rejected: "changes/notes random/seed-0", harm: feeding(func(t *mapTenant, op store.Op, i int) {
			if len(op.Note) == 0 {
				t.feed = t.feed[:i]
			}
		})},
		{name: "every entry is an update", rejected: "changes/types", harm: changing(func(c *store.Change) { c.Type = store.Updated })},
		{name: "the entry of a deletion has no kind", rejected: "changes/types tamper/delete", harm: changing(func(c *store.Change) {
			if c.Type == store.Deleted {
				c.Kind = ""
			}
		})},
		{name: "the entry of a deletion has no Note", rejected: "changes/types", harm: changing(func(c *store.Change) {
			if c.Type == store.Deleted {
				c.Note = nil
			}
		})},
		{name: "Notes are cut at NUL", rejected: "names/data changes/types", harm: changing(func(c *store.Change) {
			if i := bytes.IndexByte(c.Note, 0); i >= 0 {
				c.Note = c.Note[:i]
			}
		})},
		{name: "entries have the revision of the batch", rejected: "changes/notes changes/order", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
				rev, err := b.mapStore.Apply(ctx, tenant, ops...)
				b.mu.Lock()
				defer b.mu.Unlock()
				for i := range b.tenant(tenant).feed {
					if c := &b.tenant(tenant).feed[i]; err == nil && c.Revision > rev-store.Revision(len(ops)) {
						c.Revision = rev
					}
				}
				return rev, err
			}
		}},
		{name: "the newest entry comes first", rejected: "changes/types changes/order", harm: changesWith(func(b *broken, _ *mapTenant, tenant string, after store.Revision, limit int) ([]store.Change, error) {
			page, err := b.mapStore.Changes(context.Background(), tenant, after, limit)
			slices.Reverse(page)
			return page, err
		})},
		{name: "entries come in the order of their text", rejected: "changes/order", harm: changesWith(func(b *broken, _ *mapTenant, tenant string, after store.Revision, limit int) ([]store.Change, error) {
			page, err := b.mapStore.Changes(context.Background(), tenant, after, limit)
			slices.SortFunc(page, func(a, b store.Change) int { return cmp.Compare(a.ID, b.ID) })
			return page, err
		})},
		{name: "the feed includes the entry it continues from", rejected: "changes/after changes/tail trim/trimmed", harm: changesWith(func(b *broken, t *mapTenant, tenant string, after store.Revision, limit int) ([]store.Change, error) {
			return b.mapStore.Changes(context.Background(), tenant, max(after-1, t.trimmed, 0), limit)
		})},
		{name: "the feed has a limit of its own", rejected: "changes/limit", harm: changesWith(func(b *broken, _ *mapTenant, tenant string, after store.Revision, limit int) ([]store.Change, error) {
			return b.mapStore.Changes(context.Background(), tenant, after, min(limit, 500))
		})},
		{name: "a refused batch has entries", rejected: "changes/refused apply/atomic-stale", harm: refusing(func(b *broken, tenant string, ops []store.Op, err error) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if t := b.tenant(tenant); errors.Is(err, store.ErrStale) {
				t.feed = append(t.feed, store.Change{Revision: t.last, ID: ops[0].ID()})
			}
			return err
		})},
		{name: "a deletion takes the entries of its record along", rejected: "changes/deleted", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				if op.New == nil {
					t.feed = slices.DeleteFunc(t.feed, func(c store.Change) bool { return c.ID == op.Old.ID })
				}
				t.write(op)
			}})
		}},
		{name: "entries appear late", rejected: "changes/tail races/feed", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
				silent := slices.Clone(ops)
				for i := range silent {
					silent[i].Note = nil
				}
				rev, err := b.mapStore.Apply(ctx, tenant, silent...)
				if err != nil {
					return rev, err
				}
				for range 20 { // others write and read
					runtime.Gosched()
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				t := b.tenant(tenant)
				for i, op := range ops {
					if op.Note != nil {
						t.feed = append(t.feed, store.Change{Revision: rev - store.Revision(len(ops)-1-i), Type: op.Type(), Kind: "user", ID: op.ID(), Note: op.Note})
					}
				}
				slices.SortFunc(t.feed, func(a, b store.Change) int { return cmp.Compare(a.Revision, b.Revision) })
				return rev, nil
			}
		}},
		{name: "one feed for all tenants", rejected: "changes/tenant", harm: changesWith(func(b *broken, _ *mapTenant, tenant string, after store.Revision, limit int) ([]store.Change, error) {
			page, err := b.mapStore.Changes(context.Background(), tenant, after, limit)
			if len(page) == 0 && err == nil {
				return b.mapStore.Changes(context.Background(), "a", after, limit)
			}
			return page, err
		})},
		{name: "Trim does nothing", rejected: "trim/forgets trim/trimmed waiter/trimmed outcome/trim", patience: time.Second, harm: trimWith(func(*broken, *mapTenant, string, store.Revision) {})},
		{name: "reading from before a Trim is no error", rejected: "trim/trimmed trim/no-notes random/seed-0", harm: changesWith(func(b *broken, t *mapTenant, tenant string, after store.Revision, limit int) ([]store.Change, error) {
			return b.mapStore.Changes(context.Background(), tenant, max(after, t.trimmed), limit)
		})},
		{name: "ErrTrimmed only if an entry was lost", rejected: "trim/no-notes waiter/trimmed", patience: time.Second, harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			n := len(t.feed)
			before := t.trimmed
			trim(t, through)
			if n == len(t.feed) {
				t.trimmed = before
			}
		})},
		{name: "Trim leaves the last entry", rejected: "trim/forgets trim/trimmed", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) { trim(t, through-1) })},
		{name: "Trim takes one entry more", rejected: "trim/forgets trim/trimmed", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) { trim(t, through+1) })},
		{name: "Trim reaches into the future", rejected: "trim/beyond", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			trim(t, through)
			t.trimmed = max(t.trimmed, through)
		})},
		{name: "Trim brings back what an earlier one took", rejected: "trim/repeated", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			trim(t, through)
			t.trimmed = min(through, t.last)
		})},
		{name: "Trim makes a tenant", rejected: "trim/nothing tenants/exist", harm: trimWith(func(b *broken, t *mapTenant, tenant string, through store.Revision) {
			trim(t, through)
			b.tenants[tenant] = t
		})},
		{name: "Trim takes records along", rejected: "trim/records", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			trim(t, through)
			for id, r := range t.records {
				if r.Revision <= through && len(r.Unique) > 0 {
					delete(t.records, id)
				}
			}
		})},
		{name: "Trim takes all tenants", rejected: "trim/tenant", harm: trimWith(func(b *broken, _ *mapTenant, _ string, through store.Revision) {
			for _, t := range b.tenants {
				trim(t, through)
			}
		})},
	}
}
