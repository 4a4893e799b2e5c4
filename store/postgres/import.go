package postgres

import (
	"bytes"
	"context"

	"github.com/rollbook-go/rollbook/store"
)

const sqlImport = `SELECT revisions, refusals, numbers, texts FROM rollbook.import_1($1::int8, $2::bytea, $3::int8,
	$4::int8, $5::int4, $6::int8[], $7::int8[], $8::int8[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[],
	$13::int4[], $14::bytea[], $15::int4[], $16::bytea[], $17::int8[], $18::int2[], $19::bytea[], $20::bytea[], $21::bytea[])`

// Import implements [store.Importer]. One statement writes the part.
func (s *Store) Import(ctx context.Context, tenant string, p store.Part) error {
	c := s.observer.BeginCall("Import")
	queued, err := s.importPart(ctx, tenant, p)
	c.End(store.CallInfo{Items: len(p.Records) + len(p.Changes), Queued: queued}, err)
	return err
}

func (s *Store) importPart(ctx context.Context, tenant string, p store.Part) (queued int, err error) {
	if err := store.CheckImport(tenant, p); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.usable(); err != nil {
		return 0, err
	}
	var in store.Batch // as if the records were created
	for i := range p.Records {
		in.Ops = append(in.Ops, store.Op{New: &p.Records[i]})
	}
	for {
		a, ahead := s.queue.submit(ctx, tenant, newImport(in, p))
		queued = max(queued, ahead)
		if a.err != nil || a.refusal == nil {
			return queued, a.err
		}
		key, err := a.refusal.error(in, newBatch(in))
		if err == nil {
			err = s.disown(ctx, tenant, key)
		}
		if err != nil {
			return queued, err
		}
	}
}

// newImport returns the batch that writes a part. Like every batch it shares nothing with the
// caller.
func newImport(in store.Batch, p store.Part) *batch {
	m := &imported{trimmed: int64(p.Trimmed), twice: -1}
	type place struct {
		kind    string
		created store.Revision
	}
	places := make(map[place]bool, len(p.Records))
	for i := range p.Records {
		r := &p.Records[i]
		m.created = append(m.created, int64(r.Created))
		m.revisions = append(m.revisions, int64(r.Revision))
		m.last = max(m.last, int64(r.Revision))
		at := place{r.Kind, r.Created}
		if places[at] && m.twice < 0 {
			m.twice = i
		}
		places[at] = true
	}
	b := newBatch(in)
	b.size += maxGroupSize // it is written alone
	for _, c := range p.Changes {
		c.Note = bytes.Clone(c.Note)
		m.entries = append(m.entries, c)
		m.last = max(m.last, int64(c.Seq))
		b.size += len(c.Note) + opSize/8
	}
	b.noted = len(p.Changes) > 0
	b.alone = m.args
	return b
}

// imported is what a part has beside the batch that creates its records.
type imported struct {
	created, revisions []int64
	entries            []store.Change
	trimmed            int64
	last               int64 // the highest revision
	twice              int   // the first record with the kind and Created of an earlier one; -1: none
}

func (m *imported) args(schema string, j job) (string, *args) {
	jobs := []job{j}
	a := &args{buf: make([]byte, 0, 1024+j.batch.size-maxGroupSize), ends: make([]int, 0, 21)}
	a.int8(lockOf(schema, j.tenant))
	a.bytea(j.tenant)
	a.int8(m.last)
	a.int8(m.trimmed)
	a.int4(m.twice)
	for _, numbers := range [][]int64{m.created, m.revisions} {
		a.array(oidInt8)
		for _, n := range numbers {
			a.elemInt8(n)
		}
		a.endArray()
	}
	a.perOp(jobs, oidInt8, func(o *op) { a.elemInt8(o.due) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemString(o.kind) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemString(o.id) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemBytes(o.keys) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemBytes(o.data) })
	a.perClaim(jobs, oidInt4, func(op int, _ *claim) { a.elemInt4(op) })
	a.perClaim(jobs, oidBytea, func(_ int, c *claim) { a.elemString(c.name) })
	a.names(jobs, func(o *op) []string { return o.add })
	a.perEntry(m.entries, oidInt8, func(c *store.Change) { a.elemInt8(int64(c.Seq)) })
	a.perEntry(m.entries, oidInt2, func(c *store.Change) { a.elemInt2(int(c.Type)) })
	a.perEntry(m.entries, oidBytea, func(c *store.Change) { a.elemString(c.Kind) })
	a.perEntry(m.entries, oidBytea, func(c *store.Change) { a.elemString(c.ID) })
	a.perEntry(m.entries, oidBytea, func(c *store.Change) { a.elemBytes(c.Note) })
	return sqlImport, a
}

func (a *args) perEntry(entries []store.Change, oid int, elem func(*store.Change)) {
	a.array(oid)
	for i := range entries {
		elem(&entries[i])
	}
	a.endArray()
}
