package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// user is a record with every field that is copied.
func user(i int) store.Record {
	n := strconv.Itoa(i)
	return store.Record{
		ID:   "user-" + n,
		Kind: "user",
		Unique: []store.Key{
			{Kind: "email", Value: n + "@example.org"},
			{Kind: "external_id", Value: "crm-" + n},
		},
		Index: []store.Key{{Kind: "status", Value: "active"}},
		Data:  make([]byte, 400),
	}
}

// apply writes a batch of the tenant acme.
func apply(t *testing.T, s store.Store, ops ...store.Op) {
	t.Helper()
	if _, err := s.Apply(t.Context(), "acme", store.Ops(ops...)); err != nil {
		t.Fatal(err)
	}
}

func TestGetAllocates(t *testing.T) {
	s := memory.New(nil)
	apply(t, s, store.Create(user(1), nil), store.Create(store.Record{ID: "bare", Kind: "user"}, nil))
	tests := []struct {
		name string
		key  store.Key
		want float64
	}{
		{"full record by ID", store.ID("user-1"), 2},
		{"full record by unique key", store.Key{Kind: "email", Value: "1@example.org"}, 2},
		{"bare record", store.ID("bare"), 0},
		{"no record", store.ID("nobody"), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := testing.AllocsPerRun(100, func() {
				if _, err := s.Get(t.Context(), "acme", test.key); err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Fatal(err)
				}
			})
			if got > test.want {
				t.Errorf("%v allocations, want %v", got, test.want)
			}
		})
	}
}

// Keys and terms share an array; appending to one must not write into the other.
func TestSlicesAreCapped(t *testing.T) {
	s := memory.New(nil)
	apply(t, s, store.Create(user(1), nil))
	got, err := s.Get(t.Context(), "acme", store.ID("user-1"))
	if err != nil {
		t.Fatal(err)
	}
	_ = append(got.Unique, store.Key{Kind: "email", Value: "intruder"})
	if diff := cmp.Diff(user(1).Index, got.Index); diff != "" {
		t.Errorf("index terms after appending to the unique keys (-want +got):\n%s", diff)
	}
}

