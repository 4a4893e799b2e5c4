package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func ExampleManager_Ready() {
	users := enduser.New(memory.New(nil), nil)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fmt.Println(users.Ready(ctx))
	// Output: <nil>
}

// TestReady: it writes each time, leaves one record without a body, and no call of any
// tenant, whatever its name, nor a walk has anything of it.
func TestReady(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		f := &faultstore.Store{Store: st}
		w := newWorld(f)
		for i := range 3 {
			ok(t, w.users.Ready(ctx))
			if n := f.Applies(); n != int64(i+1) {
				t.Errorf("%d writes after %d calls", n, i+1)
			}
		}
		names := must(st.Tenants(ctx, store.TenantQuery{Limit: store.MaxLimit}))(t)
		if len(names.Names) > 1 {
			t.Errorf("the store has the tenants %q", names.Names)
		}
		if n := size.Pick(t, 6, 40, 400); n > 0 { // what is left does not grow
			for range n {
				ok(t, w.users.Ready(ctx))
			}
		}
		page := must(st.List(ctx, "c/ready", store.Query{Kind: "ready"}))(t)
		for page.Next != 0 && len(page.Records) == 0 {
			page = must(st.List(ctx, "c/ready", store.Query{Kind: "ready", After: page.Next}))(t)
		}
		if len(page.Records) != 1 || len(page.Records[0].Data) > 0 || len(page.Records[0].Unique)+len(page.Records[0].Index) > 0 {
			t.Errorf("left: %+v", page.Records)
		}
		if feed := must(st.Changes(ctx, "c/ready", store.ChangeQuery{}))(t); len(feed.Changes) > 0 {
			t.Errorf("feed %+v", feed)
		}
		w.Advance(100 * 24 * time.Hour)
		sweepNone(t, w)
		if n, err := w.users.Reseal(ctx); n != 0 || err != nil {
			t.Errorf("resealed %d, %v", n, err)
		}
		for _, name := range []string{"ready", "c/ready", "t/ready", "e/ready", "et/ready", "c/c/ready"} {
			for _, env := range []enduser.Environment{enduser.Customer, enduser.Testing} {
				tenant := w.users.Tenant(name).In(env)
				if n := must(tenant.Count(ctx, enduser.Query{}))(t).N; n != 0 {
					t.Errorf("%s has %d users", tenant, n)
				}
				wantErr(t, tenant.String(), second(tenant.Get(ctx, enduser.ByID("ready"))), enduser.ErrNotFound)
				wantErr(t, tenant.String(), second(tenant.Groups().Get(ctx, enduser.GroupByID("ready"))), enduser.ErrNotFound)
				must(tenant.Create(ctx, enduser.Spec{ExternalID: "ready"}))(t)
			}
		}
		page = must(st.List(ctx, "c/ready", store.Query{Kind: "user"}))(t)
		if len(page.Records) > 0 {
			t.Errorf("a tenant's users are in Ready's: %+v", page.Records)
		}
	})
}

// TestReadyOfMany: calls of many Managers at once do not fail for each other.
func TestReadyOfMany(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		var wg sync.WaitGroup
		for range 8 {
			users := enduser.New(st, nil)
			for range 8 {
				wg.Go(func() {
					for range size.Pick(t, 2, 8, 20) {
						if err := users.Ready(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		wg.Wait()
	})
}

// TestReadyThatAlwaysLoses: whose every try loses to another's write has seen that writes
// work.
func TestReadyThatAlwaysLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		other := enduser.New(st, nil)
		users := enduser.New(&faultstore.Store{Store: st, OnApply: func(int64, []store.Op) error { return other.Ready(t.Context()) }}, nil)
		if err := users.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestNotReady: a store that does not read, or does not write, is not ready.
func TestNotReady(t *testing.T) {
	down := func() error { return fmt.Errorf("dial: %w", store.ErrUnavailable) }
	for name, c := range map[string]struct {
		get, write error
		done       bool // the write is done and not answered
		want       error
	}{
		"no reads":             {get: down(), want: enduser.ErrUnavailable},
		"no writes":            {write: down(), want: enduser.ErrUnavailable},
		"no answer":            {write: store.ErrUnknown, want: enduser.ErrUnknown},
		"done, no answer":      {write: store.ErrUnknown, done: true, want: enduser.ErrUnknown},
		"something unheard of": {write: errors.New("driver: bad"), want: enduser.ErrUnavailable},
		"the caller left":      {write: context.Canceled, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			f := &faultstore.Store{Store: memory.New(nil)}
			users := enduser.New(f, nil)
			for range 2 { // with the record there, and without
				f.OnGet = func() error { return c.get }
				hook := func(int64, []store.Op) error { return c.write }
				if f.OnApply = hook; c.done {
					f.OnApply, f.OnApplied = nil, hook
				}
				err := users.Ready(t.Context())
				wantErr(t, name, err, c.want)
				if err != nil && !strings.HasPrefix(err.Error(), "enduser: ") {
					t.Errorf("the text is %q", err)
				}
				f.OnGet, f.OnApply, f.OnApplied = nil, nil, nil
				if err := users.Ready(t.Context()); err != nil {
					t.Errorf("when that is over: %v", err)
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, "a context that has ended", enduser.New(memory.New(nil), nil).Ready(ctx), context.Canceled)
}

// TestReadyWithADamagedRecord: its own record, damaged, is no reason not to be ready, nor
// does it stay.
func TestReadyWithADamagedRecord(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		users := enduser.New(st, nil)
		ok(t, users.Ready(t.Context()))
		damage("c/ready", "ready")
		for range 2 {
			ok(t, users.Ready(t.Context()))
		}
		must(st.Get(t.Context(), "c/ready", store.ID("ready")))(t)
	})
}

// TestReadyReturns when its context ends. A store in which no write ever comes through,
// nor anybody else's, is not ready.
func TestReadyReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		f := &faultstore.Store{Store: st}
		f.OnApply = func(int64, []store.Op) error { return &store.StaleError{} } // for ever
		users := enduser.New(f, nil)
		wantErr(t, "ready", users.Ready(t.Context()), enduser.ErrContended)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		wantErr(t, "ready", users.Ready(ctx), context.DeadlineExceeded)
	})
}
