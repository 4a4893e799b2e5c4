package httpapi

import (
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// appendUser writes a user as the native routes show it. Every member is present, and null
// or empty if it has no value.
func appendUser(b []byte, u *enduser.User) []byte {
	b = jsontext.AppendString(append(b, `{"id":`...), u.ID)
	b = rest.AppendOptional(append(b, `,"external_id":`...), u.ExternalID)
	b = jsontext.AppendString(append(b, `,"tenant_id":`...), u.Tenant)
	b = jsontext.AppendString(append(b, `,"environment":`...), string(u.Environment))
	b = rest.AppendOptional(append(b, `,"name":`...), u.Name)
	b = rest.AppendOptional(append(b, `,"first_name":`...), u.FirstName)
	b = rest.AppendOptional(append(b, `,"last_name":`...), u.LastName)
	b = rest.AppendOptional(append(b, `,"email":`...), u.Email)
	b = rest.AppendOptional(append(b, `,"avatar":`...), u.Avatar)
	b = rest.AppendOptional(append(b, `,"language":`...), u.Language)
	b = u.Metadata.AppendJSON(append(b, `,"metadata":`...))
	b = jsontext.AppendList(append(b, `,"linked_accounts":`...), u.Accounts, appendAccount)
	b = jsontext.AppendList(append(b, `,"groups":`...), u.Groups, jsontext.AppendString)
	b = u.SystemProperties.AppendJSON(append(b, `,"system_properties":`...))
	b = rest.AppendOptional(append(b, `,"created_by":`...), u.CreatedBy)
	b = rest.AppendOptional(append(b, `,"updated_by":`...), u.UpdatedBy)
	b = appendTime(append(b, `,"created_at":`...), u.CreatedAt)
	b = appendTime(append(b, `,"updated_at":`...), u.UpdatedAt)
	b = appendTime(append(b, `,"added_at":`...), u.AddedAt)
	b = appendTime(append(b, `,"expires_at":`...), u.ExpiresAt)
	b = appendInt(append(b, `,"revision":`...), u.Revision)
	b = appendVersion(append(b, `,"version":`...), u.Version)
	return append(b, '}')
}

func appendAccount(b []byte, a enduser.Account) []byte {
	b = jsontext.AppendString(append(b, `{"type":`...), a.Type)
	b = jsontext.AppendString(append(b, `,"id":`...), a.ID)
	return append(b, '}')
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// appendVersion writes a version, which needs no escaping.
func appendVersion(b []byte, v enduser.Version) []byte {
	b, _ = v.AppendText(append(b, '"')) // never fails
	return append(b, '"')
}

// appendTime writes a time as RFC 3339 in UTC with milliseconds.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 0 || year > 9999 {
		return append(t.AppendFormat(append(b, '"'), timeForm), '"')
	}
	b = appendDigits(append(b, '"'), year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	b = appendDigits(append(b, 'T'), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	b = appendDigits(append(b, '.'), t.Nanosecond()/1e6, 3)
	return append(b, 'Z', '"')
}

// timeForm is what appendTime writes. AppendFormat would read it again for each of the
// three times of each user in a list.
const timeForm = "2006-01-02T15:04:05.000Z"

// appendDigits writes n with so many digits.
func appendDigits(b []byte, n, digits int) []byte {
	b = append(b, "0000"[:digits]...)
	for i := len(b) - 1; n > 0 && i >= len(b)-digits; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

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
