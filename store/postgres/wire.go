package postgres

import (
	"encoding/binary"
	"errors"
)

// Types of PostgreSQL, by the numbers that they have on every server.
const (
	oidBool  = 16
	oidBytea = 17
	oidInt8  = 20
	oidInt2  = 21
	oidInt4  = 23
)

var errReply = errors.New("a reply that the statement does not have")

// args builds the parameters of a statement in the binary format. It does not box each
// element, as pgx's own encoders do, of which a large group has thousands.
type args struct {
	buf  []byte
	ends []int

	header int // where the array begins that is being built
	count  int
	nulls  bool
}

func (a *args) end() { a.ends = append(a.ends, len(a.buf)) }

func (a *args) bool(v bool) {
	a.buf = append(a.buf, truth(v))
	a.end()
}

func (a *args) int8(v int64) {
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(v)) //nolint:gosec // two's complement
	a.end()
}

func (a *args) int4(v int) {
	a.buf = appendInt4(a.buf, v)
	a.end()
}

// bytea adds a bytea or a text.
func (a *args) bytea(v string) {
	a.buf = append(a.buf, v...)
	a.end()
}

func (a *args) bytes(v []byte) {
	a.buf = append(a.buf, v...)
	a.end()
}

// null adds NULL.
func (a *args) null() { a.ends = append(a.ends, -1) }

// array begins an array; elements and endArray follow.
func (a *args) array(oid int) {
	a.header, a.count, a.nulls = len(a.buf), 0, false
	a.buf = appendInt4(a.buf, 1) // dimensions
	a.buf = appendInt4(a.buf, 0) // has NULLs
	a.buf = appendInt4(a.buf, oid)
	a.buf = appendInt4(a.buf, 0) // length
	a.buf = appendInt4(a.buf, 1) // the first index
}

func (a *args) endArray() {
	if a.count == 0 {
		a.buf = a.buf[:a.header+12]
		putInt4(a.buf[a.header:], 0)
	} else {
		putInt4(a.buf[a.header+12:], a.count)
		if a.nulls {
			putInt4(a.buf[a.header+4:], 1)
		}
	}
	a.end()
}

func (a *args) elemBool(v bool) {
	a.count++
	a.buf = append(appendInt4(a.buf, 1), truth(v))
}

func (a *args) elemInt2(v int) {
	a.count++
	a.buf = binary.BigEndian.AppendUint16(appendInt4(a.buf, 2), uint16(v)) //nolint:gosec // few bits
}

func (a *args) elemInt4(v int) {
	a.count++
	a.buf = appendInt4(appendInt4(a.buf, 4), v)
}

func (a *args) elemInt8(v int64) {
	a.count++
	a.buf = binary.BigEndian.AppendUint64(appendInt4(a.buf, 8), uint64(v)) //nolint:gosec // two's complement
}

func (a *args) elemBytes(v []byte) {
	a.count++
	a.buf = append(appendInt4(a.buf, len(v)), v...)
}

func (a *args) elemString(v string) {
	a.count++
	a.buf = append(appendInt4(a.buf, len(v)), v...)
}

func (a *args) elemNull() {
	a.count++
	a.nulls = true
	a.buf = appendInt4(a.buf, -1)
}

// values returns the parameters. They are parts of one buffer.
func (a *args) values() [][]byte {
	if a.buf == nil {
		a.buf = []byte{} // nil is NULL
	}
	values := make([][]byte, len(a.ends))
	from := 0
	for i, to := range a.ends {
		if to < 0 {
			continue
		}
		values[i] = a.buf[from:to:to]
		from = to
	}
	return values
}

func truth(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendInt4(b []byte, v int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(v)) //nolint:gosec // two's complement
}

func putInt4(b []byte, v int) { binary.BigEndian.PutUint32(b, uint32(v)) } //nolint:gosec // as above

// reply reads the columns of a row one after the other. It keeps the first fault: a column
// that is missing, NULL or of another size. Strings and bytes are copies.
type reply struct {
	row  [][]byte
	fail bool
}

func (r *reply) next() []byte {
	if len(r.row) == 0 {
		r.fail = true
		return nil
	}
	v := r.row[0]
	r.row = r.row[1:]
	return v
}

func (r *reply) sized(n int) []byte {
	v := r.next()
	if len(v) != n {
		r.fail = true
		return make([]byte, n)
	}
	return v
}

// null reports whether the next column is NULL, or missing.
func (r *reply) null() bool { return len(r.row) == 0 || r.row[0] == nil }

// summary reports whether the row is one without a record, behind those that have one.
func (r *reply) summary() bool { return len(r.row) > 3 && r.row[3] == nil }

func (r *reply) int2() int { return int(int16(binary.BigEndian.Uint16(r.sized(2)))) } //nolint:gosec // two's complement

func (r *reply) bool() bool     { return r.sized(1)[0] != 0 }
func (r *reply) int8() int64    { return int8Of(r.sized(8)) }
func (r *reply) int4() int      { return int4Of(r.sized(4)) }
func (r *reply) string() string { return string(r.next()) }

// bytes returns nil for NULL and for no bytes.
func (r *reply) bytes() []byte { return append([]byte(nil), r.next()...) }

func int8Of(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) } //nolint:gosec // two's complement

func int4Of(b []byte) int { return int(int32(binary.BigEndian.Uint32(b))) } //nolint:gosec // as above

// array returns the elements of an array, which are parts of the row; NULL is an empty
// array.
func (r *reply) array() [][]byte {
	b := r.next()
	if len(b) < 20 { // NULL, or no dimension
		return nil
	}
	n := int4Of(b[12:])
	b = b[20:]
	var elems [][]byte
	for range n {
		if len(b) < 4 {
			r.fail = true
			return nil
		}
		size := max(int4Of(b), 0)
		if b = b[4:]; len(b) < size {
			r.fail = true
			return nil
		}
		elems = append(elems, b[:size])
		b = b[size:]
	}
	return elems
}

func (r *reply) int8s() []int64 {
	elems := r.array()
	out := make([]int64, len(elems))
	for i, e := range elems {
		if len(e) != 8 {
			r.fail = true
			return nil
		}
		out[i] = int8Of(e)
	}
	return out
}

func (r *reply) int4s() []int {
	elems := r.array()
	out := make([]int, len(elems))
	for i, e := range elems {
		if len(e) != 4 {
			r.fail = true
			return nil
		}
		out[i] = int4Of(e)
	}
	return out
}
