package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// TestNodes: several processes that deliver from one store send every event once.
func TestNodes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		for _, nodes := range []int{2, 4} {
			w := newWorld(t, k)
			hooks := w.hooks(t, 6)
			var running []*node
			for range nodes {
				running = append(running, w.start(t, job{}))
			}
			w.writes(t, size.Pick(t, 40, 200, 2000))
			w.settle(t, hooks...)
			var sent []string
			for _, n := range running {
				w.stop(t, n)
				sent = append(sent, n.sent)
			}
			t.Logf("%d nodes sent %v", nodes, sent)
			w.ledger.read(t, w.acme)
			arrivals := w.all()
			for i := range hooks {
				complain(t, w.ledger.check(arrivals, rules{hook: path(i), once: true, clock: []time.Duration{0}}))
			}
			if want := len(hooks) * len(w.ledger.changes); len(arrivals) != want {
				t.Errorf("%d nodes: %d requests for %d deliveries", nodes, len(arrivals), want)
			}
		}
	})
}

// TestNodesKilled: if processes that deliver are killed, again and again, the others go on. No
// event is lost, and those of a user stay in their order.
func TestNodesKilled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		for _, nodes := range []int{2, 4} {
			w := newWorld(t, k)
			hooks := w.hooks(t, 3)
			due := make(chan struct{}, 1)
			w.set(func(r *receiver) {
				r.answer = func(n int, _ *arrival) int {
					if n%10 == 0 { // while other requests are under way
						select {
						case due <- struct{}{}:
						default:
						}
					}
					if n%17 == 0 {
						return 500
					}
					return 204
				}
			})
			running := make([]*node, nodes)
			for i := range running {
				running[i] = w.start(t, job{})
			}
			kills := size.Pick(t, 4, 20, 200)
			for i := range kills {
				var writing sync.WaitGroup
				writing.Go(func() { w.writes(t, 30) })
				select {
				case <-due:
				case <-time.After(patience):
					t.Fatal("nothing is delivered")
				}
				n := &running[i%nodes]
				w.kill(t, *n)
				// The lease of the dead has ended, and parked users are due.
				w.setClocks(w.clocks()+time.Hour, running...)
				*n = w.start(t, job{})
				writing.Wait()
			}
			w.set(func(r *receiver) { r.answer = nil })
			w.settleThrough(t, hooks, running...)
			for _, n := range running {
				w.stop(t, n)
			}
			w.ledger.read(t, w.acme)
			arrivals := w.all()
			for i := range hooks {
				complain(t, w.ledger.check(arrivals, rules{hook: path(i), clock: w.wereAhead}))
			}
			t.Logf("%d nodes, %d kills: %d deliveries in %d requests", nodes, kills, len(hooks)*len(w.ledger.changes), len(arrivals))
		}
	})
}

// path is that of one of many webhooks.
func path(i int) string { return fmt.Sprint("/", i) }

func (w *world) hooks(t *testing.T, n int) []enduser.Webhook {
	t.Helper()
	hooks := make([]enduser.Webhook, n)
	for i := range hooks {
		hooks[i] = w.hook(t, path(i))
	}
	return hooks
}

// writes makes changes from here.
func (w *world) writes(t *testing.T, changes int) {
	ctx := context.WithoutCancel(t.Context())
	for range changes {
		spec := enduser.Spec{ExternalID: fmt.Sprint("crm-", w.written.Add(1)%20), Name: fmt.Sprint("Ann ", rand.Uint64())}
		u, _, err := w.acme.Upsert(ctx, spec)
		if err != nil {
			t.Error(err)
			return
		}
		w.ledger.done = append(w.ledger.done, fmt.Sprint(u.ID, " ", u.Revision))
	}
}
