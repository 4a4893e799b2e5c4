package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// What others do to the records of a write between two of its attempts.
var meddling = map[string]func(t *testing.T, s *Store, id string){
	"nothing": func(*testing.T, *Store, string) {},
	"a replacement": func(t *testing.T, s *Store, id string) {
		t.Helper()
		s.replace(t, id)
	},
	"two replacements": func(t *testing.T, s *Store, id string) {
		t.Helper()
		s.replace(t, id)
		s.replace(t, id)
	},
	"a deletion": func(t *testing.T, s *Store, id string) {
		t.Helper()
		s.put(t, store.Delete(s.get(t, id), nil))
	},
	"a removal": func(t *testing.T, s *Store, id string) {
		t.Helper()
		s.put(t, store.Remove(id, "user", nil))
	},
	"a damage and a removal": func(t *testing.T, s *Store, id string) {
		t.Helper()
		s.do(t, "hset", s.space("tenant").records(), id, flipped(s.stored(t, id), 8*(bodyAt+1)))
		s.put(t, store.Remove(id, "user", nil))
	},
	"a replacement and a deletion": func(t *testing.T, s *Store, id string) {
		t.Helper()
		s.replace(t, id)
		s.put(t, store.Delete(s.get(t, id), nil))
	},
	"a deletion and another of its ID": func(t *testing.T, s *Store, id string) {
		t.Helper()
		s.put(t, store.Delete(s.get(t, id), nil))
		s.put(t, store.Create(store.Record{ID: id, Kind: "user"}, nil))
	},
}

func (s *Store) get(t *testing.T, id string) store.Record {
	t.Helper()
	r, err := s.Get(t.Context(), "tenant", store.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *Store) replace(t *testing.T, id string) {
	t.Helper()
	old := s.get(t, id)
	s.put(t, store.Replace(old, old, nil))
}

// A write that was done is answered with its revision when it is sent again, and is not done
// again, whatever others did meanwhile to what it wrote. So is an attempt that was late.
func TestRepeatedAfterOthers(t *testing.T) {
	t.Run("miniredis", func(t *testing.T) { repeatAfterOthers(t, miniStore(t)) })
	t.Run("server", func(t *testing.T) { repeatAfterOthers(t, openStore(t, redistest.Server(t).Addr)) })
}

func repeatAfterOthers(t *testing.T, s *Store) {
	t.Helper()
	record := func(id string) store.Record {
		return store.Record{ID: id, Kind: "user", Unique: []store.Key{{Kind: "k", Value: id}}}
	}
	for name, batch := range map[string]func(id string) []store.Op{
		"create": func(id string) []store.Op { return []store.Op{store.Create(record(id), nil)} },
		"replace": func(id string) []store.Op {
			s.put(t, store.Create(record(id), nil))
			return []store.Op{store.Replace(s.get(t, id), record(id), nil)}
		},
		"several": func(id string) []store.Op {
			s.put(t, store.Create(record("old "+id), nil))
			return []store.Op{
				store.Delete(s.get(t, "old "+id), nil), store.Create(record(id), nil),
				store.Create(record("last "+id), nil),
			}
		},
	} {
		for what, meddle := range meddling {
			for _, again := range []bool{true, false} {
				id := fmt.Sprint(name, what, again)
				nonce := newNonce()
				ops := batch(id)
				first := raw(t, s, nonce, false, ops...)
				meddle(t, s, id)
				before := s.dumped(t)
				second := raw(t, s, nonce, again, ops...)
				if diff := cmp.Diff(first, second); diff != "" {
					t.Errorf("%s: (-first +second):\n%s", id, diff)
				}
				if diff := cmp.Diff(before, s.dumped(t)); diff != "" {
					t.Errorf("%s: done again:\n%s", id, diff)
				}
			}
		}
	}
	for _, again := range []bool{true, false} {
		for what, op := range map[string]func(id string) store.Op{
			"delete": func(id string) store.Op { return store.Delete(s.get(t, id), nil) },
			"remove": func(id string) store.Op { return store.Remove(id, "user", nil) },
		} {
			id := fmt.Sprint(what, again)
			s.put(t, store.Create(record(id), nil))
			r := s.get(t, id)
			batch := store.Ops(op(id))
			k := known{removals: map[string]removal{id: {old: &r, hash: sha1hex(s.stored(t, id))}}}
			nonce := newNonce()
			first := rawBatch(t, s, nonce, false, batch, k)
			s.put(t, store.Create(record(id), nil))
			before := s.dumped(t)
			if diff := cmp.Diff(first, rawBatch(t, s, nonce, again, batch, k)); diff != "" {
				t.Errorf("%s: (-first +second):\n%s", id, diff)
			}
			if diff := cmp.Diff(before, s.dumped(t)); diff != "" {
				t.Errorf("%s: done again:\n%s", id, diff)
			}
		}
	}
}

// dumped returns the records of the tenant, without the mark.
func (s *Store) dumped(t *testing.T) map[string]string {
	t.Helper()
	all, err := s.client.HGetAll(t.Context(), s.space("tenant").records()).Result()
	if err != nil {
		t.Fatal(err)
	}
	delete(all, markField)
	return all
}

// A write leaves a nonce only if it deletes, or writes over what was written in the last
// minutes. They go again, also while others come.
func TestNoncesLeft(t *testing.T) {
	server := miniredis.RunT(t)
	now := time.Unix(1_700_000_000, 0)
	pass := func(d time.Duration) {
		now = now.Add(d)
		server.SetTime(now)
		server.FastForward(d)
	}
	pass(0)
	s := openStore(t, server.Addr())
	nonces := s.space("tenant").nonces()
	left := func() int {
		set, _ := server.SortedSet(nonces) // an error if there is none
		return len(set)
	}
	check := func(when string, want int) {
		t.Helper()
		if got := left(); got != want {
			t.Errorf("%s: %d nonces, want %d", when, got, want)
		}
	}
	id := func(i int) string { return fmt.Sprint("id", i) }
	for i := range 10 {
		s.put(t, store.Create(store.Record{ID: id(i), Kind: "user"}, nil))
	}
	check("creates", 0)
	s.replace(t, id(0))
	check("a replacement of what was just created", 1)
	pass(59 * time.Second)
	check("59 s later", 1)
	pass(2 * time.Second)
	check("61 s later", 0)
	s.replace(t, id(1))
	check("a replacement of an old record", 0)
	pass(time.Hour)
	s.replace(t, id(0))
	s.replace(t, id(1))
	check("replacements of records that were replaced an hour ago", 0)
	s.put(t, store.Delete(s.get(t, id(2)), nil))
	check("a deletion of an old record", 1)
	s.put(t, store.Delete(s.get(t, id(1)), nil))
	check("a deletion of a new record", 3)
	pass(time.Hour)

	// While nonces come, old ones go, and the set cannot expire as a whole.
	most := 0
	for range 300 {
		pass(time.Second)
		s.replace(t, id(0))
		most = max(most, left())
	}
	if most < 60 || most > 130 {
		t.Errorf("one write a second leaves up to %d nonces", most)
	}
	pass(time.Minute)
	check("a minute after all", 0)

	// A clock that goes back costs nothing but memory.
	pass(-time.Hour)
	s.replace(t, id(0))
	check("a replacement", 1)
	pass(62 * time.Second)
	s.replace(t, id(3))
	check("an old record after a clock that went back", 0)
}
