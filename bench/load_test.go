package bench_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// call is something to measure. Each caller has a random generator.
type call func(ctx context.Context, rng *rand.Rand) error

// pass is what came of a call in one pass.
type pass struct {
	perSecond float64
	took      []time.Duration // each time, the shortest first
}

// quantile returns the seconds within which that share of the calls ended.
func (p pass) quantile(share float64) float64 {
	return p.took[int(share*float64(len(p.took)-1))].Seconds()
}

// run lets so many callers make calls for a time, each the given ones in turn.
func run(b *testing.B, callers int, length time.Duration, calls ...call) []pass {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute) // callers have contexts that can end
	defer cancel()
	took := make([][][]time.Duration, callers) // by caller and call
	var wg sync.WaitGroup
	begin := time.Now()
	for c := range callers {
		took[c] = make([][]time.Duration, len(calls))
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
			for i := c; i < c+len(calls) || time.Since(begin) < length; i++ {
				at := time.Now()
				if err := calls[i%len(calls)](ctx, rng); err != nil {
					b.Error(err)
					return
				}
				took[c][i%len(calls)] = append(took[c][i%len(calls)], time.Since(at))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(begin).Seconds()
	if b.Failed() {
		b.FailNow()
	}
	passes := make([]pass, len(calls))
	for i := range passes {
		for c := range callers {
			passes[i].took = append(passes[i].took, took[c][i]...)
		}
		slices.Sort(passes[i].took)
		passes[i].perSecond = float64(len(passes[i].took)) / elapsed
	}
	return passes
}

// inTurns runs calls against each other, each several times for a moment, so that what else
// the machine does meets all of them. It returns how many of each ended a second.
func inTurns(b *testing.B, callers int, length time.Duration, calls ...call) []float64 {
	b.Helper()
	const rounds = 4
	rates := make([]float64, len(calls))
	for round := range rounds {
		for i := range calls {
			if round%2 == 1 {
				i = len(calls) - 1 - i
			}
			rates[i] += run(b, callers, length/rounds, calls[i])[0].perSecond / rounds
		}
	}
	return rates
}

// crowd says which user is written next: by turns a new one and one of those that exist.
// A user's number fixes the tenant.
type crowd struct {
	tenants int64
	last    atomic.Int64
}

func (c *crowd) next(rng *rand.Rand) (tenant string, spec enduser.Spec) {
	n := rng.Int64N(c.last.Load() + 1)
	if n == 0 || rng.IntN(2) == 0 {
		n = c.last.Add(1)
	}
	return fmt.Sprint("tenant-", n%c.tenants), person(n, rng.Uint64())
}

// person describes the nth user, about 600 bytes, with something that may have changed.
func person(n int64, changed uint64) enduser.Spec {
	first := []string{"Ann", "Bob", "Cleo", "Dana", "Émile", "Fay", "Gus", "Hana"}[n%8]
	last := []string{"Lee", "Ünal", "Okafor", "Smith", "Jones"}[n/8%5]
	return enduser.Spec{
		ExternalID: fmt.Sprintf("crm-%08d", n),
		Name:       first + " " + last,
		Email:      fmt.Sprintf("user%d@example.com", n),
		Language:   "en-GB",
		Avatar:     fmt.Sprintf("https://example.com/avatars/%d.png", n),
		Metadata: enduser.Metadata{
			"plan":  enduser.String("pro"),
			"seats": enduser.Int(12),
			"note":  enduser.String(fmt.Sprintf("%020d%s", changed, strings.Repeat("n", 280))),
		},
	}
}
