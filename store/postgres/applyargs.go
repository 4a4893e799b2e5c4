package postgres

// applyArgs returns the arguments of the function that writes batches of a tenant.
func applyArgs(wait bool, schema, tenant string, batches []*batch) *args {
	size := 1024
	for _, b := range batches {
		size += 2 * b.size
	}
	a := &args{buf: make([]byte, 0, min(size, 2*maxGroupSize)), ends: make([]int, 0, 26)}
	a.bool(wait)
	a.int8(lockOf(schema, tenant))
	a.bytea(tenant)
	a.counts(batches, func(b *batch) int { return len(b.require) })
	a.counts(batches, func(b *batch) int { return len(b.ops) })
	a.counts(batches, func(b *batch) int { return len(b.claims) })

	a.array(oidInt8)
	for _, b := range batches {
		for i := range b.require {
			a.elemInt8(b.require[i].revision)
		}
	}
	a.endArray()
	a.array(oidBytea)
	for _, b := range batches {
		for i := range b.require {
			a.elemString(b.require[i].name)
		}
	}
	a.endArray()

	a.perOp(batches, oidInt2, func(o *op) { a.elemInt2(o.code) })
	a.perOp(batches, oidInt8, func(o *op) { a.elemInt8(o.revision) })
	a.perOp(batches, oidBytea, func(o *op) { a.elemOrNull(o.old) })
	a.perOp(batches, oidInt8, func(o *op) { a.elemInt8(o.due) })
	a.perOp(batches, oidBytea, func(o *op) { a.elemString(o.kind) })
	a.perOp(batches, oidBytea, func(o *op) { a.elemString(o.id) })
	a.perOp(batches, oidBytea, func(o *op) { a.elemBytes(o.keys) })
	a.perOp(batches, oidBytea, func(o *op) { a.elemBytes(o.data) })
	a.perOp(batches, oidBytea, func(o *op) { a.elemOrNull(o.note) })

	a.perClaim(batches, oidInt4, func(op int, _ *claim) { a.elemInt4(op) })
	a.perClaim(batches, oidBytea, func(_ int, c *claim) { a.elemString(c.name) })
	a.perClaim(batches, oidBool, func(_ int, c *claim) { a.elemBool(c.twice) })

	a.names(batches, func(o *op) []string { return o.release })
	a.names(batches, func(o *op) []string { return o.add })
	a.names(batches, func(o *op) []string { return o.drop })
	return a
}

func (a *args) counts(batches []*batch, count func(*batch) int) {
	a.array(oidInt4)
	for _, b := range batches {
		a.elemInt4(count(b))
	}
	a.endArray()
}

func (a *args) perOp(batches []*batch, oid int, elem func(*op)) {
	a.array(oid)
	for _, b := range batches {
		for i := range b.ops {
			elem(&b.ops[i])
		}
	}
	a.endArray()
}

// perClaim adds an array about the claims. The number of an op is that among all ops, from 1.
func (a *args) perClaim(batches []*batch, oid int, elem func(op int, c *claim)) {
	a.array(oid)
	before := 1
	for _, b := range batches {
		for i := range b.claims {
			elem(before+b.claims[i].op, &b.claims[i])
		}
		before += len(b.ops)
	}
	a.endArray()
}

// names adds two arrays about keys or terms: whose they are, and what they are.
func (a *args) names(batches []*batch, names func(*op) []string) {
	n := 0
	a.perOp(batches, oidInt4, func(o *op) {
		n++
		for range names(o) {
			a.elemInt4(n)
		}
	})
	a.perOp(batches, oidBytea, func(o *op) {
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
