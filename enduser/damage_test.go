package enduser_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// spoiled is a store that cannot read some of its records; see rule 14 of package store.
type spoiledStore struct {
	store.Store

	mu  sync.Mutex
	bad map[[2]string]bool // by tenant and ID
}

func newSpoiledStore() *spoiledStore {
	return &spoiledStore{Store: memory.New(nil), bad: make(map[[2]string]bool)}
}

func (s *spoiledStore) spoil(tenant, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad[[2]string{tenant, id}] = true
}

func (s *spoiledStore) is(tenant, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad[[2]string{tenant, id}]
}

// split returns the records that can be read, and the IDs of the others.
func (s *spoiledStore) split(tenant string, records []store.Record) (good []store.Record, damaged []string) {
	for _, r := range records {
		if s.is(tenant, r.ID) {
			damaged = append(damaged, r.ID)
		} else {
			good = append(good, r)
		}
	}
	return good, damaged
}

func (s *spoiledStore) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	r, err := s.Store.Get(ctx, tenant, key)
	if err == nil && s.is(tenant, r.ID) {
		return store.Record{}, &store.DamagedError{ID: r.ID}
	}
	return r, err
}

func (s *spoiledStore) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	for _, op := range b.Ops {
		if op.Old != nil && op.Old.Revision > 0 && s.is(tenant, op.Old.ID) {
			return 0, &store.DamagedError{ID: op.Old.ID}
		}
	}
	rev, err := s.Store.Apply(ctx, tenant, b)
	if taken, ok := errors.AsType[*store.TakenError](err); ok && s.is(tenant, taken.Holder.ID) {
		return 0, &store.DamagedError{ID: taken.Holder.ID}
	}
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, op := range b.Ops {
			if op.New == nil {
				delete(s.bad, [2]string{tenant, op.Old.ID})
			}
		}
	}
	return rev, err
}

func (s *spoiledStore) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	page, err := s.Store.List(ctx, tenant, q)
	page.Records, page.Damaged = s.split(tenant, page.Records)
	return page, err
}

func (s *spoiledStore) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	page, err := s.Store.Due(ctx, q)
	for i := range page.Tenants {
		of := &page.Tenants[i]
		of.Records, of.Damaged = s.split(of.Tenant, of.Records)
	}
	return page, err
}

// damaging runs a test on every backend with what makes a record unreadable there.
func damaging(t *testing.T, test func(t *testing.T, st store.Store, damage func(tenant, id string))) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		st := newSpoiledStore()
		test(t, st, st.spoil)
	})
	t.Run("stingy", func(t *testing.T) {
		st := newSpoiledStore()
		test(t, storetest.Stingy(st), st.spoil)
	})
	t.Run("sqlite", func(t *testing.T) {
		st, damage := damageable(t)
		test(t, st, func(_, id string) { damage(id) })
	})
	for name, server := range map[string]func(testing.TB) string{
		"miniredis": miniredisServer,
		"redis":     redisServer,
	} {
		t.Run(name, func(t *testing.T) {
			addr, prefix := server(t), "test-"+rand.Text()+":"
			test(t, backends.OpenRedis(t, addr, prefix), func(tenant, id string) { cutInRedis(t, addr, prefix, tenant, id) })
		})
	}
}

// cutInRedis takes the second half of a record away.
func cutInRedis(t *testing.T, addr, prefix, tenant, id string) {
	t.Helper()
	ctx := t.Context()
	client := goredis.NewClient(&goredis.Options{Addr: addr})
	defer func() { _ = client.Close() }()
	keys := must(client.Keys(ctx, prefix+"*:r:"+tenant).Result())(t)
	if len(keys) != 1 {
		t.Fatalf("the records of %s are in %q", tenant, keys)
	}
	whole := must(client.HGet(ctx, keys[0], id).Result())(t)
	ok(t, client.HSet(ctx, keys[0], id, whole[:len(whole)/2]).Err())
}

// mixed is a registry in which of each kind one record is damaged, one is of a form that
// only a newer program can read, and one only such a program may write.
type mixed struct {
	*world
	goodUsers, goodGroups []string // those that can be read
	lostUsers, lostGroups []string // the others
	why                   map[string]error
	protected             string // the user among those that can be read
}

