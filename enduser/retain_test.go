package enduser_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// retaining returns a world whose feeds are trimmed.
func retaining(st store.Store, r enduser.Retention) *world {
	w := newWorld(st)
	w.users = enduser.New(st, &enduser.Options{Now: w.Now, NewID: counter("u"), Retain: r})
	w.acme = w.users.Tenant("acme")
	return w
}

// kept returns how many changes of a tenant are kept, which are the newest.
func kept(t testing.TB, tenant enduser.Tenant) int {
	t.Helper()
	return len(readFeed(t, tenant, enduser.ChangeQuery{}))
}

func swept(t testing.TB, m *enduser.Manager) {
	t.Helper()
	must(m.Sweep(t.Context()))(t)
}

func TestRetainByAge(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := retaining(st, enduser.Retention{Age: 10 * time.Hour})
		swept(t, w.users)
		for range 30 {
			w.Advance(time.Hour)
			must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
			must(w.acme.In(enduser.Testing).Create(t.Context(), enduser.Spec{}))(t)
		}
		w.Advance(30 * time.Minute)
		swept(t, w.users)
		// Younger than ten hours are those of the last 9.5 hours: ten. The one before
		// them is the place from which they can be read.
		diff(t, "kept", []int{kept(t, w.acme), kept(t, w.acme.In(enduser.Testing))}, []int{11, 11})
		w.Advance(59 * time.Minute)
		swept(t, w.users)
		diff(t, "before the hour is over", kept(t, w.acme), 11)
		w.Advance(time.Minute)
		swept(t, w.users)
		diff(t, "an hour later", kept(t, w.acme), 10)
		w.Advance(1000 * time.Hour)
		swept(t, w.users)
		diff(t, "long after", kept(t, w.acme), 1)
	})
}

func TestRetainByNumber(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := retaining(st, enduser.Retention{Age: 100 * time.Hour, Changes: 7})
		must(w.users.Tenant("small").Create(t.Context(), enduser.Spec{}))(t)
		for range 20 {
			u := must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
			ok(t, w.users.Ready(t.Context()))
			// A write of which the feed says nothing is no change.
			r := must(st.Get(t.Context(), "acme", store.ID(u.ID)))(t)
			must(st.Apply(t.Context(), "acme", store.Ops(store.Replace(r, r, nil))))(t)
		}
		newest := readFeed(t, w.acme, enduser.ChangeQuery{})[13:]
		swept(t, w.users)
		diff(t, "kept", readFeed(t, w.acme, enduser.ChangeQuery{}), newest)
		diff(t, "a small feed", kept(t, w.users.Tenant("small")), 1)
		w.Advance(200 * time.Hour)
		swept(t, w.users)
		diff(t, "the older limit holds", kept(t, w.acme), 1)
	})
}

// The zero value trims nothing, and does no work.
func TestRetainIsOff(t *testing.T) {
	t.Parallel()
	st := &faultstore.Store{Store: memory.New(nil)}
	w := retaining(st, enduser.Retention{})
	for range 10 {
		must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
	}
	before := st.Applies()
	w.Advance(1e6 * time.Hour)
	swept(t, w.users)
	if diff(t, "kept", kept(t, w.acme), 10); st.Applies() != before {
		t.Error("a sweep has written")
	}
}

// Many processes share a pass: each tenant is looked at once an hour, whoever dies.
func TestRetainIsShared(t *testing.T) {
	t.Parallel()
	reads := &readers{Store: memory.New(nil), of: map[string]int{}}
	w := retaining(reads, enduser.Retention{Changes: 1})
	const tenants = 300
	for i := range tenants {
		for range 2 {
			must(w.users.Tenant(fmt.Sprint("t", i)).Create(t.Context(), enduser.Spec{}))(t)
		}
	}
	reads.count(true)
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() { _, _ = w.users.Sweep(t.Context()) })
	}
	nodes.Wait()
	swept(t, w.users)
	reads.count(false)
	for i := range tenants {
		name := fmt.Sprint("t", i)
		diff(t, name, kept(t, w.users.Tenant(name)), 1)
		if n := reads.of[name]; n != 3 { // the oldest, the newest, and the newest ones
			t.Errorf("the feed of %s was read %d times", name, n)
		}
	}
}

// readers is a store that counts the reads of each feed.
type readers struct {
	store.Store
	mu   sync.Mutex
	on   bool
	of   map[string]int
	dies func() // called at the tenth
}

func (r *readers) count(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = on
}

func (r *readers) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	r.mu.Lock()
	if r.on {
		r.of[tenant]++
	}
	if len(r.of) == 10 && r.dies != nil {
		r.dies()
	}
	r.mu.Unlock()
	return r.Store.Changes(ctx, tenant, q)
}

