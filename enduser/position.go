package enduser

import (
	"encoding/base64"
	"encoding/binary"
)

// Position is a place in the change feed of a tenant's environment: that of the last change
// that a reader has seen. It is opaque, and can be compared with == and stored as text. For
// another environment it is ErrInvalid, with [CodeCursor]. If the store goes back in time, a
// position of the lost history is ErrTrimmed, and never taken for one of the new. The zero
// Position is before the oldest change that is kept.
type Position struct {
	scope    scope
	revision int64 // 0: the origin, of an empty feed
	stamp    stamp
}

// IsZero reports whether p is the zero Position.
func (p Position) IsZero() bool { return p == Position{} }

const positionBytes = 1 + 8 + 8 + stampBytes

// String returns the position as text: 31 letters, digits, "-" and "_"; "" for the
// zero Position.
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	var raw [positionBytes]byte
	raw[0] = textVersion
	binary.BigEndian.PutUint64(raw[1:9], uint64(p.scope))
	binary.BigEndian.PutUint64(raw[9:17], uint64(p.revision)) //nolint:gosec // read back as it was
	p.stamp.put(raw[17:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// MarshalText implements [encoding.TextMarshaler]; see String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]; see ParsePosition.
func (p *Position) UnmarshalText(text []byte) error {
	parsed, err := ParsePosition(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// ParsePosition parses the text of a position. It returns ErrInvalid, with [CodeCursor], for
// any other text. Whether the position belongs to a feed is checked when it is used.
func ParsePosition(text string) (Position, error) {
	if text == "" {
		return Position{}, nil
	}
	raw, ok := opaque(text, positionBytes)
	if !ok {
		return Position{}, badPosition()
	}
	p := Position{
		scope:    scope(binary.BigEndian.Uint64(raw[1:9])),
		revision: int64(binary.BigEndian.Uint64(raw[9:17])), //nolint:gosec // checked below
		stamp:    readStamp(raw[17:]),
	}
	if p.revision < 0 || p.scope == 0 {
		return Position{}, badPosition()
	}
	return p, nil
}

func badPosition() error {
	return invalidField(Field{Name: "position"}, CodeCursor, "is not a position of this feed")
}
