package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

var errCorrupt = errors.New("a stored value is damaged")

// sumSize is how much of a SHA-256 keys begin with. PostgreSQL has no shorter checksum
// that it can compute on every server.
const sumSize = 8

// encodeKeys encodes the unique keys and index terms of a record: a checksum, two counts,
// then kind and value of each, every string behind its length. All numbers are unsigned
// varints. The checksum keeps a flipped bit from making another key.
func encodeKeys(unique, index []store.Key) []byte {
	size := sumSize + 6
	for _, keys := range [2][]store.Key{unique, index} {
		for _, key := range keys {
			size += 5 + len(key.Kind) + len(key.Value)
		}
	}
	b := make([]byte, sumSize, size)
	b = binary.AppendUvarint(b, uint64(len(unique)))
	b = binary.AppendUvarint(b, uint64(len(index)))
	for _, keys := range [2][]store.Key{unique, index} {
		for _, key := range keys {
			b = binary.AppendUvarint(b, uint64(len(key.Kind)))
			b = append(b, key.Kind...)
			b = binary.AppendUvarint(b, uint64(len(key.Value)))
			b = append(b, key.Value...)
		}
	}
	sum := sha256.Sum256(b[sumSize:])
	copy(b[:sumSize], sum[:])
	return b
}

// parseKeys is the inverse of encodeKeys. It trusts nothing: the table may be damaged. It
// returns errCorrupt if b is not what encodeKeys returns.
func parseKeys(b []byte) (unique, index []store.Key, err error) {
	if len(b) < sumSize {
		return nil, nil, errCorrupt
	}
	if sum := sha256.Sum256(b[sumSize:]); !bytes.Equal(sum[:sumSize], b[:sumSize]) {
		return nil, nil, errCorrupt
	}
	text := string(b[sumSize:]) // one allocation; every key is a part of it
	nu, text, ok := cutNumber(text, store.MaxUnique)
	if !ok {
		return nil, nil, errCorrupt
	}
	ni, text, ok := cutNumber(text, store.MaxIndex)
	if !ok {
		return nil, nil, errCorrupt
	}
	if nu+ni == 0 && text == "" {
		return nil, nil, nil
	}
	keys := make([]store.Key, nu+ni)
	for i := range keys {
		if keys[i].Kind, text, ok = cutString(text, store.MaxKind); !ok {
			return nil, nil, errCorrupt
		}
		if keys[i].Value, text, ok = cutString(text, store.MaxKeyValue); !ok {
			return nil, nil, errCorrupt
		}
	}
	if text != "" {
		return nil, nil, errCorrupt
	}
	// A full slice expression: an append to one does not write into the other.
	return keys[:nu:nu], keys[nu:], nil
}

func cutString(text string, longest int) (s, rest string, ok bool) {
	n, rest, ok := cutNumber(text, longest)
	if !ok || n > len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}

func cutNumber(text string, largest int) (n int, rest string, ok bool) {
	var v uint64
	for i := 0; i < len(text) && i < 3; i++ { // three bytes hold every limit
		c := text[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int(v), text[i+1:], v <= uint64(largest) //nolint:gosec // at most 21 bits
		}
	}
	return 0, "", false
}

// keyName returns a unique key as its table has it. A kind has at most store.MaxKind
// bytes, so that one byte holds its length.
func keyName(key store.Key) string {
	b := make([]byte, 0, 1+len(key.Kind)+len(key.Value))
	return string(appendKey(b, key))
}

// termName returns an index term of a record of a kind as its table has it.
func termName(kind string, term store.Key) string {
	b := make([]byte, 0, 2+len(kind)+len(term.Kind)+len(term.Value))
	b = append(append(b, byte(len(kind))), kind...) //nolint:gosec // at most store.MaxKind
	return string(appendKey(b, term))
}

func appendKey(b []byte, key store.Key) []byte {
	b = append(append(b, byte(len(key.Kind))), key.Kind...) //nolint:gosec // at most store.MaxKind
	return append(b, key.Value...)
}
