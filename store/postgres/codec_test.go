package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/store"
)

// No flipped bit makes another key.
func TestFlippedBits(t *testing.T) {
	whole := encodeKeys([]store.Key{{Kind: "email", Value: "a@example.com"}}, []store.Key{{Kind: "word"}})
	for bit := range 8 * len(whole) {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if u, i, err := parseKeys(b); !errors.Is(err, errCorrupt) {
			t.Errorf("bit %d: %q, %q, %v", bit, u, i, err)
		}
	}
}

// Two keys, or two terms of records of two kinds, never have one name.
func TestNames(t *testing.T) {
	kinds := []string{"a", "ab", "b", "\x00", "\x01"}
	values := []string{"", "a", "b", "ab", "\x00", "\x01a"}
	seen := map[string]bool{}
	for _, kind := range kinds {
		for _, value := range values {
			key := store.Key{Kind: kind, Value: value}
			names := []string{keyName(key)}
			for _, of := range kinds {
				names = append(names, "term "+termName(of, key))
			}
			for _, name := range names {
				if seen[name] {
					t.Errorf("%q twice", name)
				}
				seen[name] = true
			}
		}
	}
}

func TestArguments(t *testing.T) {
	var a args
	a.int8(math.MinInt64)
	a.null()
	a.array(oidBytea)
	a.elemString("one")
	a.elemNull()
	a.elemBytes(nil)
	a.endArray()
	a.array(oidInt8)
	a.elemInt8(-2)
	a.elemInt8(3)
	a.endArray()
	a.array(oidInt4)
	a.endArray()
	a.bytea("")
	v := a.values()
	if v[1] != nil || v[5] == nil || len(v[5]) != 0 {
		t.Errorf("NULL is %q, no bytes are %q", v[1], v[5])
	}
	r := reply{row: v}
	if n := r.int8(); n != math.MinInt64 || !r.null() {
		t.Errorf("%d, NULL %v", n, r.null())
	}
	r.next()
	if got := r.array(); !cmp.Equal(got, [][]byte{[]byte("one"), {}, {}}, cmpopts.EquateEmpty()) {
		t.Errorf("bytea[] %q", got)
	}
	if got := r.int8s(); !cmp.Equal(got, []int64{-2, 3}) {
		t.Errorf("int8[] %d", got)
	}
	if got := r.int4s(); len(got) != 0 || r.fail {
		t.Errorf("int4[] %d, failed %v", got, r.fail)
	}
}

// A reply of another form is noticed.
func TestReplyFaults(t *testing.T) {
	array := binary.BigEndian.AppendUint32(make([]byte, 12, 24), 1000)
	array = append(array, 0, 0, 0, 1, 0, 0, 0, 9, 'x')
	for name, read := range map[string]func(*reply){
		"no column":      func(r *reply) { r.row = nil; r.int8() },
		"another size":   func(r *reply) { r.int8() },
		"a cut array":    func(r *reply) { r.array() },
		"cut elements":   func(r *reply) { r.row = [][]byte{append(array[:20:20], 0, 0)}; r.array() },
		"fewer answers":  func(r *reply) { r.row = make([][]byte, 4); r.answers(1) },
		"fewer elements": func(r *reply) { r.int8s() },
	} {
		r := reply{row: [][]byte{array}}
		if read(&r); !r.fail {
			t.Error(name)
		}
	}
}
