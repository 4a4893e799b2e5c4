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
		steps{write: func(t *mapTenant, op store.Op) {
			n := len(t.feed)
			t.write(op)
			change(t, op, n)
		}}.harm(b)
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
	changesWith := func(f func(t *mapTenant, q store.ChangeQuery, all []store.Change) []store.Change) func(b *broken) {
		return func(b *broken) {
			b.changes = func(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
				q, err := store.CheckChanges(tenant, q)
				if err := cmp.Or(ctx.Err(), err); err != nil {
					return store.ChangePage{}, err
				}
				whole := q
				whole.Limit = store.MaxLimit
				page, err := b.mapStore.Changes(ctx, tenant, whole)
				defer b.locked()()
				page.Changes = f(b.tenant(tenant), q, page.Changes)
				if page.Next = 0; len(page.Changes) > q.Limit {
					page.Changes = page.Changes[:q.Limit]
					page.Next = page.Changes[q.Limit-1].Seq
				}
				return page, err
			}
		}
	}
	changesAsking := func(ask func(t *mapTenant, q *store.ChangeQuery)) func(b *broken) {
		return func(b *broken) {
			b.changes.asks(func(c *feedCall) {
				if _, c.err = store.CheckChanges(c.tenant, c.q); c.err != nil {
					return
				}
				defer b.locked()()
				ask(b.tenant(c.tenant), &c.q)
			})
		}
	}
	trimWith := func(f func(b *broken, t *mapTenant, tenant string, through store.Revision)) func(b *broken) {
		return func(b *broken) {
			b.trim = func(ctx context.Context, tenant string, through store.Revision) error {
				if err := cmp.Or(ctx.Err(), store.CheckTrim(tenant, through)); err != nil {
					return err
				}
				defer b.locked()()
				f(b, b.tenant(tenant), tenant, through)
				b.wake()
				return nil
			}
		}
	}
	trim := func(t *mapTenant, through store.Revision) {
		for len(t.feed) > 1 && t.feed[1].Seq <= through {
			t.trimmed, t.feed = t.feed[0].Seq, t.feed[1:]
		}
	}
	return []mutant{
		{name: "the feed loses every third entry", rejected: "changes/order changes/tail trim/every", harm: feeding(func(t *mapTenant, _ store.Op, i int) {
			if t.last%3 == 0 {
				t.feed = t.feed[:i]
			}
		})},
		{name: "the feed doubles entries", rejected: "changes/types changes/tail races/create outcome/canceled-create", harm: feeding(func(t *mapTenant, _ store.Op, i int) {
			t.feed = append(t.feed, t.feed[i:]...)
		})},
		{name: "ops without a Note have entries", rejected: "changes/notes changes/after", harm: feeding(func(t *mapTenant, op store.Op, i int) {
			if i == len(t.feed) {
				t.feed = append(t.feed, store.Change{Seq: t.last, Revision: t.last, Type: op.Type(), Kind: "user", ID: op.ID()})
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
		{name: "entries have the revision of the batch", rejected: "changes/notes changes/order", harm: answers(ofApply, func(b *broken, c *applyCall) {
			defer b.locked()()
			for i := range b.tenant(c.tenant).feed {
				if entry := &b.tenant(c.tenant).feed[i]; c.err == nil && entry.Revision > c.got-store.Revision(len(c.q.Ops)) {
					entry.Revision, entry.Seq = c.got, c.got
				}
			}
		})},
		{name: "the newest entry comes first", rejected: "changes/types changes/order", harm: changesWith(func(_ *mapTenant, _ store.ChangeQuery, all []store.Change) []store.Change {
			slices.Reverse(all)
			return all
		})},
		{name: "entries come in the order of their text", rejected: "changes/order", harm: changesWith(func(_ *mapTenant, _ store.ChangeQuery, all []store.Change) []store.Change {
			slices.SortFunc(all, func(a, b store.Change) int { return cmp.Compare(a.ID, b.ID) })
			return all
		})},
		{name: "the feed includes the entry it continues from", rejected: "changes/after changes/tail trim/every", harm: changesAsking(func(t *mapTenant, q *store.ChangeQuery) {
			if q.After > t.trimmed {
				q.After--
			}
		})},
		{name: "the feed has a limit of its own", rejected: "changes/limit", harm: changesWith(func(_ *mapTenant, _ store.ChangeQuery, all []store.Change) []store.Change {
			return all[:min(500, len(all))]
		})},
		{name: "the feed has another default limit", rejected: "changes/limit", harm: changesAsking(func(_ *mapTenant, q *store.ChangeQuery) { q.Limit = cmp.Or(q.Limit, 150) })},
		{name: "the feed ignores Before", rejected: "changes/bounds trim/descending", harm: changesAsking(func(_ *mapTenant, q *store.ChangeQuery) { q.Before = 0 })},
		{name: "the feed includes Before", rejected: "changes/bounds changes/down", harm: changesAsking(func(_ *mapTenant, q *store.ChangeQuery) { q.Before += min(q.Before, 1) })},
		{name: "the feed never descends", rejected: "changes/bounds changes/down trim/descending", harm: changesAsking(func(_ *mapTenant, q *store.ChangeQuery) { q.Desc = false })},
		{name: "a descending page has the oldest entries", rejected: "changes/bounds changes/down", harm: func(b *broken) {
			b.changes = func(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
				desc := q.Desc
				q.Desc = false
				page, err := b.mapStore.Changes(ctx, tenant, q)
				if desc {
					slices.Reverse(page.Changes)
				}
				return page, err
			}
		}},
		{name: "a descending feed ignores After", rejected: "changes/bounds trim/descending", harm: changesAsking(func(_ *mapTenant, q *store.ChangeQuery) {
			if q.Desc {
				q.After = 0
			}
		})},
		{name: "a refused batch has entries", rejected: "changes/refused apply/atomic-stale", harm: refusing(func(b *broken, c *applyCall, _ error) {
			defer b.locked()()
			if t := b.tenant(c.tenant); errors.Is(c.err, store.ErrStale) {
				t.feed = append(t.feed, store.Change{Seq: t.last, Revision: t.last, ID: c.q.Ops[0].ID()})
			}
		})},
		{name: "a deletion takes the entries of its record along", rejected: "changes/deleted", harm: steps{write: func(t *mapTenant, op store.Op) {
			if op.New == nil {
				t.feed = slices.DeleteFunc(t.feed, func(c store.Change) bool { return c.ID == op.Old.ID })
			}
			t.write(op)
		}}.harm},
		{name: "entries appear late", rejected: "changes/tail races/feed", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				silent := batch
				silent.Ops = slices.Clone(batch.Ops)
				for i := range silent.Ops {
					silent.Ops[i].Note = nil
				}
				rev, err := b.mapStore.Apply(ctx, tenant, silent)
				if err != nil {
					return rev, err
				}
				for range 20 { // others write and read
					runtime.Gosched()
				}
				defer b.locked()()
				t := b.tenant(tenant)
				for i, op := range batch.Ops {
					if at := rev - store.Revision(len(batch.Ops)-1-i); op.Note != nil {
						t.feed = append(t.feed, store.Change{Seq: at, Revision: at, Type: op.Type(), Kind: "user", ID: op.ID(), Note: op.Note})
					}
				}
				slices.SortFunc(t.feed, func(a, b store.Change) int { return cmp.Compare(a.Revision, b.Revision) })
				return rev, nil
			}
		}},
		{name: "one feed for all tenants", rejected: "changes/tenant", harm: answers(ofChanges, func(b *broken, c *feedCall) {
			if len(c.got.Changes) == 0 && c.err == nil {
				c.got, c.err = b.mapStore.Changes(c.ctx, "a", c.q)
			}
		})},
		{name: "Trim does nothing", rejected: "trim/every trim/again trim/newest trim/page outcome/trim", harm: trimWith(func(*broken, *mapTenant, string, store.Revision) {})},
		{name: "reading after a place behind which entries were forgotten is no error", rejected: "trim/every waiter/trimmed random/seed-0", patience: time.Second, harm: func(b *broken) {
			changesAsking(func(t *mapTenant, q *store.ChangeQuery) { q.After = max(q.After, t.trimmed) })(b)
			b.wait = func(ctx context.Context, tenant string, after store.Revision) error {
				b.mu.Lock()
				after = max(after, b.tenant(tenant).trimmed)
				b.mu.Unlock()
				if after == 3 {
					after++
				}
				return b.mapStore.Wait(ctx, tenant, after)
			}
		}},
		{name: "Trim forgets the revisions without an entry as well", rejected: "trim/every", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			if trim(t, through); t.trimmed > 0 {
				t.trimmed = t.feed[0].Seq - 1
			}
		})},
		{name: "Trim forgets up to the revision", rejected: "trim/every trim/newest", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			for len(t.feed) > 0 && t.feed[0].Seq <= through {
				t.trimmed, t.feed = t.feed[0].Seq, t.feed[1:]
			}
		})},
		{name: "Trim forgets only what is before the revision", rejected: "trim/every", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) { trim(t, through-1) })},
		{name: "Trim takes one entry more", rejected: "trim/every", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) { trim(t, through+1) })},
		{name: "Trim forgets the entry before the first as well", rejected: "trim/nothing", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			if trim(t, through); len(t.feed) > 0 {
				t.trimmed = max(t.trimmed, min(through, t.feed[0].Seq-1))
			}
		})},
		{name: "Trim reaches into the future", rejected: "trim/newest trim/every", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			trim(t, through)
			t.trimmed = max(t.trimmed, through)
		})},
		{name: "Trim brings back what an earlier one took", rejected: "trim/again", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			if trim(t, through); through < t.trimmed {
				t.trimmed = 0
			}
		})},
		{name: "Through is the first entry that is left", rejected: "trim/every", harm: answers(ofChanges, func(_ *broken, c *feedCall) {
			var trimmed *store.TrimmedError
			if errors.As(c.err, &trimmed) {
				trimmed.Through++
			}
		})},
		{name: "a bare ErrTrimmed", rejected: "trim/every", harm: func(b *broken) { b.changes.turns(store.ErrTrimmed, store.ErrTrimmed) }},
		{name: "descending from the newest is ErrTrimmed", rejected: "trim/descending trim/page", harm: answers(ofChanges, func(_ *broken, c *feedCall) {
			if c.got.Trimmed > c.q.After {
				c.got, c.err = store.ChangePage{}, &store.TrimmedError{Through: c.got.Trimmed}
			}
		})},
		{name: "a page does not say what was forgotten", rejected: "trim/page random/seed-1", harm: answers(ofChanges, func(_ *broken, c *feedCall) { c.got.Trimmed = 0 })},
		{name: "Trim makes a tenant", rejected: "trim/nothing tenants/exist", harm: trimWith(func(b *broken, t *mapTenant, tenant string, through store.Revision) {
			trim(t, through)
			b.tenants[tenant] = t
		})},
		{name: "Trim takes records along", rejected: "trim/records", harm: trimWith(func(_ *broken, t *mapTenant, _ string, through store.Revision) {
			trim(t, through)
			for _, r := range t.records.all() {
				if r.Revision <= through && len(r.Unique) > 0 {
					t.records.drop(r.ID)
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
