package redis

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

func sample() store.Record {
	return store.Record{
		ID: "id", Kind: "user", Unique: []store.Key{{Kind: "k", Value: "v"}},
		Index: []store.Key{{Kind: "t"}}, Due: time.UnixMilli(5), Data: []byte("data"),
	}
}

// damages returns a stored value with each bit flipped, at each shorter length, in a format
// that only a newer program knows, and with a byte too many.
func damages(stored string) []string {
	var all []string
	for bit := range 8 * len(stored) {
		all = append(all, flipped(stored, bit))
	}
	for n := range stored {
		all = append(all, stored[:n])
	}
	newer := []byte(stored[bodyAt:])
	newer[0]++
	sum := checksum(append(appendName(nil, "tenant", "id"), newer...))
	return append(all, stored[:headerLen]+string(sum[:])+string(newer), stored+"x")
}

// compared returns the part of a stored record that a write compares before it replaces or
// deletes it: neither the data nor the writer nor the checksum.
func compared(stored string) string {
	return stored[:min(headerLen, len(stored))] + stored[min(bodyAt, len(stored)):min(bodyAt+writerAt, len(stored))]
}

func TestEveryDamageIsNoticed(t *testing.T) {
	r := sample()
	r.Revision, r.Created = 9, 3
	stored := encodeRecord("tenant", &r)
	if _, err := decodeRecord("tenant", "id", stored); err != nil {
		t.Fatal(err)
	}
	for i, value := range damages(stored) {
		if got, err := decodeRecord("tenant", "id", value); !errors.Is(err, errDamaged) {
			t.Errorf("damage %d of a record is read as %+v, %v", i, got, err)
		}
	}
	tag := string(tenantTag("tenant"))
	member := digits(9) + encodeOp(tenantTag("tenant"), store.Create(r, []byte("note")))
	if c := decodeChange(tag, member, 9); c.Damaged || string(c.Note) != "note" {
		t.Fatalf("%+v", c)
	}
	for i, value := range damages(member + strings.Repeat("x", 64))[:8*len(member)] {
		if c := decodeChange(tag, value[:len(member)], 9); !c.Damaged || c.Seq != 9 {
			t.Errorf("damage %d of a change is read as %+v", i, c)
		}
	}
	if c := decodeChange(tag, member, 8); !c.Damaged {
		t.Errorf("a change in another's place is read as %+v", c)
	}
}

// Whatever the damage, the script and the client agree that the record is damaged, no write
// that depends on it is done, and Remove frees everything.
func TestDamagedRecord(t *testing.T) {
	s := miniStore(t)
	sp := s.space("tenant")
	r := sample()
	r.Revision = s.put(t, store.Create(r, nil))
	r.Created = r.Revision
	stored := s.stored(t, "id")
	taker := store.Record{ID: "taker", Kind: "user", Unique: r.Unique}
	other := store.Create(store.Record{ID: "other", Kind: "user"}, nil)
	all := damages(stored)
	if step := size.Pick(t, 3, 1, 1); step > 1 { // some bits, of every byte nearly, and the rest
		var some []string
		for i, value := range all {
			if i%step == 0 || i >= len(all)-2 {
				some = append(some, value)
			}
		}
		all = some
	}
	all = append(all, encodeRecord("other", &r)) // a good record in the wrong place
	for i, value := range all {
		s.do(t, "hset", sp.records(), "id", value)
		for what, b := range map[string]store.Batch{
			"replace":         store.Ops(store.Replace(r, r, nil)),
			"delete":          store.Ops(store.Delete(r, nil)),
			"create":          store.Ops(store.Create(r, nil)),
			"claim":           store.Ops(store.Create(taker, nil)),
			"require a key":   {Ops: []store.Op{other}, Require: []store.Require{store.RequireFree(r.Unique[0])}},
			"require it":      {Ops: []store.Op{other}, Require: []store.Require{store.RequireAt(r)}},
			"require it gone": {Ops: []store.Op{other}, Require: []store.Require{store.RequireNone("id")}},
		} {
			if over := what == "replace" || what == "delete"; over && compared(value) == compared(stored) {
				continue // see TestWriteOverDamagedData
			}
			_, err := s.Apply(t.Context(), "tenant", b)
			var damaged *store.DamagedError
			var stale *store.StaleError
			switch strings.HasPrefix(what, "require it") {
			case true:
				if !errors.As(err, &stale) || stale.Require != 0 || stale.Op != -1 {
					t.Errorf("damage %d: %s: %v, want stale", i, what, err)
				}
			case false:
				if !errors.As(err, &damaged) || damaged.ID != "id" {
					t.Errorf("damage %d: %s: %v, want damaged", i, what, err)
				}
			}
		}
		for _, key := range []store.Key{store.ID("id"), r.Unique[0]} {
			if _, err := s.Get(t.Context(), "tenant", key); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("damage %d: Get: %v, want damaged", i, err)
			}
		}
	}
	if t.Failed() {
		return
	}
	for i, value := range all {
		s.do(t, "hset", sp.records(), "id", value)
		// In one batch with the claim of its key.
		s.put(t, store.Remove("id", "user", nil), store.Create(taker, nil))
		got, err := s.Get(t.Context(), "tenant", r.Unique[0])
		if err != nil || got.ID != "taker" {
			t.Fatalf("damage %d: the key has %+v, %v", i, got, err)
		}
		s.put(t, store.Delete(got, nil), store.Create(r, nil))
	}
}

