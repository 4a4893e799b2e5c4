package httpapi

import (
	"errors"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// appendUser writes a user as the native routes show it: every member is there,
// null or empty where there is nothing.
func appendUser(b []byte, u *enduser.User) []byte {
	b = jsontext.AppendString(append(b, `{"id":`...), u.ID)
	b = appendOptional(append(b, `,"external_id":`...), u.ExternalID)
	b = jsontext.AppendString(append(b, `,"tenant_id":`...), u.Tenant)
	b = jsontext.AppendString(append(b, `,"environment":`...), string(u.Environment))
	b = appendOptional(append(b, `,"name":`...), u.Name)
	b = appendOptional(append(b, `,"first_name":`...), u.FirstName)
	b = appendOptional(append(b, `,"last_name":`...), u.LastName)
	b = appendOptional(append(b, `,"email":`...), u.Email)
	b = appendOptional(append(b, `,"avatar":`...), u.Avatar)
	b = appendOptional(append(b, `,"language":`...), u.Language)
	b = u.Metadata.AppendJSON(append(b, `,"metadata":`...))
	b = append(b, `,"linked_accounts":[`...)
	for i, a := range u.Accounts {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsontext.AppendString(append(b, `{"type":`...), a.Type)
		b = append(jsontext.AppendString(append(b, `,"id":`...), a.ID), '}')
	}
	b = appendStrings(append(b, `],"groups":`...), u.Groups)
	b = u.SystemProperties.AppendJSON(append(b, `,"system_properties":`...))
	b = appendOptional(append(b, `,"created_by":`...), u.CreatedBy)
	b = appendOptional(append(b, `,"updated_by":`...), u.UpdatedBy)
	b = appendTime(append(b, `,"created_at":`...), u.CreatedAt)
	b = appendTime(append(b, `,"updated_at":`...), u.UpdatedAt)
	b = appendTime(append(b, `,"expires_at":`...), u.ExpiresAt)
	b = appendInt(append(b, `,"revision":`...), u.Revision)
	return append(b, '}')
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

func appendOptional(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return jsontext.AppendString(b, s)
}

// appendTime writes a time as RFC 3339 in UTC with milliseconds.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return append(t.UTC().AppendFormat(append(b, '"'), "2006-01-02T15:04:05.000Z"), '"')
}

// optional is a member of a body: absent, null, or a value.
type optional[T any] struct {
	given, null bool
	value       T
}

// set writes the member's value if it was given: the zero value for null.
func (o *optional[T]) set(field *T) {
	if o.given {
		*field = o.value
	}
}

// userInput is the body of a request that writes a user.
type userInput struct {
	externalID, name, firstName, lastName, email, avatar, language optional[string]

	metadata    optional[string] // the text of an object
	accounts    optional[[]enduser.Account]
	groups      optional[[]string]
	provisional optional[bool]
	expiresIn   optional[int64]

	wrong []rest.Field
}

// readUser reads a body. Every member is judged, so that all that is wrong with
// them is reported together.
func readUser(body string) (in userInput, err error) {
	p := jsontext.NewScanner(body)
	err = p.Object(func(name string) error { return in.member(&p, name) })
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return in, badJSON(err)
	}
	return in, nil
}

// badJSON says what is wrong with a text that is not the JSON that it has to be.
func badJSON(err error) error {
	if e, ok := errors.AsType[*jsontext.Error](err); ok {
		return rest.BadRequest("malformed-json", "The body is not acceptable JSON: "+e.Error()+".")
	}
	return err
}

func (in *userInput) member(p *jsontext.Scanner, name string) error {
	switch name {
	case "external_id":
		return readMember(in, p, name, &in.externalID, p.String)
	case "name":
		return readMember(in, p, name, &in.name, p.String)
	case "first_name":
		return readMember(in, p, name, &in.firstName, p.String)
	case "last_name":
		return readMember(in, p, name, &in.lastName, p.String)
	case "email":
		return readMember(in, p, name, &in.email, p.String)
	case "avatar":
		return readMember(in, p, name, &in.avatar, p.String)
	case "language":
		return readMember(in, p, name, &in.language, p.String)
	case "metadata":
		return readMember(in, p, name, &in.metadata, func() (string, error) {
			if p.Kind() != jsontext.Object {
				return "", errType
			}
			return p.Raw()
		})
	case "linked_accounts":
		return readMember(in, p, name, &in.accounts, func() ([]enduser.Account, error) { return in.readAccounts(p) })
	case "groups":
		return readMember(in, p, name, &in.groups, func() ([]string, error) { return in.readGroups(p) })
	case "provisional":
		return readMember(in, p, name, &in.provisional, p.Bool)
	case "expires_in":
		return readMember(in, p, name, &in.expiresIn, p.Int)
	case "id", "tenant_id", "environment", "system_properties", "created_by", "updated_by",
		"created_at", "updated_at", "expires_at", "revision":
		in.fault(name, enduser.CodeReadOnly, "is set by the server")
	default:
		in.fault(name, "unknown", "is not a member of this body")
	}
	_, err := p.Raw()
	return err
}

