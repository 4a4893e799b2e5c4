package console_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A store that fails, or panics, leaves the page with the reason.
func TestOverviewOfAStoreThatFails(t *testing.T) {
	t.Parallel()
	const why = "– It could not be read; the log says why."
	for name, fail := range map[string]func(*faultstore.Store){
		"fails":  func(st *faultstore.Store) { st.Fail(errors.New("no disk")) },
		"panics": func(st *faultstore.Store) { st.Panics.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := &faultstore.Store{Store: memory.New(nil)}
			d := newDesk(t, hidden{st}, nil)
			fail(st)
			d.get("").want(http.StatusOK, figures(why, why, why, why), "Last write "+why, "Days are missing.").lacks("no disk", "goroutine")
		})
	}
}

// hidden is a store without the optional methods of the one below.
type hidden struct{ store.Store }

// slowStore takes a time for every read, however short the reader wants to wait.
type slowStore struct {
	store.Store
	takes       atomic.Int64
	deaf        bool // to the end of contexts, too
	reads, most atomic.Int64
}

func (s *slowStore) wait(ctx context.Context) error {
	now := s.reads.Add(1)
	defer s.reads.Add(-1)
	for {
		most := s.most.Load()
		if now <= most || s.most.CompareAndSwap(most, now) {
			break
		}
	}
	takes := time.Duration(s.takes.Load())
	if s.deaf {
		time.Sleep(takes) //nolint:forbidigo // time of the bubble
		return nil
	}
	select {
	case <-time.After(takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowStore) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := s.wait(ctx); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, tenant, key)
}

func (s *slowStore) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if err := s.wait(ctx); err != nil {
		return store.Page{}, err
	}
	return s.Store.List(ctx, tenant, q)
}

func (s *slowStore) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	if err := s.wait(ctx); err != nil {
		return store.ChangePage{}, err
	}
	return s.Store.Changes(ctx, tenant, q)
}

func (s *slowStore) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	if err := s.wait(ctx); err != nil {
		return store.DuePage{}, err
	}
	return s.Store.Due(ctx, q)
}

// The overview waits for a slow store as long as it is told, and shows the rest.
func TestOverviewNeverWaits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		page  string
		limit time.Duration
		takes time.Duration // each call of the store
		deaf  bool
		after time.Duration
		want  string
	}{
		{"a slow store, at first", "", 800 * time.Millisecond, 2 * time.Second, true, 80 * time.Millisecond, "– The store did not answer in 0.08 s."},
		{"a slow store", "?wait=yes", 800 * time.Millisecond, 2 * time.Second, false, 800 * time.Millisecond, "– The store did not answer in 0.8 s."},
		{"one that does not listen", "?wait=yes", 800 * time.Millisecond, 2 * time.Second, true, 800 * time.Millisecond, "– The store did not answer in 0.8 s."},
		{"another limit", "?wait=yes", 1500 * time.Millisecond, 2 * time.Second, true, 1500 * time.Millisecond, "– The store did not answer in 1.5 s."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				st := &slowStore{Store: memory.New(nil), deaf: test.deaf}
				d := newDesk(t, st, &console.Options{OverviewFor: test.limit})
				d.add(enduser.Spec{Name: "Ann"})
				st.takes.Store(int64(test.takes))
				begin := time.Now()
				page := d.get(test.page)
				if took := time.Since(begin); took != test.after {
					t.Errorf("the page took %v, want %v", took, test.after)
				}
				if late := strings.Contains(page.HTML, `hx-get="./?wait=yes"`); late != (test.page == "") {
					t.Errorf("the page asks for what is missing: %v", late)
				}
				page.want(http.StatusOK, figures(test.want, test.want, test.want, test.want),
					"Last write "+test.want, "Days are missing. "+test.want[len("– "):], "Webhook lag "+test.want)
				time.Sleep(time.Minute) //nolint:forbidigo // time of the bubble: the store lets go of what nobody waits for

				st.takes.Store(0)
				d.get("").want(http.StatusOK, figures("1", "1", "0", "0"), "Last write just now")
			})
		})
	}
}

// A store that is slow in parts costs the figures that need these, and no others.
func TestOverviewKnowsWhatCameInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &slowStore{Store: memory.New(nil)}
		d := newDesk(t, st, &console.Options{OverviewFor: 800 * time.Millisecond})
		d.add(enduser.Spec{Name: "Ann"})
		st.takes.Store(int64(30 * time.Millisecond)) // of which a day takes some
		page := d.get("?wait=yes").want(http.StatusOK, "Users 1 ", "Expiring in the next 24 h 0 ", "Days are missing.", "4 May 1 ")
		loads := 1
		for ; strings.Contains(page.text(), "Days are missing."); loads++ {
			if page = d.get("?wait=yes"); loads == daysOfChart {
				t.Fatal("what was counted is not remembered")
			}
		}
		page.want(http.StatusOK, figures("1", "1", "0", "0"), "5 Apr 0 ")
	})
}

const daysOfChart = 30

// People who load the page of a slow store again and again do not pile up work in it, and those
// of other tenants do not wait for them.
func TestOverviewsDoNotPileUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &slowStore{Store: memory.New(nil), deaf: true}
		d := newDesk(t, st, &console.Options{OverviewFor: 800 * time.Millisecond})
		st.takes.Store(int64(time.Second))
		d.get("?wait=yes")
		each := st.most.Load()  // reads at once of one overview
		time.Sleep(time.Minute) //nolint:forbidigo // time of the bubble

		st.takes.Store(int64(time.Hour))
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				d.get("?wait=yes").want(http.StatusOK, "Users – ")
			})
		}
		group.Wait()
		for range 50 {
			begin := time.Now()
			d.get("?wait=yes").want(http.StatusOK, "Users – Other pages still wait for the store.")
			if took := time.Since(begin); took != 800*time.Millisecond {
				t.Errorf("the page took %v", took)
			}
		}
		if most := st.most.Load(); most > 2*each {
			t.Errorf("%d reads at once, of overviews that make %d", most, each)
		}

		st.takes.Store(0)
		d.who.Tenant = "globex"
		d.get("?wait=yes").want(http.StatusOK, figures("0", "0", "0", "0"))
		time.Sleep(2 * time.Hour) //nolint:forbidigo // time of the bubble
		d.who.Tenant = "acme"
		d.get("?wait=yes").want(http.StatusOK, figures("0", "0", "0", "0"))
	})
}

// A panic of the host ends the page, and with it its turn.
func TestOverviewAfterPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := true
		d := newDesk(t, memory.New(nil), &console.Options{OverviewFor: time.Second, Store: func() console.StoreInfo {
			if broken {
				panic("the host's own") //nolint:forbidigo // what the test asks for
			}
			return console.StoreInfo{Backend: "memory"}
		}})
		for range 3 {
			d.get("").want(http.StatusInternalServerError)
		}
		broken = false
		d.get("").want(http.StatusOK).lacks("Other pages still wait")
	})
}
