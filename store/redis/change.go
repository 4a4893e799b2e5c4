package redis

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// A change is a member of the feed whose score is its revision:
//
//	revision  16 decimal digits, which the script writes
//	tag       8 bytes, the tenant's
//	checksum  4 bytes, of everything behind it
//	format    1 byte
//	type      1 byte
//	the rest  kind, ID, note
const (
	tagLen   = 8
	crcAt    = digitsLen + tagLen
	changeAt = crcAt + crc32.Size
)

// encodeOp returns the entry of an op without the revision; "" for an op without a note. The
// tag is the tenant's.
func encodeOp(tag []byte, op store.Op) string {
	if op.Note == nil {
		return ""
	}
	r := op.New
	if r == nil {
		r = op.Old
	}
	return encodeChange(tag, store.Change{Type: op.Type(), Kind: r.Kind, ID: r.ID, Note: op.Note})
}

// encodeChange returns what is stored behind the revision.
func encodeChange(tag []byte, c store.Change) string {
	const front = tagLen + crc32.Size
	b := make([]byte, front, front+len(c.Kind)+len(c.ID)+len(c.Note)+8)
	copy(b, tag)
	b = append(b, formatV1, byte(c.Type))
	b = appendString(b, c.Kind)
	b = appendString(b, c.ID)
	b = append(b, c.Note...)
	binary.BigEndian.PutUint32(b[tagLen:], crc(b[front:]))
	return string(b)
}

// decodeChange reads a member of a tenant's feed. One that is unreadable, or not the
// tenant's, is damaged.
func decodeChange(tag, member string, seq store.Revision) store.Change {
	damaged := store.Change{Seq: seq, Damaged: true}
	if len(member) < changeAt+2 || member[digitsLen:crcAt] != tag || member[:digitsLen] != digits(seq) {
		return damaged
	}
	body := member[changeAt:]
	if binary.BigEndian.Uint32([]byte(member[crcAt:changeAt])) != crc([]byte(body)) || body[0] != formatV1 {
		return damaged
	}
	c := store.Change{Seq: seq, Revision: seq, Type: store.ChangeType(body[1])}
	in := decoder{rest: body[2:]}
	c.Kind, c.ID = strings.Clone(in.string()), strings.Clone(in.string()) // without keeping the note in memory
	if in.failed {
		return damaged
	}
	c.Note = []byte(in.rest)
	return c
}

func tenantTag(tenant string) []byte {
	sum := sha256.Sum256([]byte(tenant))
	return sum[:tagLen:tagLen]
}

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
