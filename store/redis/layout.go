package redis

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// buckets is the number of hash tags. It is part of the format and never changes.
const buckets = 1024

// bucketOf returns the bucket of a tenant: part of the format too.
func bucketOf(tenant string) int {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(tenant) {
		h = (h ^ uint64(tenant[i])) * 1099511628211
	}
	return int(h % buckets)
}

// The letters that tell the keys of a bucket apart; see the package comment.
const (
	recordsKey = ":r:"
	uniqueKey  = ":u:"
	feedKey    = ":f:"
	kindKey    = ":k:"
	indexKey   = ":i:"
	dueKey     = ":d:"
	noncesKey  = ":n:"
	kindsKey   = ":s:"
	tenantsKey = ":t"
	queueKey   = ":q"
)

// Three fields of the hash of records are no records: the revision counter, the last
// entry of the feed that was trimmed, and the mark of apply.lua. No ID is empty or has one
// of these bytes, which UTF-8 never has.
const (
	counterField = ""
	trimmedField = "\xff"
	markField    = "\xfd"
)

// layout makes the names of keys. No two things have the same name: a part that varies in
// length comes last or has its length in front.
type layout struct{ prefix string }

func (l layout) bucket(b int, suffix string) string {
	return l.prefix + "{" + strconv.Itoa(b) + "}" + suffix
}

// space makes the names of one tenant's keys.
type space struct {
	tenant string
	bucket string // prefix and hash tag
	name   string // the tenant with its length
}

func (l layout) space(tenant string) space {
	return space{
		tenant: tenant,
		bucket: l.bucket(bucketOf(tenant), ""),
		name:   lengthPrefixed(tenant),
	}
}

func (s space) records() string { return s.bucket + recordsKey + s.tenant }
func (s space) unique() string  { return s.bucket + uniqueKey + s.tenant }
func (s space) feed() string    { return s.bucket + feedKey + s.tenant }
func (s space) kinds() string   { return s.bucket + kindsKey + s.tenant }

// nonces does not have the tenant's name: the key stays for a minute after Drop.
func (s space) nonces() string { return s.bucket + noncesKey + hex.EncodeToString(tenantTag(s.tenant)) }

// fixed returns the keys that every write names, in the order in which write.lua has them.
// The tag is the tenant's.
func (s space) fixed(tag []byte) []string {
	var at [fixedKeys]int // where they end in one text
	text := make([]byte, 0, fixedKeys*(len(s.bucket)+3)+4*len(s.tenant)+2*tagLen)
	for i, part := range [...]string{recordsKey, uniqueKey, feedKey, kindsKey, noncesKey, tenantsKey} {
		text = append(append(text, s.bucket...), part...)
		switch {
		case part == noncesKey:
			text = hex.AppendEncode(text, tag)
		case i < 4:
			text = append(text, s.tenant...)
		}
		at[i] = len(text)
	}
	all, keys, from := string(text), make([]string, 0, fixedKeys+8), 0
	for _, to := range at {
		keys = append(keys, all[from:to])
		from = to
	}
	return keys
}

func (s space) tenants() string         { return s.bucket + tenantsKey }
func (s space) queue() string           { return s.bucket + queueKey }
func (s space) kind(kind string) string { return s.bucket + kindKey + s.name + kind }
func (s space) due(kind string) string  { return s.bucket + dueKey + s.name + kind }

func (s space) index(kind string, term store.Key) string {
	return s.bucket + indexKey + s.name + lengthPrefixed(kind) + uniqueField(term)
}

// uniqueField is the field of a unique key in the tenant's hash of unique keys.
func uniqueField(key store.Key) string { return lengthPrefixed(key.Kind) + key.Value }

// queueMember is a tenant's entry for a kind in its bucket's queue of due records.
func queueMember(kind, tenant string) string { return lengthPrefixed(kind) + tenant }

// dueMember is a record's entry in the due records of its kind, which all have the
// score 0 and so are in the order of Due and then of ID.
func dueMember(due int64, id string) string { return digits(store.Revision(due)) + id }

// parseDue is the inverse of dueMember.
func parseDue(member string) (entry, bool) {
	if len(member) <= digitsLen {
		return entry{}, false
	}
	due, ok := parseDigits(member[:digitsLen])
	return entry{score: int64(due), id: member[digitsLen:]}, ok
}

// splitMember is the inverse of queueMember and of uniqueField.
func splitMember(member string) (head, rest string, ok bool) {
	digits, tail, ok := strings.Cut(member, ":")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || n > len(tail) {
		return "", "", false
	}
	return tail[:n], tail[n:], true
}

func lengthPrefixed(s string) string { return strconv.Itoa(len(s)) + ":" + s }
