package redis

import (
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// lead is an entry that leads to a record.
type lead struct {
	damage store.Damage // if the record is not found by it
	set    string       // the key that has it
	how    string       // what that is, for stray.lua
	entry  string
	want   string // what the entry has there
	id     string // of the record
	queue  string // the member of the queue that follows from the set; may be ""
	right  func(r *store.Record) bool
}

// strays checks what leads to records.
func (v *verify) strays(ctx context.Context, key storedKey) error {
	switch key.letter {
	case uniqueKey:
		return v.scanKey(ctx, key.space, "hscan", key.name, func(pairs []string) error {
			return v.follow(ctx, key.space, pairs, key.uniqueLead)
		})
	case kindKey, indexKey:
		return v.scanKey(ctx, key.space, "zscan", key.name, func(pairs []string) error {
			return v.follow(ctx, key.space, pairs, key.listLead)
		})
	case dueKey:
		err := v.scanKey(ctx, key.space, "zscan", key.name, func(pairs []string) error {
			return v.follow(ctx, key.space, pairs, key.dueLead)
		})
		if err != nil {
			return err
		}
		return v.queued(ctx, key.space, key.kind)
	case queueKey:
		return v.queue(ctx, key)
	}
	return nil
}

func (k storedKey) uniqueLead(field, id string) lead {
	kind, value, ok := splitMember(field)
	return lead{
		damage: store.StrayKey, set: k.name, how: "hash", entry: field, want: id, id: id,
		right: func(r *store.Record) bool {
			return ok && slices.Contains(r.Unique, store.Key{Kind: kind, Value: value})
		},
	}
}

func (k storedKey) listLead(id, score string) lead {
	return lead{
		damage: store.StrayTerm, set: k.name, how: "zset", entry: id, want: score, id: id,
		right: func(r *store.Record) bool {
			created, ok := float(score)
			return ok && float64(r.Created) == created && r.Kind == k.kind &&
				(k.letter == kindKey || slices.Contains(r.Index, k.term))
		},
	}
}

func (k storedKey) dueLead(member, score string) lead {
	e, ok := parseDue(member)
	return lead{
		damage: store.WrongDue, set: k.name, how: "zset", entry: member, want: score, id: e.id,
		queue: queueMember(k.kind, k.space.tenant),
		right: func(r *store.Record) bool {
			return ok && r.Kind == k.kind && store.Millis(r.Due) == e.score
		},
	}
}

// follow checks whether the records to which entries lead are found by them.
func (v *verify) follow(ctx context.Context, sp space, pairs []string, read func(a, b string) lead) error {
	var leads []lead
	var ids []string
	for i := 0; i < len(pairs); i += 2 {
		l := read(pairs[i], pairs[i+1])
		leads, ids = append(leads, l), append(ids, l.id)
	}
	for len(ids) > 0 {
		stored, err := v.store.fetch(ctx, sp, "Verify", ids)
		if err != nil {
			return err
		}
		for i, val := range stored {
			if err := v.followed(ctx, sp, leads[i], val); err != nil {
				return err
			}
		}
		ids, leads = ids[len(stored):], leads[len(stored):]
	}
	return nil
}

// followed checks one entry against the stored record to which it leads. A damaged record may
// be found by it.
func (v *verify) followed(ctx context.Context, sp space, l lead, val any) error {
	for {
		stored, exists := val.(string)
		was := ""
		if exists {
			r, err := decodeRecord(sp.tenant, l.id, stored)
			if err != nil || l.right(&r) {
				return nil //nolint:nilerr // see above
			}
			was = front(&r)
		}
		got, err := v.store.readScript(ctx, sp, "Verify", short, v.store.scripts.stray,
			[]string{l.set, sp.records(), sp.queue()}, l.how, l.entry, l.want, l.id, was, v.mend(), l.queue)
		switch {
		case err != nil:
			return err
		case got.is("gone", 0):
			return nil
		case got.is("stray", 0):
			return v.report(store.Finding{Damage: l.damage, Tenant: sp.tenant, ID: l.id, Mended: v.opts.Mend})
		case !got.is("changed", 0):
			return unavailable(errReply)
		}
		again, err := v.store.fetch(ctx, sp, "Verify", []string{l.id})
		if err != nil {
			return err
		}
		val = again[0]
	}
}

// queue checks a bucket's queue against the records by Due.
func (v *verify) queue(ctx context.Context, key storedKey) error {
	at := v.store.bucket(key.bucket, "")
	return v.scanKey(ctx, space{bucket: at}, "zscan", key.name, func(pairs []string) error {
		for i := 0; i < len(pairs); i += 2 {
			kind, tenant, ok := splitMember(pairs[i])
			switch {
			case !ok || bucketOf(tenant) != key.bucket:
				if err := v.report(store.Finding{Damage: store.DamagedStructure}); err != nil {
					return err
				}
			case v.opts.Tenant == "" || v.opts.Tenant == tenant:
				if err := v.queued(ctx, v.store.space(tenant), kind); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// queued checks whether the queue has what is due first of a kind.
func (v *verify) queued(ctx context.Context, sp space, kind string) error {
	id, wrong, err := v.checkQueue(ctx, sp, kind)
	if err != nil || !wrong {
		return err
	}
	return v.report(store.Finding{Damage: store.WrongDue, Tenant: sp.tenant, ID: id, Mended: v.opts.Mend})
}

func (v *verify) checkQueue(ctx context.Context, sp space, kind string) (id string, wrong bool, err error) {
	got, err := v.store.readScript(ctx, sp, "Verify", short, v.store.scripts.queue,
		[]string{sp.due(kind), sp.queue()}, queueMember(kind, sp.tenant), v.mend())
	switch {
	case err != nil:
		return "", false, err
	case got.is("right", 0):
		return "", false, nil
	case got.is("wrong", 1):
		return got.args[0], true, nil
	}
	return "", false, unavailable(errReply)
}
