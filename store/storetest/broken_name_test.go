package storetest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// folding returns a harm that takes IDs, unique keys and terms for equal if fold
// makes them so.
func folding(fold func(store.Key) store.Key) func(b *broken) {
	equal := func(a, b store.Key) bool { return fold(a) == fold(b) }
	return func(b *broken) {
		find := func(t *mapTenant, key store.Key) (store.Record, bool) {
			for _, r := range t.records.all() {
				if equal(store.ID(r.ID), key) || slices.ContainsFunc(r.Unique, func(own store.Key) bool { return equal(own, key) }) {
					return copyOf(r), true
				}
			}
			return store.Record{}, false
		}
		b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
			if err := cmp.Or(ctx.Err(), store.CheckKey(tenant, key)); err != nil {
				return store.Record{}, err
			}
			defer b.locked()()
			if r, ok := find(b.tenant(tenant), key); ok {
				return r, nil
			}
			return store.Record{}, store.ErrNotFound
		}
		listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
			match := q.Match
			q.Match = nil
			all, err := b.records(ctx, tenant, q)
			return slices.DeleteFunc(all, func(r store.Record) bool {
				for _, term := range match {
					if !slices.ContainsFunc(r.Index, func(own store.Key) bool { return equal(own, term) }) {
						return true
					}
				}
				return false
			}), err
		})(b)
	}
}

// foldingValues folds the values of keys, and IDs.
func foldingValues(fold func(string) string) func(b *broken) {
	return folding(func(key store.Key) store.Key { return store.Key{Kind: key.Kind, Value: fold(key.Value)} })
}

// foldingTenants takes tenants for equal if fold makes them so.
func foldingTenants(fold func(string) string) func(b *broken) {
	return func(b *broken) {
		m := b.mapStore
		b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
			return m.Get(ctx, fold(tenant), key)
		}
		b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
			return m.Apply(ctx, fold(tenant), batch)
		}
		b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
			return m.List(ctx, fold(tenant), q)
		}
		b.changes = func(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
			return m.Changes(ctx, fold(tenant), q)
		}
	}
}

func nameMutants() []mutant {
	cutAt := func(sep string) func(string) string {
		return func(s string) string { before, _, _ := strings.Cut(s, sep); return before }
	}
	joined := func(sep string) func(b *broken) {
		return folding(func(key store.Key) store.Key {
			if key.Kind == "" {
				return key
			}
			return store.Key{Kind: "joined", Value: key.Kind + sep + key.Value}
		})
	}
	return []mutant{
		{name: "case is folded", rejected: "strings/exact names/ids names/keys names/terms", harm: foldingValues(strings.ToLower)},
		{name: "spaces are trimmed", rejected: "strings/exact names/ids names/keys names/terms", harm: foldingValues(strings.TrimSpace)},
		{name: "strings end at NUL", rejected: "strings/exact names/ids names/keys", harm: foldingValues(cutAt("\x00"))},
		{name: "strings end at a line's end", rejected: "strings/exact names/ids", harm: foldingValues(cutAt("\n"))},
		{name: "strings are normalized", rejected: "strings/exact names/ids names/terms", harm: foldingValues(func(s string) string { return strings.ReplaceAll(s, "a\u0308", "ä") })},
		{name: "strings are indexed by 255 bytes", rejected: "names/ids", harm: foldingValues(func(s string) string { return s[:min(255, len(s))] })},
		{name: "values are indexed by 2000 bytes", rejected: "names/keys names/terms", harm: foldingValues(func(s string) string { return s[:min(2000, len(s))] })},
		{name: "strings are taken for numbers", rejected: "names/ids", harm: foldingValues(func(s string) string {
			if t := strings.TrimLeft(s, "0"); t != "" && strings.Trim(t, "0123456789") == "" {
				return t
			}
			return s
		})},
		{name: "percents are decoded", rejected: "names/ids", harm: foldingValues(func(s string) string { return strings.ReplaceAll(s, "%61", "a") })},
		{name: "kinds of keys are folded", rejected: "names/keys names/terms strings/exact", harm: folding(func(key store.Key) store.Key { return store.Key{Kind: strings.ToLower(key.Kind), Value: key.Value} })},
		{name: "kind and value are joined", rejected: "names/pairs", harm: joined("")},
		{name: "kind and value are joined by a colon", rejected: "names/pairs", harm: joined(":")},
		{name: "kind and value are joined by NUL", rejected: "names/pairs", harm: joined("\x00")},
		{name: "kinds of records are folded", rejected: "list/kinds names/kinds", harm: listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
			kind := q.Kind
			var all []store.Record
			for _, q.Kind = range []string{strings.ToLower(kind), kind, strings.ToUpper(kind)} {
				some, err := b.records(ctx, tenant, q)
				if err != nil {
					return nil, err
				}
				all = append(all, some...)
			}
			slices.SortFunc(all, byCreated)
			return slices.CompactFunc(all, func(a, b store.Record) bool { return a.ID == b.ID }), nil
		})},
		{name: "tenants are hashed by what is in braces", rejected: "names/tenants", harm: foldingTenants(func(s string) string {
			if _, after, ok := strings.Cut(s, "{"); ok {
				if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
					return tag
				}
			}
			return s
		})},
		{name: "tenants end at a closing brace", rejected: "names/tenants", harm: foldingTenants(func(s string) string { return cmp.Or(cutAt("}")(s), s) })},
		{name: "tenants end at NUL", rejected: "names/tenants", harm: foldingTenants(func(s string) string { return cmp.Or(cutAt("\x00")(s), s) })},
		{name: "tenants' case is folded", rejected: "names/tenants", harm: foldingTenants(strings.ToLower)},
		{name: "tenants are cut at 511 bytes", rejected: "names/tenants", harm: foldingTenants(func(s string) string {
			if len(s) == store.MaxTenant {
				return strings.ToValidUTF8(s[:511], "")
			}
			return s
		})},
		{name: "Data are text", rejected: "names/data", harm: edited(func(_ *mapTenant, op *store.Op) {
			if op.New != nil {
				r := *op.New
				r.Data = bytes.ToValidUTF8(r.Data, []byte("\ufffd"))
				op.New = &r
			}
		})},
	}
}

