package rest

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// The codes of what is wrong with the form of an input. They are among those of
// package enduser where that has one for the same.
const (
	CodeUnknown   = "unknown"      // nobody asked for it
	CodeType      = "invalid_type" // it has another JSON type
	CodeDuplicate = "duplicate"    // it is given twice
	CodeValue     = "invalid_value"
	CodeRequired  = "required"
)

// Optional is a member of a body: absent, null, or a value.
type Optional[T any] struct {
	Given, Null bool
	Value       T
}

// Set writes the member's value if it was given: the zero value for null.
func (o *Optional[T]) Set(field *T) {
	if o.Given {
		*field = o.Value
	}
}

// Input collects what is wrong with the members of a body that is a JSON object, so
// that all of it is reported together:
//
//	p := jsontext.NewScanner(body)
//	err := in.End(&p, p.Object(func(name string) error { return in.member(&p, name) }))
type Input struct {
	Wrong  []Field // the first of them: see maxFaults
	NoNull bool    // Member records null as a fault

	more int
}

// maxFaults is how many faults an answer names, and maxName how many bytes it repeats
// of what a request calls a member: an answer should not be longer than what it
// answers.
const (
	maxFaults = 64
	maxName   = 256
)

// maxListed is how many items of a list are kept to be validated: more than any policy
// allows.
const maxListed = 256

// End returns the problem of a body that is no JSON object: the error of the scan,
// or that something follows.
func (in *Input) End(p *jsontext.Scanner, err error) error {
	if err == nil {
		err = p.End()
	}
	if e, ok := errors.AsType[*jsontext.Error](err); ok {
		return BadRequest("malformed-json", "The body is not acceptable JSON: "+e.Error()+".")
	}
	return err
}

// Fault records what is wrong with a member.
func (in *Input) Fault(name, code, message string) { in.FaultAt(Path{Name: name}, code, message) }

// FaultAt records what is wrong with a part of a member.
func (in *Input) FaultAt(path Path, code, message string) {
	if len(in.Wrong) == maxFaults {
		in.more++
		return
	}
	path.Name, path.Key, path.Member = cut(path.Name), cut(path.Key), cut(path.Member)
	in.Wrong = append(in.Wrong, Field{Path: path, Code: code, Message: message})
}

// cut shortens what a request calls a member.
func cut(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

// Err returns everything that is wrong.
func (in *Input) Err() error {
	if len(in.Wrong) == 0 {
		return nil
	}
	return invalid(in.Wrong, len(in.Wrong)+in.more)
}

// Validate returns what is wrong with the form of a body and, if anything is, also what
// the domain's check says of its content: everything at once. What the domain alone
// refuses it refuses when it writes.
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

// Unknown records a member that nobody asked for, and passes over it.
func (in *Input) Unknown(p *jsontext.Scanner, name string) error {
	in.Fault(name, CodeUnknown, "is not a member of this body")
	_, err := p.Raw()
	return err
}

// Ignore passes over a member that nobody asked for. A name that differs from a known
// one in case alone is recorded as a fault, since another reader of the body might take
// it for that one; before is the path of the object, such as "$.".
func (in *Input) Ignore(p *jsontext.Scanner, before, name string, known ...string) error {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			in.Fault(before+name, CodeUnknown, "must be spelled "+k)
		}
	}
	_, err := p.Raw()
	return err
}

// RefuseNull records a member that is null.
func (in *Input) RefuseNull(name string, null bool) {
	if null {
		in.Fault(name, CodeType, "must not be null")
	}
}

// ErrType is for functions given to Member: the value has another JSON type.
var ErrType = errors.New("another JSON type was expected")

// Member reads the value of a member with read, or records that it has another type. Null
// is accepted unless in.NoNull is set.
func Member[T any](in *Input, p *jsontext.Scanner, name string, to *Optional[T], read func() (T, error)) error {
	err := Nullable(in, p, name, to, read)
	in.RefuseNull(name, to.Null && in.NoNull)
	return err
}

// Nullable is Member that accepts null, whatever in.NoNull says.
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

// Object returns a function for Member: it reads the text of a JSON object.
func Object(p *jsontext.Scanner) func() (string, error) {
	return func() (string, error) {
		if p.Kind() != jsontext.Object {
			return "", ErrType
		}
		return p.Raw()
	}
}

// Array returns a function for Member: it reads an array of at most maxListed items.
// Of more it keeps none.
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

// AppendOptional writes a string, or null for an empty one.
func AppendOptional(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return jsontext.AppendString(b, s)
}

// AppendBool writes a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}
