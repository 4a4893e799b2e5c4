package histories

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func opener(s store.Store) func() (store.Store, error) {
	return func() (store.Store, error) { return s, nil }
}

func TestRun(t *testing.T) {
	Run(t, opener(memory.New(nil)), &Options{Histories: 20})
}

func TestMutantCaught(t *testing.T) {
	MutantCaught(t, opener(memory.New(nil)), nil)
}

// Most single histories catch a mutant, usually all do: a checker that misses known races
// says nothing about unknown ones.
func TestPower(t *testing.T) {
	seeds := size.Pick(t, 10, 100, 100)
	required := seeds * 8 / 10
	for _, mutant := range mutants {
		t.Run(mutant.name, func(t *testing.T) {
			s := memory.New(nil)
			handles := [2]store.Store{mutant.wrong(s), mutant.wrong(s)}
			n := 0
			for seed := range uint64(seeds) {
				if caught(t, handles, (&Options{Seed: seed + 1}).withDefaults()) {
					n++
				}
			}
			t.Logf("caught in %d of %d histories", n, seeds)
			if n < required {
				t.Errorf("caught in %d of %d histories, want %d", n, seeds, required)
			}
		})
	}
}

// faulty replaces one Apply in twenty.
type faulty struct {
	store.Store
	writes atomic.Int64
	apply  func(f *faulty, n int64, do func() (store.Revision, error)) (store.Revision, error)
}

func (f *faulty) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	do := func() (store.Revision, error) { return f.Store.Apply(ctx, tenant, b) }
	if n := f.writes.Add(1); n%20 == 0 {
		return f.apply(f, n, do)
	}
	return do()
}

func TestUnknownMayHaveHappenedOrNot(t *testing.T) {
	s := &faulty{Store: memory.New(nil), apply: func(_ *faulty, n int64, do func() (store.Revision, error)) (store.Revision, error) {
		if n%40 == 0 {
			_, _ = do()
		}
		return 0, fmt.Errorf("reply lost: %w", store.ErrUnknown)
	}}
	Run(t, opener(s), &Options{Histories: 10, Faults: true})
}

func TestLiesAreCaught(t *testing.T) {
	lies := map[string]func(*faulty, int64, func() (store.Revision, error)) (store.Revision, error){
		"done and not written": func(_ *faulty, n int64, _ func() (store.Revision, error)) (store.Revision, error) {
			return store.Revision(n), nil
		},
		"written and not done": func(_ *faulty, _ int64, do func() (store.Revision, error)) (store.Revision, error) {
			_, _ = do()
			return 0, store.ErrUnavailable
		},
		"written and stale": func(_ *faulty, _ int64, do func() (store.Revision, error)) (store.Revision, error) {
			_, _ = do()
			return 0, &store.StaleError{Require: -1}
		},
		"a revision that is not its own": func(_ *faulty, _ int64, do func() (store.Revision, error)) (store.Revision, error) {
			revision, err := do()
			return revision + 1, err
		},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			s := &faulty{Store: memory.New(nil), apply: lie}
			for seed := range uint64(10) {
				o := (&Options{Seed: seed + 1, Faults: true}).withDefaults()
				if !caught(t, [2]store.Store{s, s}, o) {
					t.Errorf("history with seed %d: not caught", o.Seed)
				}
			}
		})
	}
}

// report is a test that records its errors instead of failing.
type report struct {
	testing.TB
	errors []string
}

func (r *report) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestRunReports(t *testing.T) {
	r := &report{TB: t}
	Run(r, opener(checkThenAct{Store: memory.New(nil)}), &Options{Seed: 7})
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "seed 7") || !strings.Contains(r.errors[0], "Illegal") {
		t.Fatalf("reported %q, want seed and verdict", r.errors)
	}
	if _, err := os.Stat(filepath.Join(t.ArtifactDir(), "history-7.html")); err != nil {
		t.Errorf("no picture: %v", err)
	}
}

func TestRunReportsErrorsOutsideTheContract(t *testing.T) {
	wrong := errors.New("database is closed")
	for _, err := range []error{wrong, store.ErrUnavailable, store.ErrUnknown} {
		r := &report{TB: t}
		s := &faulty{Store: memory.New(nil), apply: func(*faulty, int64, func() (store.Revision, error)) (store.Revision, error) {
			return 0, err
		}}
		Run(r, opener(s), nil)
		if len(r.errors) != 1 || !strings.Contains(r.errors[0], err.Error()) {
			t.Errorf("reported %q, want %v", r.errors, err)
		}
	}
}