// A process that dies in the middle leaves the rest to others, which go on where it was once
// its lease has ended.
func TestRetainGoesOn(t *testing.T) {
	t.Parallel()
	reads := &readers{Store: memory.New(nil), of: map[string]int{}}
	w := retaining(reads, enduser.Retention{Changes: 1})
	names := make([]string, 0, 30)
	for i := range cap(names) {
		names = append(names, fmt.Sprintf("t%02d", i))
		for range 2 {
			must(w.users.Tenant(names[i]).Create(t.Context(), enduser.Spec{}))(t)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	reads.dies = cancel
	reads.count(true)
	_, err := w.users.Sweep(ctx)
	wantErr(t, "sweep", err, context.Canceled)
	reads.count(false)
	reads.dies = nil
	whole := func() int {
		return len(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return kept(t, w.users.Tenant(name)) == 1 }))
	}
	if n := whole(); n == 0 || n == len(names) {
		t.Fatalf("%d of %d are not trimmed", n, len(names))
	}
	n := whole()
	swept(t, w.users)
	diff(t, "within the lease", whole(), n)
	w.Advance(6 * time.Minute)
	swept(t, w.users)
	diff(t, "after it", whole(), 0)
}

// What is wrong with the record of the pass, or one tenant's feed, does not stop it for ever.
func TestRetainMends(t *testing.T) {
	t.Parallel()
	const own = "c/ready"
	for name, harm := range map[string]func(t *testing.T, st store.Store, r store.Record){
		"a body that is none": func(t *testing.T, st store.Store, r store.Record) {
			t.Helper()
			r.Data = []byte("{")
			put(t, st, own, r)
		},
		"a clock that was wrong": func(t *testing.T, st store.Store, r store.Record) {
			t.Helper()
			r.Due = epoch.Add(1e5 * time.Hour)
			put(t, st, own, r)
		},
		"a tenant that is unknown": func(t *testing.T, st store.Store, r store.Record) {
			t.Helper()
			r.Data = []byte(`{"r":1,"w":1,"after":"no"}`)
			put(t, st, own, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := memory.New(nil)
			w := retaining(st, enduser.Retention{Changes: 1})
			swept(t, w.users)
			harm(t, st, must(st.Get(t.Context(), own, store.ID("retention")))(t))
			for range 2 {
				must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
			}
			for range 2 {
				w.Advance(2 * time.Hour)
				swept(t, w.users)
			}
			diff(t, "kept", kept(t, w.acme), 1)
		})
	}
	t.Run("unreadable changes", func(t *testing.T) {
		t.Parallel()
		st := &forgetful{Store: memory.New(nil), damaged: 1}
		w := retaining(st, enduser.Retention{Age: time.Hour})
		for range 3 {
			must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
		}
		w.Advance(time.Hour + 3*time.Minute)
		must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
		swept(t, w.users)
		diff(t, "kept", kept(t, w.acme), 2)
	})
}

// put overwrites a record.
func put(t *testing.T, st store.Store, tenant string, r store.Record) {
	t.Helper()
	old := must(st.Get(t.Context(), tenant, store.ID(r.ID)))(t)
	must(st.Apply(t.Context(), tenant, store.Ops(store.Replace(old, r, nil))))(t)
}

// Whatever the limits are, a pass leaves what they say, and the change from which that can be
// read.
func TestRetainKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := enduser.Retention{
			Age:     time.Duration(rapid.IntRange(0, 600).Draw(t, "minutes")) * time.Minute,
			Changes: rapid.IntRange(0, 12).Draw(t, "changes"),
		}
		w := retaining(memory.New(nil), r)
		ctx := context.Background()
		for range rapid.IntRange(1, 25).Draw(t, "writes") {
			w.Advance(time.Duration(rapid.IntRange(0, 90).Draw(t, "pause")) * time.Minute)
			if _, err := w.acme.Create(ctx, enduser.Spec{}); err != nil {
				t.Fatal(err)
			}
		}
		before := slices.Collect(pagesOf(t, w.acme, enduser.ChangeQuery{}))
		if _, err := w.users.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		after := slices.Collect(pagesOf(t, w.acme, enduser.ChangeQuery{}))
		want := len(before)
		if r.Age > 0 {
			old := 0
			for _, c := range before {
				if w.Now().Sub(c.At) > r.Age+2*time.Minute {
					old++
				}
			}
			want -= max(old-1, 0)
		}
		if r.Changes > 0 {
			want = min(want, r.Changes)
		}
		if len(after) != want || after[len(after)-1].Position != before[len(before)-1].Position {
			t.Fatalf("%d of %d changes are kept, want %d", len(after), len(before), want)
		}
	})
}
