package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	c := s.observer.BeginCall("Apply")
	rev, queued, err := s.apply(ctx, tenant, batch)
	c.End(store.CallInfo{Items: len(batch.Ops), Queued: queued}, err)
	return rev, err
}

func (s *Store) apply(ctx context.Context, tenant string, in store.Batch) (rev store.Revision, queued int, err error) {
	if err := store.Check(tenant, in); err != nil {
		return 0, 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	if err := s.usable(); err != nil {
		return 0, 0, err
	}
	if taken := s.held(ctx, tenant, in); taken != nil {
		return 0, 0, taken
	}
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	rev, err = apply(ctx, s, tenant, in, func(b *batch) answer {
		a, ahead := s.queue.submit(ctx, tenant, b)
		queued = max(queued, ahead)
		return a
	}, func(d *disowned) error { return s.disown(ctx, tenant, d) })
	s.lookFirst.Written(tenant, in, err)
	return rev, queued, err
}

// apply writes a batch with a function that sends it once. It sends it again where damage
// demands another step before: the removal of a record whose keys have to be read, or a key
// whose row names a record that does not hold it.
func apply(ctx context.Context, src source, tenant string, in store.Batch,
	send func(*batch) answer, disown func(*disowned) error,
) (store.Revision, error) {
	b := newBatch(in)
	if err := b.readRemoved(ctx, src, tenant); err != nil {
		return 0, err
	}
	for {
		a := send(b)
		switch {
		case a.err != nil:
			return 0, a.err
		case a.refusal == nil:
			return a.rev, nil
		case a.refusal.reason == unreadOp:
			b = newBatch(in)
			if err := b.readRemoved(ctx, src, tenant); err != nil {
				return 0, err
			}
			continue
		}
		key, err := a.refusal.error(in, b)
		if err == nil {
			err = disown(key)
		}
		if err != nil {
			return 0, err
		}
	}
}

const sqlRemoved = `SELECT r.id, r.keys FROM rollbook.record r WHERE r.tenant = ` + numberOf + ` AND r.id = ANY($2::bytea[])`

// readRemoved reads the keys of the records that are removed whatever state they are in,
// which nobody else knows.
func (b *batch) readRemoved(ctx context.Context, src source, tenant string) error {
	removed := map[string]*op{}
	for i := range b.ops {
		if o := &b.ops[i]; o.code == opRemove {
			removed[o.id] = o
		}
	}
	if len(removed) == 0 {
		return nil
	}
	return src.step(ctx, readTurn{method: "Apply", tenant: tenant}, func(ctx context.Context, c session) error {
		var a args
		a.bytea(tenant)
		a.array(oidBytea)
		for id := range removed {
			a.elemString(id)
		}
		a.endArray()
		return c.rows(ctx, sqlRemoved, &a, func(row *reply) {
			id, keys := row.string(), row.bytes()
			if o := removed[id]; o != nil {
				b.fillRemoved(o, keys)
			}
		})
	})
}

func (b *batch) fillRemoved(o *op, keys []byte) {
	o.old, o.release, o.drop = append([]byte{}, keys...), nil, nil
	var before, none store.Record
	var err error
	if before.Unique, before.Index, err = parseKeys(keys); err != nil {
		o.code = opRemoveDamaged
		return
	}
	o.code = opRemove
	o.differ(&before, &none)
	for _, key := range o.release {
		b.touch(key, true)
	}
}

const sqlDisown = `SELECT held FROM rollbook.disown_1($1::bool, $2::bytea, $3::bytea, $4::bytea, $5::int8)`

// disown removes the row of a unique key that the record which it names does not hold. Any
// other call would find the same, so that it may be done whatever becomes of this one.
func (s *Store) disown(ctx context.Context, tenant string, d *disowned) error {
	return s.unlocked(ctx, readTurn{method: "Apply", tenant: tenant}, func(ctx context.Context, c session) (held bool, err error) {
		_, err = c.row(ctx, sqlDisown, disownArgs(false, tenant, d), func(row *reply) { held = row.bool() })
		return held, err
	})
}

func disownArgs(wait bool, tenant string, d *disowned) *args {
	var a args
	a.bool(wait)
	a.bytea(tenant)
	a.bytea(keyName(d.key))
	a.bytea(d.holder.ID)
	a.int8(int64(d.holder.Revision))
	return &a
}
