package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// importing changes a part before it is imported.
func importing(change func(p *store.Part)) func(b *broken) {
	return asks(ofImport, func(_ *broken, c *partCall) {
		c.q.Records, c.q.Changes = slices.Clone(c.q.Records), slices.Clone(c.q.Changes)
		change(&c.q)
	})
}

// imported changes a tenant after an import into it.
func imported(change func(t *mapTenant, p store.Part)) func(b *broken) {
	return answers(ofImport, func(b *broken, c *partCall) {
		if c.err == nil {
			defer b.locked()()
			change(b.tenants[c.tenant], c.q)
		}
	})
}

// importMutants break what Import writes.
func importMutants() []mutant {
	return []mutant{
		{name: "Import writes nothing", rejected: "import/keeps import/tenant import/due import/written import/handles", harm: func(b *broken) {
			b.imports = func(context.Context, string, store.Part) (none, error) { return none{}, nil }
		}},
		{name: "Import gives records new revisions", rejected: "import/keeps import/order", harm: imported(func(t *mapTenant, _ store.Part) {
			for i, r := range t.records.all() {
				r.Created, r.Revision = store.Revision(i+1), store.Revision(i+1)
				t.records.put(r)
			}
		})},
		{name: "an imported record counts as written when it was created", rejected: "import/keeps", harm: importing(func(p *store.Part) {
			for i := range p.Records {
				p.Records[i].Revision = p.Records[i].Created
			}
		})},
		{name: "Import writes entries of its own", rejected: "import/keeps import/again", harm: imported(func(t *mapTenant, p store.Part) {
			for _, r := range p.Records {
				t.last++
				t.feed = append(t.feed, entry(t.last, store.Created, r.Kind, r.ID, ""))
			}
		})},
		{name: "Import leaves out the notes", rejected: "import/keeps", harm: importing(func(p *store.Part) {
			for i := range p.Changes {
				p.Changes[i].Note = nil
			}
		})},
		{name: "Import forgets the feed of the part", rejected: "import/keeps import/wakes", patience: sleeping, harm: imported(func(t *mapTenant, _ store.Part) { t.feed = nil })},
		{name: "unique keys are not imported", rejected: "import/keeps import/written", harm: imported(func(t *mapTenant, _ store.Part) { clear(t.holders) })},
		{name: "a part that is there is stale", rejected: "import/again import/outcome import/race", harm: asks(ofImport, func(b *broken, c *partCall) {
			defer b.locked()()
			for i, r := range c.q.Records {
				if _, there := b.tenant(c.tenant).records.get(r.ID); there {
					c.err = &store.StaleError{Op: i, Require: -1}
				}
			}
		})},
		{name: "an entry that is there is written again", rejected: "import/again", harm: imported(func(t *mapTenant, p store.Part) {
			if n := len(p.Changes); n > 0 && len(t.feed) > n {
				t.feed = append(t.feed, p.Changes[n-1])
			}
		})},
		{name: "a record older than others is stale", rejected: "import/order import/keeps", harm: asks(ofImport, func(b *broken, c *partCall) {
			defer b.locked()()
			for i, r := range c.q.Records {
				if i > 0 && r.Created < c.q.Records[i-1].Created {
					c.err = &store.StaleError{Op: i, Require: -1}
				}
			}
		})},
		{name: "imported records are listed in the order of their import", rejected: "import/order", harm: func(b *broken) {
			place := map[string]int{}
			imported(func(t *mapTenant, p store.Part) {
				for _, r := range p.Records {
					if place[r.ID] == 0 {
						place[r.ID] = len(place) + 1
					}
				}
				t.records.sorted = slices.SortedFunc(slices.Values(t.records.all()), func(a, b store.Record) int { return cmp.Compare(place[a.ID], place[b.ID]) })
			})(b)
		}},
		{name: "the counter stays where it is", rejected: "import/counter", harm: imported(func(t *mapTenant, _ store.Part) { t.last = 0 })},
		{name: "the counter counts records alone", rejected: "import/counter", harm: imported(func(t *mapTenant, p store.Part) {
			if t.last = 0; len(p.Records) > 0 {
				t.last = slices.MaxFunc(p.Records, func(a, b store.Record) int { return cmp.Compare(a.Revision, b.Revision) }).Revision
			}
		})},
		{name: "the counter goes back", rejected: "import/counter", harm: func(b *broken) {
			b.imports.answers(func(c *partCall) {
				if c.err == nil && len(c.q.Changes) == 0 {
					defer b.locked()()
					b.tenant(c.tenant).last = c.q.Records[0].Revision
				}
			})
		}},
		{name: "the counter leaves a gap", rejected: "import/counter", harm: imported(func(t *mapTenant, _ store.Part) { t.last++ })},
		{name: "the trim mark is not imported", rejected: "import/trimmed import/keeps", harm: importing(func(p *store.Part) { p.Trimmed = 0 })},
		{name: "an earlier trim mark is taken over", rejected: "import/trimmed", harm: imported(func(t *mapTenant, p store.Part) {
			if p.Trimmed > 0 {
				t.trimmed = p.Trimmed
			}
		})},
		{name: "entries before an imported trim mark stay", rejected: "import/trimmed", harm: func(b *broken) {
			b.imports = func(ctx context.Context, tenant string, p store.Part) (none, error) {
				b.mu.Lock()
				before := slices.Clone(b.tenant(tenant).feed)
				b.mu.Unlock()
				err := b.mapStore.Import(ctx, tenant, p)
				if err == nil && len(before) > 1 {
					b.mu.Lock()
					b.tenant(tenant).feed = before
					b.mu.Unlock()
				}
				return none{}, err
			}
		}},
		{name: "imported records are never due", rejected: "import/due import/keeps", harm: importing(func(p *store.Part) {
			for i := range p.Records {
				p.Records[i].Due = time.Time{}
			}
		})},
		{name: "an imported tenant is not listed", rejected: "import/tenant", harm: func(b *broken) {
			unlisted := map[string]bool{}
			b.imports.answers(func(c *partCall) { unlisted[c.tenant] = true })
			b.names.answers(func(c *namesCall) {
				c.got.Names = slices.DeleteFunc(c.got.Names, func(name string) bool { return unlisted[name] })
			})
		}},
		{name: "what is imported is seen in every tenant", rejected: "import/tenant", harm: func(b *broken) {
			b.get.answers(func(c *getCall) {
				if errors.Is(c.err, store.ErrNotFound) {
					c.got, c.err = b.mapStore.Get(c.ctx, "t", c.q)
				}
			})
		}},
		{name: "what was imported cannot be deleted", rejected: "import/written", harm: asks(ofApply, func(_ *broken, c *applyCall) {
			if op := c.q.Ops[0]; op.New == nil && op.Old.Revision == 5 {
				c.err = &store.StaleError{Op: 0, Require: -1}
			}
		})},
		{name: "Import wakes nobody", rejected: "import/wakes", patience: sleeping, harm: func(b *broken) {
			b.imports = func(ctx context.Context, tenant string, p store.Part) (none, error) {
				b.mu.Lock()
				grown := b.grown
				b.grown = make(chan struct{}) // nobody has it
				b.mu.Unlock()
				err := b.mapStore.Import(ctx, tenant, p)
				b.mu.Lock()
				b.grown = grown
				b.mu.Unlock()
				return none{}, err
			}
		}},
		{name: "the other handle does not see what is imported", rejected: "import/handles", other: func(b *broken) store.Store {
			return &blind{broken: b}
		}},
	}
}

// sleeping is the patience with mutants that wait for ever.
const sleeping = 300 * time.Millisecond

// blind is a handle that does not find some records.
type blind struct{ *broken }

func (b *blind) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	r, err := b.broken.Get(ctx, tenant, key)
	if err == nil && strings.HasSuffix(r.ID, "2") {
		return store.Record{}, store.ErrNotFound
	}
	return r, err
}
