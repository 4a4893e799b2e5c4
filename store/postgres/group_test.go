package postgres

import (
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

// What one statement writes can be written at once: of two batches of a tenant that touch the
// same, of which one writes it, the later is in a later statement, or reads before the
// earlier's write was made.
func TestWaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var group []*part
		order := map[*call]int{}
		for tenant := range rapid.IntRange(1, 3).Draw(t, "tenants") {
			p := &part{line: &line{tenant: strconv.Itoa(tenant)}}
			for range rapid.IntRange(1, 12).Draw(t, "calls") {
				c := &call{batch: newBatch(drawBatch(t))}
				order[c] = len(order)
				p.calls = append(p.calls, c)
			}
			group = append(group, p)
		}
		at := map[*call]int{}
		for i, w := range waves(group) {
			if len(w.calls) != len(w.jobs) || len(w.calls) != len(w.parts) || len(w.calls) == 0 {
				t.Fatalf("wave %d: %d calls, %d jobs, %d parts", i, len(w.calls), len(w.jobs), len(w.parts))
			}
			for _, c := range w.calls {
				at[c] = i
			}
		}
		if len(at) != len(order) {
			t.Fatalf("%d of %d calls", len(at), len(order))
		}
		for _, p := range group {
			for i, later := range p.calls {
				for _, earlier := range p.calls[:i] {
					wrote, read := conflict(earlier, later)
					if wrote && at[later] <= at[earlier] || read && at[later] < at[earlier] {
						t.Fatalf("wave %d, then %d", at[earlier], at[later])
					}
				}
			}
		}
	})
}

// conflict reports whether the later call touches what the earlier one writes, and whether it
// writes what the earlier one reads.
func conflict(earlier, later *call) (wrote, read bool) {
	for _, a := range earlier.batch.touched {
		for _, b := range later.batch.touched {
			wrote = wrote || a.name == b.name && a.write
			read = read || a.name == b.name && b.write
		}
	}
	return wrote, read
}

func drawBatch(t *rapid.T) store.Batch {
	id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
	record := func() store.Record {
		return store.Record{ID: id.Draw(t, "id"), Kind: "user", Unique: []store.Key{{Kind: "k", Value: id.Draw(t, "key")}}}
	}
	var b store.Batch
	r := record()
	switch rapid.IntRange(0, 3).Draw(t, "type") {
	case 0:
		b.Ops = []store.Op{store.Create(r, nil)}
	case 1:
		r.Revision = 1
		next := r
		next.Unique = record().Unique
		b.Ops = []store.Op{store.Replace(r, next, nil)}
	case 2:
		r.Revision = 1
		b.Ops = []store.Op{store.Delete(r, nil)}
	case 3:
		b = store.Batch{
			Ops:     []store.Op{store.Create(r, nil)},
			Require: []store.Require{store.RequireNone(id.Draw(t, "required")), store.RequireFree(record().Unique[0])},
		}
	}
	return b
}

func TestOutcome(t *testing.T) {
	server := func(severity, code string) error {
		return &pgconn.PgError{SeverityUnlocalized: severity, Code: code}
	}
	for i, c := range []struct {
		err      error
		finished bool
		want     outcome
	}{
		{nil, true, committed},
		{unsent{io.EOF}, false, notCommitted},
		{server("ERROR", "40P01"), false, notCommitted},
		{server("ERROR", "53100"), true, notCommitted}, // at the COMMIT
		{server("FATAL", "57P01"), false, notCommitted},
		{server("FATAL", "57P01"), true, uncertain},  // perhaps behind the COMMIT
		{server("FATAL", "08P01"), false, uncertain}, // of a pooler
		{io.ErrUnexpectedEOF, false, uncertain},
		{io.ErrUnexpectedEOF, true, uncertain},
		{errors.Join(errReply, io.EOF), true, uncertain},
	} {
		if got := outcomeOf(c.err, c.finished); got != c.want {
			t.Errorf("%d: %v, finished %v: %d, want %d", i, c.err, c.finished, got, c.want)
		}
	}
}

// A group has one call of each tenant first, and more of those that have more as long as there
// is room. Calls of a tenant keep their order.
func TestTake(t *testing.T) {
	q := newQueue(nil, 0)
	large := newBatch(store.Ops(store.Create(store.Record{ID: "a", Kind: "k", Data: make([]byte, maxGroupSize/3)}, nil)))
	small := newBatch(store.Ops(store.Create(store.Record{ID: "a", Kind: "k"}, nil)))
	for range 5 {
		q.add("busy", &call{batch: large, done: make(chan answer, 1)})
	}
	q.add("other", &call{batch: small, done: make(chan answer, 1)})
	group := q.take()
	if len(group) != 2 || len(group[0].calls) != 2 || len(group[1].calls) != 1 {
		t.Fatalf("a group of %d tenants", len(group))
	}
	if again := q.take(); len(again) != 0 {
		t.Error("a tenant is in two groups at once")
	}
	q.finish(group)
	if next := q.take(); len(next) != 1 || next[0].line.tenant != "busy" || len(next[0].calls) != 2 {
		t.Error("the rest of the busy tenant is not next")
	}
	if q.count != 1 {
		t.Errorf("%d calls wait, want 1", q.count)
	}
}

// A call whose caller has left is not sent again, and one whose caller stays can be left until
// it is.
func TestChange(t *testing.T) {
	gone, stays := &call{}, &call{}
	gone.state.Store(left)
	stays.state.Store(taken)
	group := []*part{{calls: []*call{gone, stays}}, {calls: []*call{gone}}}
	change(group, taken, waiting)
	if countCalls(group) != 1 || group[0].calls[0] != stays || stays.state.Load() != waiting {
		t.Errorf("%d calls are sent again", countCalls(group))
	}
	stays.state.Store(left)
	if change(group, waiting, taken); countCalls(group) != 0 {
		t.Error("a call is sent whose caller has left")
	}
}
