package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

var copyKinds = []string{"group", "user", "vault"}

// filled returns a store with the outcome of random writes: records that were replaced and
// deleted, keys that moved, entries that were trimmed, tenants with nothing but a feed or nothing at all.
func filled(tb testing.TB, seed uint64, tenants, writes int) store.Store {
	tb.Helper()
	s, rnd := memory.New(nil), rand.New(rand.NewPCG(seed, 1))
	for n := range tenants {
		tenant, there := fmt.Sprint("tenant ", n), map[string]bool{}
		put(tb, s, tenant, store.Create(store.Record{ID: "first", Kind: "user"}, nil), store.Create(store.Record{ID: "other", Kind: "group"}, []byte("n")))
		for i := range writes {
			id := fmt.Sprint("r", rnd.IntN(1+writes/2))
			r := store.Record{
				ID: id, Kind: copyKinds[len(id)%len(copyKinds)], Data: fmt.Appendf(nil, "%d %d", n, i),
				Unique: []store.Key{{Kind: "key", Value: id}, {Kind: "another", Value: id}},
				Index:  []store.Key{{Kind: "term", Value: fmt.Sprint(rnd.IntN(4))}},
			}
			if rnd.IntN(3) == 0 {
				r.Due = time.UnixMilli(1 + rnd.Int64N(1e12))
			}
			var note []byte
			if rnd.IntN(3) > 0 {
				note = fmt.Appendf(nil, "note %d", i)
			}
			op := store.Create(r, note)
			if there[id] {
				if op = store.Remove(id, r.Kind, note); rnd.IntN(3) > 0 {
					old, err := s.Get(tb.Context(), tenant, store.ID(id))
					must(tb, err)
					op = store.Replace(old, r, note)
				}
			}
			there[id] = op.New != nil
			put(tb, s, tenant, op)
		}
		if n%2 == 0 {
			must(tb, s.Trim(tb.Context(), tenant, store.Revision(writes/2)))
		}
	}
	put(tb, s, "feed alone", store.Create(store.Record{ID: "gone", Kind: "user"}, []byte("came")))
	put(tb, s, "feed alone", store.Remove("gone", "user", []byte("went")))
	return s
}

// emptied adds a tenant that has nothing any more.
func emptied(tb testing.TB, s store.Store) {
	tb.Helper()
	put(tb, s, "name alone", store.Create(store.Record{ID: "gone", Kind: "user"}, nil))
	put(tb, s, "name alone", store.Remove("gone", "user", nil))
}