// A page whose records are further apart than a stride.
func TestListOfSparseMatches(t *testing.T) {
	s := memory.New(nil)
	const records, every = 10_000, 2_500
	var want []string
	for i := range records {
		r := store.Record{ID: strconv.Itoa(i), Kind: "user", Index: []store.Key{{Kind: "all"}}}
		if i%every == every-1 {
			r.Index = append(r.Index, store.Key{Kind: "few"})
			want = append(want, r.ID)
		} else {
			r.Due = store.FromMillis(1)
		}
		apply(t, s, store.Create(r, nil))
	}
	queries := map[string]store.Query{
		"driven by the short list": {Match: []store.Key{{Kind: "all"}, {Kind: "few"}}},
		"filtered by due":          {Match: []store.Key{{Kind: "all"}}, NotDueBefore: store.FromMillis(2)},
		"from the kind":            {NotDueBefore: store.FromMillis(2)},
		"page by page":             {NotDueBefore: store.FromMillis(2), Limit: 1},
	}
	for name, q := range queries {
		for _, desc := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, desc %v", name, desc), func(t *testing.T) {
				q := q
				q.Kind, q.Desc = "user", desc
				got := walkIDs(t, s, q)
				if desc {
					slices.Reverse(got)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("records (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func walkIDs(t *testing.T, s store.Store, q store.Query) []string {
	t.Helper()
	var got []string
	for {
		page, err := s.List(t.Context(), "acme", q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			got = append(got, r.ID)
		}
		switch {
		case page.Next == 0:
			return got
		case q.Desc:
			q.Before = page.Next
		default:
			q.After = page.Next
		}
	}
}

func TestTrimWithinAChunk(t *testing.T) {
	s := memory.New(nil)
	const entries = 2000
	for i := range entries {
		apply(t, s, store.Create(store.Record{ID: strconv.Itoa(i), Kind: "user"}, []byte{}))
	}
	for _, through := range []store.Revision{1, 511, 512, 513, 514, 1300, entries, entries + 5} {
		if err := s.Trim(t.Context(), "acme", through); err != nil {
			t.Fatal(err)
		}
		forgotten := min(through, entries) - 1 // the newest at or before through stays
		if forgotten > 0 {
			_, err := s.Changes(t.Context(), "acme", store.ChangeQuery{After: forgotten - 1})
			if e, ok := errors.AsType[*store.TrimmedError](err); !ok || e.Through != forgotten {
				t.Errorf("Changes from before %d: %v, want a TrimmedError through there", forgotten, err)
			}
		}
		for _, q := range []store.ChangeQuery{
			{After: forgotten, Limit: store.MaxLimit},
			{Desc: true, Limit: 300},
			{After: forgotten, Desc: true, Limit: store.MaxLimit},
		} {
			got := walkSeqs(t, s, q, forgotten)
			if q.Desc {
				slices.Reverse(got)
			}
			for i, seq := range got {
				if want := forgotten + store.Revision(i) + 1; seq != want {
					t.Fatalf("%+v: entry %d where %d is due", q, seq, want)
				}
			}
			if want := entries - int(forgotten); len(got) != want {
				t.Errorf("%+v: %d entries after a trim to %d, want %d", q, len(got), through, want)
			}
		}
	}
}

func walkSeqs(t *testing.T, s store.Store, q store.ChangeQuery, trimmed store.Revision) []store.Revision {
	t.Helper()
	var got []store.Revision
	for {
		page, err := s.Changes(t.Context(), "acme", q)
		if err != nil {
			t.Fatal(err)
		}
		if page.Trimmed != trimmed {
			t.Errorf("trimmed through %d, want %d", page.Trimmed, trimmed)
		}
		for _, c := range page.Changes {
			got = append(got, c.Seq)
		}
		switch {
		case page.Next == 0:
			return got
		case q.Desc:
			q.Before = page.Next
		default:
			q.After = page.Next
		}
	}
}

// Three callers wait for a tenant that does not exist yet; one of them gives up.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(nil)
		ctx, cancel := context.WithCancel(t.Context())
		impatient, patient := make(chan error), make(chan error, 2)
		go func() { impatient <- s.Wait(ctx, "acme", 1) }()
		for range 2 {
			go func() { patient <- s.Wait(t.Context(), "acme", 1) }()
		}
		synctest.Wait()
		cancel()
		if err := <-impatient; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait = %v, want context.Canceled", err)
		}
		if page, err := s.Tenants(t.Context(), store.TenantQuery{}); err != nil || len(page.Names) > 0 {
			t.Errorf("Tenants = %q, %v: waiting for a tenant must not make it", page.Names, err)
		}
		apply(t, s, store.Create(user(1), []byte("one")))
		synctest.Wait()
		select {
		case err := <-patient:
			t.Fatalf("Wait after revision 1 returned %v at revision 1", err)
		default:
		}
		apply(t, s, store.Create(user(2), []byte("two")))
		for range 2 {
			if err := <-patient; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestVerifyProgress(t *testing.T) {
	s := memory.New(nil)
	const records = 5000
	for i := range records {
		if _, err := s.Apply(t.Context(), fmt.Sprint("tenant-", i%2), store.Ops(store.Create(store.Record{Kind: "user", ID: fmt.Sprint(i)}, nil))); err != nil {
			t.Fatal(err)
		}
	}
	var seen []int
	for f, err := range s.Verify(t.Context(), store.VerifyOptions{Progress: func(n int) { seen = append(seen, n) }}) {
		t.Error(f, err)
	}
	if n := len(seen); n < 4 || seen[n-1] != records || !slices.IsSorted(seen) {
		t.Errorf("%d", seen)
	}
}