func newMixed(t *testing.T, st store.Store, damage func(tenant, id string)) *mixed {
	t.Helper()
	ctx := t.Context()
	m := &mixed{world: newWorld(st), why: make(map[string]error)}
	ruin := func(i int, id string, good, lost *[]string, protected *string) {
		switch i {
		case 2:
			damage("acme", id)
			m.why[id], *lost = enduser.ErrCorrupt, append(*lost, id)
			return
		case 5:
			tamper(t, st, id, spoiled["newer"].change)
			m.why[id], *lost = enduser.ErrNewer, append(*lost, id)
			return
		case 6:
			tamper(t, st, id, body(t, `"w":1`, `"w":2`))
			*protected = id
		}
		*good = append(*good, id)
	}
	var unused []string
	var none string
	for i := range 9 {
		spec := everything()
		spec.ExternalID, spec.Email = fmt.Sprint("x", i), fmt.Sprintf("u%d@example.com", i)
		spec.Accounts = []enduser.Account{{Type: "irc", ID: fmt.Sprint(i)}}
		spec.Sensitive = secrets{"k": secret("v")}
		spec.ExpiresIn = time.Duration(i+1) * time.Minute
		u := must(m.acme.With(unique).Create(ctx, spec))(t)
		g := made(m.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i)}))(t)
		ruin(i, g.ID, &m.goodGroups, &m.lostGroups, &none)
		ruin((i+4)%9, "sensitive/"+u.ID, &unused, &unused, &none) // of other users
		ruin(i, u.ID, &m.goodUsers, &m.lostUsers, &m.protected)
	}
	return m
}

// countedLost checks an error that stands for so many records that cannot be read or
// written over.
func countedLost(t *testing.T, what string, err error, n int) {
	t.Helper()
	if !errors.Is(err, enduser.ErrCorrupt) && !errors.Is(err, enduser.ErrNewer) {
		t.Errorf("%s: error %v", what, err)
		return
	}
	if want := fmt.Sprintf("(%d in all)", n); n > 1 && !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%s: error %v, want %s", what, err, want)
	}
}

// gathered are what an iterator yields: items by their IDs, and what it could not read.
func gathered[T any](t *testing.T, why map[string]error, what string, seq iter.Seq2[T, error], id func(T) string) (got, lost []string) {
	t.Helper()
	for item, err := range seq {
		if err == nil {
			got = append(got, id(item))
			continue
		}
		unreadable, ok := errors.AsType[*enduser.UnreadableError](err)
		if !ok {
			t.Fatalf("%s: %v", what, err)
		}
		wantErr(t, what+" "+unreadable.ID, err, why[unreadable.ID])
		lost = append(lost, unreadable.ID)
	}
	return got, sorted(lost)
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

func userID(u enduser.User) string   { return u.ID }
func groupID(g enduser.Group) string { return g.ID }

// TestListsPassDamage: what cannot be read is named, once, and stands in no walk's way.
func TestListsPassDamage(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		ctx := t.Context()
		m := newMixed(t, st, damage)
		got, lost := gathered(t, m.why, "All", m.acme.All(ctx, enduser.Filter{}), userID)
		diff(t, "All", got, m.goodUsers)
		diff(t, "All: unreadable", lost, sorted(m.lostUsers))
		got, lost = gathered(t, m.why, "All by name", m.acme.All(ctx, enduser.Filter{Name: "lee", Group: "g1"}), userID)
		diff(t, "All by name", got, m.goodUsers)
		diff(t, "All by name: unreadable", lost, sorted(m.lostUsers))
		got, lost = gathered(t, m.why, "Expiring", m.acme.Expiring(ctx, epoch.Add(time.Hour)), userID)
		diff(t, "Expiring", got, m.goodUsers)
		diff(t, "Expiring: unreadable", lost, sorted(m.lostUsers))
		got, lost = gathered(t, m.why, "Groups().All", m.acme.Groups().All(ctx), groupID)
		diff(t, "Groups().All", got, m.goodGroups)
		diff(t, "Groups().All: unreadable", lost, sorted(m.lostGroups))

		for limit := 1; limit < 9; limit++ {
			for _, desc := range []bool{false, true} {
				what := fmt.Sprintf("limit %d, desc %v", limit, desc)
				m.walkUsers(t, what, enduser.Query{Limit: limit, Desc: desc, AddedAfter: epoch.Add(-1)})
				m.walkGroups(t, what, enduser.GroupQuery{Limit: limit, Desc: desc})
			}
			m.walkUsers(t, fmt.Sprint("by deadline, limit ", limit), enduser.Query{Limit: limit, ExpiringBefore: epoch.Add(time.Hour)})
		}
		if count := must(m.acme.Count(ctx, enduser.Query{}))(t); count != (enduser.Count{N: 8, Exact: true}) { // the newer one is counted
			t.Errorf("count %+v", count)
		}
	})
}

