package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

func raceChecks() []check {
	return []check{
		{"races/create", 1, "of callers that create one ID at the same time one succeeds, the others are ErrStale", racesCreate},
		{"races/key", 2, "of callers that claim one key at the same time one succeeds, the others are ErrTaken with its record", racesKey},
		{"races/delete", 1, "of callers that delete one record at the same time one succeeds", racesDelete},
		{"races/takeover", 2, "of callers that delete one holder and take its key at the same time one succeeds", racesTakeover},
		{"races/counter", 1, "read, change, replace and retry loses no update", racesCounter},
		{"races/swap", 2, "keys that are swapped at the same time always have one holder each, and batches never lock one another out", racesSwap},
		{"races/reads", 7, "reads never go back in time, and see records whole", racesReads},
		{"races/feed", 7, "a caller that has read a record finds its entry in the feed, and the other way round", racesFeed},
		{"races/everything", 11, "all methods work at the same time", racesEverything},
	}
}

const racers = 8

func racesCreate(s *subject) {
	c := s.tenant("t")
	for round := range 12 {
		id := fmt.Sprint("r", round)
		var winners atomic.Int32
		winner := make(chan store.Record, racers)
		s.together(racers, func(i int) {
			r := withData(plain(id), fmt.Sprint("by ", i))
			rev, err := c.handle(i).try(store.Create(r, []byte(id)))
			switch {
			case err == nil:
				winners.Add(1)
				r.Created, r.Revision = rev, rev
				winner <- r
			case !errors.Is(err, store.ErrStale):
				s.fail("create: error %w, want none or ErrStale", err)
			}
		})
		if n := winners.Load(); n != 1 {
			s.fail("%d of %d callers created one ID, want 1", n, racers)
			return
		}
		c.has(<-winner)
	}
	if n := len(c.changes(store.ChangeQuery{})); n != 12 {
		s.fail("%d entries in the feed, want 12", n)
	}
	c.next(13)
}

func racesKey(s *subject) {
	c := s.tenant("t")
	for round := range 12 {
		k := fmt.Sprint("k", round)
		type result struct {
			record store.Record
			err    error
		}
		results := make([]result, racers)
		s.together(racers, func(i int) {
			r := full(fmt.Sprintf("%d-%d", round, i))
			r.Unique = append(r.Unique, key(k))
			rev, err := c.handle(i).try(store.Create(r, nil))
			r.Created, r.Revision = rev, rev
			results[i] = result{r, err}
		})
		var won []store.Record
		for _, r := range results {
			if r.err == nil {
				won = append(won, r.record)
			}
		}
		if len(won) != 1 {
			s.fail("%d of %d callers claimed one key, want 1", len(won), racers)
			return
		}
		for _, r := range results {
			if r.err != nil {
				s.same(diffTaken(r.err, &store.TakenError{Op: 0, Require: -1, Key: key(k), Holder: won[0]}), "a caller that lost")
				c.absent(store.ID(r.record.ID))
			}
		}
		c.has(won[0])
	}
	c.next(13)
}

func racesDelete(s *subject) {
	c := s.tenant("t")
	for round := range 8 {
		r := c.create1(full(fmt.Sprint("r", round)))
		var winners atomic.Int32
		s.together(racers, func(i int) {
			_, err := c.handle(i).try(store.Delete(r, []byte("gone")))
			switch {
			case err == nil:
				winners.Add(1)
			case !errors.Is(err, store.ErrStale):
				s.fail("delete: error %w, want none or ErrStale", err)
			}
		})
		if n := winners.Load(); n != 1 {
			s.fail("%d of %d callers deleted one record, want 1", n, racers)
		}
	}
	if n := len(c.changes(store.ChangeQuery{})); n != 8 {
		s.fail("%d entries in the feed, want 8", n)
	}
	c.exactly()
	c.next(17)
}

