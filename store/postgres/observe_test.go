package postgres_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// recorder is an Observer that keeps what it is told.
type recorder struct {
	mu      sync.Mutex
	calls   []store.CallInfo
	groups  []store.GroupInfo
	retries []store.RetryInfo
}

func (r *recorder) observer() *store.Observer {
	return &store.Observer{
		Call: func(c store.CallInfo) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.calls = append(r.calls, c)
		},
		Group: func(g store.GroupInfo) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.groups = append(r.groups, g)
		},
		Retry: func(i store.RetryInfo) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.retries = append(r.retries, i)
		},
	}
}

func TestObserver(t *testing.T) {
	h := newHome(t)
	var told recorder
	s := h.open(t, &postgres.Options{Observer: told.observer()})
	ctx := t.Context()
	due := store.Record{ID: "2", Kind: "user", Due: time.UnixMilli(1)}
	apply := func(ops ...store.Op) func() error {
		return func() error { _, err := s.Apply(ctx, "tenant", store.Ops(ops...)); return err }
	}
	get := func(id string) func() error {
		return func() error { _, err := s.Get(ctx, "tenant", store.ID(id)); return err }
	}
	list := func() error { _, err := s.List(ctx, "tenant", store.Query{Kind: "user"}); return err }
	for _, step := range []struct {
		call func() error
		want store.CallInfo
	}{
		{apply(store.Create(user("1"), []byte("note")), store.Create(due, nil)), store.CallInfo{Method: "Apply", Items: 2}},
		{apply(store.Create(due, nil)), store.CallInfo{Method: "Apply", Items: 1, Err: store.ErrStale}},
		{get("1"), store.CallInfo{Method: "Get", Items: 1}},
		{get("none"), store.CallInfo{Method: "Get", Err: store.ErrNotFound}},
		{list, store.CallInfo{Method: "List", Items: 2, Looked: 2}},
		{func() error {
			_, err := s.Count(ctx, "tenant", store.CountQuery{Kind: "user"})
			return err
		}, store.CallInfo{Method: "Count", Looked: 2}},
		{func() error {
			_, err := s.Changes(ctx, "tenant", store.ChangeQuery{})
			return err
		}, store.CallInfo{Method: "Changes", Items: 1}},
		{func() error { return s.Wait(ctx, "tenant", 0) }, store.CallInfo{Method: "Wait"}},
		{func() error { return s.Trim(ctx, "tenant", 1) }, store.CallInfo{Method: "Trim"}},
		{func() error {
			_, err := s.Due(ctx, store.DueQuery{Before: time.UnixMilli(5)})
			return err
		}, store.CallInfo{Method: "Due", Items: 1}},
		{func() error {
			_, err := s.Tenants(ctx, store.TenantQuery{})
			return err
		}, store.CallInfo{Method: "Tenants", Items: 1}},
		{func() error { return damager{s, h, nil}.Damage(ctx, "tenant", "1") }, store.CallInfo{}},
		{get("1"), store.CallInfo{Method: "Get", Damaged: 1, Err: store.ErrDamaged}},
		{list, store.CallInfo{Method: "List", Items: 1, Looked: 2, Damaged: 1}},
	} {
		told.calls = nil
		err := step.call()
		if step.want.Method == "" {
			must(t, err)
			continue
		}
		if len(told.calls) != 1 {
			t.Fatalf("%s: told of %+v", step.want.Method, told.calls)
		}
		got := told.calls[0]
		if !errors.Is(got.Err, step.want.Err) || !errors.Is(err, got.Err) {
			t.Errorf("%s: told of %v, returned %v, want %v", step.want.Method, got.Err, err, step.want.Err)
		}
		if errors.As(got.Err, new(*store.DamagedError)) {
			t.Errorf("%s: told of a record's ID: %v", step.want.Method, got.Err)
		}
		if got.Took <= 0 {
			t.Errorf("%s: took %v", got.Method, got.Took)
		}
		got.Err, got.Took, step.want.Err = nil, 0, nil
		if got != step.want {
			t.Errorf("told of %+v, want %+v", got, step.want)
		}
	}
	// Two Applies were sent, each alone.
	if len(told.groups) != 2 || slices.ContainsFunc(told.groups, func(g store.GroupInfo) bool { return g.Calls != 1 || g.Err != nil }) {
		t.Errorf("told of the groups %+v", told.groups)
	}
}

// A read whose reply is lost is made again, and told as a retry and as no call that failed.
func TestObserverOfRetries(t *testing.T) {
	h := newHome(t)
	n := newNetwork(t, h)
	var told recorder
	s := n.home.open(t, &postgres.Options{Observer: told.observer()})
	put(t, s, "tenant", store.Create(user("id"), nil))
	told.calls, told.retries = nil, nil
	n.lose(reply)
	_, err := s.Get(t.Context(), "tenant", store.ID("id"))
	must(t, err)
	if len(told.calls) != 1 || told.calls[0].Err != nil {
		t.Errorf("told of the calls %+v", told.calls)
	}
	if len(told.retries) != 1 || told.retries[0].Method != told.calls[0].Method || told.retries[0].Err == nil {
		t.Errorf("told of the retries %+v", told.retries)
	}
}
