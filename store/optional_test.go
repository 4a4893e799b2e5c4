package store_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// polled hides the Waiter of a store.
type polled struct{ store.Store }

// wrapped shows the store that it wraps.
type wrapped struct{ store.Store }

func (w wrapped) Unwrap() store.Store { return w.Store }

func TestAsLooksThroughWrappers(t *testing.T) {
	st := memory.New(nil)
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
		"Waiter":                     func(s store.Store) store.Store { return wrapped{s} },
		"polling":                    func(s store.Store) store.Store { return polled{s} },
		"polling behind empty pages": func(s store.Store) store.Store { return polled{storetest.Stingy(s)} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := wrap(memory.New(nil))
				write := func(id string) {
					if _, err := st.Apply(t.Context(), "t", store.Ops(store.Create(store.Record{ID: id, Kind: "k"}, []byte("n")))); err != nil {
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
				write("b")
				if err := st.Trim(t.Context(), "t", 2); err != nil {
					t.Fatal(err)
				}
				if err := store.Wait(t.Context(), st, "t", 0, 0); err != nil {
					t.Errorf("a trimmed position: %v", err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Millisecond) // between two polls
				defer cancel()
				if err := store.Wait(ctx, st, "t", 2, 0); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("nothing to come: %v", err)
				}
				if err := store.Wait(t.Context(), st, "", 1, 0); !errors.Is(err, store.ErrInvalid) {
					t.Errorf("no tenant: %v", err)
				}
			})
		})
	}
}

// Count lists if the store has no Counter, and stops at its cap.
func TestCountLists(t *testing.T) {
	st := memory.New(nil)
	for i := range 300 {
		r := store.Record{ID: strconv.Itoa(i), Kind: "k"}
		if i%3 == 0 {
			r.Index = []store.Key{{Kind: "t", Value: "third"}}
		}
		if _, err := st.Apply(t.Context(), "t", store.Ops(store.Create(r, nil))); err != nil {
			t.Fatal(err)
		}
	}
	third := []store.Key{{Kind: "t", Value: "third"}}
	for name, c := range map[string]struct {
		st   store.Store
		q    store.CountQuery
		want store.Counted
	}{
		"all":                {polled{st}, store.CountQuery{Kind: "k"}, store.Counted{N: 300, Exact: true}},
		"a filter":           {polled{st}, store.CountQuery{Kind: "k", Match: third}, store.Counted{N: 100, Exact: true}},
		"bounds":             {polled{st}, store.CountQuery{Kind: "k", After: 10, Before: 21}, store.Counted{N: 10, Exact: true}},
		"a cap":              {polled{st}, store.CountQuery{Kind: "k", Cap: 40}, store.Counted{N: 40}},
		"short pages":        {storetest.Stingy(st), store.CountQuery{Kind: "k"}, store.Counted{N: 300, Exact: true}},
		"short pages, a cap": {storetest.Stingy(st), store.CountQuery{Kind: "k", Cap: 40}, store.Counted{N: 40}},
		"empty pages":        {storetest.Stingy(st), store.CountQuery{Kind: "k", Match: third}, store.Counted{N: 100, Exact: true}},
		"a Counter":          {wrapped{st}, store.CountQuery{Kind: "k"}, store.Counted{N: 300, Exact: true}},
	} {
		if got, err := store.Count(t.Context(), c.st, "t", c.q); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	if _, err := store.Count(t.Context(), polled{st}, "t", store.CountQuery{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no kind: %v", err)
	}
}

type confirming struct {
	store.Store
	err error
}

func (c confirming) Confirm(context.Context, string) error { return c.err }

func TestConfirm(t *testing.T) {
	st := memory.New(nil)
	if err := store.Confirm(t.Context(), st, "t"); err != nil {
		t.Errorf("a store that acknowledges what it shows: %v", err)
	}
	for name, c := range map[string]store.Store{
		"a Confirmer":            confirming{st, store.ErrUnavailable},
		"a Confirmer in another": wrapped{confirming{st, store.ErrUnavailable}},
	} {
		if err := store.Confirm(t.Context(), c, "t"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
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
		"deleted": {store.Remove("a", "k", nil).Type(), store.Deleted},
		"unknown": {store.ChangeType(9), store.ChangeType(9)},
	} {
		if want.got != want.want || want.got.String() != op {
			t.Errorf("%s: %v", op, want.got)
		}
	}
}
