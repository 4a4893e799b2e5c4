package storetest

import (
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

func keyMutants() []mutant {
	return []mutant{
		{name: "a deletion leaves its keys", rejected: "keys/released", harm: steps{release: func(t *mapTenant, op store.Op) {
			if op.New != nil {
				t.release(op)
			}
		}}.harm},
		{name: "a replacement leaves the keys it drops", rejected: "keys/own keys/released", harm: steps{release: func(t *mapTenant, op store.Op) {
			if op.New == nil {
				t.release(op)
			}
		}}.harm},
		{name: "keys are claimed before they are released", rejected: "keys/move keys/takeover keys/rotate races/swap", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			if err := refuses(t, ops); err != nil {
				return err
			}
			for i, op := range ops { // only the op's own keys are free
				if op.New != nil {
					if err := t.taken(ops[i : i+1]); err != nil {
						return err
					}
				}
			}
			return nil
		}}.harm},
		{name: "keys are released and claimed op by op", rejected: "keys/move keys/takeover", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			for i := range ops {
				if err := t.stale(ops); err != nil {
					return err
				}
				if err := t.taken(ops[:i+1]); err != nil {
					return err
				}
			}
			return nil
		}}.harm},
		{name: "two ops of a batch may claim one key", rejected: "keys/twice-in-batch tenants/exist", harm: excusing(func(_ []store.Op, taken *store.TakenError) bool {
			return taken.Holder.Revision == 0
		})},
		{name: "stored holders come before those in the batch", rejected: "keys/twice-in-batch", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			if err := t.stale(ops); err != nil {
				return err
			}
			first := t.taken(ops)
			var taken *store.TakenError
			for i := range ops {
				one := slices.Clone(ops)
				for j := range one {
					if j != i && one[j].New != nil { // keep what it releases only
						r := *one[j].New
						r.Unique = nil
						one[j].New = &r
					}
				}
				if err := t.taken(one); errors.As(err, &taken) {
					return err
				}
			}
			return first
		}}.harm},
		{name: "a holder in the batch has the zone of its caller", rejected: "keys/twice-in-batch", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			err := refuses(t, ops)
			var taken *store.TakenError
			if errors.As(err, &taken) && taken.Holder.Revision == 0 {
				for _, op := range ops {
					if op.ID() == taken.Holder.ID {
						taken.Holder.Due = op.New.Due
					}
				}
			}
			return err
		}}.harm},
		{name: "a key is unique for each kind of record", rejected: "keys/across-kinds", harm: excusing(func(ops []store.Op, taken *store.TakenError) bool {
			return ops[taken.Op].New.Kind != taken.Holder.Kind
		})},
		{name: "keys are not unique", rejected: "keys/taken races/key tenants/apart random/seed-3 random/seed-6", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error { return t.stale(ops) }}.harm},
		{name: "a record's own key is taken", rejected: "keys/own", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			if err := t.stale(ops); err != nil {
				return err
			}
			for i, op := range ops {
				if op.New != nil {
					var taken *store.TakenError
					if errors.As(t.taken([]store.Op{{New: op.New}}), &taken) {
						taken.Op = i
						return taken
					}
				}
			}
			return nil
		}}.harm},
		{name: "the holder is not told", rejected: "keys/taken keys/first-taken races/key", harm: refusing(func(_ *broken, _ *applyCall, e *store.TakenError) { e.Holder = store.Record{} })},
		{name: "the holder is an ID", rejected: "keys/taken", harm: refusing(func(_ *broken, _ *applyCall, e *store.TakenError) {
			e.Holder = store.Record{ID: e.Holder.ID, Kind: e.Holder.Kind, Created: e.Holder.Created, Revision: e.Holder.Revision}
		})},
		{name: "the holder lacks its terms", rejected: "keys/taken random/seed-4", harm: refusing(func(_ *broken, _ *applyCall, e *store.TakenError) { e.Holder.Index = nil })},
		{name: "the taken op is always the first", rejected: "keys/first-taken random/seed-5", harm: refusing(func(_ *broken, _ *applyCall, e *store.TakenError) { e.Op = 0 })},
		{name: "the taken key is the least one", rejected: "keys/first-taken", harm: refusing(func(b *broken, c *applyCall, e *store.TakenError) {
			defer b.locked()()
			for _, key := range c.q.Ops[e.Op].New.Unique {
				if id, ok := b.tenant(c.tenant).holders[key]; ok && key.Value < e.Key.Value {
					e.Key, e.Holder = key, copyOf(b.tenant(c.tenant).records.at(id))
				}
			}
		})},
		{name: "the taken key is not told", rejected: "keys/taken", harm: refusing(func(_ *broken, _ *applyCall, e *store.TakenError) { e.Key = store.Key{} })},
		{name: "Get finds records by term", rejected: "keys/get keys/not-index", harm: answers(ofGet, func(b *broken, c *getCall) {
			if errors.Is(c.err, store.ErrNotFound) && c.q.Kind != "" {
				defer b.locked()()
				for _, r := range b.tenant(c.tenant).records.all() {
					if slices.Contains(r.Index, c.q) {
						c.got, c.err = copyOf(r), nil
					}
				}
			}
		})},
		{name: "Get ignores the kind of a key", rejected: "keys/get names/keys", harm: answers(ofGet, func(b *broken, c *getCall) {
			if errors.Is(c.err, store.ErrNotFound) {
				c.got, c.err = b.mapStore.Get(c.ctx, c.tenant, store.ID(c.q.Value+"")) // may be invalid as an ID
			}
		})},
		{name: "Get finds nothing by the second key", rejected: "keys/get", harm: answers(ofGet, func(_ *broken, c *getCall) {
			if c.err == nil && slices.Index(c.got.Unique, c.q) > 0 {
				c.got, c.err = store.Record{}, store.ErrNotFound
			}
		})},
		{name: "Get of nothing is no error", rejected: "keys/get", harm: func(b *broken) { b.get.turns(store.ErrNotFound, nil) }},
	}
}