// racesTakeover has callers delete an expired holder of a key and claim the key.
func racesTakeover(s *subject) {
	c := s.tenant("t")
	holder := c.create1(full("first"))
	for round := range 8 {
		heirs := make([]store.Record, racers)
		errs := make([]error, racers)
		s.together(racers, func(i int) {
			heirs[i] = full(fmt.Sprintf("%d-%d", round, i))
			heirs[i].Unique = holder.Unique
			rev, err := c.handle(i).try(store.Create(heirs[i], nil), store.Delete(holder, nil))
			heirs[i].Created, heirs[i].Revision = rev-1, rev-1
			errs[i] = err
		})
		won := -1
		for i, err := range errs {
			var stale *store.StaleError
			switch {
			case err == nil && won >= 0:
				s.fail("two callers took over one key")
			case err == nil:
				won = i
			case !errors.As(err, &stale) || stale.Op != 1:
				s.fail("take over: error %w, want none or ErrStale of op 1", err)
			}
		}
		if won < 0 {
			s.fail("of %d callers none took over a key", racers)
			return
		}
		c.absent(store.ID(holder.ID))
		holder = heirs[won]
		c.exactly(holder)
	}
	c.next(1 + 2*8 + 1)
}

func racesCounter(s *subject) {
	const callers, times = 4, 25
	c := s.tenant("t")
	c.create1(withData(plain("counter"), "0"))
	s.together(callers, func(i int) {
		c := c.handle(i)
		for done := 0; done < times && !s.failed(); {
			old := c.get(store.ID("counter"))
			n, _ := strconv.Atoi(string(old.Data))
			runtime.Gosched() // interleave, however fast the store is
			_, err := c.try(store.Replace(old, withData(plain("counter"), strconv.Itoa(n+1)), nil))
			switch {
			case err == nil:
				done++
			case !errors.Is(err, store.ErrStale):
				s.fail("replace: error %w, want none or ErrStale", err)
			}
		}
	})
	want := withData(plain("counter"), strconv.Itoa(callers*times))
	want.Created, want.Revision = 1, callers*times+1
	c.has(want)
}

func racesSwap(s *subject) {
	const callers, times = 4, 12
	c := s.tenant("t")
	c.create(withKeys(plain("a"), "1"), withKeys(plain("b"), "2"), withKeys(plain("c"), "3"))
	var running atomic.Int32
	running.Store(callers)
	s.together(callers+1, func(i int) {
		c := c.handle(i)
		if i == callers { // a key that moves is never without a holder
			for running.Load() > 0 && !s.failed() {
				for _, k := range keys("1", "2", "3") {
					if r := c.get(k); len(r.Unique) != 1 || r.Unique[0] != k {
						s.fail("Get %s: a record with %v", show(k), r.Unique)
					}
					runtime.Gosched()
				}
			}
			return
		}
		defer running.Add(-1)
		rng := rand.New(rand.NewPCG(2, uint64(i)))
		for done := 0; done < times && !s.failed(); {
			ids := rng.Perm(3)[:2]
			x, y := c.get(store.ID(string(rune('a'+ids[0])))), c.get(store.ID(string(rune('a'+ids[1]))))
			nx, ny := x, y
			nx.Unique, ny.Unique = y.Unique, x.Unique
			runtime.Gosched()
			_, err := c.try(store.Replace(x, nx, nil), store.Replace(y, ny, nil))
			switch {
			case err == nil:
				done++
			case !errors.Is(err, store.ErrStale): // a caller that is up to date has the keys to give
				s.fail("swap: error %w, want none or ErrStale", err)
			}
		}
	})
	holders := map[string]bool{}
	for _, k := range keys("1", "2", "3") {
		holders[c.get(k).ID] = true
	}
	if len(holders) != 3 {
		s.fail("three keys have %d holders", len(holders))
	}
	c.next(3 + 2*callers*times + 1)
}

