package memory

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

// After any batches, applied and refused, all indexes agree with the records.
func TestIndexesEqualRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(nil)
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				_, err := s.Apply(context.Background(), "acme", store.Ops(drawBatch(t, s)...))
				switch {
				case errors.Is(err, store.ErrStale), errors.Is(err, store.ErrTaken), errors.Is(err, store.ErrDamaged):
				case err != nil:
					t.Fatal(err)
				}
			},
			"import": func(t *rapid.T) {
				err := s.Import(context.Background(), "acme", drawPart(t))
				switch {
				case errors.Is(err, store.ErrStale), errors.Is(err, store.ErrTaken), errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrInvalid):
				case err != nil:
					t.Fatal(err)
				}
			},
			"damage": func(t *rapid.T) {
				id := strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "id"))
				_ = Damager{s}.Damage(context.Background(), "acme", id) // there may be no such record
			},
			"count": func(t *rapid.T) { countsWhatIsListed(t, s) },
			"": func(t *rapid.T) {
				if x := s.shard("acme").tenants["acme"]; x != nil {
					audit(t, x)
				}
				for f, err := range s.Verify(context.Background(), store.VerifyOptions{}) {
					if f.Damage != store.DamagedRecord || err != nil {
						t.Fatalf("Verify: %+v, error %v", f, err)
					}
				}
			},
		})
	})
}

func countsWhatIsListed(t *rapid.T, s *Store) {
	bound := rapid.Int64Range(0, 20)
	q := store.CountQuery{
		Kind:   rapid.SampledFrom([]string{"user", "group"}).Draw(t, "kind"),
		After:  store.Revision(bound.Draw(t, "after")),
		Before: store.Revision(bound.Draw(t, "before")),
	}
	if rapid.Bool().Draw(t, "filtered") {
		q.Match = drawKeys(t, "match")
		q.NotDueBefore = store.FromMillis(rapid.Int64Range(0, 5).Draw(t, "not due before"))
	}
	page, err := s.List(context.Background(), "acme", store.Query{
		Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before, NotDueBefore: q.NotDueBefore,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Count(context.Background(), "acme", q)
	if want := (store.Counted{N: len(page.Records), Exact: true}); err != nil || got != want {
		t.Fatalf("Count(%+v) = %+v, error %v, want %+v", q, got, err, want)
	}
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
		case errors.Is(err, store.ErrDamaged) && rapid.Bool().Draw(t, "remove"):
			ops[i] = store.Remove(id, r.Kind, nil)
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

func drawPart(t *rapid.T) (p store.Part) {
	for range rapid.IntRange(1, 3).Draw(t, "records") {
		r := store.Record{
			ID:      strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "id")),
			Kind:    rapid.SampledFrom([]string{"user", "group"}).Draw(t, "kind"),
			Created: store.Revision(rapid.IntRange(1, 30).Draw(t, "created")),
			Unique:  drawKeys(t, "unique"),
			Index:   drawKeys(t, "index"),
			Due:     store.FromMillis(rapid.Int64Range(0, 4).Draw(t, "due")),
		}
		r.Revision = r.Created
		p.Records = append(p.Records, r)
	}
	return p
}

func drawKeys(t *rapid.T, label string) []store.Key {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{Kind: "k", Value: rapid.StringMatching("[a-h]").Draw(t, "value")}
	}), 0, 3, rapid.ID).Draw(t, label)
}

// audit compares the indexes of a tenant with its records.
func audit(t *rapid.T, x *tenant) {
	type place struct {
		where string
		id    string
	}
	want, got := map[place]int{}, map[place]int{}
	earliest, damaged := int64(noDue), 0
	for id, e := range x.records {
		r := e.record
		if r.ID != id || r.Created != e.created || store.Millis(r.Due) != e.due || e.leaving {
			t.Fatalf("entry %+v of record %+v", e, r)
		}
		if e.damaged {
			damaged++
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
	if x.earliest.Load() != earliest || x.damaged != damaged {
		t.Fatalf("earliest due %d, %d damaged, want %d, %d", x.earliest.Load(), x.damaged, earliest, damaged)
	}
}
