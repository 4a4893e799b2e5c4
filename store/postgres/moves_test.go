package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// What Import and Drop were told is what was done, whatever happens to the server and the
// connections: a tenant comes and goes, part by part.
func TestMovesServerKilled(t *testing.T) {
	size.Need(t, size.Long)
	server := pgtest.Own(t)
	h := newHomeOn(t, server)
	m := startMoves(h.open(t, nil), h.open(t, nil), h.through(server.Bouncer(t, 4)).open(t, nil))
	for range size.Pick(t, 0, 10, 100) {
		m.await(t, 5+rand.Int64N(40))
		server.Kill()
		must(t, server.Restart())
	}
	m.end(t, h)
}

func TestMovesConnectionsTerminated(t *testing.T) {
	size.Need(t, size.Long)
	server := pgtest.Own(t)
	h := newHomeOn(t, server)
	m := startMoves(h.open(t, nil), h.open(t, nil))
	ended := 0
	for i := 0; i < size.Pick(t, 0, 100, 1000) || ended == 0; i++ {
		m.await(t, 1+rand.Int64N(5))
		var n int
		must(t, h.admin.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND (state <> 'idle' OR random() < 0.2)`).Scan(&n))
		ended += n
	}
	m.end(t, h)
	t.Logf("%d connections were ended", ended)
}

func TestMovesLostOnTheWay(t *testing.T) {
	h := newHome(t)
	n := newNetwork(t, h)
	m := startMoves(n.home.open(t, nil), n.home.open(t, nil))
	stop := every(20*time.Millisecond, func() { n.lose([]loss{request, reply}[rand.IntN(2)]) })
	m.await(t, size.Pick[int64](t, 20, 500, 5000))
	for n.lost[request].Load() == 0 || n.lost[reply].Load() == 0 || m.unknown.Load() == 0 {
		m.await(t, 1)
	}
	stop()
	n.lose(nothing)
	m.end(t, h)
}

// moves imports tenants and drops them, over and over, and checks what it is told.
type moves struct {
	stores []*postgres.Store
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup

	done, unknown, unavailable atomic.Int64 // rounds, and answers

	mu     sync.Mutex
	faults []error
}

func startMoves(stores ...*postgres.Store) *moves {
	m := &moves{stores: stores}
	m.ctx, m.stop = context.WithCancel(context.Background())
	for i := range 4 {
		tenant := fmt.Sprint("tenant", i)
		m.wg.Go(func() {
			for round := 0; m.ctx.Err() == nil; round++ {
				if err := m.round(tenant, round); err != nil {
					m.mu.Lock()
					m.faults = append(m.faults, fmt.Errorf("round %d of %s: %w", round, tenant, err))
					m.mu.Unlock()
					m.stop()
				}
				m.done.Add(1)
			}
		})
	}
	return m
}

func (m *moves) await(t *testing.T, more int64) {
	t.Helper()
	enough := m.done.Load() + more
	pgtest.Until(t, "more rounds", func() bool { return m.done.Load() >= enough || m.ctx.Err() != nil })
}

func (m *moves) end(t *testing.T, h home) {
	t.Helper()
	m.stop()
	m.wg.Wait()
	for _, err := range m.faults {
		t.Error(err)
	}
	s := h.open(t, nil)
	must(t, s.Drop(t.Context(), "nobody")) // deletes what was left
	must(t, h.inconsistencies())
	if n := h.rowCount(t); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	t.Logf("%d rounds, %d unknown, %d unavailable", m.done.Load(), m.unknown.Load(), m.unavailable.Load())
}

// write makes a call until it is done, and after each that was certainly not done calls not. It
// returns the first error of another kind, or nil.
func (m *moves) write(call func(ctx context.Context, s *postgres.Store) error, not func(s *postgres.Store) error) error {
	for doubt := false; ; {
		s := m.stores[rand.IntN(len(m.stores))]
		err := call(context.Background(), s)
		switch {
		case errors.Is(err, store.ErrUnknown) && errors.Is(err, store.ErrUnavailable):
			return err
		case errors.Is(err, store.ErrUnknown):
			m.unknown.Add(1)
			doubt = true
		case errors.Is(err, store.ErrUnavailable):
			m.unavailable.Add(1)
			if doubt {
				continue
			}
			if err := not(s); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// read makes a call until it is answered.
func read[T any](m *moves, call func(s *postgres.Store) (T, error)) (T, error) {
	for {
		v, err := call(m.stores[rand.IntN(len(m.stores))])
		if !errors.Is(err, store.ErrUnavailable) {
			return v, err
		}
	}
}

// round imports a tenant in two parts, removes its records and drops it.
func (m *moves) round(tenant string, round int) error {
	var records []store.Record
	var changes []store.Change
	for i := range 40 {
		rev := store.Revision(10 + round + 3*i)
		r := keyed(fmt.Sprint("r", i), fmt.Sprint(round, i))
		r.Created, r.Revision, r.Index, r.Due, r.Data = rev, rev+1, r.Unique, store.FromMillis(int64(round+1)), fmt.Append(nil, round)
		records = append(records, r)
		changes = append(changes, store.Change{Seq: rev, Revision: rev, Type: store.Created, Kind: "user", ID: r.ID, Note: r.Data})
	}
	for i, p := range []store.Part{
		{Records: records[:15], Changes: changes[:20], Trimmed: 5}, {Records: records[10:], Changes: changes[15:]},
	} {
		err := m.write(func(ctx context.Context, s *postgres.Store) error { return s.Import(ctx, tenant, p) },
			func(*postgres.Store) error { return m.has(tenant, records[:15*i], changes[:20*i]) })
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	if err := m.has(tenant, records, changes); err != nil {
		return err
	}
	var ops []store.Op
	for i := range records {
		ops = append(ops, store.Delete(records[i], []byte("deleted")))
	}
	last := records[39].Revision + 40
	err := m.write(func(ctx context.Context, s *postgres.Store) error {
		rev, err := s.Apply(ctx, tenant, store.Ops(ops...))
		if err == nil && rev != last {
			return fmt.Errorf("revision %d, want %d", rev, last)
		}
		return err
	}, func(*postgres.Store) error { return m.has(tenant, records, changes) })
	if err != nil && !errors.Is(err, store.ErrStale) { // the one before was done
		return err
	}
	for i, op := range ops {
		seq := records[39].Revision + store.Revision(i+1)
		changes = append(changes, store.Change{Seq: seq, Revision: seq, Type: store.Deleted, Kind: "user", ID: op.Old.ID, Note: op.Note})
	}
	err = m.write(func(ctx context.Context, s *postgres.Store) error { return s.Drop(ctx, tenant) },
		func(*postgres.Store) error { return m.has(tenant, nil, changes) })
	if err != nil {
		return fmt.Errorf("drop: %w", err)
	}
	return m.has(tenant, nil, nil)
}

// has checks that the tenant has these records and this feed.
func (m *moves) has(tenant string, records []store.Record, changes []store.Change) error {
	list, err := read(m, func(s *postgres.Store) (store.Page, error) {
		return s.List(context.Background(), tenant, store.Query{Kind: "user", Limit: 100})
	})
	if err != nil {
		return err
	}
	after := store.Revision(0)
	if len(changes) > 0 {
		after = 5
	}
	feed, err := read(m, func(s *postgres.Store) (store.ChangePage, error) {
		return s.Changes(context.Background(), tenant, store.ChangeQuery{After: after, Limit: 100})
	})
	if err != nil {
		return err
	}
	if diff := cmp.Diff(slices.Clip(records), list.Records) + cmp.Diff(changes, feed.Changes); diff != "" && len(records)+len(list.Records)+len(changes)+len(feed.Changes) > 0 {
		return fmt.Errorf("what the tenant has (-want +got):\n%s", diff)
	}
	return nil
}