func racesReads(s *subject) {
	const writes = 120
	c := s.tenant("t")
	version := func(n int) store.Record {
		v := strconv.Itoa(n)
		r := withTerms(withKeys(withData(plain("r"), v), "fixed", v), v)
		r.Due = day(n)
		return r
	}
	r := c.create1(version(0))
	var acked atomic.Int64 // the last revision that was acknowledged
	acked.Store(int64(r.Revision))
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for n := 1; n <= writes && !s.failed(); n++ {
			r = c.handle(n).replace(r, version(n))
			acked.Store(int64(r.Revision))
		}
	})
	for reader := range 3 {
		wg.Go(func() {
			last := store.Revision(0)
			for i := 0; !s.failed(); i++ {
				select {
				case <-done:
					return
				default:
				}
				before := store.Revision(acked.Load())
				c := c.handle(i)
				var got store.Record
				switch reader {
				case 0:
					got = c.get(store.ID("r"))
				case 1:
					got = c.get(key("fixed"))
				default:
					page := c.list(store.Query{Kind: "user"})
					if len(page) != 1 {
						s.fail("List: %d records, want 1", len(page))
						return
					}
					got = page[0]
				}
				if s.failed() {
					return
				}
				n, _ := strconv.Atoi(string(got.Data))
				want := version(n)
				want.Created, want.Revision = 1, store.Revision(n+1)
				s.same(diffRecord(got, want), "torn read")
				if got.Revision < before || got.Revision < last {
					s.fail("read revision %d, after %d was acknowledged and %d read", got.Revision, before, last)
				}
				last = got.Revision
			}
		})
	}
	wg.Wait()
}

// racesFeed has one writer and, on either handle, readers that compare Get with
// Changes.
func racesFeed(s *subject) {
	const writes = 100
	c := s.tenant("t")
	note := []byte("note")
	rev := c.apply(store.Create(plain("r"), note))
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		old := plain("r")
		for i := 0; i < writes && !s.failed(); i++ {
			old.Revision = rev
			rev = c.handle(i).apply(store.Replace(old, plain("r"), note))
		}
	})
	for reader := range 2 {
		wg.Go(func() {
			for i := reader; !s.failed(); i++ {
				select {
				case <-done:
					return
				default:
				}
				r := c.handle(i).get(store.ID("r"))
				page := c.handle(i + 1).changes(store.ChangeQuery{After: r.Revision - 1, Limit: store.MaxLimit})
				if s.failed() {
					return
				}
				if len(page) == 0 || page[0].Revision != r.Revision {
					s.fail("revision %d was read, but the feed does not have it yet", r.Revision)
					return
				}
				last := page[len(page)-1].Revision
				if again := c.handle(i).get(store.ID("r")); again.Revision < last {
					s.fail("the feed has revision %d, but revision %d was read", last, again.Revision)
				}
			}
		})
	}
	wg.Wait()
}

func racesEverything(s *subject) {
	const callers, rounds = 6, 12
	s.together(callers, func(i int) {
		own := s.tenant(fmt.Sprint("own", i)).handle(i)
		shared := s.tenant("shared").handle(i)
		for j := range rounds {
			id := fmt.Sprintf("%d-%d", i, j)
			r := own.create1(full(id))
			own.has(r)
			shared.apply(store.Create(full(id), []byte(id)))
			shared.list(store.Query{Kind: "user", Match: full(id).Index[:1]})
			if page := shared.list(store.Query{Kind: "user", Match: full(id).Index[1:2]}); len(page) != 1 {
				s.fail("List: %d records, want the one just written", len(page))
			}
			shared.duePage(store.DueQuery{Before: day(2), Limit: 5})
			shared.tenants(3)
			own.trim(r.Revision)
			own.feed(r.Revision)
			own.delete(r)
			own.absent(store.ID(id))
		}
	})
	if n := len(s.tenant("shared").list(store.Query{Kind: "user"})); n != callers*rounds {
		s.fail("%d records, want %d", n, callers*rounds)
	}
	for i := range callers {
		s.tenant(fmt.Sprint("own", i)).next(2*rounds + 1)
	}
}
