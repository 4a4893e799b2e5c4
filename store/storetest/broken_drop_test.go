package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// dropping changes what Drop leaves: before is the tenant as it was.
func dropping(change func(b *broken, name string, before *mapTenant)) func(b *broken) {
	return func(b *broken) {
		b.drops = func(ctx context.Context, tenant string, _ none) (none, error) {
			b.mu.Lock()
			before, existed := b.tenants[tenant]
			b.mu.Unlock()
			err := b.mapStore.Drop(ctx, tenant)
			if err == nil && existed {
				defer b.locked()()
				change(b, tenant, before)
			}
			return none{}, err
		}
	}
}

// keeping keeps a part of a tenant that is dropped for the next one of the name.
func keeping(keep func(after, before *mapTenant)) func(b *broken) {
	return func(b *broken) {
		kept := map[string]*mapTenant{}
		dropping(func(_ *broken, name string, before *mapTenant) { kept[name] = before })(b)
		b.apply.asks(func(c *applyCall) {
			defer b.locked()()
			if before := kept[c.tenant]; before != nil && b.tenants[c.tenant] == nil {
				t := b.tenant(c.tenant)
				keep(t, before)
				b.tenants[c.tenant] = t
			}
			delete(kept, c.tenant)
		})
	}
}

func dropMutants() []mutant {
	return slices.Concat(dropForgetMutants(), dropRefuseMutants(), dropWalkMutants())
}

func dropForgetMutants() []mutant {
	return []mutant{
		{name: "Drop does nothing", rejected: "drop/forgets drop/again drop/handles drop/imported drop/others drop/race drop/outcome drop/nobody", harm: func(b *broken) {
			b.drops = func(ctx context.Context, tenant string, _ none) (none, error) {
				defer b.locked()()
				if len(b.tenant(tenant).records.byID) > 0 {
					return none{}, &store.StaleError{Op: -1, Require: -1}
				}
				return none{}, errors.Join(ctx.Err(), store.CheckDrop(tenant))
			}
		}},
		{name: "Drop keeps the name", rejected: "drop/forgets drop/nobody drop/handles", harm: dropping(func(b *broken, name string, _ *mapTenant) {
			b.tenants[name] = b.tenant(name)
		})},
		{name: "Drop keeps the feed", rejected: "drop/forgets", harm: dropping(func(b *broken, name string, before *mapTenant) {
			b.tenants[name] = before
			before.trimmed = 0
		})},
		{name: "Drop keeps the revisions", rejected: "drop/again drop/nobody drop/handles", harm: keeping(func(after, before *mapTenant) { after.last = before.last })},
		{name: "Drop keeps the trim mark", rejected: "drop/again", harm: keeping(func(after, before *mapTenant) { after.trimmed = before.trimmed })},
		{name: "Drop keeps the feed for later", rejected: "drop/again", harm: keeping(func(after, before *mapTenant) { after.feed = before.feed })},
		{name: "Drop keeps the kinds", rejected: "drop/forgets", harm: func(b *broken) {
			b.kinds.answers(func(c *kindsCall) {
				if c.err == nil && len(c.got) == 0 && c.q == "" {
					c.got = []string{"user"}
				}
			})
		}},
		{name: "Drop keeps what a removed record has left behind", rejected: "drop/left-behind", harm: func(b *broken) {
			steps{release: func(t *mapTenant, op store.Op) {
				if op.Old == nil || !t.damaged[op.Old.ID] {
					t.release(op)
				}
			}}.harm(b)
			holders := map[store.Key]string{}
			b.drops.asks(func(c *dropCall) {
				defer b.locked()()
				maps.Copy(holders, b.tenant(c.tenant).holders)
			})
			b.apply.answers(func(c *applyCall) {
				defer b.locked()()
				maps.Copy(b.tenant(c.tenant).holders, holders)
				clear(holders)
			})
		}},
		{name: "a tenant that was dropped cannot be imported again", rejected: "drop/imported", harm: func(b *broken) {
			gone := map[string]bool{}
			dropping(func(_ *broken, name string, _ *mapTenant) { gone[name] = true })(b)
			b.imports.asks(func(c *partCall) {
				if gone[c.tenant] {
					c.err = &store.StaleError{Op: -1, Require: -1}
				}
			})
		}},
		{name: "Drop takes the tenants whose names begin alike", rejected: "drop/others", harm: dropping(func(b *broken, name string, _ *mapTenant) {
			maps.DeleteFunc(b.tenants, func(other string, _ *mapTenant) bool { return strings.HasPrefix(other, name) })
		})},
		{name: "Drop takes the tenants that its name begins with", rejected: "drop/walk-race drop/others", harm: dropping(func(b *broken, name string, _ *mapTenant) {
			maps.DeleteFunc(b.tenants, func(other string, _ *mapTenant) bool { return strings.HasPrefix(name, other) })
		})},
		{name: "the other handle goes on with the revisions that it knows", rejected: "drop/handles", other: func(b *broken) store.Store {
			return &counting{broken: b, last: map[string]store.Revision{}}
		}},
	}
}

