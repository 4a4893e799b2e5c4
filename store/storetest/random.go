package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// seeds is the number of random runs. Their seeds are fixed: a run that fails fails again.
const seeds = 10

func randomChecks() []check {
	var checks []check
	for seed := range seeds {
		checks = append(checks, check{
			fmt.Sprint("random/seed-", seed), 1, "random calls return exactly what the rules say, through two handles",
			func(s *subject) { randomRun(s, uint64(seed)) },
		})
	}
	return checks
}

// run is a random run: the store and the model get the same calls.
type run struct {
	*subject
	rng   *rand.Rand
	model *model
	seed  uint64
	step  int
	calls []string // the last ones
	order []string // of tenants, as the store has it
	dues  int      // Dues handed out; they differ, so that their order is known
}

const randomSteps = 400

func randomRun(s *subject, seed uint64) {
	r := &run{subject: s, rng: rand.New(rand.NewPCG(seed, 1)), model: newModel(), seed: seed}
	actions := []func(*client){
		r.apply, r.apply, r.apply, r.apply, r.apply, r.apply,
		r.get, r.get, r.get, r.list, r.list, r.list, r.list, r.feed, r.feed, r.due, r.due,
	}
	for r.step = range randomSteps {
		c := s.tenant(oneOf(r.rng, "a", "b", "ab")).handle(r.rng.IntN(2))
		if r.rng.IntN(30) == 0 {
			r.trim(c)
		}
		oneOf(r.rng, actions...)(c)
		if s.failed() {
			return
		}
	}
	r.everything()
}

// diverged fails if diff is not empty.
func (r *run) diverged(diff string) {
	if diff == "" || r.failed() {
		return
	}
	r.fail("seed %d, step %d: %s; the last calls:\n\t\t%s\n\t", r.seed, r.step, diff, strings.Join(r.calls, "\n\t\t"))
}

func (r *run) called(format string, args ...any) {
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
	r.calls = r.calls[max(0, len(r.calls)-12):]
}

func (r *run) apply(c *client) {
	t := r.model.tenant(c.name)
	b := store.Batch{Ops: r.batch(t), Require: r.requirements(t)}
	r.called("%q %s", c.name, showBatch(b))
	want, wantErr := r.model.apply(c.name, b)
	got, err := c.tryBatch(b)
	r.diverged(diffOutcome(got, want, err, wantErr))
}

func diffOutcome(got, want store.Revision, err, wantErr error) string {
	var wantTaken *store.TakenError
	var wantStale *store.StaleError
	switch {
	case errors.As(wantErr, &wantTaken):
		return diffTaken(err, wantTaken)
	case errors.As(wantErr, &wantStale):
		return diffStale(err, wantStale)
	case err != nil || got != want:
		return fmt.Sprintf("Apply: revision %d, error %v, want revision %d", got, err, want)
	}
	return ""
}

// batch returns one to four ops on different records, most of which hold.
func (r *run) batch(t *modelTenant) []store.Op {
	ids := r.rng.Perm(10)[:1+r.rng.IntN(4)]
	ops := make([]store.Op, len(ids))
	for i, n := range ids {
		id := fmt.Sprint("id", n)
		ghost := store.Record{ID: id, Kind: r.kind(), Revision: store.Revision(1 + r.rng.IntN(int(t.last)+2))}
		old, exists := t.get(store.ID(id))
		if !exists {
			old = ghost
		}
		switch dice := r.rng.IntN(100); {
		case exists == (dice < 4): // a create; seldom one that exists
			ops[i] = store.Create(r.record(id, r.kind(), old), r.note())
		case dice < 10: // a revision that seldom is the record's
			ops[i] = store.Replace(ghost, r.record(id, ghost.Kind, old), r.note())
			if exists {
				ops[i].Old.Kind, ops[i].New.Kind = old.Kind, old.Kind
			}
			if exists && old.Revision == ghost.Revision {
				ops[i].Old = &old
			}
			if dice%2 == 0 {
				ops[i].New = nil
			}
		case dice < 35:
			ops[i] = store.Delete(old, r.note())
		case dice < 42: // stale if there is none
			ops[i] = store.Remove(id, old.Kind, r.note())
		default:
			ops[i] = store.Replace(old, r.record(id, old.Kind, old), r.note())
		}
	}
	return ops
}

