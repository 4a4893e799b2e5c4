package enduser

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// Version identifies one state of a user, group or webhook. It is opaque: compare it with ==,
// and pass it to [IfVersion]. Every write makes a new one. No two states of a user ever have the same
// one, even if the store goes back in time and uses revisions again. The zero Version belongs
// to no state.
type Version struct {
	revision int64
	stamp    stamp
}

// IsZero reports whether v is the zero Version.
func (v Version) IsZero() bool { return v == Version{} }

// String returns the version as text: 20 letters, digits, "-" and "_"; "" for the zero
// Version.
func (v Version) String() string {
	if v.IsZero() {
		return ""
	}
	var b [20]byte
	return string(v.append(b[:0]))
}

// AppendText implements [encoding.TextAppender]; see String.
func (v Version) AppendText(b []byte) ([]byte, error) {
	if v.IsZero() {
		return b, nil
	}
	return v.append(b), nil
}

func (v Version) append(b []byte) []byte {
	var raw [15]byte
	raw[0] = textVersion
	binary.BigEndian.PutUint64(raw[1:9], uint64(v.revision)) //nolint:gosec // read back as it was
	v.stamp.put(raw[9:])
	return base64.RawURLEncoding.AppendEncode(b, raw[:])
}

// MarshalText implements [encoding.TextMarshaler]; see String.
func (v Version) MarshalText() ([]byte, error) { return v.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]; see ParseVersion.
func (v *Version) UnmarshalText(text []byte) error {
	parsed, err := ParseVersion(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}

// ParseVersion parses the text of a version. It returns ErrInvalid for any other text.
func ParseVersion(text string) (Version, error) {
	if text == "" {
		return Version{}, nil
	}
	if raw, ok := opaque(text, 15); ok {
		v := Version{revision: int64(binary.BigEndian.Uint64(raw[1:9])), stamp: readStamp(raw[9:])} //nolint:gosec // checked below
		if v.revision > 0 {
			return v, nil
		}
	}
	return Version{}, invalidField(Field{Name: "version"}, CodeFormat, "is not a version")
}

// textVersion is the first byte of the texts of versions, cursors and positions.
const textVersion = 1

// opaque decodes a text of a version, cursor or position, which has size bytes. It is
// strict: one value has one text.
func opaque(text string, size int) ([]byte, bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && len(raw) == size && raw[0] == textVersion
}

// stamp marks the writes of one call: 48 random bits, the same in all attempts of the call.
// If two histories of a store have the same revision, their stamps differ. It stands in the
// bodies of users and groups and in the notes of the feed. It must be random: a call may
// write the same in both histories, and a digest of that would be personal data.
type stamp uint64

const stampBytes = 6

func newStamp() stamp {
	var b [8]byte
	_, _ = rand.Read(b[8-stampBytes:]) // never fails: crypto/rand
	return stamp(binary.BigEndian.Uint64(b[:]))
}

func (s stamp) put(b []byte) {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(s))
	copy(b, raw[8-stampBytes:])
}

// appendStamp writes the stamp as a member of a body or note.
func appendStamp(b []byte, s stamp) []byte {
	return strconv.AppendUint(appendName(b, "stamp"), uint64(s), 10)
}

func scanStamp(p *jsontext.Scanner) (stamp, error) {
	n, err := p.Int()
	if err == nil && (n < 0 || n >= 1<<(8*stampBytes)) {
		err = errors.New("the stamp is out of range")
	}
	return stamp(n), err //nolint:gosec // checked
}

func readStamp(b []byte) stamp {
	var raw [8]byte
	copy(raw[8-stampBytes:], b)
	return stamp(binary.BigEndian.Uint64(raw[:]))
}

// versionOf returns the version of the user or group in a record.
func versionOf(r *store.Record, s stamp) Version { return Version{int64(r.Revision), s} }
