package storetest

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// broken is a map store of which some method is wrong.
type broken struct {
	*mapStore
	get     method[store.Key, store.Record]
	apply   method[store.Batch, store.Revision]
	list    method[store.Query, store.Page]
	changes method[store.ChangeQuery, store.ChangePage]
	due     method[store.DueQuery, store.DuePage]
	names   method[store.TenantQuery, store.TenantPage]
	count   method[store.CountQuery, store.Counted]
	trim    func(ctx context.Context, tenant string, through store.Revision) error
	wait    func(ctx context.Context, tenant string, after store.Revision) error
	scrub   func(ctx context.Context) error
	confirm func(ctx context.Context, tenant string) error
	imports method[store.Part, none]
	drops   method[none, none]
	kinds   method[string, []string]
	verify  func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error]
}

// none is what a method is asked, or answers, if that is nothing.
type none = struct{}

// newBroken returns a map store that is not broken yet.
func newBroken() *broken {
	m := newMapStore()
	return &broken{
		mapStore: m,
		get:      m.Get, apply: m.Apply, list: m.List, changes: m.Changes, count: m.Count,
		due: func(ctx context.Context, _ string, q store.DueQuery) (store.DuePage, error) { return m.Due(ctx, q) },
		names: func(ctx context.Context, _ string, q store.TenantQuery) (store.TenantPage, error) {
			return m.Tenants(ctx, q)
		},
		trim: m.Trim, wait: m.Wait, scrub: m.Scrub, confirm: m.Confirm,
		imports: func(ctx context.Context, tenant string, p store.Part) (none, error) {
			return none{}, m.Import(ctx, tenant, p)
		},
		drops: func(ctx context.Context, tenant string, _ none) (none, error) { return none{}, m.Drop(ctx, tenant) },
		kinds: m.Kinds, verify: m.Verify,
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
	return b.due(ctx, "", q)
}

func (b *broken) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return b.names(ctx, "", q)
}

func (b *broken) Wait(ctx context.Context, tenant string, after store.Revision) error {
	return b.wait(ctx, tenant, after)
}

func (b *broken) Scrub(ctx context.Context) error { return b.scrub(ctx) }

func (b *broken) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return b.count(ctx, tenant, q)
}

func (b *broken) Confirm(ctx context.Context, tenant string) error { return b.confirm(ctx, tenant) }

func (b *broken) Import(ctx context.Context, tenant string, p store.Part) error {
	_, err := b.imports(ctx, tenant, p)
	return err
}

func (b *broken) Drop(ctx context.Context, tenant string) error {
	_, err := b.drops(ctx, tenant, none{})
	return err
}

func (b *broken) Kinds(ctx context.Context, tenant, after string) ([]string, error) {
	return b.kinds(ctx, tenant, after)
}

func (b *broken) Verify(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
	return b.verify(ctx, opts)
}

// meanwhile lets others write, until a tenant's revision has changed or nobody seems to.
func (b *broken) meanwhile(tenant string) {
	b.mu.Lock()
	last := b.tenant(tenant).last
	b.mu.Unlock()
	for range 10_000 {
		runtime.Gosched()
		b.mu.Lock()
		now := b.tenant(tenant).last
		b.mu.Unlock()
		if now != last {
			return
		}
	}
}

// method is a method of a store: a question about a tenant, and its answer.
type method[Q, A any] func(ctx context.Context, tenant string, q Q) (A, error)

// call is one call of a method.
type call[Q, A any] struct {
	ctx    context.Context
	tenant string
	q      Q
	got    A
	err    error
}

// The calls of the methods that mutants change.
type (
	getCall   = call[store.Key, store.Record]
	applyCall = call[store.Batch, store.Revision]
	listCall  = call[store.Query, store.Page]
	feedCall  = call[store.ChangeQuery, store.ChangePage]
	dueCall   = call[store.DueQuery, store.DuePage]
	namesCall = call[store.TenantQuery, store.TenantPage]
	countCall = call[store.CountQuery, store.Counted]
	partCall  = call[store.Part, none]
	dropCall  = call[none, none]
	kindsCall = call[string, []string]
)

