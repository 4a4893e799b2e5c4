package sqlite_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/internal/testing/observed"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

func TestObserver(t *testing.T) {
	path := file(t)
	var o observed.Recorder
	s := open(t, path, &sqlite.Options{Observer: o.Observer()})
	o.Check(t, s, damager{s, path}.Damage, 3) // a group for each Apply, and for Trim
}

func TestObserverCalls(t *testing.T) {
	path := file(t)
	var o observed.Recorder
	s := open(t, path, &sqlite.Options{Observer: o.Observer()})
	d := damager{s, path}
	a, b := user("a", "x"), user("b", "y")
	b.Due = store.FromMillis(1)
	apply(t, s, "t", store.Create(a, []byte("note")), store.Create(b, []byte("note")))
	must(t, d.Damage(t.Context(), "t", "a"))
	must(t, d.DamageChange(t.Context(), "t", 1))
	_, found := s.Get(t.Context(), "t", store.ID("b"))
	_, damaged := s.Get(t.Context(), "t", store.ID("a"))
	_, stale := s.Apply(t.Context(), "t", store.Ops(store.Create(b, nil)))
	_, list := s.List(t.Context(), "t", store.Query{Kind: "user"})
	_, changes := s.Changes(t.Context(), "t", store.ChangeQuery{})
	_, due := s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(2)})
	_, tenants := s.Tenants(t.Context(), store.TenantQuery{})
	_, count := s.Count(t.Context(), "t", store.CountQuery{Kind: "user"})
	_, invalid := s.List(t.Context(), "", store.Query{})
	must(t, errors.Join(found, list, changes, due, tenants, count,
		s.Wait(t.Context(), "t", 0), s.Trim(t.Context(), "t", 1), s.Scrub(t.Context())))
	want := []store.CallInfo{
		{Method: "Apply", Items: 2},
		{Method: "Get", Items: 1},
		{Method: "Get", Err: damaged, Damaged: 1},
		{Method: "Apply", Items: 1, Err: stale},
		{Method: "List", Items: 1, Looked: 2, Damaged: 1},
		{Method: "Changes", Items: 2, Damaged: 1},
		{Method: "Due", Items: 1},
		{Method: "Tenants", Items: 1},
		{Method: "Count", Looked: 2, Damaged: 1},
		{Method: "List", Err: invalid},
		{Method: "Wait"},
		{Method: "Trim"},
		{Method: "Scrub"},
	}
	if diff := cmp.Diff(want, o.Calls, cmpopts.IgnoreFields(store.CallInfo{}, "Took"), cmpopts.EquateErrors()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for _, c := range o.Calls {
		if errors.As(c.Err, new(*store.DamagedError)) {
			t.Errorf("%s: told of a record's ID: %v", c.Method, c.Err)
		}
		if c.Took < 0 || c.Took > time.Hour {
			t.Errorf("%s took %v", c.Method, c.Took)
		}
	}
	groups := []store.GroupInfo{{Calls: 1}, {Calls: 1}, {Calls: 1}} // two of Apply, one of Trim
	if diff := cmp.Diff(groups, o.Groups, cmpopts.IgnoreFields(store.GroupInfo{}, "Took")); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// TestObserverWaits: the observer gets how many calls waited before each call that waits
// for a lock, and the attempts to get the lock.
func TestObserverWaits(t *testing.T) {
	path := file(t)
	var o observed.Recorder
	s := open(t, path, &sqlite.Options{Observer: o.Observer()})
	locker, _ := raw(t, path)
	execute(t, locker, `BEGIN IMMEDIATE`)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if _, err := s.Apply(t.Context(), "t", store.Ops(store.Create(user(string(rune('a'+i))), nil))); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all wait, and there was another attempt", func() bool {
		o.Lock()
		defer o.Unlock()
		return s.Queued() == 3 && len(o.Retries) > 0
	})
	execute(t, locker, `ROLLBACK`)
	wg.Wait()
	if len(o.Groups) != 1 || o.Groups[0].Calls != 3 || o.Groups[0].Err != nil {
		t.Errorf("groups %+v", o.Groups)
	}
	var queued []int
	for _, c := range o.Calls {
		queued = append(queued, c.Queued)
	}
	if slices.Sort(queued); !slices.Equal(queued, []int{0, 1, 2}) {
		t.Errorf("queued %v", queued)
	}
	for _, r := range o.Retries {
		if r.Method != "" || r.Err == nil {
			t.Errorf("retry %+v", r)
		}
	}
}

// TestObserverFailures: the observer gets a group that is lost, and its calls.
func TestObserverFailures(t *testing.T) {
	var o observed.Recorder
	g := newGroups(t, file(t), o.Observer())
	apply(t, g.store, "t", store.Create(user("first"), nil)) // opens the connection
	g.driver.arm(3, ioError, nil, nil)
	_, err := g.store.Apply(t.Context(), "t", store.Ops(store.Create(user("a", "x"), nil)))
	g.driver.disarm()
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	if len(o.Groups) != 2 || !errors.Is(o.Groups[1].Err, errIO) || len(o.Calls) != 2 || !errors.Is(o.Calls[1].Err, errIO) {
		t.Errorf("groups %+v, calls %+v", o.Groups, o.Calls)
	}
}
