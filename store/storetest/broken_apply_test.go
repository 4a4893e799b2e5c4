package storetest

import (
	"errors"
	"runtime"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// edited returns a harm that changes the ops of every batch before it is
// applied. They are copies, and well formed.
func edited(edit func(t *mapTenant, op *store.Op)) func(b *broken) {
	return func(b *broken) {
		b.apply.asks(func(c *applyCall) {
			if c.err = store.Check(c.tenant, c.q); c.err != nil {
				return
			}
			c.q.Ops = slices.Clone(c.q.Ops)
			defer b.locked()()
			for i := range c.q.Ops {
				edit(b.tenant(c.tenant), &c.q.Ops[i])
			}
		})
	}
}

// refusing returns a harm that changes what Apply does with a batch that is refused with
// an error of type E.
func refusing[E error](change func(b *broken, c *applyCall, err E)) func(b *broken) {
	return func(b *broken) {
		b.apply.answers(func(c *applyCall) {
			var err E
			if errors.As(c.err, &err) {
				change(b, c, err)
			}
		})
	}
}

// excusing returns a harm that writes batches although a key is taken.
func excusing(when func(ops []store.Op, taken *store.TakenError) bool) func(b *broken) {
	return steps{refuses: func(t *mapTenant, ops []store.Op) error {
		err := refuses(t, ops)
		var taken *store.TakenError
		if errors.As(err, &taken) && when(ops, taken) {
			return nil
		}
		return err
	}}.harm
}

// rewriting returns a harm that changes every record that was written.
func rewriting(change func(t *mapTenant, op store.Op, r *store.Record)) func(b *broken) {
	return steps{write: func(t *mapTenant, op store.Op) {
		t.write(op)
		if op.New != nil {
			r := t.records.at(op.New.ID)
			change(t, op, &r)
			t.records.put(r)
		}
	}}.harm
}

// oneByOne applies the ops of a batch each for itself, up to the first error.
func oneByOne(only error) func(b *broken) {
	return func(b *broken) {
		b.apply.answers(func(c *applyCall) {
			if errors.Is(c.err, only) {
				for _, op := range c.q.Ops {
					if _, err := b.mapStore.Apply(c.ctx, c.tenant, store.Ops(op)); err != nil {
						c.err = err
						return
					}
				}
			}
		})
	}
}

func applyMutants() []mutant {
	stored := func(t *mapTenant, op *store.Op) (store.Record, bool) {
		r, ok := t.records.get(op.ID())
		return r, ok
	}
	trusting := func(t *mapTenant, op *store.Op) { // Old is whatever is stored
		if r, ok := stored(t, op); ok && op.Old != nil {
			op.Old = &r
		}
	}
	return []mutant{
		{name: "no compare on replace", rejected: "apply/stale-replace apply/stale-reborn apply/first-stale races/counter random/seed-0", harm: edited(func(t *mapTenant, op *store.Op) {
			if op.New != nil {
				trusting(t, op)
			}
		})},
		{name: "no compare on delete", rejected: "apply/stale-delete apply/stale-reborn random/seed-0", harm: edited(func(t *mapTenant, op *store.Op) {
			if op.New == nil {
				trusting(t, op)
			}
		})},
		{name: "a later revision is good enough", rejected: "apply/stale-replace apply/stale-delete", harm: edited(func(t *mapTenant, op *store.Op) {
			if r, ok := stored(t, op); ok && op.Old != nil && op.Old.Revision > r.Revision {
				op.Old = &r
			}
		})},
		{name: "create overwrites", rejected: "apply/create-existing races/create outcome/repeat random/seed-1", harm: edited(func(t *mapTenant, op *store.Op) {
			if r, ok := stored(t, op); ok && op.Old == nil && op.New.Kind == r.Kind {
				op.Old = &r
			}
		})},
		{name: "create of another kind overwrites", rejected: "apply/create-existing", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			if r, ok := stored(t, &ops[0]); ok && ops[0].Old == nil && r.Kind != ops[0].New.Kind {
				return nil
			}
			return refuses(t, ops)
		}}.harm},
		{name: "replace creates", rejected: "apply/stale-absent tenants/apart", harm: edited(func(t *mapTenant, op *store.Op) {
			if _, ok := stored(t, op); !ok && op.New != nil {
				op.Old = nil
			}
		})},
		{name: "delete of nothing succeeds", rejected: "apply/stale-absent apply/stale-delete races/delete", harm: refusing(func(_ *broken, c *applyCall, _ error) {
			if errors.Is(c.err, store.ErrStale) && len(c.q.Ops) == 1 && c.q.Ops[0].New == nil {
				c.err = nil
			}
		})},
		{name: "the stale op is always the first", rejected: "apply/first-stale random/seed-2", harm: refusing(func(_ *broken, c *applyCall, _ *store.StaleError) {
			c.err = &store.StaleError{Require: -1}
		})},
		{name: "the last stale op is named", rejected: "apply/first-stale", harm: refusing(func(b *broken, c *applyCall, _ error) {
			defer b.locked()()
			for i := len(c.q.Ops) - 1; i >= 0 && errors.Is(c.err, store.ErrStale); i-- {
				if b.tenant(c.tenant).stale(c.q.Ops[i:i+1]) != nil {
					c.err = &store.StaleError{Op: i, Require: -1}
					return
				}
			}
		})},
		{name: "a bare ErrStale", rejected: "apply/stale-replace", harm: func(b *broken) { b.apply.turns(store.ErrStale, store.ErrStale) }},
		{name: "a stale create is ErrTaken", rejected: "apply/create-existing", harm: refusing(func(_ *broken, c *applyCall, _ error) {
			if errors.Is(c.err, store.ErrStale) && c.q.Ops[0].Old == nil {
				c.err = &store.TakenError{}
			}
		})},
		{name: "keys are checked before preconditions", rejected: "apply/stale-before-taken", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			if err := t.taken(ops); err != nil {
				return err
			}
			return t.stale(ops)
		}}.harm},
		{name: "op by op: precondition, keys, next", rejected: "apply/stale-before-taken", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			for i := range ops {
				if err := t.stale(ops[:i+1]); err != nil {
					return err
				}
				if err := t.taken(ops[:i+1]); err != nil {
					return err
				}
			}
			return refuses(t, ops)
		}}.harm},
		{name: "a stale batch is written in part", rejected: "apply/atomic-stale revisions/refused changes/refused", harm: oneByOne(store.ErrStale)},
		{name: "a taken batch is written in part", rejected: "apply/atomic-taken keys/first-taken keys/twice-in-batch", harm: oneByOne(store.ErrTaken)},
		{name: "an invalid batch is written in part", rejected: "apply/atomic-invalid limits/batch", harm: oneByOne(store.ErrInvalid)},
		{name: "a batch is cut at 100 ops", rejected: "apply/large-batch limits/apply", harm: asks(ofApply, func(_ *broken, c *applyCall) {
			if c.err = store.Check(c.tenant, c.q); c.err != nil {
				return
			}
			c.q.Ops = c.q.Ops[:min(100, len(c.q.Ops))]
		})},
		{name: "deletions are forgotten", rejected: "apply/round-trip keys/released due/drain", harm: steps{write: func(t *mapTenant, op store.Op) {
			r, ok := t.records.get(op.ID())
			t.write(op)
			if op.New == nil && ok {
				t.records.put(r)
			}
		}}.harm},
		{name: "check, then act", rejected: "races/create races/key races/delete races/counter races/takeover", harm: steps{pause: runtime.Gosched}.harm},
		{name: "keys of a false Old are released", rejected: "tamper/replace tamper/delete", harm: steps{release: func(t *mapTenant, op store.Op) {
			if op.Old != nil {
				for _, key := range op.Old.Unique {
					delete(t.holders, key)
				}
			}
		}}.harm},
		{name: "Created of a false Old is written", rejected: "tamper/replace", harm: steps{write: func(t *mapTenant, op store.Op) {
			t.write(op)
			if op.Old != nil && op.New != nil {
				r := t.records.at(op.New.ID)
				r.Created = op.Old.Created
				t.records.put(r)
			}
		}}.harm},
		{name: "the kind of a false Old is written", rejected: "tamper/replace", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			if err := t.stale(ops); err != nil && !errors.Is(err, store.ErrInvalid) {
				return err
			}
			return t.taken(ops)
		}}.harm},
	}
}