// A write whose Old was read before the damage is done, and leaves no damage, if it does
// not depend on the damaged part.
func TestWriteOverDamagedData(t *testing.T) {
	s := miniStore(t)
	ctx := t.Context()
	r := sample()
	next := store.Record{ID: r.ID, Kind: r.Kind, Unique: []store.Key{{Kind: "k", Value: "w"}}, Data: []byte("next")}
	r.Revision = s.put(t, store.Create(r, nil))
	r.Created = r.Revision
	first := s.stored(t, r.ID)
	done := 0
	for i, value := range damages(first) {
		if compared(value) != compared(first) {
			continue
		}
		done++
		// The front differs from round to round; the damage is behind it.
		s.do(t, "hset", s.space("tenant").records(), r.ID, s.stored(t, r.ID)[:headerLen]+value[headerLen:])
		s.put(t, store.Replace(r, next, nil))
		got, err := s.Get(ctx, "tenant", next.Unique[0])
		if err != nil || string(got.Data) != "next" || got.Created != r.Created {
			t.Fatalf("damage %d: %+v, %v", i, got, err)
		}
		if _, err := s.Get(ctx, "tenant", r.Unique[0]); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("damage %d: the key that was given up: %v, want not found", i, err)
		}
		r.Revision = s.put(t, store.Replace(got, r, nil))
	}
	if done == 0 {
		t.Fatal("no damage that a write does not depend on")
	}
	s.do(t, "hset", s.space("tenant").records(), r.ID, s.stored(t, r.ID)+"x")
	s.put(t, store.Delete(r, nil))
	page, err := s.List(ctx, "tenant", store.Query{Kind: r.Kind})
	if err != nil || len(page.Records)+len(page.Damaged) > 0 {
		t.Errorf("List: %+v, %v", page, err)
	}
}

// headless removes a record whose head is unreadable, which leaves its key, its term and
// its due entry behind.
func headless(t *testing.T, s *Store, r store.Record) {
	t.Helper()
	s.put(t, store.Create(r, nil))
	stored := s.stored(t, r.ID)
	s.do(t, "hset", s.space("tenant").records(), r.ID, stored[:bodyAt+headAt])
	s.put(t, store.Remove(r.ID, r.Kind, nil))
}

func TestKeyLeftBehind(t *testing.T) {
	s := miniStore(t)
	r := sample()
	headless(t, s, r)
	key := r.Unique[0]
	taker := store.Record{ID: "taker", Kind: "user", Unique: []store.Key{key}}
	free := func(when string) {
		t.Helper()
		if _, err := s.Get(t.Context(), "tenant", key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: Get: %v, want not found", when, err)
		}
		b := store.Batch{Ops: []store.Op{store.Create(taker, nil)}, Require: []store.Require{store.RequireFree(key)}}
		rev, err := s.Apply(t.Context(), "tenant", b)
		if err != nil {
			t.Errorf("%s: Apply: %v", when, err)
		}
		got, err := s.Get(t.Context(), "tenant", key)
		if err != nil || got.Revision != rev {
			t.Errorf("%s: the key has %+v, %v", when, got, err)
		}
	}
	free("the holder is gone")

	s.put(t, store.Remove("taker", "user", nil))
	s.do(t, "hset", s.space("tenant").unique(), uniqueField(key), "id")
	again := r
	again.Unique, again.Index, again.Due = nil, nil, time.Time{}
	s.put(t, store.Create(again, nil))
	free("the holder is another record")

	// The holder may claim it back.
	s.put(t, store.Remove("taker", "user", nil))
	s.do(t, "hset", s.space("tenant").unique(), uniqueField(key), "id")
	old, err := s.Get(t.Context(), "tenant", store.ID("id"))
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, store.Replace(old, r, nil))
	if _, err := s.Apply(t.Context(), "tenant", store.Ops(store.Create(taker, nil))); !errors.Is(err, store.ErrTaken) {
		t.Errorf("claimed beside its holder: %v, want taken", err)
	}
}

