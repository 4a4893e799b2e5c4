package magickmind

import (
	"cmp"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// appendUser writes a user with the vendor's eight members, all of them strings. An absent
// value is "". A user of another family may have a first and last name instead of a name.
func appendUser(b []byte, u *enduser.User) []byte {
	b = jsontext.AppendString(append(b, `{"id":`...), u.ID)
	b = jsontext.AppendString(append(b, `,"name":`...), u.DisplayName())
	b = jsontext.AppendString(append(b, `,"external_id":`...), u.ExternalID)
	b = jsontext.AppendString(append(b, `,"tenant_id":`...), u.Tenant)
	b = jsontext.AppendString(append(b, `,"created_by":`...), cmp.Or(u.CreatedBy, u.Tenant))
	b = jsontext.AppendString(append(b, `,"updated_by":`...), cmp.Or(u.UpdatedBy, u.Tenant))
	b = appendTime(append(b, `,"created_at":`...), u.CreatedAt)
	b = appendTime(append(b, `,"updated_at":`...), u.UpdatedAt)
	return append(b, '}')
}

// appendTime writes a time in UTC with whole seconds.
func appendTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), "2006-01-02T15:04:05Z"), '"')
}

// userInput is the body of a create or update.
type userInput struct {
	rest.Input

	name, externalID rest.Optional[string]
}

// readUser reads a body, and its name with readName.
func readUser(body string, readName readText) (in userInput, err error) {
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error {
		switch name {
		case "name":
			return readName(&in.Input, &p, name, &in.name)
		case "external_id":
			return anyText(&in.Input, &p, name, &in.externalID)
		default:
			return in.Ignore(&p, "", name, "name", "external_id")
		}
	}))
	return in, err
}

// spec returns the user to create.
func (in *userInput) spec() enduser.Spec {
	return enduser.Spec{Name: in.name.Value, ExternalID: in.externalID.Value}
}

// readText is anyText or notBlank.
type readText func(in *rest.Input, p *jsontext.Scanner, name string, to *rest.Optional[string]) error

// anyText reads a string or null.
func anyText(in *rest.Input, p *jsontext.Scanner, name string, to *rest.Optional[string]) error {
	return rest.Member(in, p, name, to, p.String)
}

// notBlank reads a string that must have more than white space.
func notBlank(in *rest.Input, p *jsontext.Scanner, name string, to *rest.Optional[string]) error {
	err := rest.Member(in, p, name, to, func() (string, error) {
		s, err := p.String()
		if err == nil && isBlank(s) {
			in.Fault(name, enduser.CodeRequired, "must not be blank")
		}
		return s, err
	})
	if to.Null {
		in.Fault(name, enduser.CodeRequired, "must not be null")
	}
	return err
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// require records a fault if a member is absent.
func require(in *rest.Input, name string, member *rest.Optional[string]) {
	if !member.Given {
		in.Fault(name, enduser.CodeRequired, "is required")
	}
}
