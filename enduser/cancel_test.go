package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// A write whose caller leaves at any moment happened, or did not, or may have and
// says so; and repeating it leads to one user.
func TestCancelledUpserts(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		n := size.Pick(t, 100, 600, 3000)
		// How long one takes decides when leaving is interesting.
		begin := time.Now()
		for i := range 20 {
			upserted(w.acme.Upsert(t.Context(), enduser.Spec{ExternalID: fmt.Sprint("warm", i)}))(t, enduser.Created)
		}
		usual := time.Since(begin) / 20
		var wg sync.WaitGroup
		work := make(chan int)
		created := make([]int, n)
		var unknown, absent atomic.Int64
		for range 8 {
			wg.Go(func() {
				for i := range work {
					created[i] = cancelOne(t, w.acme, fmt.Sprint("crm-", i), rand.N(2*usual+time.Microsecond), &unknown, &absent)
				}
			})
		}
		for i := range n {
			work <- i
		}
		close(work)
		wg.Wait()
		t.Logf("of %d calls %d ended with an unknown outcome, %d without one", n, unknown.Load(), absent.Load())
		fed := make(map[string]int)
		for q := (enduser.ChangeQuery{Limit: 1000}); ; {
			page := must(w.acme.Changes(t.Context(), q))(t)
			for _, c := range page.Changes {
				if c.Type == enduser.ChangeCreated && c.Revision > 20 {
					fed[c.ID]++
				}
			}
			if !page.More {
				break
			}
			q.After = page.Position
		}
		for id, times := range fed {
			if times != 1 {
				t.Errorf("%s was created %d times", id, times)
			}
		}
		if len(fed) != n {
			t.Errorf("%d users were created, want %d", len(fed), n)
		}
		for i, c := range created {
			if c > 1 {
				t.Errorf("%d calls say that they created user %d", c, i)
			}
		}
	})
}

// cancelOne upserts with a caller that leaves, judges the error, and then repeats
// it. It returns how many calls said that they created the user.
func cancelOne(t *testing.T, acme enduser.Tenant, id string, leave time.Duration, unknown, absent *atomic.Int64) int {
	spec := enduser.Spec{ExternalID: id, Name: "Ann"}
	created := 0
	ctx, cancel := context.WithTimeout(t.Context(), leave)
	defer cancel()
	first, outcome, err := acme.Upsert(ctx, spec)
	switch {
	case err == nil && outcome == enduser.Created:
		created++
	case err == nil:
		t.Errorf("%s: %v the first time", id, outcome)
	case errors.Is(err, enduser.ErrUnknown):
		unknown.Add(1)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, enduser.ErrUnavailable):
		absent.Add(1)
		if _, err := acme.Get(t.Context(), enduser.ByExternalID(id)); !errors.Is(err, enduser.ErrNotFound) {
			t.Errorf("%s: there is a user after an error that says there is none: %v", id, err)
		}
	default:
		t.Errorf("%s: %v", id, err)
	}
	again, outcome, err := acme.Upsert(t.Context(), enduser.Spec{ExternalID: strings.ToUpper(id), Name: "Ann"})
	if err != nil || (first.ID != "" && first.ID != again.ID) {
		t.Errorf("%s: repeated: %v, %s and %s", id, err, first.ID, again.ID)
	}
	if outcome == enduser.Created {
		created++
	}
	got, err := acme.Get(t.Context(), enduser.ByExternalID(id))
	if err != nil || got.ID != again.ID {
		t.Errorf("%s: read: %v, %s and %s", id, err, got.ID, again.ID)
	}
	return created
}

// A context that has ended is that, for every call, and nothing is sent.
func TestEndedContext(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		u := must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a"}))(t)
		latest := must(w.acme.Latest(t.Context()))(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, ensured := w.acme.Ensure(ctx, enduser.Spec{ExternalID: "b"})
		_, _, upsert := w.acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "b"})
		for name, err := range map[string]error{
			"create": second(w.acme.Create(ctx, enduser.Spec{})), "ensure": ensured, "upsert": upsert,
			"get":     second(w.acme.Get(ctx, enduser.ByID(u.ID))),
			"update":  second(w.acme.Update(ctx, enduser.ByID(u.ID), rename)),
			"delete":  w.acme.Delete(ctx, enduser.ByID(u.ID)),
			"list":    second(w.acme.List(ctx, enduser.Query{})),
			"changes": second(w.acme.Changes(ctx, enduser.ChangeQuery{})),
			"wait":    w.acme.WaitChanges(ctx, latest),
			"trim":    w.acme.TrimChanges(ctx, latest),
			"sweep":   second(w.users.Sweep(ctx)),
			"reindex": second(w.acme.Reindex(ctx)),
			"run":     w.users.Run(ctx),
		} {
			wantErr(t, name, err, context.Canceled)
			if errors.Is(err, enduser.ErrUnknown) || errors.Is(err, enduser.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		diff(t, "after", must(w.acme.Get(t.Context(), enduser.ByID(u.ID)))(t), u)
	})
}
