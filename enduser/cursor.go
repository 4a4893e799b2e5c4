package enduser

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// Cursor is a place in a list of users or groups: a page has the cursors of its ends. It is
// opaque, can be stored as text, and stays valid when users come and go. It is bound to the
// tenant, the environment and the filter, bounds and order of its query. For another query it
// is ErrInvalid, with [CodeCursor]. The zero Cursor is the beginning.
type Cursor struct {
	scope scope
	at    int64  // the revision at which a user was created
	place string // in a list by deadline
}

// IsZero reports whether c is the zero Cursor.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String returns the cursor as text: letters, digits, "-" and "_"; "" for the zero
// Cursor.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	b := make([]byte, 0, 17+len(c.place))
	b = append(b, textVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(c.scope))
	b = binary.BigEndian.AppendUint64(b, uint64(c.at)) //nolint:gosec // read back as it was
	return base64.RawURLEncoding.EncodeToString(append(b, c.place...))
}

// MarshalText implements [encoding.TextMarshaler]; see String.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]; see ParseCursor.
func (c *Cursor) UnmarshalText(text []byte) error {
	parsed, err := ParseCursor(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}

// maxCursorText is longer than every text of a cursor.
const maxCursorText = 2048

// ParseCursor parses the text of a cursor. It returns ErrInvalid, with [CodeCursor], for any
// other text. Whether the cursor belongs to a list is checked when it is used.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	if size := base64.RawURLEncoding.DecodedLen(len(text)); size >= 17 && len(text) <= maxCursorText {
		if raw, ok := opaque(text, size); ok {
			c := Cursor{
				scope: scope(binary.BigEndian.Uint64(raw[1:9])),
				at:    int64(binary.BigEndian.Uint64(raw[9:17])), //nolint:gosec // checked below
				place: string(raw[17:]),
			}
			if c.at >= 0 && !c.IsZero() {
				return c, nil
			}
		}
	}
	return Cursor{}, badCursor()
}

func badCursor() error {
	return invalidField(Field{Name: "cursor"}, CodeCursor, "is not a cursor of this list")
}

// scope is a hash of what a cursor or position is bound to. It is no protection: it only
// detects one that is used elsewhere by mistake.
type scope uint64

// scopeOf returns the scope of texts, in their order.
func scopeOf(parts ...string) scope {
	b := make([]byte, 0, 128)
	for _, part := range parts {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return scope(binary.BigEndian.Uint64(sum[:8]) | 1) // never zero: that is the zero Cursor's
}