func put(tb testing.TB, s store.Store, tenant string, ops ...store.Op) {
	tb.Helper()
	_, err := s.Apply(tb.Context(), tenant, store.Ops(ops...))
	must(tb, err)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// holding is all that can be read of a tenant.
type holding struct {
	Records []store.Record
	Changes []store.Change
	Trimmed store.Revision
}

// held returns all that a store holds.
func held(tb testing.TB, s store.Store) map[string]holding {
	tb.Helper()
	all := make(map[string]holding)
	tenants, err := s.Tenants(tb.Context(), store.TenantQuery{Limit: store.MaxLimit})
	must(tb, err)
	for _, name := range tenants.Names {
		var h holding
		for _, kind := range copyKinds {
			q := store.Query{Kind: kind}
			for next := store.Revision(1); next != 0; q.After = next {
				page, err := s.List(tb.Context(), name, q)
				must(tb, err)
				h.Records, next = append(h.Records, page.Records...), page.Next
			}
		}
		page, err := s.Changes(tb.Context(), name, store.ChangeQuery{Desc: true, Limit: 1})
		must(tb, err)
		h.Trimmed = page.Trimmed
		q := store.ChangeQuery{After: page.Trimmed}
		for next := store.Revision(1); next != 0; q.After = next {
			page, err := s.Changes(tb.Context(), name, q)
			must(tb, err)
			h.Changes, next = append(h.Changes, page.Changes...), page.Next
		}
		if len(h.Records)+len(h.Changes) > 0 {
			all[name] = h
		}
	}
	return all
}

// target is a store whose imports can be disturbed.
type target struct {
	store.Store
	imports  atomic.Int64
	onImport func(n int64, tenant string, p *store.Part) error // before the nth import, from 1
	after    func(n int64, tenant string) error
}

func (s *target) Unwrap() store.Store { return s.Store }

func (s *target) Import(ctx context.Context, tenant string, p store.Part) error {
	n := s.imports.Add(1)
	if s.onImport != nil {
		if err := s.onImport(n, tenant, &p); err != nil {
			return err
		}
	}
	to, _ := store.As[store.Importer](s.Store)
	if len(p.Records)+len(p.Changes) > 0 {
		if err := to.Import(ctx, tenant, p); err != nil {
			return err
		}
	}
	if s.after != nil {
		return s.after(n, tenant)
	}
	return nil
}

func TestCopy(t *testing.T) {
	src := filled(t, 1, 5, size.Pick(t, 300, 3000, 30_000))
	emptied(t, src)
	want := held(t, src)
	entries, records := 0, 0
	for _, h := range want {
		records, entries = records+len(h.Records), entries+len(h.Changes)
	}
	for _, atOnce := range []int{0, 1, 3} {
		dst := memory.New(nil)
		var last store.CopyProgress
		got, err := store.Copy(t.Context(), dst, src, &store.CopyOptions{AtOnce: atOnce, Progress: func(p store.CopyProgress) {
			switch {
			case p.Comparing && !last.Comparing:
				if last.Records != records || last.Changes != entries || last.Tenants != len(want) {
					t.Errorf("the first half ends at %+v", last)
				}
			case p.Records < last.Records, p.Changes < last.Changes, p.Tenants < last.Tenants, last.Comparing && !p.Comparing:
				t.Errorf("progress goes from %+v to %+v", last, p)
			}
			last = p
		}})
		must(t, err)
		if want := (store.CopyResult{Tenants: len(want), Records: records, Changes: entries}); got != want || last.CopyResult != want || !last.Comparing {
			t.Errorf("Copy returns %+v, and says at the end %+v; want %+v", got, last, want)
		}
		if diff := cmp.Diff(want, held(t, dst)); diff != "" {
			t.Errorf("the copy (-source +target): %s", diff)
		}
		if got, err := store.Copy(t.Context(), dst, src, nil); err != nil || got.Records != records {
			t.Errorf("copied again: %+v, %v", got, err)
		}
	}
}

// TestCopyStingy copies between stores that return as little at a time as the contract allows.
func TestCopyStingy(t *testing.T) {
	src, below := filled(t, 8, 3, 60), memory.New(nil)
	dst := storetest.Stingy(below)
	for range 2 {
		_, err := store.Copy(t.Context(), dst, storetest.Stingy(src), nil)
		must(t, err)
		if diff := cmp.Diff(held(t, src), held(t, below)); diff != "" {
			t.Error(diff)
		}
	}
	put(t, below, "tenant 1", store.Create(store.Record{ID: "another", Kind: "user"}, nil))
	if _, err := store.Copy(t.Context(), dst, storetest.Stingy(src), nil); !errors.Is(err, store.ErrNotEmpty) {
		t.Error(err)
	}
}

// TestCopyTakenUp interrupts a copy at each of its writes, before or after it.
func TestCopyTakenUp(t *testing.T) {
	src := filled(t, 2, 2, 800)
	want, broken := held(t, src), errors.New("broken")
	for stop := int64(1); ; stop++ {
		dst := memory.New(nil)
		var interrupted atomic.Bool
		for _, done := range []bool{false, true} {
			to := &target{Store: dst}
			fail := func(n int64) error {
				if n < stop {
					return nil
				}
				interrupted.Store(true)
				return broken
			}
			if done {
				to.after = func(n int64, _ string) error { return fail(n) }
			} else {
				to.onImport = func(n int64, _ string, _ *store.Part) error { return fail(n) }
			}
			if _, err := store.Copy(t.Context(), to, src, nil); err != nil && !errors.Is(err, broken) {
				t.Fatal(err)
			}
		}
		to := &target{Store: dst}
		_, err := store.Copy(t.Context(), to, src, nil)
		must(t, err)
		if diff := cmp.Diff(want, held(t, dst)); diff != "" {
			t.Fatalf("interrupted at write %d (-source +target): %s", stop, diff)
		}
		if !interrupted.Load() {
			if stop < 5 {
				t.Errorf("only %d writes", stop)
			}
			return
		}
	}
}

func TestCopyIntoAnother(t *testing.T) {
	src := filled(t, 3, 2, 50)
	record := store.Create(store.Record{ID: "r", Kind: "user"}, nil)
	for name, write := range map[string]func(s store.Store){
		"a tenant that the source does not have": func(s store.Store) { put(t, s, "another", record) },
		"a record that the source does not have": func(s store.Store) { put(t, s, "tenant 1", record) },
		"an entry that the source does not have": func(s store.Store) {
			put(t, s, "tenant 1", store.Create(store.Record{ID: "x", Kind: "user"}, []byte("n")))
			put(t, s, "tenant 1", store.Remove("x", "user", nil))
		},
		"a record with the same ID": func(s store.Store) {
			put(t, s, "feed alone", store.Create(store.Record{ID: "first", Kind: "user"}, nil))
		},
	} {
		dst := memory.New(nil)
		write(dst)
		before := held(t, dst)
		if _, err := store.Copy(t.Context(), dst, src, nil); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("%s: error %v", name, err)
		}
		if diff := cmp.Diff(before, held(t, dst)); diff != "" {
			t.Errorf("%s: Copy wrote: %s", name, diff)
		}
	}
	dst := memory.New(nil)
	emptied(t, dst)
	_, err := store.Copy(t.Context(), dst, src, nil)
	must(t, err)
}

