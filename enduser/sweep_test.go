package enduser_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Two sweepers, or a sweeper and one who takes over, never both end a user.
func TestSweepsDoNotCollide(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		other := enduser.New(st, &enduser.Options{Now: w.Now})
		const n = 120
		for i := range n {
			must(w.acme.Create(ctx, enduser.Spec{ExternalID: fmt.Sprint(i), ExpiresIn: time.Second}))(t)
		}
		w.Advance(time.Second)
		var wg sync.WaitGroup
		var swept [2]int
		for i, m := range []*enduser.Manager{w.users, other} {
			wg.Go(func() {
				var err error
				if swept[i], err = m.Sweep(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		taken := 0
		wg.Go(func() {
			for i := range n {
				if _, outcome, err := w.acme.Ensure(ctx, enduser.Spec{ExternalID: fmt.Sprint(i)}); err != nil || outcome != enduser.Created {
					t.Errorf("ensure %d: %v %v", i, outcome, err)
				}
			}
		})
		wg.Wait()
		expired := make(map[string]int)
		for _, c := range changesAfter(t, w.acme, 0) {
			if c.Type == enduser.ChangeExpired {
				expired[c.ID]++
				if c.Actor == "ann" {
					taken++
				}
			}
		}
		for id, times := range expired {
			if times != 1 {
				t.Errorf("%s expired %d times", id, times)
			}
		}
		if len(expired) != n || swept[0]+swept[1]+taken != n {
			t.Errorf("%d expired; swept %v, taken over %d; want %d", len(expired), swept, taken, n)
		}
	})
}

// What the sweeper cannot read does not keep it from the rest, and is not lost.
func TestSweepPassesByWhatItCannotRead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for _, r := range []store.Record{
			{ID: "bad", Kind: "user", Due: epoch, Data: []byte("?")},
			{ID: "not-expired", Kind: "user", Due: epoch, Data: []byte(`{"r":1,"w":1}`)},
		} {
			for i := range 300 { // more than a page
				r := r
				r.ID = fmt.Sprint(r.ID, i)
				if _, err := st.Apply(ctx, "acme", store.Ops(store.Create(r, nil))); err != nil {
					t.Fatal(err)
				}
			}
		}
		u := must(w.acme.Create(ctx, enduser.Spec{ExpiresIn: time.Minute}))(t)
		w.Advance(time.Minute)
		for _, want := range []int{1, 0} {
			if n := must(w.users.Sweep(ctx))(t); n != want {
				t.Errorf("swept %d, want %d", n, want)
			}
		}
		if _, err := st.Get(ctx, "acme", store.ID("bad7")); err != nil {
			t.Error("what could not be read is gone:", err)
		}
		_, err := w.acme.Get(ctx, enduser.ByID("bad7"))
		wantErr(t, "get", err, enduser.ErrCorrupt)
		diff(t, "feed", feed(t, w.acme), []string{"created " + u.ID, "expired " + u.ID})
	})
}

func TestRunSweepsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		users := enduser.New(memory.New(nil), &enduser.Options{SweepEvery: time.Minute})
		acme := users.Tenant("acme")
		ctx, cancel := context.WithCancel(t.Context())
		must(acme.Create(ctx, enduser.Spec{ExternalID: "goes", ExpiresIn: enduser.ProvisionalTTL}))(t)
		must(acme.Create(ctx, enduser.Spec{ExternalID: "stays"}))(t)
		done := make(chan error, 1)
		go func() { done <- users.Run(ctx) }()

		<-time.After(enduser.ProvisionalTTL - time.Millisecond)
		synctest.Wait()
		must(acme.Get(ctx, enduser.ByExternalID("goes")))(t)
		<-time.After(time.Millisecond)
		_, err := acme.Get(ctx, enduser.ByExternalID("goes"))
		wantErr(t, "at the deadline", err, enduser.ErrNotFound)
		<-time.After(70 * time.Second) // a pause and its jitter
		synctest.Wait()
		changes := changesAfter(t, acme, 2)
		if len(changes) != 1 || changes[0].Type != enduser.ChangeExpired || changes[0].Actor != "" {
			t.Errorf("changes %+v", changes)
		}
		must(acme.Get(ctx, enduser.ByExternalID("stays")))(t)
		cancel()
		wantErr(t, "Run", <-done, context.Canceled)
	})
}

// A store that fails for a while does not end Run.
func TestRunOutlivesFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultstore.Store{Store: memory.New(nil)}
		users := enduser.New(st, nil)
		acme := users.Tenant("acme")
		ctx, cancel := context.WithCancel(t.Context())
		must(acme.Create(ctx, enduser.Spec{ExpiresIn: time.Second}))(t)
		var down atomic.Bool
		st.OnDue = func() error {
			if down.Load() {
				return store.ErrUnavailable
			}
			return nil
		}
		down.Store(true)
		done := make(chan error, 1)
		go func() { done <- users.Run(ctx) }()
		<-time.After(5 * time.Minute)
		synctest.Wait()
		if n := len(changesAfter(t, acme, 0)); n != 1 {
			t.Errorf("%d changes while the store fails", n)
		}
		down.Store(false)
		<-time.After(time.Minute)
		synctest.Wait()
		if n := len(changesAfter(t, acme, 0)); n != 2 {
			t.Errorf("%d changes after it recovered, want 2", n)
		}
		down.Store(true)
		cancel()
		wantErr(t, "Run", <-done, context.Canceled)
	})
}
