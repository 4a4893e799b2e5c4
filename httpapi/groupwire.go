package httpapi

import (
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// appendNewGroup writes a group and its token, for the answers that show it.
func appendNewGroup(b []byte, g *enduser.Group, token string) []byte {
	b = userjson.Group(b, g)
	b = append(b[:len(b)-1], `,"token":`...) // one more member
	return append(jsontext.AppendString(b, token), '}')
}

func appendGroupPage(b []byte, page *enduser.GroupPage) []byte {
	b = jsontext.AppendList(append(b, `{"data":`...), page.Groups, func(b []byte, g enduser.Group) []byte {
		return userjson.Group(b, &g)
	})
	return appendPaging(b, page.Next, page.Previous)
}

// groupInput is the body of a request that writes a group.
type groupInput struct {
	rest.Input

	externalID, name rest.Optional[string]
	metadata         rest.Optional[string] // the text of an object
}

// readGroup reads a body: a merge patch, where null clears, or a new group.
func readGroup(body string, isPatch bool) (in groupInput, err error) {
	in.NoNull = !isPatch
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error { return in.member(&p, name) }))
	return in, err
}

func (in *groupInput) member(p *jsontext.Scanner, name string) error {
	switch name {
	case "external_id":
		return rest.Member(&in.Input, p, name, &in.externalID, p.String)
	case "name":
		return rest.Member(&in.Input, p, name, &in.name, p.String)
	case "metadata":
		return rest.Member(&in.Input, p, name, &in.metadata, rest.Object(p))
	case "id", "number", "tenant_id", "environment", "system_properties", "created_by", "updated_by", "created_at", "updated_at",
		"added_at", "revision", "version", "token":
		in.Fault(name, enduser.CodeReadOnly, "is set by the server")
	default:
		return in.Unknown(p, name)
	}
	_, err := p.Raw()
	return err
}

// spec returns the group that a create asks for.
func (in *groupInput) spec() (enduser.GroupSpec, error) {
	if !in.externalID.Given {
		in.Fault("external_id", enduser.CodeRequired, "must be given")
	}
	s := enduser.GroupSpec{ExternalID: in.externalID.Value, Name: in.name.Value}
	if err := in.Err(); err != nil {
		return s, err
	}
	return s, in.patchMetadata(&s.Metadata)
}

// patch applies the body to a group as a merge patch (RFC 7396).
func (in *groupInput) patch(g *enduser.Group) error {
	in.name.Set(&g.Name)
	return in.patchMetadata(&g.Metadata)
}

func (in *groupInput) patchMetadata(m *enduser.Metadata) (err error) {
	switch {
	case in.metadata.Null:
		*m = nil
	case in.metadata.Given:
		*m, err = m.MergePatch(in.metadata.Value)
	}
	return err
}

// rotation is the body of a request that rotates a token.
type rotation struct {
	rest.Input

	current rest.Optional[string]
	overlap rest.Optional[int64] // seconds
}

func readRotation(body string) (in rotation, err error) {
	in.NoNull = true
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error {
		switch name {
		case "current_token":
			return rest.Member(&in.Input, &p, name, &in.current, p.String)
		case "overlap_seconds":
			return rest.Member(&in.Input, &p, name, &in.overlap, p.Int)
		default:
			return in.Unknown(&p, name)
		}
	}))
	return in, err
}

// maxCurrentToken is longer than any token.
const maxCurrentToken = 256 // bytes

func (in *rotation) check() error {
	if err := in.Err(); err != nil {
		return err
	}
	if in.current.Given {
		switch token := in.current.Value; {
		case token == "":
			in.Fault("current_token", enduser.CodeRequired, "must not be empty")
		case len(token) > maxCurrentToken:
			in.Fault("current_token", enduser.CodeLength, "is too long")
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
			in.Fault("current_token", enduser.CodeCharacter, "has characters that no token has")
		}
	}
	if seconds := in.overlap.Value; seconds < 0 || seconds > int64(enduser.MaxOverlap.Seconds()) {
		in.Fault("overlap_seconds", enduser.CodeValue, "must be between 0 and 2592000")
	}
	return in.Err()
}
