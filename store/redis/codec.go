package redis

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// A record is stored as
//
//	revision  16 decimal digits
//	created   16 decimal digits
//	digest    16 bytes
//	format    1 byte
//	head      kind, due, unique keys, index terms
//	data      the rest
//
// The script writes the first two and compares the digest; everything else is
// opaque to it. The digest covers tenant, ID and head. Comparing it shows that
// the keys which an op declares for its Old are the stored ones, and that a
// reply is about the record that was asked for.
const (
	digitsLen   = 16
	digestLen   = 16
	headerLen   = 2 * digitsLen
	formatV1    = 1
	maxRevision = 1 << 53
)

// errDamaged: what is stored, or what was answered, cannot be what was asked for.
var errDamaged = errors.New("a reply is not about the call, or stored data is damaged")

// head encodes what the digest covers of a record beside its name.
func head(r *store.Record) []byte {
	size := len(r.Kind) + 24
	for _, keys := range [2][]store.Key{r.Unique, r.Index} {
		for _, k := range keys {
			size += len(k.Kind) + len(k.Value) + 4
		}
	}
	b := make([]byte, 0, size)
	b = appendString(b, r.Kind)
	b = binary.AppendUvarint(b, uint64(store.Millis(r.Due))) //nolint:gosec // never negative
	for _, keys := range [2][]store.Key{r.Unique, r.Index} {
		b = binary.AppendUvarint(b, uint64(len(keys)))
		for _, k := range keys {
			b = appendString(b, k.Kind)
			b = appendString(b, k.Value)
		}
	}
	return b
}

// digest covers everything by which a record is found.
func digest(tenant, id string, head []byte) string {
	b := make([]byte, 0, len(tenant)+len(id)+len(head)+8)
	b = appendString(b, tenant)
	b = appendString(b, id)
	b = append(b, head...)
	sum := sha256.Sum256(b)
	return string(sum[:digestLen])
}

// encodeBody returns what the script stores behind revision and created.
func encodeBody(tenant string, r *store.Record) string {
	h := head(r)
	var b strings.Builder
	b.Grow(digestLen + 1 + len(h) + len(r.Data))
	b.WriteString(digest(tenant, r.ID, h))
	b.WriteByte(formatV1)
	b.Write(h)
	b.Write(r.Data)
	return b.String()
}

// decodeRecord reads a stored record and verifies that it is the tenant's and
// has that ID.
func decodeRecord(tenant, id, stored string) (store.Record, error) {
	r := store.Record{ID: id}
	if len(stored) < headerLen+digestLen+1 {
		return r, errDamaged
	}
	var ok1, ok2 bool
	r.Revision, ok1 = parseRevision(stored[:digitsLen])
	r.Created, ok2 = parseRevision(stored[digitsLen:headerLen])
	if !ok1 || !ok2 {
		return r, errDamaged
	}
	want := stored[headerLen : headerLen+digestLen]
	if format := stored[headerLen+digestLen]; format != formatV1 {
		return r, fmt.Errorf("a record has format %d, which is newer than this program", format)
	}
	in := decoder{rest: stored[headerLen+digestLen+1:]}
	body := in.rest
	r.Kind = in.string()
	due := in.uvarint()
	r.Unique = in.keys(store.MaxUnique)
	r.Index = in.keys(store.MaxIndex)
	if in.failed || due > maxRevision {
		return r, errDamaged
	}
	r.Due = store.FromMillis(int64(due))
	if digest(tenant, id, []byte(body[:len(body)-len(in.rest)])) != want {
		return r, errDamaged
	}
	if in.rest != "" {
		r.Data = []byte(in.rest)
	}
	return r, nil
}

// A change is stored as the 16 digits of its revision, which the script writes,
// followed by what encodeChange returns.
func encodeChange(tenant string, op store.Op) string {
	if op.Note == nil {
		return ""
	}
	r := op.New
	if r == nil {
		r = op.Old
	}
	b := make([]byte, 0, tagLen+len(r.Kind)+len(r.ID)+len(op.Note)+8)
	b = append(b, tenantTag(tenant)...)
	b = append(b, formatV1, byte(op.Type()))
	b = appendString(b, r.Kind)
	b = appendString(b, r.ID)
	b = append(b, op.Note...)
	return string(b)
}

func decodeChange(tag []byte, member string) (store.Change, error) {
	var c store.Change
	if len(member) < digitsLen+tagLen+2 {
		return c, errDamaged
	}
	var ok bool
	if c.Revision, ok = parseRevision(member[:digitsLen]); !ok {
		return c, errDamaged
	}
	member = member[digitsLen:]
	if !bytes.Equal([]byte(member[:tagLen]), tag) {
		return c, errDamaged
	}
	if format := member[tagLen]; format != formatV1 {
		return c, fmt.Errorf("a change has format %d, which is newer than this program", format)
	}
	c.Type = store.ChangeType(member[tagLen+1])
	in := decoder{rest: member[tagLen+2:]}
	c.Kind = in.string()
	c.ID = in.string()
	if in.failed {
		return c, errDamaged
	}
	c.Note = []byte(in.rest)
	return c, nil
}

// tagLen is the length of the tenant's mark in a change.
const tagLen = 8

func tenantTag(tenant string) []byte {
	sum := sha256.Sum256([]byte(tenant))
	return sum[:tagLen]
}

// digits writes a revision so that the script can compare it as a string.
func digits(r store.Revision) string {
	s := strconv.FormatInt(int64(r), 10)
	if len(s) >= digitsLen {
		return s
	}
	return "0000000000000000"[:digitsLen-len(s)] + s
}

func parseRevision(s string) (store.Revision, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return store.Revision(n), err == nil && n >= 0
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// decoder reads what appendString and AppendUvarint wrote; after a fault it
// returns zero values.
type decoder struct {
	rest   string
	failed bool
}

func (d *decoder) uvarint() uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	// A copy: a part of the reply would keep all of it in memory.
	s := strings.Clone(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) keys(most uint64) []store.Key {
	n := d.uvarint()
	if n > most {
		d.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	keys := make([]store.Key, n)
	for i := range keys {
		keys[i] = store.Key{Kind: d.string(), Value: d.string()}
	}
	return keys
}

func (d *decoder) fail() { d.failed, d.rest = true, "" }

// cloneRecord copies what a caller could change.
func cloneRecord(r store.Record) store.Record {
	r.Unique = slices.Clone(r.Unique)
	r.Index = slices.Clone(r.Index)
	r.Data = bytes.Clone(r.Data)
	r.Due = dueOf(r.Due)
	return r
}

func dueOf(t time.Time) time.Time { return store.FromMillis(store.Millis(t)) }