// requirements returns none to two, most of which hold.
func (r *run) requirements(t *modelTenant) []store.Require {
	var all []store.Require
	for range max(0, r.rng.IntN(5)-2) {
		id := fmt.Sprint("id", r.rng.IntN(10))
		old, exists := t.get(store.ID(id))
		switch dice := r.rng.IntN(10); {
		case dice < 3:
			all = append(all, store.RequireFree(store.Key{Kind: "m", Value: fmt.Sprint(r.rng.IntN(14))}))
		case exists == (dice > 3):
			all = append(all, store.Require{ID: id, Revision: max(old.Revision, 1)})
		default:
			all = append(all, store.RequireNone(id))
		}
	}
	return all
}

func (r *run) kind() string { return oneOf(r.rng, "user", "group") }

// record returns a record of random content. It may have the keys and the Due of old.
func (r *run) record(id, kind string, old store.Record) store.Record {
	rec := store.Record{ID: id, Kind: kind, Data: []byte(strings.Repeat("x", r.rng.IntN(4)))}
	for _, n := range r.rng.Perm(14)[:r.rng.IntN(4)] {
		rec.Unique = append(rec.Unique, store.Key{Kind: oneOf(r.rng, "m", "n"), Value: fmt.Sprint(n)})
	}
	if r.rng.IntN(3) == 0 {
		rec.Unique = slices.Clone(old.Unique)
	}
	for _, n := range r.rng.Perm(4)[:r.rng.IntN(5)] {
		rec.Index = append(rec.Index, r.term(n))
	}
	switch r.rng.IntN(3) {
	case 0:
		r.dues++
		rec.Due = day(r.rng.IntN(5)).Add(time.Duration(r.dues) * time.Millisecond)
	case 1:
		rec.Due = old.Due
	}
	return rec
}

func (r *run) term(n int) store.Key { return store.Key{Kind: "t", Value: fmt.Sprint(n)} }

func (r *run) note() []byte {
	switch r.rng.IntN(4) {
	case 0:
		return []byte{}
	case 1:
		return []byte(fmt.Sprint("note ", r.step))
	default:
		return nil
	}
}

func (r *run) get(c *client) {
	key := store.ID(fmt.Sprint("id", r.rng.IntN(10)))
	if r.rng.IntN(2) == 0 {
		key = store.Key{Kind: oneOf(r.rng, "m", "n"), Value: fmt.Sprint(r.rng.IntN(14))}
	}
	r.called("%q Get %s", c.name, show(key))
	want, ok := r.model.tenant(c.name).get(key)
	got, err := c.store.Get(c.ctx, c.name, key)
	switch {
	case !ok && !errors.Is(err, store.ErrNotFound):
		r.diverged(fmt.Sprintf("Get: %s, error %v, want ErrNotFound", brief(got), err))
	case ok && err != nil:
		r.diverged(fmt.Sprintf("Get: error %v, want %s", err, brief(want)))
	case ok:
		r.diverged(diffRecord(got, want))
	}
}

func (r *run) list(c *client) {
	t := r.model.tenant(c.name)
	q := store.Query{Kind: r.kind(), Desc: r.rng.IntN(2) == 0, Limit: r.rng.IntN(6)}
	for _, n := range r.rng.Perm(4)[:r.rng.IntN(3)] {
		q.Match = append(q.Match, r.term(n))
	}
	if r.rng.IntN(2) == 0 {
		q.After = r.revision(t)
	}
	if r.rng.IntN(2) == 0 {
		q.Before = r.revision(t)
	}
	if r.rng.IntN(2) == 0 {
		q.NotDueBefore = r.bound()
	}
	r.called("%q List %+v", c.name, q)
	if r.rng.IntN(3) == 0 {
		q.Budget = 1 + r.rng.IntN(5)
	}
	r.diverged(diffRecords(c.list(q), t.list(q)))
}

func (r *run) revision(t *modelTenant) store.Revision {
	return store.Revision(r.rng.IntN(int(t.last) + 2))
}

// bound is a time before, at or after some Due.
func (r *run) bound() time.Time {
	return day(r.rng.IntN(6)).Add(time.Duration(r.rng.IntN(r.dues+1)) * time.Millisecond).Add(time.Duration(r.rng.IntN(2)))
}

