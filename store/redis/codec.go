package redis

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // against decay: the only hash that a script can compute
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
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
//	age       16 decimal digits: revision minus created
//	checksum  16 hexadecimal digits, of tenant, ID and everything behind it
//	format    1 byte
//	digest    16 bytes
//	head      kind, due, unique keys, index terms
//	data      the rest
//
// The script writes the first three; everything behind them is opaque to it, but it
// can verify the checksum. The digest covers tenant, ID and head. Comparing it shows
// that the keys which an op declares for its Old are the stored ones.
const (
	digitsLen   = 16
	headerLen   = 3 * digitsLen // in front of the checksum
	checksumLen = 16
	bodyAt      = headerLen + checksumLen
	digestLen   = 16
	headAt      = 1 + digestLen // in the body
	formatV1    = 1
	maxRevision = 1 << 53
)

// errReply: what was answered cannot be an answer to the call.
var errReply = errors.New("a reply is not about the call")

// errDamaged: a stored record cannot be read.
var errDamaged = errors.New("a stored record cannot be read")

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

// sha1hex is what scripts know under this name.
func sha1hex(s string) string {
	sum := sha1.Sum([]byte(s)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// checksum shows that a body is as it was written, and where.
func checksum(tenant, id string, body []byte) []byte {
	h := sha1.New() //nolint:gosec // see the import
	_, _ = h.Write([]byte(lengthPrefixed(tenant) + lengthPrefixed(id)))
	_, _ = h.Write(body)
	sum := h.Sum(nil)
	return hex.AppendEncode(nil, sum[:checksumLen/2])
}

// encodeBody returns what the script stores behind revision, created and age.
func encodeBody(tenant string, r *store.Record) string {
	h := head(r)
	b := make([]byte, checksumLen, checksumLen+headAt+len(h)+len(r.Data))
	b = append(b, formatV1)
	b = append(b, digest(tenant, r.ID, h)...)
	b = append(b, h...)
	b = append(b, r.Data...)
	copy(b, checksum(tenant, r.ID, b[checksumLen:]))
	return string(b)
}

// encodeRecord returns a record as it is stored.
func encodeRecord(tenant string, r *store.Record) string {
	return digits(r.Revision) + digits(r.Created) + digits(r.Revision-r.Created) + encodeBody(tenant, r)
}

// decodeRecord reads a stored record and verifies that it is the tenant's, has that
// ID, and is as it was written. The error is errDamaged.
func decodeRecord(tenant, id, stored string) (store.Record, error) {
	if len(stored) < bodyAt || string(checksum(tenant, id, []byte(stored[bodyAt:]))) != stored[headerLen:bodyAt] {
		return store.Record{}, errDamaged
	}
	r, ok := decodeBody(tenant, id, stored[bodyAt:])
	var ok1, ok2, ok3 bool
	var age store.Revision
	r.Revision, ok1 = parseDigits(stored[:digitsLen])
	r.Created, ok2 = parseDigits(stored[digitsLen : 2*digitsLen])
	age, ok3 = parseDigits(stored[2*digitsLen : headerLen])
	if !ok || !ok1 || !ok2 || !ok3 || r.Revision-r.Created != age {
		return store.Record{}, errDamaged
	}
	return r, nil
}

// decodeBody reads what stands behind the checksum. The digest shows that all but the
// data is as it was written.
func decodeBody(tenant, id, body string) (store.Record, bool) {
	r := store.Record{ID: id}
	if len(body) < headAt || body[0] != formatV1 {
		return r, false
	}
	in := decoder{rest: body[headAt:]}
	r.Kind = in.string()
	due := in.uvarint()
	r.Unique = in.keys(store.MaxUnique)
	r.Index = in.keys(store.MaxIndex)
	if in.failed || due > maxRevision {
		return r, false
	}
	r.Due = store.FromMillis(int64(due))
	if digest(tenant, id, []byte(body[headAt:len(body)-len(in.rest)])) != body[1:headAt] {
		return r, false
	}
	if in.rest != "" {
		r.Data = []byte(in.rest)
	}
	return r, true
}

// digits writes a revision so that the script can compare it as a string.
func digits(r store.Revision) string {
	s := strconv.FormatInt(int64(r), 10)
	if len(s) >= digitsLen {
		return s
	}
	return "0000000000000000"[:digitsLen-len(s)] + s
}

// parseDigits is the inverse of digits, and takes nothing else.
func parseDigits(s string) (store.Revision, bool) {
	n := store.Revision(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + store.Revision(s[i]-'0')
	}
	return n, len(s) == digitsLen
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
