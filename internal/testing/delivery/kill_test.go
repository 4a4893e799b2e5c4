package delivery

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// TestKill kills a process that writes and delivers, again and again, at every point of the way
// from the write to the record of its delivery. In the end every change that was committed has
// arrived, and nothing else; and each user's in their order.
func TestKill(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		w := newWorld(t, k)
		h := w.hook(t, "/a")
		// Some events fail, so that there are parked users at the time of a kill.
		w.set(func(r *receiver) {
			r.answer = func(n int, _ *arrival) int {
				if n%17 == 0 {
					return http.StatusInternalServerError
				}
				return http.StatusNoContent
			}
		})
		points := []point{nowhere, before, between, claimed, sending, answered}
		if w.place.begin != nil {
			points = append(points, inside)
		}
		cycles := size.Pick(t, len(points), 20, 200)
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		enough := func(cycles int) bool {
			return len(w.ledger.done) >= 5*cycles && (w.place.begin == nil || len(w.ledger.undone) > 0)
		}
		cycle := 0
		for ; cycle < cycles || !enough(cycle) && cycle < 5*cycles; cycle++ {
			j := job{Writes: true, Seed: rng.Uint64(), Point: points[cycle%len(points)], Nth: 1 + rng.Int64N(12)}
			n := w.start(t, j)
			if j.Point == nowhere {
				w.listen(t, n, int(j.Nth)+10)
				w.kill(t, n)
			} else {
				w.died(t, n)
			}
			// The lease of the dead has ended, and parked users are due.
			w.setClocks(w.clocks() + time.Hour)
		}
		w.set(func(r *receiver) { r.answer = nil })
		n := w.start(t, job{})
		w.settleThrough(t, []enduser.Webhook{h}, n)
		w.stop(t, n)
		w.ledger.read(t, w.acme)
		arrivals := w.all()
		complain(t, w.ledger.check(arrivals, rules{hook: "/a", clock: w.wereAhead}))
		t.Logf("seed %d: %d cycles, %d changes, %d acknowledged, %d of rolled back transactions, %d requests",
			seed, cycle, len(w.ledger.changes), len(w.ledger.done), len(w.ledger.undone), len(arrivals))
		if !enough(cycle) {
			t.Error("too few to mean anything")
		}
	})
}