// repairing returns a harm that makes a bad call good instead of refusing it.
func repairing(repair func(string) string) func(b *broken) {
	keys := func(in []store.Key) []store.Key {
		var out []store.Key
		for _, key := range in {
			out = append(out, store.Key{Kind: repair(key.Kind), Value: repair(key.Value)})
		}
		return out
	}
	return func(b *broken) {
		b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
			batch.Ops = slices.Clone(batch.Ops)
			for i, op := range batch.Ops {
				if op.New != nil && op.Old == nil {
					r := copyOf(*op.New)
					r.ID, r.Kind, r.Unique, r.Index = repair(r.ID), repair(r.Kind), keys(r.Unique), keys(r.Index)
					batch.Ops[i].New = &r
				}
			}
			return b.mapStore.Apply(ctx, repair(tenant), batch)
		}
	}
}

// largely returns a harm that, where only some batches are refused, accepts them
// in a smaller form.
func largely(shrink func(op *store.Op, r *store.Record)) func(b *broken) {
	return func(b *broken) {
		b.apply.asks(func(c *applyCall) {
			c.q.Ops = slices.Clone(c.q.Ops)
			for i, op := range c.q.Ops {
				if op.New != nil {
					r := *op.New
					shrink(&c.q.Ops[i], &r)
					c.q.Ops[i].New = &r
				}
			}
		})
	}
}

