package vendors

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// errRow is why a row is not what the vendor sends.
var errRow = errors.New("not a row of this vendor")

// members says where the members of an object go: a pointer to what is read, or a function that
// reads it. Members that are not named are ignored: vendors add some.
type members map[string]any

// read reads an object that is the whole text.
func (m members) read(text string) error {
	p := jsontext.NewScanner(text)
	if err := m.object(&p); err != nil {
		return err
	}
	return p.End()
}

// object reads the next value, which must be an object. Null leaves every member as it is.
func (m members) object(p *jsontext.Scanner) error {
	return p.Object(func(name string) error {
		to, known := m[name]
		var err error
		switch {
		case !known:
			_, err = p.Raw()
		case p.Kind() == jsontext.Null:
			err = p.Null()
		default:
			err = value(p, to)
		}
		if err != nil && known {
			return fmt.Errorf("%s: %w", name, err)
		}
		return err
	})
}

// value reads the next value to where a member goes.
func value(p *jsontext.Scanner, to any) (err error) {
	switch to := to.(type) {
	case *string:
		*to, err = p.String()
	case *bool:
		*to, err = p.Bool()
	case *int64:
		*to, err = p.Int()
	case *time.Time:
		var s string
		if s, err = p.String(); err == nil {
			*to, err = parseTime(s)
		}
	case *enduser.Metadata:
		if p.Kind() != jsontext.Object {
			return p.Object(nil) // says that it is of another type
		}
		var s string
		if s, err = p.Raw(); err == nil {
			*to, err = enduser.ParseMetadata(s)
		}
	case members:
		err = to.object(p)
	case func(p *jsontext.Scanner) error:
		err = to(p)
	}
	return err
}

// parseTime reads a time of RFC 3339. Ada has also sent some without a zone: they are in UTC.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", s)
	}
	if err != nil {
		return t, fmt.Errorf("%w: not a time of RFC 3339", errRow)
	}
	return t, nil
}

// identified returns an error unless one of the values by which a row is identified is there.
func identified(id, externalID string, names ...string) error {
	if id == "" && externalID == "" {
		return fmt.Errorf("%w: it has no %s", errRow, strings.Join(names, " and no "))
	}
	return nil
}
