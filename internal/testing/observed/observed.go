// Package observed checks what a store tells its observer.
package observed

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Recorder keeps what its Observer is told. While calls run, the rest is read with the lock.
type Recorder struct {
	sync.Mutex

	Calls   []store.CallInfo
	Groups  []store.GroupInfo
	Retries []store.RetryInfo
}

// Observer returns the observer that tells the Recorder.
func (r *Recorder) Observer() *store.Observer {
	return &store.Observer{
		Call:  func(c store.CallInfo) { r.Lock(); defer r.Unlock(); r.Calls = append(r.Calls, c) },
		Group: func(g store.GroupInfo) { r.Lock(); defer r.Unlock(); r.Groups = append(r.Groups, g) },
		Retry: func(i store.RetryInfo) { r.Lock(); defer r.Unlock(); r.Retries = append(r.Retries, i) },
	}
}

// Counter is a store that counts.
type Counter interface {
	store.Store
	store.Counter
}

// Check makes calls of an empty store whose observer is the Recorder's, one after the other, and
// checks what it is told of each. Two of them write: groups says how many are sent as groups. The
// function damages a record.
func (r *Recorder) Check(t *testing.T, s Counter, damage func(ctx context.Context, tenant, id string) error, groups int) {
	t.Helper()
	for _, step := range steps(t.Context(), s) {
		r.step(t, step)
	}
	if err := damage(t.Context(), "tenant", "1"); err != nil {
		t.Fatal(err)
	}
	for _, step := range damagedSteps(t.Context(), s) {
		r.step(t, step)
	}
	if len(r.Groups) != groups {
		t.Errorf("told of the groups %+v, want %d", r.Groups, groups)
	}
	for _, g := range r.Groups {
		if g.Calls != 1 || g.Err != nil {
			t.Errorf("told of a group %+v", g)
		}
	}
	for _, step := range wholeSteps(t.Context(), s) {
		r.step(t, step)
	}
}

// step is a call and what the observer has to be told.
type step struct {
	call func() error
	want store.CallInfo
}

func steps(ctx context.Context, s Counter) []step {
	due := store.Record{ID: "2", Kind: "user", Due: time.UnixMilli(1)}
	all := []step{
		{
			apply(ctx, s, store.Create(store.Record{ID: "1", Kind: "user"}, []byte("note")), store.Create(due, nil)),
			store.CallInfo{Method: "Apply", Items: 2},
		},
		{apply(ctx, s, store.Create(due, nil)), store.CallInfo{Method: "Apply", Items: 1, Err: store.ErrStale}},
		{get(ctx, s, "1"), store.CallInfo{Method: "Get", Items: 1}},
		{get(ctx, s, "none"), store.CallInfo{Method: "Get", Err: store.ErrNotFound}},
		{list(ctx, s), store.CallInfo{Method: "List", Items: 2, Looked: 2}},
		{func() error {
			_, err := s.Count(ctx, "tenant", store.CountQuery{Kind: "user"})
			return err
		}, store.CallInfo{Method: "Count", Looked: 2}},
		{func() error {
			_, err := s.Changes(ctx, "tenant", store.ChangeQuery{})
			return err
		}, store.CallInfo{Method: "Changes", Items: 1}},
		{func() error { return s.Trim(ctx, "tenant", 1) }, store.CallInfo{Method: "Trim"}},
		{func() error {
			_, err := s.Due(ctx, store.DueQuery{Before: time.UnixMilli(5)})
			return err
		}, store.CallInfo{Method: "Due", Items: 1}},
		{func() error {
			_, err := s.Tenants(ctx, store.TenantQuery{})
			return err
		}, store.CallInfo{Method: "Tenants", Items: 1}},
	}
	if w, ok := s.(store.Waiter); ok {
		all = append(all, step{func() error { return w.Wait(ctx, "tenant", 0) }, store.CallInfo{Method: "Wait"}})
	}
	return all
}

func damagedSteps(ctx context.Context, s store.Store) []step {
	return []step{
		{get(ctx, s, "1"), store.CallInfo{Method: "Get", Damaged: 1, Err: store.ErrDamaged}},
		{list(ctx, s), store.CallInfo{Method: "List", Items: 1, Looked: 2, Damaged: 1}},
	}
}

// wholeSteps are calls about whole tenants, as far as the store has them. One of its records
// is damaged.
func wholeSteps(ctx context.Context, s store.Store) (all []step) {
	if w, ok := s.(store.Importer); ok {
		part := store.Part{
			Records: []store.Record{{ID: "1", Kind: "user", Created: 3, Revision: 4}},
			Changes: []store.Change{{Seq: 4, Revision: 4, Type: store.Updated, Kind: "user", ID: "1"}},
		}
		other := part
		other.Records = []store.Record{{ID: "1", Kind: "user", Created: 3, Revision: 5}}
		all = append(
			all,
			step{func() error { return w.Import(ctx, "imported", part) }, store.CallInfo{Method: "Import", Items: 2}},
			step{func() error { return w.Import(ctx, "imported", other) }, store.CallInfo{Method: "Import", Items: 2, Err: store.ErrStale}},
		)
	}
	if w, ok := s.(store.KindLister); ok {
		all = append(all, step{func() error {
			_, err := w.Kinds(ctx, "tenant", "")
			return err
		}, store.CallInfo{Method: "Kinds", Items: 1}})
	}
	if w, ok := s.(store.Dropper); ok {
		all = append(
			all,
			step{func() error { return w.Drop(ctx, "tenant") }, store.CallInfo{Method: "Drop", Err: store.ErrStale}},
			step{func() error { return w.Drop(ctx, "nobody") }, store.CallInfo{Method: "Drop"}},
		)
	}
	if w, ok := s.(store.Verifier); ok {
		all = append(all, step{func() (last error) {
			for _, err := range w.Verify(ctx, store.VerifyOptions{}) {
				last = err
			}
			return last
		}, store.CallInfo{Method: "Verify", Items: 1}})
	}
	return all
}

func apply(ctx context.Context, s store.Store, ops ...store.Op) func() error {
	return func() error { _, err := s.Apply(ctx, "tenant", store.Ops(ops...)); return err }
}

func get(ctx context.Context, s store.Store, id string) func() error {
	return func() error { _, err := s.Get(ctx, "tenant", store.ID(id)); return err }
}

func list(ctx context.Context, s store.Store) func() error {
	return func() error { _, err := s.List(ctx, "tenant", store.Query{Kind: "user"}); return err }
}

func (r *Recorder) step(t *testing.T, step step) {
	t.Helper()
	r.Calls = nil
	err := step.call()
	if len(r.Calls) != 1 {
		t.Fatalf("%s: told of %+v", step.want.Method, r.Calls)
	}
	got, want := r.Calls[0], step.want
	if !errors.Is(got.Err, want.Err) || !errors.Is(err, got.Err) {
		t.Errorf("%s: told of %v, returned %v, want %v", want.Method, got.Err, err, want.Err)
	}
	if errors.As(got.Err, new(*store.DamagedError)) {
		t.Errorf("%s: told of a record's ID: %v", want.Method, got.Err)
	}
	if got.Took < 0 || got.Took > time.Hour {
		t.Errorf("%s: took %v", got.Method, got.Took)
	}
	got.Err, got.Took, want.Err = nil, 0, nil
	if got != want {
		t.Errorf("told of %+v, want %+v", got, want)
	}
}