func (r *run) feed(c *client) {
	t := r.model.tenant(c.name)
	q := store.ChangeQuery{After: t.trimmed, Desc: r.rng.IntN(2) == 0, Limit: oneOf(r.rng, 0, 1, 2, 10)}
	if r.rng.IntN(2) == 0 {
		q.After = r.revision(t)
	}
	if r.rng.IntN(3) == 0 {
		q.Before = r.revision(t)
	}
	r.called("%q Changes %+v", c.name, q)
	want, wantErr := t.changes(q)
	if wantErr != nil {
		_, err := c.store.Changes(c.ctx, c.name, q)
		r.diverged(diffTrimmed(err, t.trimmed))
		return
	}
	page := c.changesPage(q)
	if page.Trimmed != t.trimmed {
		r.diverged(fmt.Sprintf("Changes: Trimmed %d, want %d", page.Trimmed, t.trimmed))
	}
	r.diverged(diffChanges(c.changes(q), want))
}

func (r *run) trim(c *client) {
	t := r.model.tenant(c.name)
	through := r.revision(t)
	r.called("%q Trim %d", c.name, through)
	c.trim(through)
	t.trim(through)
}

func (r *run) tenants(c *client) {
	size := 1 + r.rng.IntN(4)
	r.called("Tenants in pages of %d", size)
	got := c.tenants(size)
	if c.failed() {
		return
	}
	known := slices.DeleteFunc(slices.Clone(got), func(name string) bool { return !slices.Contains(r.order, name) })
	if !slices.Equal(known, r.order) {
		r.diverged(fmt.Sprintf("Tenants: %q, was %q", got, r.order))
	}
	if want := slices.Sorted(maps.Keys(r.model.tenants)); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		r.diverged(fmt.Sprintf("Tenants: %q, want %q in any order", got, want))
	}
	r.order = got
}

func (r *run) due(c *client) {
	r.tenants(c)
	q := store.DueQuery{Before: r.bound(), Limit: oneOf(r.rng, 0, 1, 2, 3, 5, 8)}
	if r.rng.IntN(2) == 0 {
		q.Kinds = []string{r.kind()}
	}
	if len(r.order) > 0 && r.rng.IntN(2) == 0 {
		q.After = oneOf(r.rng, r.order...)
	}
	r.called("Due %+v", q)
	due := dueModel{order: r.order, due: map[string][]store.Record{}}
	for name, t := range r.model.tenants {
		due.due[name] = t.due(q)
	}
	due.walk(c, q, func(store.DueTenant) {})
	r.called("%q Due %+v", c.name, q)
	q.After = ""
	r.diverged(diffRecords(c.dueIn(q), r.model.tenant(c.name).due(q)))
}

// everything compares all that can be read, at the end.
func (r *run) everything() {
	for i, name := range slices.Sorted(maps.Keys(r.model.tenants)) {
		t := r.model.tenants[name]
		c := r.subject.tenant(name).handle(i)
		c.exactly(t.records...)
		for n := range 14 {
			for _, key := range []store.Key{{Kind: "m", Value: fmt.Sprint(n)}, {Kind: "n", Value: fmt.Sprint(n)}} {
				if _, held := t.get(key); !held {
					c.absent(key)
				}
			}
		}
		c.other().feed(t.trimmed, t.feed...)
	}
}

func oneOf[T any](rng *rand.Rand, items ...T) T { return items[rng.IntN(len(items))] }

func showBatch(batch store.Batch) string {
	var b strings.Builder
	for i, r := range batch.Require {
		fmt.Fprintf(&b, "requirement %d %+v; ", i, r)
	}
	for i, op := range batch.Ops {
		fmt.Fprintf(&b, "op %d %v %s", i, op.Type(), op.ID())
		if op.Old != nil {
			fmt.Fprintf(&b, " at %d", op.Old.Revision)
		}
		if op.New != nil {
			fmt.Fprintf(&b, " %s keys %v terms %v", op.New.Kind, op.New.Unique, op.New.Index)
		}
		if op.Note != nil {
			fmt.Fprintf(&b, " note %q", op.Note)
		}
		b.WriteString("; ")
	}
	return b.String()
}