func TestEntriesLeftBehind(t *testing.T) {
	s := miniStore(t)
	ctx := t.Context()
	r := sample()
	headless(t, s, r)
	far := time.UnixMilli(1000)
	empty := func(when string) {
		t.Helper()
		page, err := s.List(ctx, "tenant", store.Query{Kind: r.Kind, Match: r.Index})
		if err != nil || len(page.Records)+len(page.Damaged) > 0 || page.Next != 0 {
			t.Errorf("%s: List: %+v, %v", when, page, err)
		}
		n, err := s.Count(ctx, "tenant", store.CountQuery{Kind: r.Kind, Match: r.Index})
		if err != nil || n != (store.Counted{Exact: true}) {
			t.Errorf("%s: Count: %+v, %v", when, n, err)
		}
		for _, tenant := range []string{"", "tenant"} {
			due, err := s.Due(ctx, store.DueQuery{Before: far, Tenant: tenant})
			if err != nil || len(due.Tenants) > 0 || due.Next != "" {
				t.Errorf("%s: Due: %+v, %v", when, due, err)
			}
		}
	}
	empty("nothing has the ID")
	again := store.Record{ID: r.ID, Kind: r.Kind}
	s.put(t, store.Create(again, nil))
	empty("another record has the ID")
}

// Entries that were left behind neither hide records that are due nor take their share, and
// no call reads all of them.
func TestDueBehindMuchLeftBehind(t *testing.T) {
	s := miniStore(t)
	ctx := t.Context()
	const left = 2*store.DefaultBudget + 100
	args := []any{"zadd", s.space("tenant").due("user")}
	for i := range left {
		args = append(args, "0", dueMember(int64(i+1), "gone"))
	}
	s.do(t, args...)
	var want []string
	for _, id := range []string{"a", "b", "c"} {
		s.put(t, store.Create(store.Record{ID: id, Kind: "user", Due: time.UnixMilli(left + 10)}, nil))
		want = append(want, id)
	}
	other := store.Record{ID: "z", Kind: "user", Due: time.UnixMilli(3)}
	if _, err := s.Apply(ctx, "other", store.Ops(store.Create(other, nil))); err != nil {
		t.Fatal(err)
	}
	var got []string
	others, pages := 0, 0
	add := func(page store.DuePage) store.DueTenant {
		pages++
		var mine store.DueTenant
		for _, d := range page.Tenants {
			if d.Tenant == "other" {
				others += len(d.Records)
				continue
			}
			mine = d
			for _, r := range d.Records {
				got = append(got, r.ID)
			}
		}
		return mine
	}
	q := store.DueQuery{Before: time.UnixMilli(left * 2), Limit: 2}
	var from []store.DueTenant
	for {
		page, err := s.Due(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if mine := add(page); mine.Next != "" {
			from = append(from, mine)
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	if others != 1 || len(from) != 1 {
		t.Fatalf("%d records of the other tenant and %d tenants to go on in, want 1 and 1", others, len(from))
	}
	q.After, q.Tenant = "", "tenant"
	for q.From = from[0].Next; q.From != ""; {
		page, err := s.Due(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		q.From = add(page).Next
	}
	if !slices.Equal(got, want) {
		t.Errorf("due are %q, want %q", got, want)
	}
	if pages < 4 {
		t.Errorf("%d pages: some call read more than %d entries that give nothing", pages, store.DefaultBudget)
	}
	if _, err := s.Due(ctx, store.DueQuery{Before: q.Before, Tenant: "tenant", From: "x"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a place that was not returned: %v, want invalid", err)
	}
}