var errType = errors.New("another JSON type was expected")

// readMember reads a value of the right type, or notes that it has another.
func readMember[T any](in *userInput, p *jsontext.Scanner, name string, to *optional[T], read func() (T, error)) error {
	to.given = true
	if p.Kind() == jsontext.Null {
		to.null = true
		return p.Null()
	}
	before := *p
	value, err := read()
	if errors.Is(err, jsontext.ErrType) || errors.Is(err, errType) || errors.Is(err, jsontext.ErrNumber) {
		*p = before
		in.fault(name, "invalid_type", "has another JSON type")
		_, err = p.Raw()
		return err
	}
	to.value = value
	return err
}

// maxListed is how many items of a list are kept to be judged: more than any policy
// admits.
const maxListed = 256

func (in *userInput) readAccounts(p *jsontext.Scanner) ([]enduser.Account, error) {
	accounts := []enduser.Account{}
	err := p.Array(func() error {
		var a enduser.Account
		err := p.Object(func(name string) (err error) {
			switch name {
			case "type":
				a.Type, err = p.String()
			case "id":
				a.ID, err = p.String()
			default:
				in.fault("linked_accounts["+strconv.Itoa(len(accounts))+"]."+name, "unknown", "is not a member of a linked account")
				_, err = p.Raw()
			}
			return err
		})
		if len(accounts) < maxListed {
			accounts = append(accounts, a)
		}
		return err
	})
	return accounts, err
}

func (in *userInput) readGroups(p *jsontext.Scanner) ([]string, error) {
	groups := []string{}
	err := p.Array(func() error {
		group, err := p.String()
		if len(groups) < maxListed {
			groups = append(groups, group)
		}
		return err
	})
	return groups, err
}

func (in *userInput) fault(field, code, message string) {
	in.wrong = append(in.wrong, rest.Field{Pointer: field, Code: code, Message: message})
}

// err returns everything that is wrong with the body.
func (in *userInput) err() error {
	if len(in.wrong) == 0 {
		return nil
	}
	return rest.Invalid(in.wrong...)
}

const maxExpiresIn = 365 * 24 * 60 * 60 // seconds

// spec returns the user that a create or upsert asks for. Null is for PATCH.
func (in *userInput) spec() (enduser.Spec, error) {
	in.refuseNull("external_id", in.externalID.null)
	in.refuseNull("name", in.name.null)
	in.refuseNull("first_name", in.firstName.null)
	in.refuseNull("last_name", in.lastName.null)
	in.refuseNull("email", in.email.null)
	in.refuseNull("avatar", in.avatar.null)
	in.refuseNull("language", in.language.null)
	if in.externalID.given && !in.externalID.null && in.externalID.value == "" {
		in.fault("external_id", enduser.CodeRequired, "must not be empty")
	}
	in.refuseNull("metadata", in.metadata.null)
	in.refuseNull("linked_accounts", in.accounts.null)
	in.refuseNull("groups", in.groups.null)
	in.refuseNull("provisional", in.provisional.null)
	in.refuseNull("expires_in", in.expiresIn.null)
	s := enduser.Spec{
		ExternalID: in.externalID.value,
		Name:       in.name.value, FirstName: in.firstName.value, LastName: in.lastName.value,
		Email: in.email.value, Avatar: in.avatar.value, Language: in.language.value,
		Accounts: in.accounts.value, Groups: in.groups.value,
	}
	switch {
	case in.expiresIn.given && !in.expiresIn.null && (in.expiresIn.value < 1 || in.expiresIn.value > maxExpiresIn):
		in.fault("expires_in", enduser.CodeValue, "must be between 1 and 31536000 seconds")
	case in.expiresIn.given && in.provisional.given && !in.provisional.value:
		in.fault("expires_in", enduser.CodeValue, "contradicts provisional")
	case in.expiresIn.given:
		s.ExpiresIn = time.Duration(in.expiresIn.value) * time.Second
	case in.provisional.value:
		s.ExpiresIn = enduser.ProvisionalTTL
	}
	if in.metadata.given && !in.metadata.null {
		metadata, err := enduser.ParseMetadata(in.metadata.value)
		if err != nil {
			return s, err
		}
		s.Metadata = metadata
	}
	return s, in.err()
}

func (in *userInput) refuseNull(name string, null bool) {
	if null {
		in.fault(name, "invalid_type", "must not be null")
	}
}

// patch applies the body to a user as a merge patch (RFC 7396).
func (in *userInput) patch(u *enduser.User) error {
	in.externalID.set(&u.ExternalID)
	in.name.set(&u.Name)
	in.firstName.set(&u.FirstName)
	in.lastName.set(&u.LastName)
	in.email.set(&u.Email)
	in.avatar.set(&u.Avatar)
	in.language.set(&u.Language)
	in.accounts.set(&u.Accounts)
	in.groups.set(&u.Groups)
	switch {
	case in.metadata.null:
		u.Metadata = nil
	case in.metadata.given:
		merged, err := u.Metadata.MergePatch(in.metadata.value)
		u.Metadata = merged
		return err
	}
	return nil
}
