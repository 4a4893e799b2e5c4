package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
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

// scope is what a cursor is bound to, as an injective text.
type scope []byte

func newScope(what string, p Principal) scope {
	var s scope
	return s.with(what).with(p.Tenant).with(string(p.Environment))
}

func (s scope) with(part string) scope {
	s = binary.AppendUvarint(s, uint64(len(part)))
	return append(s, part...)
}

func (s scope) sum(place []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{}, s.with(string(place))...), cursorVersion))
	return sum[:cursorHash]
}

// encode returns the cursor of a place.
func (s scope) encode(place int64) string {
	b := binary.AppendVarint([]byte{cursorVersion}, place)
	return base64.RawURLEncoding.EncodeToString(append(b, s.sum(b)...))
}

// decode returns the place of a cursor. Every defect has the same answer.
func (s scope) decode(cursor string) (int64, error) {
	bad := rest.BadRequest("invalid-cursor", "The cursor is not one of this list.")
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
