package storetest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

func walkChecks() []check {
	var checks []check
	for _, desc := range []bool{false, true} {
		for _, size := range []int{1, 7, 200} {
			way := "up"
			if desc {
				way = "down"
			}
			checks = append(checks, check{
				fmt.Sprintf("walk/%s-%d", way, size), 4,
				"a walk repeats no record and misses none that was there throughout, whatever is written between its pages",
				func(s *subject) { walkPages(s, size, desc) },
			})
		}
	}
	return append(checks, check{
		"walk/concurrent", 4,
		"a walk repeats no record and misses none that was there throughout, whatever is written meanwhile", walkConcurrent,
	})
}

// population is a set of records of which some stay, matching, for good, and the
// others come, go and change.
type population struct {
	stay  []store.Record
	churn []store.Record
	made  int
}

func populate(c *client, n int) *population {
	p := &population{made: n}
	all := c.createN(n, func(i int) store.Record { return withTerms(plain(fmt.Sprint("r", i)), "x", "y") })
	for i, r := range all {
		if i%3 != 1 { // neighbors, and with gaps between them
			p.stay = append(p.stay, r)
		} else {
			p.churn = append(p.churn, r)
		}
	}
	return p
}

// disturb makes writes that must not confuse a walk: it creates, deletes and rewrites
// records, and removes and adds terms.
func (p *population) disturb(c *client, rng *rand.Rand) {
	fresh := withTerms(plain(fmt.Sprint("fresh", p.made)), "x", "y")
	p.made++
	ops := []store.Op{store.Create(fresh, nil)}
	s, d, l := rng.IntN(len(p.stay)), rng.IntN(len(p.churn)), rng.IntN(len(p.churn))
	kept := p.stay[s]
	kept.Data = []byte("rewritten")
	ops = append(ops, store.Replace(p.stay[s], kept, nil))
	loser := p.churn[l]
	if d != l {
		loser.Index = keys("x")
		if len(p.churn[l].Index) == 1 {
			loser.Index = keys("y", "x")
		}
		ops = append(ops, store.Replace(p.churn[l], loser, nil))
	}
	ops = append(ops, store.Delete(p.churn[d], nil))
	last := c.apply(ops...)
	first := last - store.Revision(len(ops)) + 1
	fresh.Created, fresh.Revision = first, first
	kept.Revision = first + 1
	p.stay[s] = kept
	if d != l {
		loser.Revision = first + 2
		p.churn[l] = loser
	}
	p.churn = append(slices.Delete(p.churn, d, d+1), fresh)
}

// missed returns the first record that stayed but was not seen.
func (p *population) missed(seen map[string]bool) (string, bool) {
	for _, r := range p.stay {
		if !seen[r.ID] {
			return r.ID, true
		}
	}
	return "", false
}

func walkPages(s *subject, size int, desc bool) {
	c := s.tenant("t")
	p := populate(c, max(50, min(20*size, 500)))
	rng := rand.New(rand.NewPCG(4, uint64(size)))
	for _, match := range [][]string{nil, {"x"}, {"y", "x"}} {
		p.walked(c, store.Query{Kind: "user", Match: keys(match...), Limit: size, Desc: desc}, rng)
	}
}

// walked checks a walk with writes between its pages.
func (p *population) walked(c *client, q store.Query, rng *rand.Rand) {
	seen := map[string]bool{}
	disturbed := 0
	c.walk(q, func(page store.Page) {
		for _, r := range page.Records {
			seen[r.ID] = true
		}
		if disturbed++; disturbed <= 30 { // going up the walk would find new ones for ever
			p.disturb(c.other(), rng)
		}
	})
	if id, missed := p.missed(seen); missed {
		c.fail("List %+v: a walk missed record %q, which was there throughout", q, id)
	}
}

func walkConcurrent(s *subject) {
	c := s.tenant("t")
	p := populate(c, 120)
	var wg sync.WaitGroup
	wg.Go(func() {
		rng := rand.New(rand.NewPCG(4, 4))
		for i := 0; i < 150 && !s.failed(); i++ {
			p.disturb(c.other(), rng)
			runtime.Gosched() // interleave, however fast the store is
		}
	})
	walks := make([]map[string]bool, 6)
	for i := range walks {
		walks[i] = map[string]bool{}
		wg.Go(func() {
			q := store.Query{Kind: "user", Match: keys("x", "y")[:i%3], Limit: []int{1, 7, 50}[i/2], Desc: i%2 == 1}
			c.walk(q, func(page store.Page) {
				for _, r := range page.Records {
					walks[i][r.ID] = true
				}
				runtime.Gosched()
			})
		})
	}
	wg.Wait()
	for _, seen := range walks {
		if id, missed := p.missed(seen); missed {
			s.fail("a walk missed record %q, which was there throughout", id)
		}
	}
}