// counting is a handle that remembers a tenant's last revision.
type counting struct {
	*broken
	last map[string]store.Revision
}

func (h *counting) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	h.mu.Lock()
	t := h.tenant(tenant)
	t.last = max(t.last, h.last[tenant])
	h.tenants[tenant] = t
	h.mu.Unlock()
	rev, err := h.broken.Apply(ctx, tenant, batch)
	h.last[tenant] = max(h.last[tenant], rev)
	return rev, err
}

func dropRefuseMutants() []mutant {
	return []mutant{
		{name: "Drop forgets records", rejected: "drop/refused drop/damaged drop/handles drop/race", harm: func(b *broken) {
			b.drops.asks(func(c *dropCall) {
				defer b.locked()()
				delete(b.tenants, c.tenant)
			})
		}},
		{name: "a Drop that is refused has no error", rejected: "drop/refused drop/damaged", harm: func(b *broken) { b.drops.turns(store.ErrStale, nil) }},
		{name: "a Drop that is refused blames an op", rejected: "drop/refused", harm: func(b *broken) {
			b.drops.turns(store.ErrStale, &store.StaleError{Op: 0, Require: -1})
		}},
		{name: "a Drop that is refused forgets the feed", rejected: "drop/refused", harm: answers(ofDrop, func(b *broken, c *dropCall) {
			if c.err != nil {
				defer b.locked()()
				b.tenant(c.tenant).feed = nil
			}
		})},
		{name: "Drop does not see damaged records", rejected: "drop/damaged", harm: asks(ofDrop, func(b *broken, c *dropCall) {
			defer b.locked()()
			t := b.tenant(c.tenant)
			for id := range t.damaged {
				t.records.drop(id)
			}
		})},
		{name: "a tenant that does not exist is not found", rejected: "drop/nobody drop/limits", harm: asks(ofDrop, func(b *broken, c *dropCall) {
			defer b.locked()()
			if b.tenants[c.tenant] == nil && store.CheckDrop(c.tenant) == nil {
				c.err = store.ErrNotFound
			}
		})},
		{name: "Drop makes a tenant", rejected: "drop/nobody", harm: answers(ofDrop, func(b *broken, c *dropCall) {
			if c.err == nil {
				defer b.locked()()
				b.tenants[c.tenant] = b.tenant(c.tenant)
			}
		})},
		{name: "Drop does not say that a name is invalid", rejected: "drop/limits", harm: asks(ofDrop, func(_ *broken, c *dropCall) {
			if c.err = store.CheckDrop(c.tenant); c.err != nil {
				c.err = store.ErrUnavailable
			}
		})},
		{name: "Drop ignores its context", rejected: "drop/context", harm: func(b *broken) {
			b.drops = func(ctx context.Context, tenant string, _ none) (none, error) {
				return none{}, b.mapStore.Drop(context.WithoutCancel(ctx), tenant)
			}
		}},
		{name: "Drop forgets what is written meanwhile", rejected: "drop/race", harm: func(b *broken) {
			b.drops = func(_ context.Context, tenant string, _ none) (none, error) {
				b.mu.Lock()
				empty := len(b.tenant(tenant).records.byID) == 0
				b.mu.Unlock()
				if !empty {
					return none{}, &store.StaleError{Op: -1, Require: -1}
				}
				b.meanwhile(tenant)
				defer b.locked()()
				delete(b.tenants, tenant)
				return none{}, nil
			}
		}},
		{name: "a Drop that was given up has forgotten half", rejected: "drop/outcome", harm: func(b *broken) {
			half := map[string]bool{}
			b.drops = func(_ context.Context, tenant string, _ none) (none, error) {
				defer b.locked()()
				if half[tenant] = !half[tenant]; half[tenant] {
					b.tenant(tenant).feed = nil
					return none{}, store.ErrUnavailable
				}
				return none{}, nil
			}
		}},
	}
}

