package memory_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// looks records how many entries each call of List or Count has read.
type looks struct{ of []int }

func (l *looks) observer() *store.Observer {
	return &store.Observer{Call: func(c store.CallInfo) {
		if c.Method == "List" || c.Method == "Count" {
			l.of = append(l.of, c.Looked)
		}
	}}
}

const many = 60_000

// fillMany creates many users in batches: all have two common terms, never together but
// on every tenthousandth of them.
func fillMany(t *testing.T, s store.Store) (rare int) {
	t.Helper()
	odd, even := store.Key{Kind: "is", Value: "odd"}, store.Key{Kind: "is", Value: "even"}
	for i := 0; i < many; {
		var ops []store.Op
		for ; len(ops) < store.MaxOps && i < many; i++ {
			r := store.Record{ID: strconv.Itoa(i), Kind: "user", Index: []store.Key{odd}}
			switch {
			case i%10_000 == 5_000:
				r.Index = append(r.Index, even)
				rare++
			case i%2 == 0:
				r.Index[0] = even
			}
			ops = append(ops, store.Create(r, nil))
		}
		apply(t, s, ops...)
	}
	return rare
}

// The worst filter: two terms that are common alone and rare together.
func TestListStaysWithinItsBudget(t *testing.T) {
	var l looks
	s := memory.New(&memory.Options{Observer: l.observer()})
	want := fillMany(t, s)
	match := []store.Key{{Kind: "is", Value: "odd"}, {Kind: "is", Value: "even"}}
	for _, budget := range []int{0, 7_777, stride, store.MaxBudget} {
		for _, desc := range []bool{false, true} {
			t.Run(fmt.Sprintf("budget %d, desc %v", budget, desc), func(t *testing.T) {
				l.of = nil
				got := walkIDs(t, s, store.Query{Kind: "user", Match: match, Desc: desc, Budget: budget})
				seen := map[string]bool{}
				for _, id := range got {
					seen[id] = true
				}
				if len(got) != want || len(seen) != want {
					t.Errorf("%d records, %d different, want %d", len(got), len(seen), want)
				}
				most, total := budget, 0
				if most == 0 {
					most = store.DefaultBudget
				}
				for _, n := range l.of {
					total += n
					if n > most || n == 0 {
						t.Errorf("a page looked at %d entries, want at most %d and some", n, most)
					}
				}
				if total > many { // no entry is read twice
					t.Errorf("%d entries looked at in all, want at most %d", total, many)
				}
			})
		}
	}
}

const stride = 1024 // where List gives the lock back: a budget may end there too

// A count reads no entry if the list knows its length, and at most as many as its cap.
func TestCountLooksAtLittle(t *testing.T) {
	var l looks
	s := memory.New(&memory.Options{Observer: l.observer()})
	fillMany(t, s)
	odd := []store.Key{{Kind: "is", Value: "odd"}}
	tests := []struct {
		name   string
		query  store.CountQuery
		want   store.Counted
		looked int
	}{
		{"all", store.CountQuery{Cap: 1}, store.Counted{N: many, Exact: true}, 0},
		{"between", store.CountQuery{After: 700, Before: 50_000}, store.Counted{N: 49_299, Exact: true}, 0},
		{"behind all", store.CountQuery{After: math.MaxInt64}, store.Counted{Exact: true}, 0},
		{"nothing between", store.CountQuery{After: 700, Before: 500}, store.Counted{Exact: true}, 0},
		{"match, capped", store.CountQuery{Match: odd, Cap: 5_000}, store.Counted{N: 5_000}, 5_000},
		{"match", store.CountQuery{Match: odd, Before: 1_001}, store.Counted{N: 500, Exact: true}, 500},
		{"due bound", store.CountQuery{NotDueBefore: store.FromMillis(1), Cap: store.MaxCount}, store.Counted{N: many, Exact: true}, many},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l.of = nil
			test.query.Kind = "user"
			got, err := s.Count(t.Context(), "acme", test.query)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want || len(l.of) != 1 || l.of[0] != test.looked {
				t.Errorf("%+v, looked %v, want %+v, looked %d", got, l.of, test.want, test.looked)
			}
		})
	}
	t.Run("damaged are not counted", func(t *testing.T) {
		if err := (memory.Damager{Store: s}).Damage(t.Context(), "acme", "7"); err != nil {
			t.Fatal(err)
		}
		got, err := s.Count(t.Context(), "acme", store.CountQuery{Kind: "user", Cap: store.MaxCount})
		if want := (store.Counted{N: many - 1, Exact: true}); err != nil || got != want {
			t.Errorf("%+v, error %v, want %+v", got, err, want)
		}
	})
}
