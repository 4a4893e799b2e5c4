// Package histories checks that a store is linearizable: that the answers which
// concurrent callers got can be explained by the rules of package store, one call
// after the other.
//
// Clients make random calls of Get, Apply and Changes on a few records of one
// tenant, over two handles, and some of their contexts end at a random moment.
// A history is their calls, the answers and the times of both. porcupine searches for an
// order of the calls that respects time and in which the model (rules 1, 2, 3 and 5 of
// the contract, requirements and revisions included) gives every caller the answer it
// got.
//
// A write that ended in [store.ErrUnknown] may or may not have happened, at any
// moment after its call. The history ends with a read of the whole feed, which must be
// explained as well and shows which of the two it was: every write has a Note of its own,
// so an entry with that Note proves that the write happened under the entry's revision,
// and a feed without it proves that it did not. This takes no freedom from the store and
// saves the checker from searching both.
//
// [MutantCaught] shows that the histories of a store have the power to find
// races, by putting known races in front of it.
package histories

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rollbook-go/rollbook/store"
)

// Options says how much to do. The zero value is one history of the size that
// is known to find races.
type Options struct {
	Histories int           // how many, each on a tenant of its own; 0: 1
	Clients   int           // concurrent callers of a history; 0: 8
	Calls     int           // calls of each client; 0: 250
	Timeout   time.Duration // for checking one history; 0: five minutes
	Seed      uint64        // of the first history, the next counting up; 0: random

	// Faults allows calls to fail with store.ErrUnavailable and, if they write,
	// store.ErrUnknown although their context has not ended: set it if the test breaks
	// the store on purpose. Otherwise such an error fails the test.
	Faults bool
}

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Histories == 0 {
		out.Histories = 1
	}
	if out.Clients == 0 {
		out.Clients = 8
	}
	if out.Calls == 0 {
		out.Calls = 250
	}
	if out.Timeout == 0 {
		out.Timeout = 5 * time.Minute
	}
	if out.Seed == 0 {
		out.Seed = rand.Uint64()
	}
	return out
}

// Run records histories of a store and fails the test for one that is not
// linearizable, cannot be checked in time, has an error in it that the contract
// does not allow, or has no answer to most of its calls. Run calls open twice; each call
// returns a new handle on the same place, and the caller closes the handles. Run leaves
// its tenants behind. opts may be nil.
//
// A seed repeats the calls of a history but not how they interleave. A picture of a
// history that fails is in the test's artifact directory: go test -artifacts keeps it.
func Run(tb testing.TB, open func() (store.Store, error), opts *Options) {
	tb.Helper()
	o := opts.withDefaults()
	handles, err := openTwo(open)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range o.Histories {
		seed := o.Seed + uint64(i)
		h, err := record(tb.Context(), handles, seed, o)
		if err != nil {
			tb.Errorf("history with seed %d: %v", seed, err)
			return
		}
		if verdict := porcupine.CheckOperationsTimeout(model, h.ops, o.Timeout); verdict != porcupine.Ok {
			tb.Errorf("history with seed %d: not shown to be linearizable: %s (%s); drawn in %s",
				seed, verdict, h.summary(), draw(tb, h, seed, o.Timeout))
			return
		}
		if err := h.worthwhile(); err != nil {
			tb.Errorf("history with seed %d: %v (%s)", seed, err, h.summary())
			return
		}
		if i == 0 {
			tb.Logf("history with seed %d: linearizable: %s", seed, h.summary())
		}
	}
}

func openTwo(open func() (store.Store, error)) ([2]store.Store, error) {
	var handles [2]store.Store
	for i := range handles {
		s, err := open()
		if err != nil {
			return handles, fmt.Errorf("open handle %d: %w", i, err)
		}
		handles[i] = s
	}
	return handles, nil
}

// draw writes porcupine's picture of a history and returns its path.
func draw(tb testing.TB, h *history, seed uint64, timeout time.Duration) string {
	tb.Helper()
	_, info := porcupine.CheckOperationsVerbose(model, h.ops, timeout)
	path := filepath.Join(tb.ArtifactDir(), fmt.Sprintf("history-%d.html", seed))
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		return fmt.Sprintf("nothing: %v", err)
	}
	return path
}

// history is the calls of the clients and their answers.
type history struct {
	ops   []porcupine.Operation
	count [outcomes]int // calls by outcome, before unknown ones were resolved
}

func (h *history) summary() string {
	var parts []string
	for o := range outcomes {
		if h.count[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", h.count[o], o))
		}
	}
	return strings.Join(parts, ", ")
}

// worthwhile reports a history that proves nothing because most of its calls
// had no answer.
func (h *history) worthwhile() error {
	calls := 0
	for _, n := range h.count {
		calls += n
	}
	if without := h.count[failed] + h.count[unknown]; without*2 > calls {
		return fmt.Errorf("%d of %d calls had no answer, which proves nothing", without, calls)
	}
	return nil
}

// record runs the clients on a new tenant of the store.
func record(ctx context.Context, handles [2]store.Store, seed uint64, o Options) (*history, error) {
	r := newRecorder(handles, seed, o)
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return r.finish(ctx)
}
