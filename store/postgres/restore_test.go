package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// tables are what a copy of a home consists of.
var tables = []string{"tenant", "record", "key", "term", "change", "schedule", "dropped"}

// TestRestored: the data is replaced by an older copy under a store that is open, as when an
// operator restores the schema. The store then has what the copy has, and goes on from there
// as one that was opened on it: nothing of the lost writes was kept anywhere.
func TestRestored(t *testing.T) {
	for round := range size.Pick(t, 3, 20, 200) {
		h := newHome(t)
		s := h.open(t, nil)
		var want [2][]store.Record
		write := func(n int) {
			for range n {
				writeAny(t, s, fmt.Sprint("tenant", rand.IntN(2)), fmt.Sprint("id", rand.IntN(5)))
			}
		}
		write(1 + rand.IntN(10))
		if round%2 == 1 { // else the copy does not know the tenant that comes
			writeAny(t, s, "later", "id")
		}
		for i := range want {
			want[i] = mustList(t, s, fmt.Sprint("tenant", i))
		}
		for _, table := range tables {
			_, err := h.admin.Exec(t.Context(), h.in(fmt.Sprintf(`CREATE TABLE rollbook.copy_of_%s AS SELECT * FROM rollbook.%[1]s`, table)))
			must(t, err)
		}
		writeAny(t, s, "later", "id")
		write(1 + rand.IntN(10))
		restore := `TRUNCATE rollbook.tenant, rollbook.record, rollbook.key, rollbook.term, rollbook.change, rollbook.schedule, rollbook.dropped;`
		for _, table := range tables {
			restore += fmt.Sprintf(`INSERT INTO rollbook.%s OVERRIDING SYSTEM VALUE SELECT * FROM rollbook.copy_of_%[1]s;`, table)
		}
		_, err := h.admin.Exec(t.Context(), h.in(restore))
		must(t, err)
		for i, records := range want {
			if diff := cmp.Diff(records, mustList(t, s, fmt.Sprint("tenant", i))); diff != "" {
				t.Errorf("after the restore (-copy +read):\n%s", diff)
			}
		}
		writeAny(t, s, "later", "id")
		write(1 + rand.IntN(10))
		for i := range want {
			compare(t, s, fmt.Sprint("tenant", i))
		}
		if n := len(compare(t, s, "later")); n != 1+round%2 {
			t.Errorf("the tenant of the lost writes has %d changes", n)
		}
		must(t, h.inconsistencies())
	}
}

// writeAny creates or changes a record.
func writeAny(tb testing.TB, s store.Store, tenant, id string) {
	tb.Helper()
	word := fmt.Sprintf("%016x", rand.Uint64())
	r := store.Record{ID: id, Kind: "user", Data: []byte(word), Unique: []store.Key{{Kind: "own", Value: id}}, Index: []store.Key{{Kind: "a", Value: word[:1]}}}
	op := store.Create(r, []byte(word))
	if old, err := s.Get(tb.Context(), tenant, store.ID(id)); err == nil {
		op = store.Replace(old, r, []byte(word))
	}
	put(tb, s, tenant, op)
}