func dropWalkMutants() []mutant {
	return []mutant{
		{name: "a walk does not go on behind a tenant that was dropped", rejected: "drop/walk", harm: asks(ofTenants, func(b *broken, c *namesCall) {
			defer b.locked()()
			if c.q.After != "" && b.tenants[c.q.After] == nil {
				c.err = &store.InvalidError{Op: -1, What: "after", Why: "not a tenant"}
			}
		})},
		{name: "a walk begins again behind a tenant that was dropped", rejected: "drop/walk", harm: asks(ofTenants, func(b *broken, c *namesCall) {
			defer b.locked()()
			if b.tenants[c.q.After] == nil {
				c.q.After = ""
			}
		})},
		{name: "a walk of Due does not go on behind a tenant that was dropped", rejected: "drop/walk-due", harm: asks(ofDue, func(b *broken, c *dueCall) {
			defer b.locked()()
			if c.q.After != "" && b.tenants[c.q.After] == nil {
				c.err = &store.InvalidError{Op: -1, What: "after", Why: "not a tenant"}
			}
		})},
		{name: "a walk of Due ends behind a tenant that was dropped", rejected: "drop/walk-due", harm: asks(ofDue, func(b *broken, c *dueCall) {
			defer b.locked()()
			if c.q.After != "" && b.tenants[c.q.After] == nil {
				c.q.After = "\U0010ffff"
			}
		})},
		{name: "places in the list of tenants move when one is dropped", rejected: "drop/walk", harm: func(b *broken) {
			// Each page skips as many names as were dropped since the first.
			dropped, before := 0, 0
			b.drops.answers(func(*dropCall) {
				defer b.locked()()
				dropped++
			})
			b.names.answers(func(c *namesCall) {
				defer b.locked()()
				if c.q.After == "" {
					before = dropped
				} else if n := min(dropped-before, len(c.got.Names)); n > 0 {
					c.got.Names, before = c.got.Names[n:], dropped
				}
			})
		}},
		{name: "a caller that waits is not woken by the next tenant of the name", rejected: "drop/wait", patience: sleeping, harm: func(b *broken) {
			asleep := map[string]bool{}
			dropping(func(_ *broken, name string, _ *mapTenant) { asleep[name] = true })(b)
			b.wait = func(ctx context.Context, tenant string, after store.Revision) error {
				if err := b.mapStore.Wait(ctx, tenant, after); err != nil {
					return err
				}
				b.mu.Lock()
				lost := asleep[tenant]
				b.mu.Unlock()
				if lost {
					<-ctx.Done()
				}
				return ctx.Err()
			}
		}},
	}
}

