package enduser_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Whenever Deliver is ended, during whichever write or read of a turn, it gives the turn back: the
// next process need not wait for the lease to end.
func TestDeliverGivesBack(t *testing.T) {
	for name, nth := range map[string]int{"the claim": 1, "the first round's write": 2, "the read after it": -2, "the second round's write": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &faultstore.Store{Store: memory.New(nil)}
				d := newDeliveries(st)
				h := d.hook(t)
				for range 450 { // more than one round
					d.user(t)
				}
				ctx, cancel := context.WithCancel(t.Context())
				writes := 0
				count := func(at int) func(int64, []store.Op) error {
					return func(_ int64, ops []store.Op) error {
						if ops[len(ops)-1].ID() != h.ID+"/turn" {
							return nil
						}
						if writes++; writes == at {
							cancel()
						}
						return nil
					}
				}
				if st.OnApply = count(nth); nth < 0 {
					st.OnApply, st.OnApplied = nil, count(-nth)
				}
				wantErr(t, "deliver", d.users.Deliver(ctx, d, nil), context.Canceled)
				turn := must(st.Get(t.Context(), "acme", store.ID(h.ID+"/turn")))(t)
				if strings.Contains(string(turn.Data), `"owner"`) {
					t.Errorf("the turn is still taken until %v: %s", turn.Due, turn.Data)
				}
			})
		})
	}
}