// walkUsers walks by Next, and back by Previous where there is a way back.
func (m *mixed) walkUsers(t *testing.T, what string, q enduser.Query) {
	t.Helper()
	var pages []enduser.Page
	for {
		page := must(m.acme.List(t.Context(), q))(t)
		pages = append(pages, page)
		if q.After = page.Next; q.After.IsZero() {
			break
		}
	}
	var got, lost []string
	for _, page := range pages {
		got, lost = append(got, ids(page.Users)...), append(lost, page.Unreadable...)
	}
	m.checkWalk(t, what, got, lost, q.Desc, m.goodUsers, sorted(m.lostUsers))
	last := pages[len(pages)-1]
	if q.Before = last.Previous; q.Before.IsZero() {
		return
	}
	got, lost = ids(last.Users), last.Unreadable
	for !q.Before.IsZero() {
		page := must(m.acme.List(t.Context(), q))(t)
		got, lost = append(ids(page.Users), got...), append(lost, page.Unreadable...)
		q.Before = page.Previous
	}
	m.checkWalk(t, what+", back", got, slices.Compact(sorted(lost)), q.Desc, m.goodUsers, sorted(m.lostUsers))
}

func (m *mixed) walkGroups(t *testing.T, what string, q enduser.GroupQuery) {
	t.Helper()
	var got, lost []string
	for {
		page := must(m.acme.Groups().List(t.Context(), q))(t)
		for _, g := range page.Groups {
			got = append(got, g.ID)
		}
		lost = append(lost, page.Unreadable...)
		if q.After = page.Next; q.After.IsZero() {
			break
		}
	}
	m.checkWalk(t, "groups, "+what, got, lost, q.Desc, m.goodGroups, sorted(m.lostGroups))
}

func (m *mixed) checkWalk(t *testing.T, what string, got, lost []string, desc bool, want, wantLost []string) {
	t.Helper()
	if desc {
		slices.Reverse(got)
	}
	diff(t, what, got, want)
	diff(t, what+": unreadable", sorted(lost), wantLost)
}

// TestMaintenancePassesDamage: sealing anew, counting seals, indexing anew and sweeping do
// what can be done, and say how much could not.
func TestMaintenancePassesDamage(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		ctx := t.Context()
		m := newMixed(t, st, damage)
		counts, err := m.users.CountSealed(ctx)
		countedLost(t, "CountSealed", err, 4)
		diff(t, "CountSealed", counts, map[string]int{"k1": 14}) // 7 groups and the values of 7 users

		next := enduser.New(st, &enduser.Options{Now: m.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		n, err := next.Reseal(ctx)
		countedLost(t, "Reseal", err, 3)
		if n != 6 {
			t.Errorf("sealed %d anew", n)
		}
		if n, err := next.Reseal(ctx); n != 0 || err == nil {
			t.Errorf("sealed %d anew the second time, %v", n, err)
		}

		m.schema = enduser.Schema{IndexedMetadata: []string{"plan"}}
		n, err = m.acme.Reindex(ctx)
		countedLost(t, "Reindex", err, 3)
		if n != 6 {
			t.Errorf("reindexed %d", n)
		}
		pro := enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("pro")}}
		page := must(m.acme.List(ctx, enduser.Query{Filter: pro}))(t)
		diff(t, "found after that", ids(page.Users), slices.DeleteFunc(slices.Clone(m.goodUsers), func(id string) bool { return id == m.protected }))

		other := must(m.acme.In(enduser.Testing).Create(ctx, enduser.Spec{ExpiresIn: time.Minute}))(t)
		m.Advance(time.Hour)
		for _, want := range []int{8, 0} { // the last is of the other environment
			n, err := m.users.Sweep(ctx)
			if countedLost(t, "Sweep", err, 2); n != want {
				t.Errorf("swept %d, want %d", n, want)
			}
		}
		wantErr(t, "the other environment", second(m.acme.In(enduser.Testing).Get(ctx, enduser.ByID(other.ID))), enduser.ErrNotFound)
		for _, id := range m.lostUsers {
			wantErr(t, "left", second(m.acme.Get(ctx, enduser.ByID(id))), m.why[id])
		}
		for u, err := range m.acme.All(ctx, enduser.Filter{}) {
			if err == nil {
				t.Errorf("%s is left", u.ID)
			}
		}
		diff(t, "expired", sorted(expiredIn(feed(t, m.acme))), sorted(m.goodUsers)) // in no order: they are swept together
		if left := len(sensitiveOf(t, st, "acme")); left != 2 {
			t.Errorf("the values of %d users are left, want those of the two that cannot be read", left)
		}
		m.Advance(enduser.SensitiveTTL)
		_, err = m.users.Sweep(ctx)
		countedLost(t, "Sweep a day later", err, 2)
		diff(t, "sensitive values", sensitiveOf(t, st, "acme"), []string{})
	})
}