func kindMutants() []mutant {
	kinds := func(change func(b *broken, c *kindsCall)) func(b *broken) { return answers(ofKinds, change) }
	return []mutant{
		{name: "Kinds finds none", rejected: "kinds/lists kinds/pages kinds/apart kinds/handles kinds/damaged", harm: kinds(func(_ *broken, c *kindsCall) { c.got = nil })},
		{name: "Kinds has them in any order", rejected: "kinds/lists kinds/pages", harm: kinds(func(_ *broken, c *kindsCall) { slices.Reverse(c.got) })},
		{name: "Kinds has them in the order of readers", rejected: "kinds/lists", harm: kinds(func(_ *broken, c *kindsCall) {
			slices.SortFunc(c.got, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		})},
		{name: "Kinds has the one that it goes on after", rejected: "kinds/pages", harm: kinds(func(_ *broken, c *kindsCall) {
			if c.q != "" && c.err == nil {
				c.got = slices.Insert(c.got, 0, c.q)
			}
		})},
		{name: "Kinds returns all at once", rejected: "kinds/pages", harm: func(b *broken) {
			b.kinds = func(ctx context.Context, tenant, after string) (all []string, err error) {
				for len(all)%store.MaxLimit == 0 {
					page, err := b.mapStore.Kinds(ctx, tenant, after)
					if err != nil || len(page) == 0 {
						return all, err
					}
					all = append(all, page...)
					after = page[len(page)-1]
				}
				return all, nil
			}
		}},
		{name: "Kinds ends early", rejected: "kinds/pages", harm: kinds(func(_ *broken, c *kindsCall) { c.got = c.got[:min(len(c.got), 999)] })},
		{name: "Kinds has those of all tenants", rejected: "kinds/apart", harm: func(b *broken) {
			b.kinds = func(ctx context.Context, _, after string) ([]string, error) {
				all := map[string]bool{}
				for _, name := range []string{"t", "tt", "t\x00", "t:"} {
					some, err := b.mapStore.Kinds(ctx, name, after)
					if err != nil {
						return nil, err
					}
					for _, kind := range some {
						all[kind] = true
					}
				}
				return slices.Sorted(maps.Keys(all)), nil
			}
		}},
		{name: "Kinds has those of refused batches", rejected: "kinds/lists", harm: func(b *broken) {
			var refused string
			b.apply.answers(func(c *applyCall) {
				if c.err != nil && c.q.Ops[0].New != nil {
					refused = c.q.Ops[0].New.Kind
				}
			})
			b.kinds.answers(func(c *kindsCall) {
				if refused > c.q {
					c.got = slices.Compact(slices.Sorted(slices.Values(append(c.got, refused))))
				}
			})
		}},
		{name: "Kinds remembers what it has listed", rejected: "kinds/handles", harm: func(b *broken) {
			known := map[string][]string{}
			b.kinds = func(ctx context.Context, tenant, after string) ([]string, error) {
				if kinds, ok := known[tenant+after]; ok {
					return kinds, nil
				}
				kinds, err := b.mapStore.Kinds(ctx, tenant, after)
				known[tenant+after] = kinds
				return kinds, err
			}
		}},
		{name: "Kinds does not see damaged records", rejected: "kinds/damaged", harm: kinds(func(b *broken, c *kindsCall) {
			defer b.locked()()
			if len(b.tenant(c.tenant).damaged) > 0 {
				c.got = nil
			}
		})},
		{name: "Kinds ignores its context", rejected: "kinds/refuses", harm: func(b *broken) {
			b.kinds = func(ctx context.Context, tenant, after string) ([]string, error) {
				return b.mapStore.Kinds(context.WithoutCancel(ctx), tenant, after)
			}
		}},
		{name: "Kinds takes any name", rejected: "kinds/refuses", harm: asks(ofKinds, func(_ *broken, c *kindsCall) {
			if fmt.Sprint(c.tenant) == "t" {
				c.q = ""
			}
		})},
	}
}
