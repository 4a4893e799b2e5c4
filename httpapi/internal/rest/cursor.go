package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
)

// A cursor is a place in a list of one tenant's environment, filter and order. It
// is opaque to clients: a version, the place, and a hash of all that it is bound
// to. It carries no authority, since every page is authorized anew, and nothing
// personal, so it needs no secret; the hash keeps it from being used for another
// list by mistake.
const (
	cursorVersion = 1
	cursorHash    = 8
)

// Scope is what a cursor is bound to, as an injective text.
type Scope []byte

// NewScope returns the scope that some texts, in their order, make up.
func NewScope(parts ...string) Scope {
	var s Scope
	for _, part := range parts {
		s = s.With(part)
	}
	return s
}

// With returns the scope with one more text. It shares nothing with s.
func (s Scope) With(part string) Scope {
	s = slices.Clip(s)
	s = binary.AppendUvarint(s, uint64(len(part)))
	return append(s, part...)
}

func (s Scope) sum(place []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{}, s.With(string(place))...), cursorVersion))
	return sum[:cursorHash]
}

// Encode returns the cursor of a place.
func (s Scope) Encode(place int64) string {
	b := binary.AppendVarint([]byte{cursorVersion}, place)
	return base64.RawURLEncoding.EncodeToString(append(b, s.sum(b)...))
}

// Decode returns the place of a cursor. Every defect has the same answer.
func (s Scope) Decode(cursor string) (int64, error) {
	bad := BadRequest("invalid-cursor", "The cursor is not one of this list.")
	if len(cursor) > 64 || strings.ContainsAny(cursor, "\r\n") { // base64 would pass over them
		return 0, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < 2+cursorHash || b[0] != cursorVersion {
		return 0, bad
	}
	body, sum := b[:len(b)-cursorHash], b[len(b)-cursorHash:]
	place, n := binary.Varint(body[1:])
	if n != len(body)-1 || place <= 0 || subtle.ConstantTimeCompare(sum, s.sum(body)) != 1 {
		return 0, bad
	}
	return place, nil
}
