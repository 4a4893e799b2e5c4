package memory

import (
	"strconv"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// However long a walk is, List gives the lock back every stride.
func TestWalkPauses(t *testing.T) {
	s := New(nil)
	const steps = 3
	for i := range steps * stride {
		writeNoted(t, s, strconv.Itoa(i))
	}
	for _, desc := range []bool{false, true} {
		got := 0
		w := newWalk(store.Query{Kind: "user", Desc: desc, Budget: store.MaxBudget}, func(*entry) bool {
			got++
			return true
		})
		for i := range steps {
			more := w.step(s.shard("acme").tenants["acme"])
			if want := (i + 1) * stride; got != want || more != (i < steps-1) {
				t.Fatalf("desc %v, step %d: %d records so far, more: %v; want %d", desc, i, got, more, want)
			}
		}
	}
}
