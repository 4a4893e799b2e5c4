package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// broken is a map store of which some method is wrong.
type broken struct {
	*mapStore
	get     func(ctx context.Context, tenant string, key store.Key) (store.Record, error)
	apply   func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error)
	list    func(ctx context.Context, tenant string, q store.Query) (store.Page, error)
	changes func(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error)
	trim    func(ctx context.Context, tenant string, through store.Revision) error
	due     func(ctx context.Context, q store.DueQuery) (store.DuePage, error)
	names   func(ctx context.Context, q store.TenantQuery) (store.TenantPage, error)
	wait    func(ctx context.Context, tenant string, after store.Revision) error
	scrub   func(ctx context.Context) error
	count   func(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error)
	confirm func(ctx context.Context, tenant string) error
}

// newBroken returns a map store that is not broken yet.
func newBroken() *broken {
	m := newMapStore()
	return &broken{
		mapStore: m,
		get:      m.Get, apply: m.Apply, list: m.List, changes: m.Changes, trim: m.Trim, due: m.Due,
		names: m.Tenants, wait: m.Wait, scrub: m.Scrub, count: m.Count, confirm: m.Confirm,
	}
}

func (b *broken) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return b.get(ctx, tenant, key)
}

func (b *broken) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	return b.apply(ctx, tenant, batch)
}

func (b *broken) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return b.list(ctx, tenant, q)
}

func (b *broken) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return b.changes(ctx, tenant, q)
}

func (b *broken) Trim(ctx context.Context, tenant string, through store.Revision) error {
	return b.trim(ctx, tenant, through)
}

func (b *broken) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return b.due(ctx, q)
}

func (b *broken) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return b.names(ctx, q)
}

func (b *broken) Wait(ctx context.Context, tenant string, after store.Revision) error {
	return b.wait(ctx, tenant, after)
}

func (b *broken) Scrub(ctx context.Context) error { return b.scrub(ctx) }

func (b *broken) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return b.count(ctx, tenant, q)
}

func (b *broken) Confirm(ctx context.Context, tenant string) error { return b.confirm(ctx, tenant) }

// steps are the steps of Apply; the zero value has the right ones.
type steps struct {
	requires func(t *mapTenant, all []store.Require) error
	refuses  func(t *mapTenant, ops []store.Op) error // after what the batch requires
	pause    func()
	release  func(t *mapTenant, op store.Op)
	write    func(t *mapTenant, op store.Op)
}

func refuses(t *mapTenant, ops []store.Op) error { return t.refuses(store.Ops(ops...)) }

// applies makes Apply consist of these steps.
func (b *broken) applies(s steps) {
	if s.requires == nil {
		s.requires = (*mapTenant).requires
	}
	if s.refuses == nil {
		s.refuses = refuses
	}
	if s.release == nil {
		s.release = (*mapTenant).release
	}
	if s.write == nil {
		s.write = (*mapTenant).write
	}
	b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
		if err := errors.Join(ctx.Err(), store.Check(tenant, batch)); err != nil {
			return 0, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		t := b.tenant(tenant)
		if err := s.requires(t, batch.Require); err != nil {
			return 0, err
		}
		if err := s.refuses(t, batch.Ops); err != nil {
			return 0, err
		}
		if s.pause != nil {
			b.mu.Unlock()
			s.pause()
			b.mu.Lock()
		}
		for _, op := range batch.Ops {
			s.release(t, op)
		}
		for _, op := range batch.Ops {
			s.write(t, op)
		}
		b.tenants[tenant] = t
		b.wake()
		return t.last, nil
	}
}

// mutant is a store that breaks a rule, and the checks that must reject it.
// Others may as well.
type mutant struct {
	name     string
	rejected string // the checks, separated by spaces
	harm     func(b *broken)

	// other, where set, returns the second and later handles.
	other func(b *broken) store.Store

	// patience is how long a check may take. Some mutants block.
	patience time.Duration
}

func (m mutant) place() (Place, error) {
	b := newBroken()
	if m.harm != nil {
		m.harm(b)
	}
	opened := 0
	return Place{Open: func() (store.Store, error) {
		if opened++; opened > 1 && m.other != nil {
			return m.other(b), nil
		}
		return b, nil
	}}, nil
}

func mutants() []mutant {
	return slices.Concat(
		applyMutants(), keyMutants(), revisionMutants(), listMutants(), walkMutants(), feedMutants(), dueMutants(),
		handleMutants(), copyMutants(), nameMutants(), limitMutants(), outcomeMutants(), contextMutants(), tenantMutants(),
		waiterMutants(), scrubberMutants(), confirmerMutants(), requireMutants(), removeMutants(), pageMutants(), damageMutants(), counterMutants(),
	)
}

// attempts is how often a check may be run until it rejects a mutant: some
// mutants are wrong only when goroutines meet.
const attempts = 25

func TestMutantsAreRejected(t *testing.T) {
	t.Parallel()
	byName := map[string]check{}
	for _, c := range checks() {
		byName[c.name] = c
	}
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, name := range strings.Fields(m.rejected) {
				c, ok := byName[name]
				if !ok {
					t.Fatalf("there is no check %q", name)
				}
				if !rejects(t.Context(), c, m) {
					t.Errorf("%s passes %s", m.name, name)
				}
			}
		})
	}
}

func rejects(ctx context.Context, c check, m mutant) bool {
	for range attempts {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(m.patience, deadline))
		err := c.in(ctx, m.place)
		cancel()
		if err != nil {
			return true
		}
	}
	return false
}

// TestEveryCheckRejects shows that no check passes whatever the store does.
func TestEveryCheckRejects(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, m := range mutants() {
		for _, name := range strings.Fields(m.rejected) {
			named[name] = true
		}
	}
	rules := map[int]bool{}
	for _, c := range checks() {
		if !named[c.name] {
			t.Errorf("no mutant is rejected by %s", c.name)
		}
		rules[c.rule] = true
	}
	for rule := 1; rule <= 14; rule++ {
		if !rules[rule] {
			t.Errorf("no check shows rule %d", rule)
		}
	}
}

// TestUnbrokenPasses shows that the mutants fail for what is broken in them.
func TestUnbrokenPasses(t *testing.T) {
	t.Parallel()
	whole := mutant{harm: func(b *broken) { b.applies(steps{}) }}
	if err := Check(t.Context(), whole.place); err != nil {
		t.Error(err)
	}
}