// asks changes what a method is asked. If change sets an error, that is the answer.
func (m *method[Q, A]) asks(change func(c *call[Q, A])) {
	do := *m
	*m = func(ctx context.Context, tenant string, q Q) (A, error) {
		c := &call[Q, A]{ctx: ctx, tenant: tenant, q: q}
		if change(c); c.err == nil {
			return do(ctx, tenant, c.q)
		}
		return c.got, c.err
	}
}

// answers changes what a method answers.
func (m *method[Q, A]) answers(change func(c *call[Q, A])) {
	do := *m
	*m = func(ctx context.Context, tenant string, q Q) (A, error) {
		c := &call[Q, A]{ctx: ctx, tenant: tenant, q: q}
		c.got, c.err = do(ctx, tenant, q)
		change(c)
		return c.got, c.err
	}
}

// asks and answers return harms that change one method; see those of method.
func asks[Q, A any](of func(b *broken) *method[Q, A], change func(b *broken, c *call[Q, A])) func(b *broken) {
	return func(b *broken) { of(b).asks(func(c *call[Q, A]) { change(b, c) }) }
}

func answers[Q, A any](of func(b *broken) *method[Q, A], change func(b *broken, c *call[Q, A])) func(b *broken) {
	return func(b *broken) { of(b).answers(func(c *call[Q, A]) { change(b, c) }) }
}

func ofGet(b *broken) *method[store.Key, store.Record]                 { return &b.get }
func ofApply(b *broken) *method[store.Batch, store.Revision]           { return &b.apply }
func ofList(b *broken) *method[store.Query, store.Page]                { return &b.list }
func ofChanges(b *broken) *method[store.ChangeQuery, store.ChangePage] { return &b.changes }
func ofDue(b *broken) *method[store.DueQuery, store.DuePage]           { return &b.due }
func ofTenants(b *broken) *method[store.TenantQuery, store.TenantPage] { return &b.names }
func ofCount(b *broken) *method[store.CountQuery, store.Counted]       { return &b.count }
func ofImport(b *broken) *method[store.Part, none]                     { return &b.imports }
func ofDrop(b *broken) *method[none, none]                             { return &b.drops }
func ofKinds(b *broken) *method[string, []string]                      { return &b.kinds }

// turns replaces the errors that are one by another.
func (m *method[Q, A]) turns(one, other error) {
	m.answers(func(c *call[Q, A]) {
		if errors.Is(c.err, one) {
			c.err = other
		}
	})
}

// steps are the steps of Apply; the zero value has the right ones.
type steps struct {
	requires func(t *mapTenant, all []store.Require) error
	refuses  func(t *mapTenant, ops []store.Op) error // after what the batch requires
	pause    func()
	release  func(t *mapTenant, op store.Op)
	write    func(t *mapTenant, op store.Op)
}

func refuses(t *mapTenant, ops []store.Op) error { return t.refuses(store.Ops(ops...)) }

// harm makes Apply consist of these steps.
func (s steps) harm(b *broken) {
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
		defer b.locked()()
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
		waiterMutants(), scrubberMutants(), confirmerMutants(), requireMutants(), removeMutants(), pageMutants(),
		damageMutants(), counterMutants(), importMutants(), importRefuseMutants(), dropMutants(), kindMutants(), verifyMutants(),
	)
}

// attempting is how long a check is run again and again until it rejects a mutant. Some
// mutants are wrong only when goroutines meet, which may happen once in a hundred runs,
// depending on the machine.
const attempting = time.Minute

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
	for began := time.Now(); time.Since(began) < attempting; {
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
	whole := mutant{harm: steps{}.harm}
	if err := Check(t.Context(), whole.place); err != nil {
		t.Error(err)
	}
}