func TestCopyChanged(t *testing.T) {
	record := store.Record{ID: "new", Kind: "user"}
	for name, write := range map[string]func(src, dst store.Store){
		"an update": func(src, _ store.Store) {
			old, err := src.Get(t.Context(), "tenant 1", store.ID("first"))
			must(t, err)
			put(t, src, "tenant 1", store.Replace(old, old, nil))
		},
		"a deletion":  func(src, _ store.Store) { put(t, src, "tenant 1", store.Remove("first", "user", nil)) },
		"a creation":  func(src, _ store.Store) { put(t, src, "tenant 1", store.Create(record, nil)) },
		"a tenant":    func(src, _ store.Store) { put(t, src, "tenant 0.5", store.Create(record, nil)) },
		"a trim":      func(src, _ store.Store) { must(t, src.Trim(t.Context(), "tenant 1", 40)) },
		"all trimmed": func(src, _ store.Store) { must(t, src.Trim(t.Context(), "tenant 1", 1000)) },
		"an entry": func(src, _ store.Store) {
			put(t, src, "feed alone", store.Create(record, []byte("n")), store.Create(store.Record{ID: "2", Kind: "user"}, nil))
		},
		"the target":            func(_, dst store.Store) { put(t, dst, "tenant 1", store.Create(record, nil)) },
		"the target's deletion": func(_, dst store.Store) { put(t, dst, "tenant 1", store.Remove("first", "user", nil)) },
		"the target's tenants":  func(_, dst store.Store) { put(t, dst, "another", store.Create(record, nil)) },
		"the target's feed":     func(_, dst store.Store) { must(t, dst.Trim(t.Context(), "tenant 1", 1000)) },
	} {
		src, dst, written := filled(t, 4, 2, 50), memory.New(nil), false
		_, err := store.Copy(t.Context(), dst, src, &store.CopyOptions{AtOnce: 1, Progress: func(p store.CopyProgress) {
			if p.Tenants == 3 && !p.Comparing && !written {
				written = true
				write(src, dst)
			}
		}})
		if !errors.Is(err, store.ErrSourceChanged) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestCopyTaken moves a key, while a copy is under way, to a record that it has still to come to.
func TestCopyTaken(t *testing.T) {
	src, key := memory.New(nil), []store.Key{{Kind: "k", Value: "v"}}
	put(t, src, "t", store.Create(store.Record{ID: "a", Kind: "group", Unique: key}, nil), store.Create(store.Record{ID: "b", Kind: "user", Data: make([]byte, store.MaxData)}, nil))
	put(t, src, "t", store.Create(store.Record{ID: "c", Kind: "vault"}, nil))
	dst := &target{Store: memory.New(nil), onImport: func(n int64, _ string, p *store.Part) error {
		if n == 2 {
			p.Records[0].Unique = key
		}
		return nil
	}}
	_, err := store.Copy(t.Context(), dst, src, nil)
	if !errors.Is(err, store.ErrSourceChanged) || !errors.Is(err, store.ErrTaken) {
		t.Error(err)
	}
}

// TestCopyNoticesTarget copies into stores that do not keep what they are given.
func TestCopyNoticesTarget(t *testing.T) {
	for name, spoil := range map[string]func(p *store.Part){
		"no record":    func(p *store.Part) { p.Records = p.Records[:max(0, len(p.Records)-1)] },
		"no entry":     func(p *store.Part) { p.Changes = p.Changes[:max(0, len(p.Changes)-1)] },
		"first entry":  func(p *store.Part) { p.Changes = p.Changes[min(1, len(p.Changes)):] },
		"no trim mark": func(p *store.Part) { p.Trimmed = 0 },
		"body":         func(p *store.Part) { p.Records[0].Data = nil },
		"revision":     func(p *store.Part) { p.Records[len(p.Records)-1].Revision += 1000 },
		"created":      func(p *store.Part) { p.Records[0].Created--; p.Records[0].Revision++ },
		"due":          func(p *store.Part) { p.Records[0].Due = time.UnixMilli(7) },
		"key":          func(p *store.Part) { p.Records[0].Unique = nil },
		"key order":    func(p *store.Part) { slices.Reverse(p.Records[0].Unique) },
		"term":         func(p *store.Part) { p.Records[0].Index = nil },
		"note":         func(p *store.Part) { p.Changes[0].Note = nil },
		"type":         func(p *store.Part) { p.Changes[0].Type = 4 - p.Changes[0].Type },
		"entry's ID":   func(p *store.Part) { p.Changes[0].ID = "another" },
		"entry's kind": func(p *store.Part) { p.Changes[0].Kind = "another" },
	} {
		src := memory.New(nil)
		r := store.Record{
			ID: "1", Kind: "user", Unique: []store.Key{{Kind: "a", Value: "1"}, {Kind: "b", Value: "1"}},
			Index: []store.Key{{Kind: "t", Value: "1"}}, Data: []byte("body"),
		}
		put(t, src, "t", store.Create(store.Record{ID: "0", Kind: "vault"}, []byte("n")), store.Create(store.Record{ID: "x", Kind: "vault"}, []byte("n")))
		put(t, src, "t", store.Create(r, []byte("note")), store.Create(store.Record{ID: "2", Kind: "user"}, []byte("n")), store.Create(store.Record{ID: "3", Kind: "user"}, []byte("n")))
		must(t, src.Trim(t.Context(), "t", 3))
		dst := &target{Store: memory.New(nil), onImport: func(_ int64, _ string, p *store.Part) error {
			spoil(p)
			return nil
		}}
		if _, err := store.Copy(t.Context(), dst, src, nil); !errors.Is(err, store.ErrSourceChanged) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// hidden is a store without optional interfaces.
type hidden struct{ store.Store }

func TestCopyUnsupported(t *testing.T) {
	src, dst := filled(t, 5, 1, 5), memory.New(nil)
	for name, stores := range map[string][2]store.Store{"no importer": {hidden{dst}, src}, "no kinds": {dst, hidden{src}}} {
		if _, err := store.Copy(t.Context(), stores[0], stores[1], nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := held(t, dst); len(got) > 0 {
		t.Error("something was written")
	}
}

func TestCopyCanceled(t *testing.T) {
	src, dst := filled(t, 6, 4, 100), memory.New(nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := store.Copy(ctx, dst, src, &store.CopyOptions{AtOnce: 2, Progress: func(p store.CopyProgress) {
		if p.Tenants == 2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_, err = store.Copy(t.Context(), dst, src, nil)
	must(t, err)
	if diff := cmp.Diff(held(t, src), held(t, dst)); diff != "" {
		t.Error(diff)
	}
}
