package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// timeMachine is a store that can go back in time, as one does that is restored from a
// copy, flushed, started again in memory, or fails over to a replica that lags: it
// writes what had been written up to then into an empty store, and goes on with that.
type timeMachine struct {
	store.Store
	open func() store.Store
	done []func(store.Store) error // what was written, in order
}

func newTimeMachine(open func() store.Store) *timeMachine {
	return &timeMachine{Store: open(), open: open}
}

func (m *timeMachine) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	rev, err := m.Store.Apply(ctx, tenant, b)
	if err == nil {
		m.done = append(m.done, func(st store.Store) error {
			again, err := st.Apply(ctx, tenant, b)
			if err == nil && again != rev {
				err = fmt.Errorf("revision %d, was %d", again, rev)
			}
			return err
		})
	}
	return rev, err
}

func (m *timeMachine) Trim(ctx context.Context, tenant string, through store.Revision) error {
	err := m.Store.Trim(ctx, tenant, through)
	if err == nil {
		m.done = append(m.done, func(st store.Store) error { return st.Trim(ctx, tenant, through) })
	}
	return err
}

// back goes back to when so many writes had been done.
func (m *timeMachine) back(t *testing.T, writes int) {
	t.Helper()
	m.Store = m.open()
	m.done = m.done[:writes]
	for i, write := range m.done {
		if err := write(m.Store); err != nil {
			t.Fatalf("write %d again: %v", i, err)
		}
	}
}

// history is a random one: what happened, and what was told of it outside.
type history struct {
	t      *testing.T
	rand   *rand.Rand
	store  *timeMachine
	clock  *clock.Clock
	doors  []enduser.Tenant // of processes whose clocks may differ
	frozen bool

	users, groups []string // IDs
	versions      map[string][]enduser.Version
	positions     []enduser.Position
	origin        enduser.Position // of the empty feed
}

// TestLostHistory: a store that went back in time gives out again the revisions that it
// had given to writes which are lost. No version of those passes a condition or equals
// that of what is there, and every reader of the feed is either told that its position
// is of another history, or reads all that is new.
func TestLostHistory(t *testing.T) {
	t.Parallel()
	for _, b := range allBackends() {
		t.Run(b.name, func(t *testing.T) {
			histories := size.Pick(t, 20, 120, 1000)
			if b.name == "memory" { // which opens at once
				histories = max(histories, 40)
			}
			lostHistories(t, histories, func(t *testing.T) func() store.Store { return func() store.Store { return b.open(t) } })
		})
	}
}

// TestLostHistoryOfRedis: the same where the data is lost under a store that is open.
func TestLostHistoryOfRedis(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]func(testing.TB) string{
		"miniredis": miniredisServer,
		"redis":     ownRedisServer,
	} {
		t.Run(name, func(t *testing.T) {
			addr := server(t)
			lostHistories(t, size.Pick(t, 20, 120, 1000), func(t *testing.T) func() store.Store {
				st := backends.OpenRedis(t, addr, redisstore.DefaultPrefix)
				client := goredis.NewClient(&goredis.Options{Addr: addr})
				t.Cleanup(func() { _ = client.Close() })
				return func() store.Store {
					ok(t, client.FlushDB(t.Context()).Err())
					return st
				}
			})
		})
	}
}

// miniredisServer returns the address of a new miniredis, ownRedisServer that of a Redis
// server that no other test uses.
func miniredisServer(tb testing.TB) string {
	tb.Helper()
	return miniredis.RunT(tb).Addr()
}

func ownRedisServer(tb testing.TB) string {
	tb.Helper()
	return redistest.Server(tb).Addr
}

// lostHistories runs random histories. What open returns returns an empty store: a new
// one, or the one that there was.
func lostHistories(t *testing.T, histories int, open func(*testing.T) func() store.Store) {
	t.Helper()
	for seed := range histories {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			newHistory(t, uint64(seed), open(t)).run()
		})
		if !ok {
			return
		}
	}
}

func newHistory(t *testing.T, seed uint64, open func() store.Store) *history {
	t.Helper()
	h := &history{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)),
		store: newTimeMachine(open), clock: clock.At(epoch), versions: make(map[string][]enduser.Version),
	}
	apart := time.Duration(0)
	switch seed % 3 {
	case 0:
		h.frozen = true
	case 1:
		apart = time.Hour
	}
	ids := counter("u")
	for i := range 2 {
		users := enduser.New(h.store, &enduser.Options{
			Now:     func() time.Time { return h.clock.Now().Add(time.Duration(i) * apart) },
			NewID:   ids,
			Keyring: enduser.NewKeyring(testKey("k1")),
		})
		h.doors = append(h.doors, users.Tenant("acme").As("ann"))
	}
	var err error
	h.origin, err = h.doors[0].Latest(t.Context())
	h.must(err)
	return h
}

func (h *history) run() {
	h.steps(4 + h.rand.IntN(12))
	copied := len(h.store.done)
	h.steps(1 + h.rand.IntN(12))
	old := maps.Clone(h.versions) // without what is appended to it from now on
	kept := make(map[enduser.Version]bool)
	h.store.back(h.t, copied)
	for _, v := range h.current() {
		kept[v] = true
	}
	h.check(old, kept)
	h.steps(1 + h.rand.IntN(16))
	h.check(old, kept)
}

