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
//	writer    16 bytes: the nonce of the write that left the record, if it shows that
//	          the write was done (see doc.go), else zeros
//	head      kind, due, unique keys, index terms
//	data      the rest
//
// The script writes the first three; the rest is opaque to it, but it can verify the
// checksum. The digest covers tenant, ID and head. Comparing it shows that the keys of an
// op's Old are the stored ones.
const (
	digitsLen   = 16
	headerLen   = 3 * digitsLen // in front of the checksum
	checksumLen = 16
	bodyAt      = headerLen + checksumLen
	digestLen   = 16
	writerAt    = 1 + digestLen // in the body
	headAt      = writerAt + nonceLen
	formatV1    = 1
	maxRevision = 1 << 53

	nonceLen = 16
	noWriter = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

// errDamaged: a stored record is unreadable.
var errDamaged = errors.New("a stored record is unreadable")

// appendHead encodes all that the digest covers, except tenant and ID.
func appendHead(b []byte, r *store.Record) []byte {
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

// headSize returns at least the length of the head.
func headSize(r *store.Record) int {
	size := len(r.Kind) + 24
	for _, keys := range [2][]store.Key{r.Unique, r.Index} {
		for _, k := range keys {
			size += len(k.Kind) + len(k.Value) + 6
		}
	}
	return size
}

// digest covers everything by which a record is found.
func digest(tenant, id string, head []byte) [digestLen]byte {
	b := make([]byte, 0, 512) // on the stack, for most
	b = appendString(b, tenant)
	b = appendString(b, id)
	b = append(b, head...)
	sum := sha256.Sum256(b)
	return [digestLen]byte(sum[:])
}

// expectedBody returns the beginning of the body of a stored record: its format and digest.
func expectedBody(tenant string, r *store.Record) string {
	d := digest(tenant, r.ID, appendHead(make([]byte, 0, headSize(r)), r))
	return string(append([]byte{formatV1}, d[:]...))
}

// sha1hex is the function of this name that scripts have.
func sha1hex(s string) string {
	sum := sha1.Sum([]byte(s)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// appendName begins what the checksum covers.
func appendName(b []byte, tenant, id string) []byte {
	for _, s := range [2]string{tenant, id} {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, ':')
		b = append(b, s...)
	}
	return b
}

// nameSize returns at least the length of a name.
func nameSize(tenant, id string) int { return len(tenant) + len(id) + 12 }

// checksum returns the checksum of a body with its name in front.
func checksum(named []byte) [checksumLen]byte {
	sum := sha1.Sum(named) //nolint:gosec // see the import
	var digits [checksumLen]byte
	hex.Encode(digits[:], sum[:checksumLen/2])
	return digits
}

// encodeBody returns what the script stores behind revision, created and age. The writer
// is a nonce or noWriter.
func encodeBody(tenant string, r *store.Record, writer string) []byte {
	b := make([]byte, checksumLen, checksumLen+nameSize(tenant, r.ID)+headAt+headSize(r)+len(r.Data))
	b = appendName(b, tenant, r.ID)
	body := len(b)
	b = append(b, formatV1)
	b = append(b, noWriter...) // where the digest comes
	b = append(b, writer...)
	b = appendHead(b, r)
	d := digest(tenant, r.ID, b[body+headAt:])
	copy(b[body+1:], d[:])
	b = append(b, r.Data...)
	sum := checksum(b[checksumLen:])
	copy(b[body-checksumLen:], sum[:]) // over the name, which is not stored
	return b[body-checksumLen:]
}

// front returns what the script writes: revision, created and age.
func front(r *store.Record) string {
	return digits(r.Revision) + digits(r.Created) + digits(r.Revision-r.Created)
}

// encodeRecord returns a record as it is stored.
func encodeRecord(tenant string, r *store.Record) string {
	return front(r) + string(encodeBody(tenant, r, noWriter))
}

// decodeRecord reads a stored record and verifies that it is the tenant's, has that ID, and
// is as it was written. Otherwise it returns errDamaged.
func decodeRecord(tenant, id, stored string) (store.Record, error) {
	if len(stored) < bodyAt {
		return store.Record{}, errDamaged
	}
	b := make([]byte, 0, nameSize(tenant, id)+len(stored)-bodyAt)
	b = append(appendName(b, tenant, id), stored[bodyAt:]...)
	if sum := checksum(b); string(sum[:]) != stored[headerLen:bodyAt] {
		return store.Record{}, errDamaged
	}
	r, head, ok := decodeHead(id, stored[bodyAt:])
	var ok1, ok2, ok3 bool
	var age store.Revision
	r.Revision, ok1 = parseDigits(stored[:digitsLen])
	r.Created, ok2 = parseDigits(stored[digitsLen : 2*digitsLen])
	age, ok3 = parseDigits(stored[2*digitsLen : headerLen])
	if !ok || !ok1 || !ok2 || !ok3 || r.Revision-r.Created != age {
		return store.Record{}, errDamaged
	}
	if n := len(stored) - bodyAt - headAt - len(head); n > 0 {
		r.Data = b[len(b)-n:]
	}
	return r, nil
}

// decodeHead reads the head, and returns its text too. It verifies nothing.
func decodeHead(id, body string) (r store.Record, head string, ok bool) {
	if len(body) < headAt || body[0] != formatV1 {
		return r, "", false
	}
	// Every string is a part of this copy: a part of the reply would keep all of it in
	// memory.
	head = strings.Clone(body[headAt : headAt+headLen(body[headAt:])])
	in := decoder{rest: head}
	r.ID, r.Kind = id, in.string()
	due := in.uvarint()
	r.Unique = in.keys(store.MaxUnique)
	r.Index = in.keys(store.MaxIndex)
	if in.failed || due > maxRevision {
		return r, "", false
	}
	r.Due = store.FromMillis(int64(due))
	return r, head, true
}

// headLen returns the length of the head that a text begins with; any number if there is
// none.
func headLen(text string) int {
	in := decoder{rest: text}
	in.string()
	in.uvarint()
	for range 2 {
		for n := in.uvarint(); n > 0 && !in.failed; n-- {
			in.string()
			in.string()
		}
	}
	return len(text) - len(in.rest)
}

// verifiedHead reads the head of a body, if the digest shows that it is as it was written.
func verifiedHead(tenant, id, body string) (store.Record, bool) {
	r, head, ok := decodeHead(id, body)
	if !ok {
		return r, false
	}
	d := digest(tenant, id, []byte(head))
	return r, string(d[:]) == body[1:writerAt]
}

// digits returns a revision in a form that the script can compare as a string.
func digits(r store.Revision) string {
	s := strconv.FormatInt(int64(r), 10)
	if len(s) >= digitsLen {
		return s
	}
	return "0000000000000000"[:digitsLen-len(s)] + s
}

// parseDigits is the inverse of digits, and accepts nothing else.
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

// decoder reads what appendString and AppendUvarint wrote. After an error it returns zero
// values.
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

// string returns a part of the text.
func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
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

// cloneRecord returns a copy that shares nothing with r.
func cloneRecord(r store.Record) store.Record {
	r.Unique = slices.Clone(r.Unique)
	r.Index = slices.Clone(r.Index)
	r.Data = bytes.Clone(r.Data)
	r.Due = dueOf(r.Due)
	return r
}

func dueOf(t time.Time) time.Time { return store.FromMillis(store.Millis(t)) }
