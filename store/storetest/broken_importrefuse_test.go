package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// refusingPart changes the error of a part that is refused.
func refusingPart(change func(c *partCall)) func(b *broken) {
	return answers(ofImport, func(_ *broken, c *partCall) {
		if c.err != nil {
			change(c)
		}
	})
}

// unchecked imports without one of the checks.
func unchecked(prepare func(t *mapTenant, p *store.Part)) func(b *broken) {
	return asks(ofImport, func(b *broken, c *partCall) {
		if store.CheckImport(c.tenant, c.q) != nil || c.ctx.Err() != nil {
			return
		}
		defer b.locked()()
		c.q.Records, c.q.Changes = slices.Clone(c.q.Records), slices.Clone(c.q.Changes)
		prepare(b.tenant(c.tenant), &c.q)
	})
}

// importRefuseMutants break what Import refuses.
func importRefuseMutants() []mutant {
	same := func(differ func(a, b store.Record) bool) func(b *broken) {
		return unchecked(func(t *mapTenant, p *store.Part) {
			for i, r := range p.Records {
				if stored, there := t.records.get(r.ID); there && !differ(stored, r) {
					p.Records[i] = stored
				}
			}
		})
	}
	return []mutant{
		{name: "a record that is there otherwise is overwritten", rejected: "import/stale import/first", harm: unchecked(func(t *mapTenant, p *store.Part) {
			for _, r := range p.Records {
				if stored, there := t.records.get(r.ID); there && diffRecord(copyOf(r), stored) != "" {
					for _, key := range stored.Unique {
						delete(t.holders, key)
					}
					t.records.drop(r.ID)
				}
			}
		})},
		{name: "a record is the same if its revision is", rejected: "import/stale", harm: same(func(a, b store.Record) bool { return a.Revision != b.Revision })},
		{name: "a record is the same if its body is", rejected: "import/stale", harm: same(func(a, b store.Record) bool { return !bytes.Equal(a.Data, b.Data) })},
		{name: "a record is the same whatever its Due", rejected: "import/stale", harm: same(func(a, b store.Record) bool {
			a.Due = b.Due
			return diffRecord(copyOf(a), copyOf(b)) != ""
		})},
		{name: "a record is the same whatever the order of its keys", rejected: "import/stale", harm: same(func(a, b store.Record) bool {
			a.Unique, b.Unique = slices.SortedFunc(slices.Values(a.Unique), byValue), slices.SortedFunc(slices.Values(b.Unique), byValue)
			return diffRecord(copyOf(a), copyOf(b)) != ""
		})},
		{name: "a stale record is not named", rejected: "import/stale", harm: refusingPart(func(c *partCall) {
			if stale := (&store.StaleError{}); errors.As(c.err, &stale) && stale.Op > 0 {
				c.err = &store.StaleError{Op: 0, Require: -1}
			}
		})},
		{name: "a refused part is written in part", rejected: "import/stale import/taken import/entries", harm: answers(ofImport, func(b *broken, c *partCall) {
			for i := range c.q.Records {
				if c.err != nil && !errors.Is(c.err, store.ErrInvalid) {
					_ = b.mapStore.Import(context.Background(), c.tenant, store.Part{Records: c.q.Records[i : i+1]})
				}
			}
		})},
		{name: "a refused part moves the counter", rejected: "import/stale import/taken import/entries", harm: answers(ofImport, func(b *broken, c *partCall) {
			if c.err != nil {
				defer b.locked()()
				b.tenant(c.tenant).last++
			}
		})},
		{name: "an imported record takes the key from its holder", rejected: "import/taken import/first", harm: unchecked(func(t *mapTenant, p *store.Part) {
			for _, r := range p.Records {
				for _, key := range r.Unique {
					delete(t.holders, key)
				}
			}
		})},
		{name: "a taken key is stale", rejected: "import/taken", harm: refusingPart(func(c *partCall) {
			if taken := (&store.TakenError{}); errors.As(c.err, &taken) {
				c.err = &store.StaleError{Op: taken.Op, Require: -1}
			}
		})},
		{name: "the record whose key is taken is not named", rejected: "import/taken", harm: refusingPart(func(c *partCall) {
			if taken := (&store.TakenError{}); errors.As(c.err, &taken) {
				taken.Op = 0
			}
		})},
		{name: "an entry in a gap is taken", rejected: "import/entries import/first", harm: unchecked(func(t *mapTenant, p *store.Part) {
			p.Changes = slices.DeleteFunc(p.Changes, func(e store.Change) bool {
				return len(t.feed) > 0 && e.Seq <= t.feed[len(t.feed)-1].Seq && !slices.ContainsFunc(t.feed, func(o store.Change) bool { return o.Seq == e.Seq })
			})
		})},
		{name: "an entry is the same if its place is", rejected: "import/entries", harm: unchecked(func(t *mapTenant, p *store.Part) {
			for i, e := range p.Changes {
				if at := slices.IndexFunc(t.feed, func(o store.Change) bool { return o.Seq == e.Seq }); at >= 0 {
					p.Changes[i] = t.feed[at]
				}
			}
		})},
		{name: "a stale entry is the first record's fault", rejected: "import/entries import/first", harm: refusingPart(func(c *partCall) {
			if stale := (&store.StaleError{}); errors.As(c.err, &stale) && stale.Op < 0 {
				stale.Op = 0
			}
		})},
		{name: "keys are checked before records and entries", rejected: "import/first", harm: asks(ofImport, func(b *broken, c *partCall) {
			defer b.locked()()
			if err := b.tenant(c.tenant).importTaken(c.q.Records); err != nil {
				c.err = err
			}
		})},
		{name: "an import repairs a damaged record", rejected: "import/damaged", harm: unchecked(func(t *mapTenant, p *store.Part) {
			for _, r := range p.Records {
				delete(t.damaged, r.ID)
			}
		})},
		{name: "Import takes the keys of a damaged record", rejected: "import/damaged", harm: unchecked(func(t *mapTenant, p *store.Part) {
			for _, r := range p.Records {
				for _, key := range r.Unique {
					if t.damaged[t.holders[key]] {
						delete(t.holders, key)
					}
				}
			}
		})},
		{name: "Import has limits of its own", rejected: "import/limits", harm: func(b *broken) {
			b.imports.asks(func(c *partCall) {
				if len(c.q.Records) > 500 {
					c.err = store.ErrInvalid
				}
			})
		}},
		{name: "Import checks nothing", rejected: "import/limits", harm: func(b *broken) {
			b.imports = func(ctx context.Context, tenant string, p store.Part) (none, error) {
				defer b.locked()()
				b.tenants[tenant] = b.tenant(tenant)
				b.tenants[tenant].take(p.Records, p.Changes, p.Trimmed)
				return none{}, ctx.Err()
			}
		}},
		{name: "Import trims names", rejected: "import/names", harm: importing(func(p *store.Part) {
			for i := range p.Records {
				p.Records[i].ID = cmp.Or(strings.TrimRight(p.Records[i].ID, "\x00 "), p.Records[i].ID)
			}
		})},
		{name: "Import keeps the caller's memory", rejected: "import/copies", harm: func(b *broken) {
			b.imports.answers(func(c *partCall) {
				defer b.locked()()
				for _, r := range c.q.Records {
					if t := b.tenant(c.tenant); c.err == nil && t.records.at(r.ID).Revision == r.Revision {
						t.records.put(r)
					}
				}
			})
		}},
		{name: "Import shares the holder of a taken key", rejected: "import/copies", harm: func(b *broken) {
			b.imports.answers(func(c *partCall) {
				if taken := (&store.TakenError{}); errors.As(c.err, &taken) {
					defer b.locked()()
					taken.Holder = b.tenant(c.tenant).records.at(taken.Holder.ID)
				}
			})
		}},
		{name: "Import changes its argument", rejected: "import/copies", harm: func(b *broken) {
			b.imports.answers(func(c *partCall) {
				for i := range c.q.Records {
					c.q.Records[i].Created = 0
				}
			})
		}},
		{name: "Import ignores its context", rejected: "import/context", harm: func(b *broken) {
			b.imports = func(ctx context.Context, tenant string, p store.Part) (none, error) {
				return none{}, b.mapStore.Import(context.WithoutCancel(ctx), tenant, p)
			}
		}},
		{name: "a part that was given up is written in half", rejected: "import/outcome", harm: func(b *broken) {
			begun := map[string]bool{}
			b.imports = func(ctx context.Context, tenant string, p store.Part) (none, error) {
				if len(p.Records) == 1 && !begun[p.Records[0].ID] {
					begun[p.Records[0].ID] = true
					_ = b.mapStore.Import(context.Background(), tenant, store.Part{Records: []store.Record{withData(p.Records[0], "half")}})
					return none{}, fmt.Errorf("%w: %w", store.ErrUnknown, context.Canceled)
				}
				return none{}, b.mapStore.Import(ctx, tenant, p)
			}
		}},
	}
}

func byValue(a, b store.Key) int { return strings.Compare(a.Value, b.Value) }