// A store that is never available is consistent, and proves nothing.
func TestRunReportsEmptyHistories(t *testing.T) {
	r := &report{TB: t}
	Run(r, opener(absent{memory.New(nil)}), &Options{Faults: true})
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "proves nothing") {
		t.Errorf("reported %q, want that it proves nothing", r.errors)
	}
}

type absent struct{ store.Store }

func (absent) Apply(context.Context, string, store.Batch) (store.Revision, error) {
	return 0, store.ErrUnavailable
}

func (absent) Get(context.Context, string, store.Key) (store.Record, error) {
	return store.Record{}, store.ErrUnavailable
}

func TestModel(t *testing.T) {
	a := op{id: 0, unique: "01", data: "a", note: "a"}
	b := op{id: 1, unique: "2", data: "b", note: "b"}
	full, first := state{}.apply(batch{ops: []op{a, b}})
	if want := (answer{outcome: done, revision: 2}); first != want {
		t.Fatalf("two creates: %+v, want %+v", first, want)
	}
	docA := doc{created: 1, revision: 1, unique: "01", data: "a"}
	tests := []struct {
		name string
		ops  []op
		need []requirement
		want answer
	}{
		{"create of what is there", []op{a}, nil, answer{outcome: stale, require: -1}},
		{"replace of another revision", []op{{id: 2, unique: "3", data: "c"}, {id: 0, old: 9, data: "a"}}, nil, answer{outcome: stale, op: 1, require: -1}},
		{"stale before taken", []op{{id: 2, unique: "0", data: "c"}, {id: 0, old: 9, data: "a"}}, nil, answer{outcome: stale, op: 1, require: -1}},
		{
			"first taken key in the order of the op",
			[]op{{id: 2, unique: "310", data: "c"}},
			nil,
			answer{outcome: taken, require: -1, key: 1, id: 0, doc: docA},
		},
		{
			"swap of keys",
			[]op{{id: 0, old: 1, unique: "2", data: "a"}, {id: 1, old: 2, unique: "01", data: "b"}},
			nil,
			answer{outcome: done, revision: 4},
		},
		{"key of a deleted record", []op{{id: 0, old: 1}, {id: 2, unique: "0", data: "c"}}, nil, answer{outcome: done, revision: 4}},
		{"removal", []op{{id: 0, old: whatever}}, nil, answer{outcome: done, revision: 3}},
		{"removal of nothing", []op{{id: 2, old: whatever}}, nil, answer{outcome: stale, require: -1}},
		{
			"requirements before ops, in their order",
			[]op{a},
			[]requirement{{id: 0, revision: 1}, {id: -1, key: 1}, {id: 2, revision: 9}},
			answer{outcome: taken, op: -1, require: 1, key: 1, id: 0, doc: docA},
		},
		{"requirements of what the batch frees", []op{{id: 0, old: 1}}, []requirement{{id: 0}}, answer{outcome: stale, op: -1}},
		{
			"requirements that hold",
			[]op{{id: 2, unique: "3", data: "c"}},
			[]requirement{{id: 1, revision: 2}, {id: 2}, {id: -1, key: 3}},
			answer{outcome: done, revision: 3},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if next, got := full.apply(batch{test.ops, test.need}); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			} else if got.outcome != done && !equal(next, full) {
				t.Error("a refused batch changed the state")
			}
		})
	}
}

// Time counts: a read that began after a write was acknowledged has to see it.
func TestStaleReadIsIllegal(t *testing.T) {
	write := input{method: apply, batch: batch{ops: []op{{id: 0, data: "a", note: "a"}}}}
	for _, test := range []struct {
		readCalled int64
		want       porcupine.CheckResult
	}{{2, porcupine.Ok}, {4, porcupine.Illegal}} {
		got := porcupine.CheckOperationsTimeout(model, []porcupine.Operation{
			{ClientId: 0, Input: write, Output: output{answer: answer{outcome: done, revision: 1}}, Call: 1, Return: 3},
			{ClientId: 1, Input: input{method: get}, Output: output{answer: answer{outcome: notFound}}, Call: test.readCalled, Return: 5},
		}, 0)
		if got != test.want {
			t.Errorf("a read called at %d that misses a write acknowledged at 3: %s, want %s", test.readCalled, got, test.want)
		}
	}
}
