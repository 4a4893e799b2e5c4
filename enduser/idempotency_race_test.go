package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// lateStore is a store whose network keeps some batches for a while: the caller is told that
// the outcome is unknown, and the batch arrives later.
type lateStore struct {
	store.Store

	mu    sync.Mutex
	fault func() fault // of the next Apply
	late  []func() error
}

type fault uint8

const (
	noFault fault = iota
	refused       // nothing is written, and the caller knows
	lostCall
	lostReply
	delayed
)

func (s *lateStore) Unwrap() store.Store { return s.Store }

func (s *lateStore) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	s.mu.Lock()
	f := noFault
	if s.fault != nil {
		f = s.fault()
	}
	if f == delayed {
		s.late = append(s.late, func() error {
			_, err := s.Store.Apply(context.WithoutCancel(ctx), tenant, b)
			return err
		})
	}
	s.mu.Unlock()
	if f == refused {
		return 0, fmt.Errorf("%w: no connection", store.ErrUnavailable)
	}
	if f == lostCall || f == delayed {
		return 0, fmt.Errorf("connection lost: %w", store.ErrUnknown)
	}
	rev, err := s.Store.Apply(ctx, tenant, b)
	if err == nil && f == lostReply {
		return 0, fmt.Errorf("connection lost: %w", store.ErrUnknown)
	}
	return rev, err
}

// arrive lets a batch arrive that was kept, and returns what the store says to it; nil if there
// is none.
func (s *lateStore) arrive(which func(n int) int) error {
	s.mu.Lock()
	if len(s.late) == 0 {
		s.mu.Unlock()
		return nil
	}
	i := which(len(s.late))
	batch := s.late[i]
	s.late = slices.Delete(s.late, i, i+1)
	s.mu.Unlock()
	return batch()
}

func (s *lateStore) set(f func() fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func always(f fault) func() fault { return func() fault { return f } }

// TestIdempotentCallsOfUnknownOutcome: a call of unknown outcome is repeated with its key, by
// another process. Whether the first write was done, was not, or arrives in the end, there is
// one effect, and the answer is the one of the call that had it.
func TestIdempotentCallsOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, call := range keyedCalls() {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, st store.Store) {
				for what, f := range map[string]fault{"lost": lostCall, "done": lostReply, "late": delayed} {
					s := &lateStore{Store: st}
					w := newWorld(s)
					w.acme = w.users.Tenant(what).As("ann")
					prepareKeyed(t, w.acme)
					before := feed(t, w.acme)
					key := &enduser.Idempotency{Key: "order-7"}
					s.set(always(f))
					first, err := call(key.Context(t.Context()), w.acme)
					if f == lostReply { // the answer is there to be read
						wantErr(t, what, err, nil)
					} else {
						wantErr(t, what, err, enduser.ErrUnknown)
					}
					s.set(nil)
					other := w.process(st, "v").Tenant(what).As("ann")
					again, err := call(key.Context(t.Context()), other)
					if err != nil || key.Replayed() != (f == lostReply) {
						t.Fatalf("%s, again: %v, replayed %v", what, err, key.Replayed())
					}
					if f == lostReply {
						diff(t, "again", again, first)
					}
					after := feed(t, w.acme)
					if f == delayed {
						wantErr(t, "the late write", s.arrive(func(int) int { return 0 }), store.ErrStale)
					}
					third, err := call(key.Context(t.Context()), w.acme)
					if err != nil || !key.Replayed() {
						t.Errorf("%s, a third time: %v, replayed %v", what, err, key.Replayed())
					}
					diff(t, what+", a third time", third, again)
					diff(t, "feed", feed(t, w.acme), after)
					if n := len(after) - len(before); n > 1 {
						t.Errorf("%s: %d changes", what, n)
					}
				}
			})
		})
	}
}

// TestIdempotentCallThatStaysUnknown: if the store cannot be read after a write of unknown
// outcome, the call says that it is unknown.
func TestIdempotentCallThatStaysUnknown(t *testing.T) {
	f := &faultstore.Store{Store: allBackends()[0].open(t)}
	w := newWorld(f)
	ctx := enduser.Idempotent(t.Context(), "k")
	f.OnApplied = func(int64, []store.Op) error {
		f.Fail(store.ErrUnavailable)
		return store.ErrUnknown
	}
	_, err := w.acme.Create(ctx, enduser.Spec{Name: "Ann"})
	wantErr(t, "unknown", err, enduser.ErrUnknown)
	g, token, err := w.acme.Groups().Create(enduser.Idempotent(t.Context(), "l"), enduser.GroupSpec{ExternalID: "g"})
	wantErr(t, "not reached", err, enduser.ErrUnavailable)
	if g.ID != "" || token != "" {
		t.Errorf("%v, token %q", g, token)
	}
	f.Fail(nil)
	f.OnApplied = nil
	must(w.acme.Create(ctx, enduser.Spec{Name: "Ann"}))(t)
	if n := must(w.acme.Count(t.Context(), enduser.Query{}))(t); n.N != 1 {
		t.Errorf("%d users", n.N)
	}
}

