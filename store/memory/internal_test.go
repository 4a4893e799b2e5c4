package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

// The ordered list against a slice that is sorted again after every step.
func TestSorted(t *testing.T) {
	t.Run("by created", testSorted[byCreated])
	t.Run("by due", testSorted[byDue])
}

func testSorted[O order](t *testing.T) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		var list sorted[O]
		var want []*entry
		var o O
		compare := func(a, b *entry) int {
			switch {
			case o.before(a, b):
				return -1
			case o.before(b, a):
				return 1
			}
			return 0
		}
		anyEntry := rapid.Custom(func(t *rapid.T) *entry {
			return &entry{
				created: store.Revision(rapid.Int64Range(1, 5000).Draw(t, "created")),
				due:     rapid.Int64Range(0, 3).Draw(t, "due"),
			}
		})
		add := func(e *entry) {
			if at, taken := slices.BinarySearchFunc(want, e, compare); !taken {
				list.insert(e)
				want = slices.Insert(want, at, e)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) { add(anyEntry.Draw(t, "entry")) },
			"insert many": func(t *rapid.T) { // to fill chunks
				from, step := anyEntry.Draw(t, "from"), store.Revision(rapid.Int64Range(-3, 3).Draw(t, "step"))
				for i := range store.Revision(rapid.Int64Range(1, 1500).Draw(t, "count")) {
					add(&entry{created: from.created + i*step, due: from.due})
				}
			},
			"remove": func(t *rapid.T) {
				if len(want) == 0 {
					t.Skip("empty")
				}
				from := rapid.IntRange(0, len(want)-1).Draw(t, "from")
				to := rapid.IntRange(from+1, min(len(want), from+1500)).Draw(t, "to")
				for _, e := range want[from:to] {
					list.remove(e)
				}
				want = slices.Delete(want, from, to)
			},
			"": func(t *rapid.T) {
				if list.len() != len(want) {
					t.Fatalf("length %d, want %d", list.len(), len(want))
				}
				e := anyEntry.Draw(t, "seek")
				at, _ := slices.BinarySearchFunc(want, e, compare)
				if got := slices.Collect(list.ascend(e)); !slices.Equal(got, want[at:]) {
					t.Fatalf("ascending from place %d: %d entries, want %d", at, len(got), len(want)-at)
				}
				down := slices.Clone(want[:at])
				slices.Reverse(down)
				if got := slices.Collect(list.descend(e)); !slices.Equal(got, down) {
					t.Fatalf("descending from place %d: %d entries, want %d", at, len(got), at)
				}
				if len(want) > 0 && list.first() != want[0] {
					t.Fatal("first is not the first")
				}
				auditChunks(t, &list)
			},
		})
	})
}

// auditChunks checks what keeps the list fast: no empty or overlong chunk, and no
// two neighbors that should be one.
func auditChunks[O order](t *rapid.T, list *sorted[O]) {
	for c, chunk := range list.chunks {
		if len(chunk) == 0 || len(chunk) > chunkSize {
			t.Fatalf("chunk %d of %d has %d entries", c, len(list.chunks), len(chunk))
		}
		if c > 0 && len(list.chunks[c-1])+len(chunk) <= chunkSize/2 {
			t.Fatalf("chunks %d and %d of %d could be one", c-1, c, len(list.chunks))
		}
	}
}

// After any batches, accepted and refused, all indexes say what the records say.
func TestIndexesEqualRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				_, err := s.Apply(context.Background(), "acme", drawBatch(t, s)...)
				if err != nil && !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrTaken) {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				if x := s.shard("acme").tenants["acme"]; x != nil {
					audit(t, x)
				}
			},
		})
	})
}

func drawBatch(t *rapid.T, s *Store) []store.Op {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 3, rapid.ID).Draw(t, "ids")
	ops := make([]store.Op, len(ids))
	for i, n := range ids {
		id := strconv.Itoa(n)
		r := store.Record{
			ID:     id,
			Kind:   rapid.SampledFrom([]string{"user", "group"}).Draw(t, "kind"),
			Unique: drawKeys(t, "unique"),
			Index:  drawKeys(t, "index"),
			Due:    store.FromMillis(rapid.Int64Range(0, 4).Draw(t, "due")),
		}
		old, err := s.Get(context.Background(), "acme", store.ID(id))
		switch {
		case err != nil:
			ops[i] = store.Create(r, nil)
		case rapid.IntRange(0, 3).Draw(t, "delete") == 0:
			ops[i] = store.Delete(old, nil)
		default:
			r.Kind = old.Kind
			ops[i] = store.Replace(old, r, nil)
		}
	}
	return ops
}

func drawKeys(t *rapid.T, label string) []store.Key {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{Kind: "k", Value: rapid.StringMatching("[a-h]").Draw(t, "value")}
	}), 0, 3, rapid.ID).Draw(t, label)
}

// audit compares all that a tenant keeps about its records with the records.
func audit(t *rapid.T, x *tenant) {
	type place struct {
		where string
		id    string
	}
	want, got := map[place]int{}, map[place]int{}
	earliest := int64(noDue)
	for id, e := range x.records {
		r := e.record
		if r.ID != id || r.Created != e.created || store.Millis(r.Due) != e.due || e.leaving {
			t.Fatalf("entry %+v of record %+v", e, r)
		}
		want[place{"kind " + r.Kind, id}]++
		for _, key := range r.Unique {
			want[place{fmt.Sprint("holder ", key), id}]++
		}
		for _, key := range r.Index {
			want[place{fmt.Sprint("term ", r.Kind, key), id}]++
		}
		if e.due != 0 {
			want[place{"due " + r.Kind, id}]++
			earliest = min(earliest, e.due)
		}
	}
	for name, k := range x.kinds {
		if k.records.len() == 0 {
			t.Fatalf("kind %q is empty and still there", name)
		}
		for e := range k.records.ascend(&entry{}) {
			got[place{"kind " + name, e.record.ID}]++
		}
		for e := range k.due.ascend(&entry{}) {
			got[place{"due " + name, e.record.ID}]++
		}
	}
	for key, e := range x.holders {
		got[place{fmt.Sprint("holder ", key), e.record.ID}]++
	}
	for key, of := range x.terms {
		if of.records.len() == 0 || of.key != key.term {
			t.Fatalf("list of term %v: %d records, named %v", key, of.records.len(), of.key)
		}
		for e := range of.records.ascend(&entry{}) {
			got[place{fmt.Sprint("term ", key.kind, key.term), e.record.ID}]++
		}
	}
	for p, n := range want {
		if n != 1 || got[p] != 1 {
			t.Fatalf("%v: indexed %d times, wanted %d", p, got[p], n)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d places, want %d", len(got), len(want))
	}
	if x.earliest.Load() != earliest {
		t.Fatalf("earliest due %d, want %d", x.earliest.Load(), earliest)
	}
}

// Who gives up waiting leaves nothing behind.
func TestWaitLeavesNothing(t *testing.T) {
	s := New()
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		b := s.shard("acme").await("acme", 0)
		result := make(chan error)
		go func() { result <- s.Wait(ctx, "acme", 0) }()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait = %v, want context.Canceled", err)
		}
		s.shard("acme").leave("acme", b)
		if n := len(s.shard("acme").waiting); n != 0 {
			t.Errorf("%d bells left", n)
		}
	}
}
