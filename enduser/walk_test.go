package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// gate is a store whose writes wait at a gate, and that notes how much is under way.
type gate struct {
	store.Store
	let chan error // what a write that waits is to do; nil: go on

	mu        sync.Mutex
	waiting   int
	sensitive int // of them, writes that delete sensitive values with a user
	pages     int // of Due, read so far
}

func newGate() *gate { return &gate{Store: memory.New(nil), let: make(chan error)} }

func (g *gate) count(waiting, sensitive, pages int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting, g.sensitive, g.pages = g.waiting+waiting, g.sensitive+sensitive, g.pages+pages
}

func (g *gate) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	g.count(1, len(b.Ops)-1, 0)
	err := <-g.let
	g.count(-1, 1-len(b.Ops), 0)
	if err != nil {
		return 0, err
	}
	return g.Store.Apply(ctx, tenant, b)
}

func (g *gate) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	g.count(0, 0, 1)
	return g.Store.Due(ctx, q)
}

// open lets all writes pass from now on.
func (g *gate) open() { close(g.let) }

// expect waits until nothing goes on, and checks how many writes wait.
func (g *gate) expect(t *testing.T, what string, waiting int) {
	t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting != waiting {
		t.Errorf("%s: %d writes are under way, want %d", what, g.waiting, waiting)
	}
}

// gated runs a walk over what fill has put into the store, whose writes wait at a gate.
func gated(t *testing.T, fill func(*testing.T, *world), walk func(context.Context, *world) (int, error), test func(*gate, context.CancelFunc, <-chan walked)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		w := newWorld(g.Store)
		fill(t, w)
		behind := enduser.New(g, &enduser.Options{
			Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1")),
			Schema: func(string) enduser.Schema { return enduser.Schema{IndexedMetadata: []string{"plan"}} },
		})
		w.users, w.acme = behind, behind.Tenant("acme")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan walked, 1)
		go func() {
			n, err := walk(ctx, w)
			done <- walked{n, err}
		}()
		test(g, cancel, done)
	})
}

// walked is what a walk returned.
type walked struct {
	n   int
	err error
}

// expiring makes users whose time is over, of so many tenants.
func expiring(users, tenants int, s enduser.Spec) func(*testing.T, *world) {
	s.ExpiresIn = time.Minute
	return func(t *testing.T, w *world) {
		t.Helper()
		for i := range users {
			must(w.users.Tenant(fmt.Sprint("t", i%tenants)).Create(t.Context(), s))(t)
		}
		w.Advance(time.Minute)
	}
}

func sweep(ctx context.Context, w *world) (int, error) { return w.users.Sweep(ctx) }

// TestWalksShareCommits: what walks over records writes has many writes under way, and
// not more than 64.
func TestWalksShareCommits(t *testing.T) {
	const n = 200
	plan := enduser.Metadata{"plan": enduser.String("pro")}
	for name, c := range map[string]struct {
		fill func(*testing.T, *world)
		walk func(context.Context, *world) (int, error)
	}{
		"Sweep of a tenant": {expiring(n, 1, enduser.Spec{}), sweep},
		"Sweep of many":     {expiring(n, n, enduser.Spec{}), sweep},
		"Reindex of a tenant": {
			func(t *testing.T, w *world) {
				t.Helper()
				for range n {
					must(w.acme.Create(t.Context(), enduser.Spec{Metadata: plan}))(t)
				}
			},
			func(ctx context.Context, w *world) (int, error) { return w.acme.Reindex(ctx) },
		},
		"Reseal of a tenant": {
			func(t *testing.T, w *world) {
				t.Helper()
				for i := range n {
					made(w.acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: fmt.Sprint(i)}))(t)
				}
			},
			func(ctx context.Context, w *world) (int, error) { return w.users.Reseal(ctx) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			gated(t, c.fill, c.walk, func(g *gate, _ context.CancelFunc, done <-chan walked) {
				for range n - 64 {
					g.expect(t, name, 64)
					g.let <- nil
				}
				g.open()
				if got := <-done; got.n != n || got.err != nil {
					t.Errorf("%d, %v; want %d", got.n, got.err, n)
				}
			})
		})
	}
}

// TestSweepHoldsLittle: while writes are slow no more than the next page is read, and no
// more than eight users with sensitive values are worked on.
func TestSweepHoldsLittle(t *testing.T) {
	gated(t, expiring(3000, 3000, enduser.Spec{}), sweep, func(g *gate, _ context.CancelFunc, done <-chan walked) {
		g.expect(t, "many tenants", 64)
		if g.pages != 2 {
			t.Errorf("%d pages were read, want 2", g.pages)
		}
		g.open()
		if got := <-done; got.n != 3000 || got.err != nil {
			t.Errorf("%d, %v", got.n, got.err)
		}
	})
	values := enduser.Spec{Sensitive: secrets{"k": secret("v")}}
	gated(t, expiring(100, 1, values), sweep, func(g *gate, _ context.CancelFunc, done <-chan walked) {
		g.expect(t, "sensitive values", 8)
		if g.sensitive != 8 {
			t.Errorf("%d of them delete sensitive values, want 8", g.sensitive)
		}
		g.open()
		if got := <-done; got.n != 100 || got.err != nil {
			t.Errorf("%d, %v", got.n, got.err)
		}
	})
}

// TestWalksEnd: a walk that fails, or whose context ends, begins nothing more, waits for
// what it has begun, counts that, and leaves nothing behind that goes on.
func TestWalksEnd(t *testing.T) {
	for name, c := range map[string]struct {
		first error // of one write
		leave bool
		want  error
		n     int
	}{
		"the store fails":   {store.ErrUnavailable, false, enduser.ErrUnavailable, 63},
		"nobody can tell":   {store.ErrUnknown, false, enduser.ErrUnknown, 63},
		"the caller left":   {nil, true, context.Canceled, 1},
		"others were first": {&store.StaleError{}, false, nil, 300},
	} {
		t.Run(name, func(t *testing.T) {
			gated(t, expiring(300, 300, enduser.Spec{}), sweep, func(g *gate, leave context.CancelFunc, done <-chan walked) {
				g.expect(t, name, 64)
				g.let <- c.first
				synctest.Wait()
				if c.leave {
					leave()
				}
				g.open()
				if got := <-done; got.n != c.n || !errors.Is(got.err, c.want) {
					t.Errorf("%d, %v; want %d, %v", got.n, got.err, c.n, c.want)
				}
			})
		})
	}
}