// TestConcurrentIdempotentCalls: of many calls at once with one key, in two processes, one has
// an effect; the others return the same, or that it is running.
func TestConcurrentIdempotentCalls(t *testing.T) {
	const callers = 100
	each(t, func(t *testing.T, st store.Store) {
		for name, call := range keyedCalls() {
			w := newWorld(st)
			managers := []*enduser.Manager{w.users, w.process(st, "v"), w.process(st, "w"), w.process(st, "x")}
			tenant := func(i int) enduser.Tenant { return managers[i%len(managers)].Tenant(name).As("ann") }
			prepareKeyed(t, tenant(0))
			before := len(feed(t, tenant(0)))
			type result struct {
				got      any
				err      error
				replayed bool
			}
			results := atonce.Collect(callers, func(i int) (r result) {
				key := &enduser.Idempotency{Key: "k"}
				r.got, r.err = call(key.Context(t.Context()), tenant(i))
				r.replayed = key.Replayed()
				return r
			})
			first := slices.IndexFunc(results, func(r result) bool { return r.err == nil && !r.replayed })
			if first < 0 {
				t.Fatalf("%s: nobody was first: %v", name, results[0].err)
			}
			for i, r := range results {
				switch {
				case errors.Is(r.err, enduser.ErrInProgress):
				case r.err != nil:
					t.Errorf("%s: caller %d: %v", name, i, r.err)
				case !r.replayed && i != first:
					t.Errorf("%s: callers %d and %d were first", name, first, i)
				default:
					diff(t, name, r.got, results[first].got)
				}
			}
			if n := len(feed(t, tenant(0))) - before; n > 1 {
				t.Errorf("%s: %d changes", name, n)
			}
			if n := len(recordsOf(t, st, name, "answer")); n != 1 {
				t.Errorf("%s: %d answers", name, n)
			}
		}
	})
}

// TestIdempotentHistories: callers in two processes repeat calls at random, over a network that
// loses and delays writes. In the end every call had its effect once if it ever succeeded, and
// at most once otherwise.
func TestIdempotentHistories(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		for n := range size.Pick(t, 3, 20, 200) {
			idempotentHistory(t, st, fmt.Sprint("tenant-", n), uint64(n))
		}
	})
}

func idempotentHistory(t *testing.T, st store.Store, tenant string, seed uint64) {
	t.Helper()
	const keys, callers, calls = 12, 4, 30
	s := &lateStore{Store: st}
	w := newWorld(s)
	managers := []enduser.Tenant{w.users.Tenant(tenant), w.process(s, "v").Tenant(tenant)}
	shared := must(managers[0].Create(t.Context(), enduser.Spec{ExternalID: "shared"}))(t)
	faults := rand.New(rand.NewPCG(seed, 1)) // used under the store's lock
	s.set(func() fault {
		if faults.IntN(3) > 0 {
			return noFault
		}
		return refused + fault(faults.IntN(4))
	})
	var done [keys]struct {
		sync.Mutex
		id string
	}
	call := func(acme enduser.Tenant, k int) (string, error) {
		key := fmt.Sprint("k", k)
		ctx := enduser.Idempotent(context.Background(), key)
		if k%2 == 0 {
			u, err := acme.Create(ctx, enduser.Spec{Name: key})
			return u.ID, err
		}
		u, err := acme.Update(ctx, enduser.ByID(shared.ID), func(e *enduser.Edit) error {
			n, _ := e.Metadata[key].Int64()
			e.Metadata[key] = enduser.Int(n + 1)
			return nil
		})
		return u.ID, err
	}
	attempt := func(acme enduser.Tenant, k int) {
		id, err := call(acme, k)
		if err != nil {
			for _, known := range []error{enduser.ErrUnknown, enduser.ErrUnavailable, enduser.ErrInProgress, enduser.ErrContended} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Errorf("seed %d: call %d: %v", seed, k, err)
			return
		}
		done[k].Lock()
		defer done[k].Unlock()
		if done[k].id != "" && done[k].id != id {
			t.Errorf("seed %d: call %d returned %s, then %s", seed, k, done[k].id, id)
		}
		done[k].id = id
	}
	atonce.Do(callers, func(i int) {
		random := rand.New(rand.NewPCG(seed, uint64(2+i)))
		for range calls {
			attempt(managers[random.IntN(len(managers))], random.IntN(keys))
			if random.IntN(3) == 0 {
				if err := s.arrive(random.IntN); err != nil && !errors.Is(err, store.ErrStale) {
					t.Errorf("seed %d: a late write: %v", seed, err)
				}
			}
		}
	})
	for len(s.late) > 0 {
		_ = s.arrive(func(int) int { return 0 })
	}
	named := make(map[string]int)
	for u, err := range managers[0].All(t.Context(), enduser.Filter{}) {
		ok(t, err)
		named[u.Name]++
	}
	now := must(managers[0].Get(t.Context(), enduser.ByID(shared.ID)))(t)
	effects := 0
	for k := range done {
		key := fmt.Sprint("k", k)
		n := named[key]
		if k%2 == 1 {
			counted, _ := now.Metadata[key].Int64()
			n = int(counted)
		}
		if n > 1 || done[k].id != "" && n != 1 {
			t.Errorf("seed %d: call %d had %d effects, done %v", seed, k, n, done[k].id != "")
		}
		effects += n
	}
	if n := len(feed(t, managers[0])); n != 1+effects {
		t.Errorf("seed %d: %d changes, %d effects", seed, n, effects)
	}
	if n := len(recordsOf(t, st, tenant, "answer")); n != effects {
		t.Errorf("seed %d: %d answers, %d effects", seed, n, effects)
	}
}

