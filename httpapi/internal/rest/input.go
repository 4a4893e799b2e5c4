package rest

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// The codes of faults in the form of an input. Where package enduser has a code for the
// same, it is that one.
const (
	CodeUnknown   = "unknown"      // the route has no such member or parameter
	CodeType      = "invalid_type" // another JSON type was expected
	CodeDuplicate = "duplicate"    // it is given twice
	CodeValue     = "invalid_value"
	CodeRequired  = "required"
)

// Optional is a member of a body: absent, null, or a value.
type Optional[T any] struct {
	Given, Null bool
	Value       T
}

// Set writes the member's value if it was given; null writes the zero value.
func (o *Optional[T]) Set(field *T) {
	if o.Given {
		*field = o.Value
	}
}

// Input collects the faults of a body that is a JSON object, to report them together:
//
//	p := jsontext.NewScanner(body)
//	err := in.End(&p, p.Object(func(name string) error { return in.member(&p, name) }))
type Input struct {
	Wrong  []Field // the first of them: see maxFaults
	NoNull bool    // Member records null as a fault

	more int
}

// maxFaults is how many faults an answer names, and maxName how many bytes of a member's
// name it repeats: an answer should not be longer than the request.
const (
	maxFaults = 64
	maxName   = 256
)

// maxListed is how many items of a list are kept for validation: more than any policy
// allows.
const maxListed = 256

// End returns the problem of a body that is not one JSON object: the error of the scan,
// or that something follows the object.
func (in *Input) End(p *jsontext.Scanner, err error) error {
	if err == nil {
		err = p.End()
	}
	if e, ok := errors.AsType[*jsontext.Error](err); ok {
		return BadRequest("malformed-json", "The body is not acceptable JSON: "+e.Error()+".")
	}
	return err
}

// Fault records a fault of a member.
func (in *Input) Fault(name, code, message string) { in.FaultAt(Path{Name: name}, code, message) }

// FaultAt records a fault of a part of a member.
func (in *Input) FaultAt(path Path, code, message string) {
	if len(in.Wrong) == maxFaults {
		in.more++
		return
	}
	path.Name, path.Key, path.Member = cut(path.Name), cut(path.Key), cut(path.Member)
	in.Wrong = append(in.Wrong, Field{Path: path, Code: code, Message: message})
}

// cut shortens a name that came with the request.
func cut(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

// Err returns all faults as one problem, nil if there are none.
func (in *Input) Err() error {
	if len(in.Wrong) == 0 {
		return nil
	}
	return invalid(in.Wrong, len(in.Wrong)+in.more)
}

// Validate returns the faults in the form of a body and, if there are any, those that the
// domain's check finds in its content, all together. A body of the right form is
// validated by the domain when it is written.
func (c *Call[P]) Validate(in *Input, check func() error) error {
	if len(in.Wrong) == 0 {
		return nil
	}
	if p := c.h.config.Explain(check()); p != nil {
		for _, f := range p.Errors {
			in.FaultAt(f.Path, f.Code, f.Message)
		}
		in.more += p.Total - len(p.Errors)
	}
	return in.Err()
}

// Unknown records an unknown member as a fault, and skips its value.
func (in *Input) Unknown(p *jsontext.Scanner, name string) error {
	in.Fault(name, CodeUnknown, "is not a member of this body")
	_, err := p.Raw()
	return err
}

// Ignore skips an unknown member. If its name differs from a known one in case alone,
// Ignore records a fault: another reader of the body might take it for that one. The path
// of the object is before, such as "$.".
func (in *Input) Ignore(p *jsontext.Scanner, before, name string, known ...string) error {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			in.Fault(before+name, CodeUnknown, "must be spelled "+k)
		}
	}
	_, err := p.Raw()
	return err
}

// RefuseNull records a fault of a member if that is null.
func (in *Input) RefuseNull(name string, null bool) {
	if null {
		in.Fault(name, CodeType, "must not be null")
	}
}

// ErrType is what a function given to Member returns for a value of another JSON type.
var ErrType = errors.New("another JSON type was expected")

// Member reads the value of a member with read. It records a fault if the value has
// another type, and if it is null and in.NoNull is set.
func Member[T any](in *Input, p *jsontext.Scanner, name string, to *Optional[T], read func() (T, error)) error {
	err := Nullable(in, p, name, to, read)
	in.RefuseNull(name, to.Null && in.NoNull)
	return err
}

// Nullable is Member that accepts null although in.NoNull is set.
func Nullable[T any](in *Input, p *jsontext.Scanner, name string, to *Optional[T], read func() (T, error)) error {
	to.Given = true
	if p.Kind() == jsontext.Null {
		to.Null = true
		return p.Null()
	}
	before := *p
	value, err := read()
	if errors.Is(err, errTooMany) {
		in.Fault(name, "too_many", "must have at most "+strconv.Itoa(maxListed)+" items")
		return nil
	}
	if errors.Is(err, jsontext.ErrType) || errors.Is(err, ErrType) || errors.Is(err, jsontext.ErrNumber) {
		*p = before
		in.Fault(name, CodeType, "has another JSON type")
		_, err = p.Raw()
		return err
	}
	to.Value = value
	return err
}

// Object returns a function for Member that reads the text of a JSON object.
func Object(p *jsontext.Scanner) func() (string, error) {
	return func() (string, error) {
		if p.Kind() != jsontext.Object {
			return "", ErrType
		}
		return p.Raw()
	}
}

// Array returns a function for Member that reads an array of at most maxListed items. Of
// a longer one it keeps no item.
func Array[T any](p *jsontext.Scanner, item func(i int) (T, error)) func() ([]T, error) {
	return func() ([]T, error) {
		items, count := []T{}, 0
		err := p.Array(func() error {
			if count++; count > maxListed {
				_, err := p.Raw()
				return err
			}
			value, err := item(len(items))
			items = append(items, value)
			return err
		})
		if err == nil && count > maxListed {
			return nil, errTooMany
		}
		return items, err
	}
}

var errTooMany = errors.New("more than " + strconv.Itoa(maxListed) + " items")

// AppendBool writes a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}
