package postgres

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

var errCorrupt = errors.New("a stored value is damaged")

// sumSize is how much of a SHA-256 keys begin with. PostgreSQL has no shorter checksum
// that it can compute on every server.
const sumSize = 8

// encodeKeys encodes the unique keys and index terms of a record behind a checksum, which keeps
// a flipped bit from making another key.
func encodeKeys(unique, index []store.Key) []byte {
	b := make([]byte, sumSize, sumSize+backend.SizeOfKeys(unique, index))
	b = backend.AppendKeys(b, unique, index)
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
	unique, index, ok := backend.CutKeys(string(b[sumSize:]), new([]store.Key))
	if !ok {
		return nil, nil, errCorrupt
	}
	return unique, index, nil
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
