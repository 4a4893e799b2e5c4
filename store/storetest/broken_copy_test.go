package storetest

import (
	"bytes"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

func copyMutants() []mutant {
	return []mutant{
		{name: "records are kept as they are given", rejected: "copies/in", harm: steps{write: func(t *mapTenant, op store.Op) {
			t.write(op)
			if op.New != nil {
				r := t.records.at(op.New.ID)
				r.Unique, r.Index, r.Data = op.New.Unique, op.New.Index, op.New.Data
				t.records.put(r)
			}
		}}.harm},
		{name: "Notes are kept as they are given", rejected: "copies/in", harm: feeding(func(t *mapTenant, op store.Op, i int) {
			if i < len(t.feed) {
				t.feed[i].Note = op.Note
			}
		})},
		{name: "Get returns what it keeps", rejected: "copies/out", harm: answers(ofGet, func(b *broken, c *getCall) {
			defer b.locked()()
			if c.err == nil {
				c.got = b.tenant(c.tenant).records.at(c.got.ID)
			}
		})},
		{name: "List returns what it keeps", rejected: "copies/out", harm: answering(func(t *mapTenant, _ store.Query, page []store.Record) []store.Record {
			for i, r := range page {
				page[i] = t.records.at(r.ID)
			}
			return page
		})},
		{name: "Due returns what it keeps", rejected: "copies/out", harm: answers(ofDue, func(b *broken, c *dueCall) {
			defer b.locked()()
			for _, t := range c.got.Tenants {
				for i, r := range t.Records {
					t.Records[i] = b.tenant(t.Tenant).records.at(r.ID)
				}
			}
		})},
		{name: "Changes returns what it keeps", rejected: "copies/out", harm: answers(ofChanges, func(b *broken, c *feedCall) {
			defer b.locked()()
			for i, change := range c.got.Changes {
				for _, kept := range b.tenant(c.tenant).feed {
					if kept.Revision == change.Revision {
						c.got.Changes[i] = kept
					}
				}
			}
		})},
		{name: "the holder is the record that is kept", rejected: "copies/taken", harm: refusing(func(b *broken, c *applyCall, taken *store.TakenError) {
			if taken.Holder.Revision != 0 {
				taken.Holder = b.tenant(c.tenant).records.at(taken.Holder.ID)
			}
		})},
		{name: "the holder is the caller's own", rejected: "copies/taken", harm: refusing(func(_ *broken, c *applyCall, taken *store.TakenError) {
			if taken.Holder.Revision == 0 {
				for _, op := range c.q.Ops {
					if op.ID() == taken.Holder.ID && op.New != nil {
						taken.Holder = *op.New
					}
				}
			}
		})},
		{name: "Apply writes revisions into New", rejected: "copies/arguments", harm: steps{write: func(t *mapTenant, op store.Op) {
			t.write(op)
			if op.New != nil {
				op.New.Revision = t.last
			}
		}}.harm},
		{name: "List sorts its terms", rejected: "copies/arguments", harm: asking(func(q *store.Query) {
			slices.SortFunc(q.Match, func(a, b store.Key) int { return bytes.Compare([]byte(a.Kind), []byte(b.Kind)) })
		})},
		{name: "Due sorts its kinds", rejected: "copies/arguments", harm: dueBy(func(q *store.DueQuery) { slices.Sort(q.Kinds) }, nil)},
		{name: "a record without keys is refused", rejected: "copies/nil apply/round-trip", harm: asks(ofApply, func(_ *broken, c *applyCall) {
			for _, op := range c.q.Ops {
				if op.New != nil && op.New.Unique == nil {
					c.err = &store.InvalidError{}
				}
			}
		})},
		{name: "keys and terms are kept as sets", rejected: "copies/order keys/own", harm: edited(func(_ *mapTenant, op *store.Op) {
			if op.New != nil {
				r := copyOf(*op.New)
				for _, keys := range [][]store.Key{r.Unique, r.Index} {
					slices.SortFunc(keys, func(a, b store.Key) int { return bytes.Compare([]byte(a.Value), []byte(b.Value)) })
				}
				op.New = &r
			}
		})},
	}
}
