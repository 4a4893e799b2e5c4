package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// polled hides the Waiter of a store.
type polled struct{ store.Store }

// wrapped shows what it wraps.
type wrapped struct{ store.Store }

func (w wrapped) Unwrap() store.Store { return w.Store }

func TestAsLooksThroughWrappers(t *testing.T) {
	st := memory.New()
	if w, ok := store.As[store.Waiter](wrapped{wrapped{st}}); !ok || w != store.Waiter(st) {
		t.Errorf("behind two wrappers: %v, %v", w, ok)
	}
	if _, ok := store.As[store.Waiter](polled{st}); ok {
		t.Error("found behind a wrapper that does not show it")
	}
	if _, ok := store.As[store.Waiter](nil); ok {
		t.Error("found in nothing")
	}
}

func TestWait(t *testing.T) {
	for name, wrap := range map[string]func(store.Store) store.Store{
		"Waiter":  func(s store.Store) store.Store { return wrapped{s} },
		"polling": func(s store.Store) store.Store { return polled{s} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := wrap(memory.New())
				write := func(id string) {
					if _, err := st.Apply(t.Context(), "t", store.Create(store.Record{ID: id, Kind: "k"}, []byte("n"))); err != nil {
						t.Error(err)
					}
				}
				woken := make(chan error, 1)
				go func() { woken <- store.Wait(t.Context(), st, "t", 0, 0) }()
				synctest.Wait()
				select {
				case err := <-woken:
					t.Fatalf("woken by nothing: %v", err)
				default:
				}
				write("a")
				if err := <-woken; err != nil {
					t.Errorf("a change: %v", err)
				}
				if err := st.Trim(t.Context(), "t", 1); err != nil {
					t.Fatal(err)
				}
				if err := store.Wait(t.Context(), st, "t", 0, 0); err != nil {
					t.Errorf("a trimmed position: %v", err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := store.Wait(ctx, st, "t", 1, 0); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("nothing to come: %v", err)
				}
				if err := store.Wait(t.Context(), st, "", 1, 0); !errors.Is(err, store.ErrInvalid) {
					t.Errorf("no tenant: %v", err)
				}
			})
		})
	}
}

func TestMillisOrdersDuesAndBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		due := time.UnixMilli(rapid.Int64Range(1, 253402300799999).Draw(t, "due"))
		if got := store.FromMillis(store.Millis(due)); !got.Equal(due) {
			t.Fatalf("%v came back as %v", due, got)
		}
		near := rapid.Int64Range(-5e6, 5e6).Draw(t, "near")
		bound := due.Add(time.Duration(near))
		if (store.Millis(due) < store.Millis(bound)) != due.Before(bound) {
			t.Fatalf("%v, %v", due, bound)
		}
	})
	for _, c := range []struct {
		t    time.Time
		want int64
	}{
		{time.Time{}, 0},
		{time.Time{}.Add(1), 1},
		{time.Unix(-1<<50, 0), 1},
		{time.Unix(0, 0), 1},
		{time.Unix(0, 1), 1},
		{time.Unix(1<<50, 0), 253402300800000},
		{time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), 253402300800000},
	} {
		if got := store.Millis(c.t); got != c.want {
			t.Errorf("Millis(%v) = %d, want %d", c.t, got, c.want)
		}
	}
	if !store.FromMillis(0).IsZero() {
		t.Error("0 is not the zero time")
	}
}

func TestTypes(t *testing.T) {
	r := store.Record{ID: "a", Revision: 1}
	for op, want := range map[string]struct{ got, want store.ChangeType }{
		"created": {store.Create(r, nil).Type(), store.Created},
		"updated": {store.Replace(r, r, nil).Type(), store.Updated},
		"deleted": {store.Delete(r, nil).Type(), store.Deleted},
		"unknown": {store.ChangeType(9), store.ChangeType(9)},
	} {
		if want.got != want.want || want.got.String() != op {
			t.Errorf("%s: %v", op, want.got)
		}
	}
}