func expiredIn(feed []string) (expired []string) {
	for _, entry := range feed {
		if id, ok := strings.CutPrefix(entry, "expired "); ok {
			expired = append(expired, id)
		}
	}
	return expired
}

// TestDeleteOfDamaged: what cannot be read is deleted by its ID, with what belongs to it,
// and then all that it held is free.
func TestDeleteOfDamaged(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		ctx := t.Context()
		m := newMixed(t, st, damage)
		acme := m.acme.With(unique)
		for i, id := range m.lostUsers {
			number := []int{2, 5}[i]
			spec := enduser.Spec{
				ExternalID: fmt.Sprint("X", number), Email: fmt.Sprintf("U%d@example.com", number),
				Accounts: []enduser.Account{{Type: "irc", ID: fmt.Sprint(number)}},
			}
			for what, s := range map[string]enduser.Spec{
				"external ID": {ExternalID: spec.ExternalID}, "account": {Accounts: spec.Accounts}, "e-mail": {Email: spec.Email},
			} {
				if _, err := acme.Create(ctx, s); err == nil {
					t.Errorf("the %s of %s was free", what, id)
				}
			}
			ok(t, acme.Delete(ctx, enduser.ByID(id)))
			wantErr(t, "deleted", second(acme.Get(ctx, enduser.ByID(id))), enduser.ErrNotFound)
			wantErr(t, "deleted twice", acme.Delete(ctx, enduser.ByID(id)), enduser.ErrNotFound)
			u := must(acme.Create(ctx, spec))(t)
			for what, ref := range map[string]enduser.Ref{
				"external ID": enduser.ByExternalID(spec.ExternalID), "account": enduser.ByAccount(spec.Accounts[0]), "e-mail": enduser.ByEmail(spec.Email),
			} {
				if got := must(acme.Get(ctx, ref))(t); got.ID != u.ID {
					t.Errorf("by %s: %s, want %s", what, got.ID, u.ID)
				}
			}
		}
		for i, id := range m.lostGroups {
			ok(t, m.acme.Groups().Delete(ctx, enduser.GroupByID(id)))
			made(m.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("G", []int{2, 5}[i])}))(t)
		}
		for _, id := range m.goodUsers { // the damaged values of some of them, too
			if err := acme.Delete(ctx, enduser.ByID(id)); err != nil {
				t.Errorf("delete %s: %v", id, err)
			}
		}
		got, lost := gathered(t, m.why, "left", m.acme.All(ctx, enduser.Filter{}), userID)
		if len(got) != 2 || len(lost) > 0 {
			t.Errorf("left %v and %v", got, lost)
		}
		diff(t, "sensitive values", sensitiveOf(t, st, "acme"), []string{})
		if _, err := m.users.Sweep(ctx); err != nil {
			t.Errorf("sweep: %v", err)
		}
	})
}

// TestSweepGoesOnBehindDamage: where the first records of a tenant that are due are all
// damaged, more than a page of them, the sweep goes on behind them, and in other tenants.
func TestSweepGoesOnBehindDamage(t *testing.T) {
	for _, stingy := range []bool{false, true} {
		t.Run(fmt.Sprint("stingy ", stingy), func(t *testing.T) {
			ctx := t.Context()
			spoiled := newSpoiledStore()
			st := store.Store(spoiled)
			if stingy {
				st = storetest.Stingy(st)
			}
			w := newWorld(st)
			const damaged, good = 300, 300
			want := 0
			for _, name := range []string{"a", "acme", "b", "zeta"} {
				tenant := w.users.Tenant(name)
				for i := range damaged + good {
					if name != "acme" && i == 3 {
						break
					}
					u := must(tenant.Create(ctx, enduser.Spec{ExpiresIn: time.Duration(i+1) * time.Millisecond}))(t)
					if name == "acme" && i < damaged {
						spoiled.spoil(name, u.ID)
					} else {
						want++
					}
				}
			}
			w.Advance(time.Hour)
			for _, want := range []int{want, 0} {
				n, err := w.users.Sweep(ctx)
				countedLost(t, "sweep", err, damaged)
				if n != want {
					t.Errorf("swept %d, want %d", n, want)
				}
			}
		})
	}
}
