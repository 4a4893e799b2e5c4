package postgres

import "bytes"

// The functions that write, one for most batches and one for all.
const (
	sqlPut = `SELECT revisions, refusals, numbers, texts FROM rollbook.put_1($1::bool, $2::int8, $3::bytea,
		$4::int8, $5::int8, $6::bytea, $7::bytea, $8::bytea, $9::bytea, $10::bytea, $11::bytea[], $12::bytea[])`

	sqlApply = `SELECT revisions, refusals, numbers, texts FROM rollbook.apply_1($1::bool, $2::bytea[], $3::int8[],
		$4::int4[], $5::int4[], $6::int4[], $7::int4[], $8::int4[], $9::int8[], $10::bytea[], $11::int4[], $12::int2[],
		$13::int8[], $14::bytea[], $15::int8[], $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[],
		$21::int4[], $22::bytea[], $23::bool[], $24::int4[], $25::bytea[], $26::int4[], $27::bytea[], $28::int4[], $29::bytea[])`
)

// job is a batch of a tenant.
type job struct {
	tenant string
	batch  *batch
}

// applyArgs returns the statement that writes batches, and its arguments. Those of a tenant
// follow each other.
func applyArgs(wait bool, schema string, jobs []job) (text string, a *args) {
	if alone := jobs[0].batch.alone; alone != nil {
		return alone(schema, jobs[0])
	}
	if len(jobs) == 1 && jobs[0].batch.simple() {
		return sqlPut, putArgs(wait, schema, jobs[0].tenant, jobs[0].batch)
	}
	size := 1024
	for _, j := range jobs {
		size += 2 * j.batch.size
	}
	a = &args{buf: make([]byte, 0, min(size, 2*maxGroupSize)), ends: make([]int, 0, 29)}
	a.bool(wait)
	a.array(oidBytea)
	eachTenant(jobs, func(name string) { a.elemString(name) })
	a.endArray()
	a.array(oidInt8)
	eachTenant(jobs, func(name string) { a.elemInt8(lockOf(schema, name)) })
	a.endArray()

	a.perBatch(jobs, func(tenant int, _ *batch) { a.elemInt4(tenant) })
	a.perBatch(jobs, func(_ int, b *batch) { a.elemInt4(len(b.require)) })
	a.perBatch(jobs, func(_ int, b *batch) { a.elemInt4(len(b.ops)) })
	a.perBatch(jobs, func(_ int, b *batch) { a.elemInt4(len(b.claims)) })

	a.perRequire(jobs, oidInt4, func(tenant int, _ *require) { a.elemInt4(tenant) })
	a.perRequire(jobs, oidInt8, func(_ int, r *require) { a.elemInt8(r.revision) })
	a.perRequire(jobs, oidBytea, func(_ int, r *require) { a.elemString(r.name) })

	a.perBatch(jobs, func(tenant int, b *batch) {
		for range b.ops {
			a.elemInt4(tenant)
		}
	})
	a.perOp(jobs, oidInt2, func(o *op) { a.elemInt2(o.code) })
	a.perOp(jobs, oidInt8, func(o *op) { a.elemInt8(o.revision) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemOrNull(o.old) })
	a.perOp(jobs, oidInt8, func(o *op) { a.elemInt8(o.due) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemString(o.kind) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemString(o.id) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemBytes(o.keys) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemBytes(o.data) })
	a.perOp(jobs, oidBytea, func(o *op) { a.elemOrNull(o.note) })

	a.perClaim(jobs, oidInt4, func(op int, _ *claim) { a.elemInt4(op) })
	a.perClaim(jobs, oidBytea, func(_ int, c *claim) { a.elemString(c.name) })
	a.perClaim(jobs, oidBool, func(_ int, c *claim) { a.elemBool(c.twice) })

	a.names(jobs, func(o *op) []string { return o.release })
	a.names(jobs, func(o *op) []string { return o.add })
	a.names(jobs, func(o *op) []string { return o.drop })
	return sqlApply, a
}

func eachTenant(jobs []job, f func(name string)) {
	for i, j := range jobs {
		if i == 0 || j.tenant != jobs[i-1].tenant {
			f(j.tenant)
		}
	}
}

// simple reports whether the batch creates a record, or replaces the body of one, and nothing
// else.
func (b *batch) simple() bool {
	if b.alone != nil {
		return false
	}
	o := &b.ops[0]
	return len(b.ops) == 1 && len(b.require) == 0 &&
		(o.code == opCreate && o.due == 0 || o.code == opUpdate && o.due == o.oldDue && bytes.Equal(o.keys, o.old))
}

func putArgs(wait bool, schema, tenant string, b *batch) *args {
	o := &b.ops[0]
	a := &args{buf: make([]byte, 0, 512+b.size), ends: make([]int, 0, 12)}
	a.bool(wait)
	a.int8(lockOf(schema, tenant))
	a.bytea(tenant)
	a.int8(o.revision)
	a.int8(o.due)
	a.bytea(o.kind)
	a.bytea(o.id)
	a.bytes(o.keys)
	a.bytes(o.data)
	if o.note == nil {
		a.null()
	} else {
		a.bytes(o.note)
	}
	a.array(oidBytea)
	for i := range b.claims {
		a.elemString(b.claims[i].name)
	}
	a.endArray()
	a.array(oidBytea)
	for _, term := range o.add {
		a.elemString(term)
	}
	a.endArray()
	return a
}

// perBatch adds an array of integers. Tenants are numbered from 1.
func (a *args) perBatch(jobs []job, elems func(tenant int, b *batch)) {
	a.array(oidInt4)
	n := 0
	for i, j := range jobs {
		if i == 0 || j.tenant != jobs[i-1].tenant {
			n++
		}
		elems(n, j.batch)
	}
	a.endArray()
}

func (a *args) perRequire(jobs []job, oid int, elem func(tenant int, r *require)) {
	a.array(oid)
	n := 0
	for i, j := range jobs {
		if i == 0 || j.tenant != jobs[i-1].tenant {
			n++
		}
		for i := range j.batch.require {
			elem(n, &j.batch.require[i])
		}
	}
	a.endArray()
}

func (a *args) perOp(jobs []job, oid int, elem func(*op)) {
	a.array(oid)
	for _, j := range jobs {
		for i := range j.batch.ops {
			elem(&j.batch.ops[i])
		}
	}
	a.endArray()
}

// perClaim adds an array about the claims. The number of an op is that among all ops, from 1.
func (a *args) perClaim(jobs []job, oid int, elem func(op int, c *claim)) {
	a.array(oid)
	before := 1
	for _, j := range jobs {
		for i := range j.batch.claims {
			elem(before+j.batch.claims[i].op, &j.batch.claims[i])
		}
		before += len(j.batch.ops)
	}
	a.endArray()
}

// names adds two arrays about keys or terms: whose they are, and what they are.
func (a *args) names(jobs []job, names func(*op) []string) {
	n := 0
	a.perOp(jobs, oidInt4, func(o *op) {
		n++
		for range names(o) {
			a.elemInt4(n)
		}
	})
	a.perOp(jobs, oidBytea, func(o *op) {
		for _, name := range names(o) {
			a.elemString(name)
		}
	})
}

func (a *args) elemOrNull(v []byte) {
	if v == nil {
		a.elemNull()
	} else {
		a.elemBytes(v)
	}
}