func limitMutants() []mutant {
	refuse := func(when func(op store.Op) bool) func(b *broken) {
		return func(b *broken) {
			b.apply.asks(func(c *applyCall) {
				for _, op := range c.q.Ops {
					if op.New != nil && when(op) {
						c.err = &store.InvalidError{}
					}
				}
			})
		}
	}
	return []mutant{
		{name: "invalid UTF-8 is repaired", rejected: "strings/utf8", harm: repairing(func(s string) string { return strings.ToValidUTF8(s, "\ufffd") })},
		{name: "invalid UTF-8 is not found", rejected: "strings/utf8", harm: asks(ofGet, func(_ *broken, c *getCall) {
			if strings.ToValidUTF8(c.q.Value, "") != c.q.Value {
				c.err = store.ErrNotFound
			}
		})},
		{name: "what is too long is cut", rejected: "strings/lengths", harm: repairing(func(s string) string {
			if len(s) == store.MaxKeyValue+1 {
				return s[:store.MaxKeyValue]
			}
			return s
		})},
		{name: "the longest ID is refused", rejected: "strings/lengths limits/largest", harm: refuse(func(op store.Op) bool { return len(op.New.ID) >= store.MaxID })},
		{name: "runes are counted", rejected: "strings/lengths", harm: asks(ofGet, func(_ *broken, c *getCall) {
			if n := len([]rune(c.q.Value)); n < len(c.q.Value) && n <= store.MaxID {
				c.err = store.ErrNotFound
			}
		})},
		{name: "the greatest number of keys is refused", rejected: "limits/apply limits/largest", harm: refuse(func(op store.Op) bool { return len(op.New.Unique) >= store.MaxUnique })},
		{name: "one key too many is dropped", rejected: "limits/apply", harm: largely(func(_ *store.Op, r *store.Record) { r.Unique = r.Unique[:min(store.MaxUnique, len(r.Unique))] })},
		{name: "one term too many is dropped", rejected: "limits/apply", harm: largely(func(_ *store.Op, r *store.Record) { r.Index = r.Index[:min(store.MaxIndex, len(r.Index))] })},
		{name: "Data is cut", rejected: "limits/apply", harm: largely(func(_ *store.Op, r *store.Record) { r.Data = r.Data[:min(store.MaxData, len(r.Data))] })},
		{name: "Notes are cut", rejected: "limits/apply", harm: largely(func(op *store.Op, _ *store.Record) { op.Note = op.Note[:min(store.MaxNote, len(op.Note))] })},
		{name: "a key twice is a key", rejected: "limits/apply", harm: largely(func(_ *store.Op, r *store.Record) {
			var once []store.Key
			for _, key := range r.Unique {
				if !slices.Contains(once, key) {
					once = append(once, key)
				}
			}
			r.Unique = once
		})},
		{name: "Notes do not count for a batch", rejected: "limits/batch", harm: largely(func(op *store.Op, _ *store.Record) {
			if len(op.Note) == 1 {
				op.Note = nil
			}
		})},
		{name: "the greatest batch is refused", rejected: "limits/batch", harm: asks(ofApply, func(_ *broken, c *applyCall) {
			size := 0
			for _, op := range c.q.Ops {
				if op.New != nil {
					size += len(op.New.Data)
				}
			}
			if size >= store.MaxBatch {
				c.err = &store.InvalidError{Op: -1}
			}
		})},
		{name: "a Due is rounded", rejected: "limits/due", harm: largely(func(_ *store.Op, r *store.Record) {
			if !r.Due.IsZero() {
				r.Due = r.Due.Truncate(time.Millisecond)
			}
		})},
		{name: "a Due before 1970 is none", rejected: "limits/due", harm: largely(func(_ *store.Op, r *store.Record) {
			if r.Due.UnixMilli() <= 0 {
				r.Due = time.Time{}
			}
		})},
		{name: "a Due keeps its zone", rejected: "limits/due", harm: answers(ofGet, func(_ *broken, c *getCall) {
			if !c.got.Due.IsZero() {
				c.got.Due = c.got.Due.In(time.FixedZone("east", 3600))
			}
		})},
		{name: "the op at fault is not told", rejected: "limits/op", harm: refusing(func(_ *broken, c *applyCall, _ error) {
			if invalidOp(c.err) >= 0 {
				c.err = &store.InvalidError{Op: -1}
			}
		})},
		{name: "a bare ErrInvalid", rejected: "limits/apply strings/lengths", harm: refusing(func(_ *broken, c *applyCall, _ error) {
			if invalidOp(c.err) >= 0 {
				c.err = store.ErrInvalid
			}
		})},
		{name: "the greatest limit is refused", rejected: "limits/queries list/limit", harm: asks(ofList, func(_ *broken, c *listCall) {
			if c.q.Limit >= store.MaxLimit {
				c.err = &store.InvalidError{Op: -1}
			}
		})},
		{name: "a limit too great is the greatest", rejected: "limits/queries", harm: asks(ofChanges, func(_ *broken, c *feedCall) { c.q.Limit = min(c.q.Limit, store.MaxLimit) })},
		{name: "a negative revision is zero", rejected: "limits/queries", harm: func(b *broken) {
			b.trim = func(ctx context.Context, tenant string, through store.Revision) error {
				return b.mapStore.Trim(ctx, tenant, max(0, through))
			}
		}},
		{name: "Due without Before finds all", rejected: "limits/queries", harm: asks(ofDue, func(_ *broken, c *dueCall) {
			if c.q.Before.IsZero() {
				c.q.Before = farFuture()
			}
		})},
	}
}
