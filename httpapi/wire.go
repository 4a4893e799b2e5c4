package httpapi

import (
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// userInput is the body of a request that writes a user.
type userInput struct {
	rest.Input

	externalID, name, firstName, lastName, email, avatar, language rest.Optional[string]

	metadata    rest.Optional[string] // the text of an object
	accounts    rest.Optional[[]enduser.Account]
	groups      rest.Optional[[]string]
	provisional rest.Optional[bool]
	expiresIn   rest.Optional[int64]
}

// readUser reads a body: a merge patch, where null clears, or a new user, of which it
// refuses null where a merge cannot clear.
func readUser(body string, isPatch bool) (in userInput, err error) {
	in.NoNull = !isPatch
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error { return in.member(&p, name) }))
	return in, err
}

func (in *userInput) member(p *jsontext.Scanner, name string) error {
	switch name {
	case "external_id":
		return rest.Member(&in.Input, p, name, &in.externalID, p.String)
	case "name":
		return rest.Nullable(&in.Input, p, name, &in.name, p.String)
	case "first_name":
		return rest.Nullable(&in.Input, p, name, &in.firstName, p.String)
	case "last_name":
		return rest.Nullable(&in.Input, p, name, &in.lastName, p.String)
	case "email":
		return rest.Nullable(&in.Input, p, name, &in.email, p.String)
	case "avatar":
		return rest.Nullable(&in.Input, p, name, &in.avatar, p.String)
	case "language":
		return rest.Nullable(&in.Input, p, name, &in.language, p.String)
	case "metadata":
		return rest.Member(&in.Input, p, name, &in.metadata, rest.Object(p))
	case "linked_accounts":
		return rest.Member(&in.Input, p, name, &in.accounts, rest.Array(p, func(i int) (enduser.Account, error) {
			return in.readAccount(p, i)
		}))
	case "groups":
		return rest.Member(&in.Input, p, name, &in.groups, rest.Array(p, func(int) (string, error) { return p.String() }))
	case "provisional":
		return rest.Member(&in.Input, p, name, &in.provisional, p.Bool)
	case "expires_in":
		return rest.Member(&in.Input, p, name, &in.expiresIn, p.Int)
	case "id", "tenant_id", "environment", "system_properties", "created_by", "updated_by",
		"created_at", "updated_at", "added_at", "expires_at", "revision", "version":
		in.Fault(name, enduser.CodeReadOnly, "is set by the server")
	default:
		return in.Unknown(p, name)
	}
	_, err := p.Raw()
	return err
}

func (in *userInput) readAccount(p *jsontext.Scanner, i int) (a enduser.Account, err error) {
	err = p.Object(func(name string) (err error) {
		switch name {
		case "type":
			a.Type, err = p.String()
		case "id":
			a.ID, err = p.String()
		default:
			path := rest.Path{Name: "linked_accounts", Item: i + 1, Member: name}
			in.FaultAt(path, rest.CodeUnknown, "is not a member of a linked account")
			_, err = p.Raw()
		}
		return err
	})
	return a, err
}

const maxExpiresIn = 365 * 24 * 60 * 60 // seconds

// spec returns the user of a create or upsert. Null and "" clear the texts of a user that
// exists; other members are cleared by PATCH alone.
func (in *userInput) spec() (enduser.Spec, error) {
	if in.externalID.Given && !in.externalID.Null && in.externalID.Value == "" {
		in.Fault("external_id", enduser.CodeRequired, "must not be empty")
	}
	s := enduser.Spec{
		ExternalID: in.externalID.Value,
		Name:       in.name.Value, FirstName: in.firstName.Value, LastName: in.lastName.Value,
		Email: in.email.Value, Avatar: in.avatar.Value, Language: in.language.Value,
		Accounts: in.accounts.Value, Groups: in.groups.Value,
	}
	for _, m := range []struct {
		name   string
		member *rest.Optional[string]
	}{
		{"name", &in.name},
		{"first_name", &in.firstName},
		{"last_name", &in.lastName},
		{"email", &in.email},
		{"avatar", &in.avatar},
		{"language", &in.language},
	} {
		if m.member.Given && m.member.Value == "" {
			s.Clear = append(s.Clear, m.name)
		}
	}
	switch {
	case in.expiresIn.Given && !in.expiresIn.Null && (in.expiresIn.Value < 1 || in.expiresIn.Value > maxExpiresIn):
		in.Fault("expires_in", enduser.CodeValue, "must be between 1 and 31536000 seconds")
	case in.expiresIn.Given && in.provisional.Given && !in.provisional.Value:
		in.Fault("expires_in", enduser.CodeValue, "contradicts provisional")
	case in.expiresIn.Given:
		s.ExpiresIn = time.Duration(in.expiresIn.Value) * time.Second
	case in.provisional.Value:
		s.ExpiresIn = enduser.ProvisionalTTL
	}
	if in.metadata.Given && !in.metadata.Null {
		metadata, err := enduser.ParseMetadata(in.metadata.Value)
		if err != nil {
			return s, err
		}
		s.Metadata = metadata
	}
	return s, in.Err()
}

// patch applies the body to a user as a merge patch (RFC 7396).
func (in *userInput) patch(u *enduser.Edit) error {
	in.externalID.Set(&u.ExternalID)
	in.name.Set(&u.Name)
	in.firstName.Set(&u.FirstName)
	in.lastName.Set(&u.LastName)
	in.email.Set(&u.Email)
	in.avatar.Set(&u.Avatar)
	in.language.Set(&u.Language)
	in.accounts.Set(&u.Accounts)
	in.groups.Set(&u.Groups)
	switch {
	case in.metadata.Null:
		u.Metadata = nil
	case in.metadata.Given:
		merged, err := u.Metadata.MergePatch(in.metadata.Value)
		u.Metadata = merged
		return err
	}
	return nil
}
