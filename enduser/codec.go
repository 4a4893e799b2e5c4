package enduser

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// bodyVersion is the version of the format of bodies that this program reads and writes.
// Every body names the lowest version that can read it ("r") and that may write it ("w"). A
// newer program raises neither if it only adds what older ones can carry along unread:
// members of the body, unique keys and index terms, but not members further inside.
// testdata/codec has bodies.
const bodyVersion = 1

// appendVersions begins a body.
func appendVersions(b []byte) []byte { return append(b, `{"r":1,"w":1`...) }

// versions are the versions that a body needs.
type versions struct{ read, write int64 }

// member reads a member if it is one of the versions, and reports whether it is.
func (v *versions) member(p *jsontext.Scanner, name string) (is bool, err error) {
	switch name {
	case "r":
		if v.read, err = p.Int(); err == nil && v.read > bodyVersion {
			err = errNewerBody
		}
		return true, err
	case "w":
		v.write, err = p.Int()
		return true, err
	}
	return false, nil
}

// other reads a member that the decoder of a body does not know: a version, or what a newer
// program has added.
func (v *versions) other(p *jsontext.Scanner, name string) error {
	if is, err := v.member(p, name); is {
		return err
	}
	_, err := p.Raw()
	return err
}

// end returns the error of a whole body, err being that of its object.
func (v *versions) end(p *jsontext.Scanner, err error) error {
	if err == nil {
		err = p.End()
	}
	if err == nil && (v.read < 1 || v.write < 1) {
		err = errors.New("the body has no version")
	}
	return err
}

var errNewerBody = fmt.Errorf("%w: a body of a newer form", ErrNewer)

func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return jsontext.AppendString(appendName(b, name), value)
}

func appendInt(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(appendName(b, name), n, 10)
}

func appendFlag(b []byte, name string, set bool) []byte {
	if !set {
		return b
	}
	return append(appendName(b, name), "true"...)
}

func appendMetadata(b []byte, name string, m Metadata) []byte {
	if len(m) == 0 {
		return b
	}
	return m.AppendJSON(appendName(b, name))
}

func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return strconv.AppendInt(appendName(b, name), t.UnixMilli(), 10)
}

func appendName(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func scanTime(p *jsontext.Scanner) (time.Time, error) {
	ms, err := p.Int()
	return time.UnixMilli(ms).UTC(), err
}