// TestIdempotentTakeover: the answer fits into the batch that takes over from as many expired
// users as a batch holds, and is in the way of no other.
func TestIdempotentTakeover(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(enduser.Policy{UniqueEmail: true, MaxAccounts: 32})
		s := enduser.Spec{ExternalID: "a", Email: "a@example.com", Sensitive: map[string]enduser.Secret{"a": secret("b")}}
		dies := func(s enduser.Spec) {
			s.ExpiresIn, s.Sensitive = time.Second, map[string]enduser.Secret{"a": secret("b")}
			must(acme.Create(ctx, s))(t)
		}
		for i := range 32 {
			a := enduser.Account{Type: "irc", ID: fmt.Sprint(i)}
			s.Accounts = append(s.Accounts, a)
			dies(enduser.Spec{Accounts: []enduser.Account{a}})
		}
		dies(enduser.Spec{ExternalID: "a"})
		dies(enduser.Spec{Email: "a@example.com"})
		w.Advance(time.Second)
		ctx = enduser.Idempotent(ctx, "k")
		u := upserted(acme.Upsert(ctx, s))(t, enduser.Created)
		diff(t, "again", upserted(acme.Upsert(ctx, s))(t, enduser.Created), u)
		diff(t, "list", ids(must(acme.List(ctx, enduser.Query{}))(t).Users), []string{u.ID})
		if n := len(feed(t, acme)); n != 34+34+1 {
			t.Errorf("%d changes", n)
		}
	})
}

// TestIdempotentInside: inside a transaction of the host the key is kept by the commit, and
// free after a rollback.
func TestIdempotentInside(t *testing.T) {
	for name, call := range keyedCalls() {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.users = newWorld(h.store).users
			acme := h.users.Tenant("acme")
			prepareKeyed(t, acme)
			before := feed(t, acme)
			key := &enduser.Idempotency{Key: "order-7"}
			ctx := key.Context(t.Context())
			var first any
			inside := func(acme enduser.Tenant) {
				var err error
				first, err = call(ctx, acme)
				if err != nil || key.Replayed() {
					t.Errorf("inside: %v, replayed %v", err, key.Replayed())
				}
				again, err := call(ctx, acme)
				if err != nil || !key.Replayed() {
					t.Errorf("inside, again: %v, replayed %v", err, key.Replayed())
				}
				diff(t, "inside, again", again, first)
			}
			h.inside(t, false, inside)
			diff(t, "after the rollback", feed(t, acme), before)
			h.inside(t, true, inside)
			after := feed(t, acme)
			again, err := call(ctx, acme)
			if err != nil || !key.Replayed() || len(after) > len(before)+1 {
				t.Errorf("after the commit: %v, replayed %v, feed %v", err, key.Replayed(), after)
			}
			diff(t, "after the commit", again, first)
		})
	}
}
