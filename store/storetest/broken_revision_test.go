package storetest

import (
	"github.com/rollbook-go/rollbook/store"
)

func revisionMutants() []mutant {
	return []mutant{
		{name: "a refused batch takes a revision", rejected: "revisions/refused apply/atomic-stale apply/atomic-taken races/create", harm: refusing(func(b *broken, c *applyCall, _ error) {
			defer b.locked()()
			b.tenant(c.tenant).last++
		})},
		{name: "Created moves", rejected: "revisions/created list/order handles/alternate", harm: rewriting(func(_ *mapTenant, _ store.Op, r *store.Record) { r.Created = r.Revision })},
		{name: "Revision stays", rejected: "revisions/created apply/stale-replace", harm: rewriting(func(_ *mapTenant, op store.Op, r *store.Record) {
			if op.Old != nil {
				r.Revision = op.Old.Revision
			}
		})},
		{name: "New's Created is written", rejected: "tamper/new", harm: rewriting(func(_ *mapTenant, op store.Op, r *store.Record) {
			if op.Old == nil && op.New.Created != 0 {
				r.Created = op.New.Created
			}
		})},
		{name: "New's Revision is written", rejected: "tamper/new", harm: rewriting(func(_ *mapTenant, op store.Op, r *store.Record) {
			if op.New.Revision > r.Revision {
				r.Revision = op.New.Revision
			}
		})},
		{name: "all tenants count together", rejected: "revisions/tenant tenants/apart", harm: func(b *broken) {
			var last store.Revision
			steps{write: func(t *mapTenant, op store.Op) {
				t.last = last
				t.write(op)
				last = t.last
			}}.harm(b)
		}},
		{name: "Apply returns the first revision", rejected: "revisions/count apply/large-batch", harm: answers(ofApply, func(_ *broken, c *applyCall) {
			if c.err == nil {
				c.got -= store.Revision(len(c.q.Ops) - 1)
			}
		})},
		{name: "a batch takes one revision", rejected: "revisions/count changes/order", harm: steps{write: func(t *mapTenant, op store.Op) {
			t.write(op)
			if op.New != nil && op.New.ID != "" && len(t.records.byID) > 1 && op.Old == nil {
				t.last -= store.Revision(len(t.records.byID) % 2)
			}
		}}.harm},
		{name: "an empty tenant counts from 1 again", rejected: "revisions/deleted", harm: steps{write: func(t *mapTenant, op store.Op) {
			if len(t.records.byID) == 0 {
				t.last = 0
			}
			t.write(op)
		}}.harm},
		{name: "deletions take no revision", rejected: "revisions/deleted", harm: steps{write: func(t *mapTenant, op store.Op) {
			t.write(op)
			if op.New == nil {
				t.last--
			}
		}}.harm},
	}
}
