package postgres_test

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

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
)

// load writes through stores, and keeps what each call was told, to hold it against the data
// in the end. Every write has a Note of its own, so that the feed shows which were done.
type load struct {
	stores  []store.Store
	tenants []string
	stop    context.CancelFunc
	wg      sync.WaitGroup

	done atomic.Int64 // calls that were told so

	mu     sync.Mutex
	told   map[string]told // by Note
	counts map[string]int  // by outcome
	odd    []error         // what nobody may be told
}

// told is the outcome of a call.
type told struct {
	tenant  string
	rev     store.Revision // if it was done
	unknown bool
	err     error // nil: it was done
}

// startLoad starts workers that take turns with the stores.
func startLoad(stores ...store.Store) *load {
	l := &load{stores: stores, tenants: []string{"one", "two", "three"}, told: make(map[string]told), counts: make(map[string]int)}
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	for i := range 16 {
		l.wg.Go(func() { l.work(ctx, l.stores[i%len(l.stores)]) })
	}
	return l
}

func (l *load) work(ctx context.Context, s store.Store) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		if err := l.write(s); !errors.Is(err, store.ErrUnavailable) {
			continue
		}
		select { // the server is away
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

// write writes one of 100 records, all of which all workers write, with keys and terms that
// come and go.
func (l *load) write(s store.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tenant, id := l.tenants[rand.IntN(len(l.tenants))], fmt.Sprint("id-", rand.IntN(100))
	old, err := s.Get(ctx, tenant, store.ID(id))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		l.note("", told{tenant: tenant, err: err})
		return err
	}
	word := fmt.Sprintf("%016x%s", rand.Uint64(), strings.Repeat("x", rand.IntN(600)))
	r := store.Record{
		ID: id, Kind: "user", Data: []byte(word),
		Unique: []store.Key{{Kind: "own", Value: id}, {Kind: "hot", Value: fmt.Sprint(rand.IntN(80))}},
		Index:  []store.Key{{Kind: "a", Value: fmt.Sprint(rand.IntN(5))}, {Kind: "b", Value: fmt.Sprint(rand.IntN(50))}},
	}
	if rand.IntN(3) == 0 {
		r.Due = store.FromMillis(1 + rand.Int64N(1e12))
	}
	op := store.Replace(old, r, []byte(word))
	switch {
	case err != nil:
		op = store.Create(r, []byte(word))
	case rand.IntN(5) == 0:
		op = store.Delete(old, []byte(word))
	}
	rev, err := s.Apply(ctx, tenant, store.Ops(op))
	l.note(word, told{tenant: tenant, rev: rev, err: err, unknown: errors.Is(err, store.ErrUnknown)})
	return err
}

func (l *load) note(word string, w told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case w.err == nil:
		l.counts["done"]++
		l.done.Add(1)
	case w.unknown && errors.Is(w.err, store.ErrUnavailable), w.unknown && word == "":
		l.odd = append(l.odd, w.err)
	case w.unknown:
		l.counts["unknown"]++
	case errors.Is(w.err, store.ErrUnavailable):
		l.counts["unavailable"]++
	case errors.Is(w.err, store.ErrStale), errors.Is(w.err, store.ErrTaken):
		l.counts["refused"]++
	default:
		l.odd = append(l.odd, w.err)
	}
	if word != "" {
		l.told[word] = w
	}
}

// await waits until more writes were done.
func (l *load) await(tb testing.TB, more int) {
	tb.Helper()
	enough := l.done.Load() + int64(more)
	pgtest.Until(tb, fmt.Sprint(more, " more writes are done"), func() bool { return l.done.Load() >= enough })
}

// end ends the workers, and reads the data back through a store on the same home: each write
// that was told as done was done once and under its revision, each that was refused or not
// possible was not done, and of unknown ones each at most once.
func (l *load) end(tb testing.TB, h home) {
	tb.Helper()
	l.stop()
	l.wg.Wait()
	pgtest.Until(tb, "no write is on its way", func() bool {
		var n int
		err := h.admin.QueryRow(tb.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()`).Scan(&n)
		return err == nil && n == 0
	})
	for _, err := range l.odd {
		tb.Error(err)
	}
	s := h.open(tb, nil)
	found := make(map[string]bool)
	for _, tenant := range l.tenants {
		for word, rev := range compare(tb, s, tenant) {
			w, ok := l.told[word]
			if found[word] || !ok || w.tenant != tenant || w.err == nil && w.rev != rev || w.err != nil && !w.unknown {
				tb.Errorf("revision %d of %s was told as %d, %v", rev, tenant, w.rev, w.err)
			}
			found[word] = true
		}
	}
	for word, w := range l.told {
		if w.err == nil && !found[word] {
			tb.Errorf("acknowledged and lost: revision %d of %s", w.rev, w.tenant)
		}
	}
	must(tb, h.inconsistencies())
	tb.Logf("%v", l.counts)
}

// compare reads a tenant's feed, in which every write has a Note, and holds the records
// against it. It returns the revision of each Note.
func compare(tb testing.TB, s store.Store, tenant string) map[string]store.Revision {
	tb.Helper()
	words := make(map[string]store.Revision)
	last := make(map[string]store.Change)
	for i, c := range feed(tb, s, tenant) {
		if c.Revision != store.Revision(i+1) {
			tb.Fatalf("entry %d of the feed of %s has revision %d", i, tenant, c.Revision)
		}
		if words[string(c.Note)] != 0 {
			tb.Errorf("revisions %d and %d of %s are the same write", words[string(c.Note)], c.Revision, tenant)
		}
		words[string(c.Note)] = c.Revision
		last[c.ID] = c
	}
	for id, c := range last {
		r, err := s.Get(tb.Context(), tenant, store.ID(id))
		switch {
		case c.Type == store.Deleted && errors.Is(err, store.ErrNotFound):
		case err != nil || c.Type == store.Deleted:
			tb.Errorf("%s after %v: %v", id, c.Type, err)
		case r.Revision != c.Revision || string(r.Data) != string(c.Note):
			tb.Errorf("%s has revision %d and %q, the feed has %d and %q", id, r.Revision, r.Data, c.Revision, c.Note)
		}
	}
	return words
}
