package redis_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// mover imports a tenant, empties and drops it, again and again, and looks at it in between.
type mover struct {
	tenant string
	part   store.Part
	round  int
}

func newMover(i int) *mover {
	m := &mover{tenant: fmt.Sprint("moved", i)}
	for rev := 1; rev <= 20; rev++ {
		r := imported(fmt.Sprint(rev), rev)
		r.Unique, r.Index = []store.Key{{Kind: "name", Value: r.ID}}, []store.Key{{Kind: "term"}}
		m.part.Records = append(m.part.Records, r)
		m.part.Changes = append(m.part.Changes, store.Change{
			Seq: r.Revision, Revision: r.Revision, Type: store.Created, Kind: "user", ID: r.ID,
		})
	}
	return m
}

// run moves until the context ends.
func (m *mover) run(ctx context.Context, t *testing.T, st *redisstore.Store, acked *atomic.Int64) {
	t.Helper()
	for ; ctx.Err() == nil && !t.Failed(); m.round++ {
		for _, call := range []func() error{
			func() error { return st.Import(ctx, m.tenant, m.part) },
			func() error { return m.has(ctx, st, len(m.part.Records), len(m.part.Changes)) },
			func() error { return m.empty(ctx, st) },
			func() error { return m.has(ctx, st, 0, len(m.part.Changes)) },
			func() error { return st.Drop(ctx, m.tenant) },
			func() error { return m.has(ctx, st, 0, 0) },
		} {
			m.until(ctx, t, call)
			acked.Add(1)
		}
	}
}

// until repeats a call until it is acknowledged.
func (m *mover) until(ctx context.Context, t *testing.T, call func() error) {
	t.Helper()
	for ctx.Err() == nil {
		err := call()
		switch {
		case err == nil:
			return
		case ctx.Err() == nil && !errors.Is(err, store.ErrUnknown) && !errors.Is(err, store.ErrUnavailable):
			t.Errorf("%s, round %d: %v", m.tenant, m.round, err)
			return
		}
	}
}

// has checks how many records and entries there are.
func (m *mover) has(ctx context.Context, st *redisstore.Store, records, entries int) error {
	if err := st.Confirm(ctx, m.tenant); err != nil { // else the read may be of a master that is cut off
		return err
	}
	page, err := st.List(ctx, m.tenant, store.Query{Kind: "user"})
	if err != nil {
		return err
	}
	feed, err := st.Changes(ctx, m.tenant, store.ChangeQuery{})
	if err != nil {
		return err
	}
	if len(page.Records) != records || len(feed.Changes) != entries {
		return fmt.Errorf("%d records and %d entries, want %d and %d: what was acknowledged is lost",
			len(page.Records), len(feed.Changes), records, entries)
	}
	return nil
}

// empty removes all records, those that are gone already included.
func (m *mover) empty(ctx context.Context, st *redisstore.Store) error {
	for _, r := range m.part.Records {
		_, err := st.Apply(ctx, m.tenant, store.Ops(store.Remove(r.ID, r.Kind, nil)))
		if err != nil && !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return nil
}

// A master fails while tenants are imported and dropped by stores that wait for a replica.
// No call that was acknowledged is lost, none fails otherwise than unknown or unavailable,
// and nothing is damaged.
func TestFaultsMoveSentinel(t *testing.T) { testFaultsMove(t, onSentinel) }

func TestFaultsMoveCluster(t *testing.T) { testFaultsMove(t, onSplitCluster) }

func testFaultsMove(t *testing.T, start func(*testing.T) deployment) {
	t.Helper()
	size.Need(t, size.Long)
	d := start(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var acked atomic.Int64
	var wg sync.WaitGroup
	defer wg.Wait()
	var movers []*mover
	st := d.open(t, 1)
	for i := range 6 {
		m := newMover(i)
		movers = append(movers, m)
		wg.Go(func() { m.run(ctx, t, st, &acked) })
	}
	progress := func(what string, calls int64) {
		t.Helper()
		n := acked.Load() + calls
		redistest.Until(t, what, func() bool { return acked.Load() > n || t.Failed() })
	}
	progress("tenants are moved", 60)
	victim := d.masters(t)[0]
	d.nodes[victim].Kill()
	redistest.Until(t, "a replica is promoted", func() bool {
		for _, p := range d.heirs(victim) {
			if role, err := p.Role(t.Context()); err == nil && role == "master" {
				return true
			}
		}
		return false
	})
	if !d.alone { // a master that comes back empty before Sentinel has told everyone is one of its own
		progress("tenants are moved without it", 60)
	}
	if err := d.nodes[victim].Restart(); err != nil {
		t.Fatal(err)
	}
	if err := d.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	progress("tenants are moved again", 200)
	stop()
	wg.Wait()
	after := d.open(t, 1)
	for f, err := range after.Verify(t.Context(), store.VerifyOptions{}) {
		t.Errorf("damaged: %+v, %v", f, err)
	}
	for _, m := range movers {
		if err := errors.Join(m.empty(t.Context(), after), after.Drop(t.Context(), m.tenant)); err != nil {
			t.Error(err)
		}
	}
	tenants, err := after.Tenants(t.Context(), store.TenantQuery{})
	if err != nil || len(tenants.Names) > 0 {
		t.Errorf("tenants %q, %v", tenants.Names, err)
	}
}
