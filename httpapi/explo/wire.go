package explo

import (
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// appendGroup appends a group: first the members of Explo's own examples, then those that
// the examples lack.
func appendGroup(b []byte, g *enduser.Group, token string) []byte {
	b = strconv.AppendInt(append(b, `{"team_id":`...), g.Number, 10)
	b = jsontext.AppendString(append(b, `,"token":`...), token)
	b = jsontext.AppendString(append(b, `,"name":`...), g.Name)
	b = jsontext.AppendString(append(b, `,"provided_id":`...), g.ExternalID)
	b = rest.AppendBool(append(b, `,"is_demo_group":`...), isDemo(g))
	b = jsontext.AppendString(append(b, `,"api_environment_tag":`...), string(g.Environment))
	b = g.Metadata.AppendJSON(append(b, `,"properties":`...))
	b = appendMapping(append(b, `,"mapping":`...), g)
	return append(b, '}')
}

// input is the body of a request. Each route takes some of the members.
type input struct {
	rest.Input

	token, id, name     rest.Optional[string]
	mapping, properties rest.Optional[enduser.Metadata]
	demo                rest.Optional[bool]
}

// readBody reads the members of a body that a route takes, and ignores others.
func readBody(body string, takes ...string) (in input, err error) {
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error {
		if slices.Contains(takes, name) {
			return in.member(&p, name)
		}
		return in.Ignore(&p, "", name, takes...)
	}))
	if err == nil {
		err = in.Err()
	}
	return in, err
}

func (in *input) member(p *jsontext.Scanner, name string) error {
	switch name {
	case "current_token":
		return rest.Member(&in.Input, p, name, &in.token, p.String)
	case "user_group_id":
		return rest.Member(&in.Input, p, name, &in.id, p.String)
	case "name":
		return rest.Member(&in.Input, p, name, &in.name, p.String)
	case "mapping":
		return rest.Member(&in.Input, p, name, &in.mapping, metadata(p))
	case "properties":
		return rest.Member(&in.Input, p, name, &in.properties, metadata(p))
	case "is_demo_group":
		return rest.Member(&in.Input, p, name, &in.demo, p.Bool)
	}
	return in.Unknown(p, name) // no route takes it
}

// metadata returns a function for rest.Member: it reads an object of any values.
func metadata(p *jsontext.Scanner) func() (enduser.Metadata, error) {
	object := rest.Object(p)
	return func() (enduser.Metadata, error) {
		text, err := object()
		if err != nil {
			return nil, err
		}
		return enduser.ParseMetadata(text)
	}
}

// given reports whether a member is there and not null.
func given[T any](o rest.Optional[T]) bool { return o.Given && !o.Null }

// set writes a member that is given to a field.
func set[T any](field *T, o rest.Optional[T]) {
	if given(o) {
		*field = o.Value
	}
}