func (h *history) steps(n int) {
	for range n {
		if !h.frozen {
			h.clock.Advance(time.Duration(h.rand.IntN(120)) * time.Second)
		}
		h.step()
		for id, v := range h.current() {
			if !slices.Contains(h.versions[id], v) {
				h.versions[id] = append(h.versions[id], v)
			}
		}
		latest, err := h.door().Latest(h.t.Context())
		h.must(err)
		h.positions = append(h.positions, latest)
	}
}

func (h *history) door() enduser.Tenant { return h.doors[h.rand.IntN(len(h.doors))] }

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil && !errors.Is(err, enduser.ErrNotFound) { // others have deleted it
		h.t.Fatal(err)
	}
}

// step writes something; a few values, so that two histories write the same.
func (h *history) step() {
	ctx, acme := h.t.Context(), h.door()
	switch h.rand.IntN(10) {
	case 0, 1, 2:
		u, _, err := acme.Upsert(ctx, enduser.Spec{ExternalID: fmt.Sprint("x", h.rand.IntN(4)), Name: h.name()})
		h.must(err)
		h.users = append(h.users, u.ID)
	case 3, 4:
		_, err := acme.Update(ctx, h.user(), func(e *enduser.Edit) error {
			e.Name = h.name()
			return nil
		})
		h.must(err)
	case 5, 6:
		_, err := acme.Update(ctx, h.user(), func(e *enduser.Edit) error {
			e.SetSensitive("pin", enduser.NewSecret(enduser.Int(1)))
			return nil
		})
		h.must(err)
	case 7:
		g, _, err := acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "g"})
		h.must(err)
		h.groups = append(h.groups, g.ID)
		_, _, err = acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), 0)
		h.must(err)
	case 8:
		h.must(acme.Delete(ctx, h.user()))
	case 9:
		h.trim(acme)
	}
}

func (h *history) name() string { return []string{"Ann", "Bob"}[h.rand.IntN(2)] }

func (h *history) user() enduser.Ref {
	if len(h.users) == 0 {
		return enduser.ByID("nobody")
	}
	return enduser.ByID(h.users[h.rand.IntN(len(h.users))])
}

// trim forgets by age, or by number.
func (h *history) trim(acme enduser.Tenant) {
	ctx := h.t.Context()
	if h.rand.IntN(2) == 0 {
		p, err := acme.PositionAt(ctx, h.clock.Now().Add(-time.Minute))
		if errors.Is(err, enduser.ErrTrimmed) {
			return
		}
		h.must(err)
		h.must(acme.TrimChanges(ctx, p))
		return
	}
	feed := h.feed()
	if len(feed) > 3 {
		h.must(acme.TrimChanges(ctx, feed[len(feed)-3]))
	}
}

// current returns the versions of all that is there, by ID.
func (h *history) current() map[string]enduser.Version {
	all := make(map[string]enduser.Version)
	for u, err := range h.doors[0].All(h.t.Context(), enduser.Filter{}) {
		h.must(err)
		all[u.ID] = u.Version
	}
	for g, err := range h.doors[0].Groups().All(h.t.Context()) {
		h.must(err)
		all[g.ID] = g.Version
	}
	return all
}

// feed returns the positions of all entries, oldest first.
func (h *history) feed() []enduser.Position {
	var all []enduser.Position
	q := enduser.ChangeQuery{Limit: 3}
	for {
		page, err := h.doors[0].Changes(h.t.Context(), q)
		h.must(err)
		for _, c := range page.Changes {
			all = append(all, c.Position)
		}
		if !page.More {
			return all
		}
		q.After = page.Position
	}
}

// check holds everything that was told outside against the store as it is.
func (h *history) check(versions map[string][]enduser.Version, kept map[enduser.Version]bool) {
	h.t.Helper()
	ctx := h.t.Context()
	now := h.current()
	for id, old := range versions {
		for _, v := range old {
			if kept[v] {
				continue
			}
			if now[id] == v {
				h.t.Errorf("%s is at a version of the lost history", id)
			}
			h.refused(id, v)
		}
	}
	feed := h.feed()
	whole, err := h.doors[0].Changes(ctx, enduser.ChangeQuery{Limit: 1})
	h.must(err)
	for _, p := range h.positions {
		at := slices.Index(feed, p)
		after := enduser.ChangeQuery{After: p, Limit: 5}
		got, err := h.doors[0].Changes(ctx, after)
		if at < 0 && (p != h.origin || whole.Trimmed) {
			if !errors.Is(err, enduser.ErrTrimmed) {
				h.t.Errorf("a position of the lost history: %v, %v", got.Changes, err)
			}
			continue
		}
		h.must(err)
		if n := len(readFeed(h.t, h.doors[0], after)); n != len(feed)-at-1 {
			h.t.Errorf("a reader got %d changes of %d", n, len(feed)-at-1)
		}
	}
}

// refused tries to write under a version of the lost history.
func (h *history) refused(id string, v enduser.Version) {
	h.t.Helper()
	ctx, acme := h.t.Context(), h.doors[0]
	var err error
	if slices.Contains(h.groups, id) {
		_, err = acme.Groups().Update(ctx, enduser.GroupByID(id), func(g *enduser.Group) error {
			g.Name += "!"
			return nil
		}, enduser.IfVersion(v))
	} else {
		_, err = acme.Update(ctx, enduser.ByID(id), func(e *enduser.Edit) error {
			e.Name += "!"
			return nil
		}, enduser.IfVersion(v))
	}
	if !errors.Is(err, enduser.ErrVersion) && !errors.Is(err, enduser.ErrNotFound) {
		h.t.Errorf("%s was changed under a version of the lost history: %v", id, err)
	}
}
