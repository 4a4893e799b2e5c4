package ada

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// The JSON paths of the objects of a body.
const (
	profile   = "$.profile"
	metadata  = profile + ".metadata"
	sensitive = profile + ".sensitive_metadata"
	fields    = sensitive + ".fields"
)

const (
	maxSensitive = 20    // sensitive values of a request
	maxMetadata  = 4_096 // keys of a request's metadata: no policy allows more of a user
)

// userInput is the body of a request that writes a user. Its faults have JSON paths.
type userInput struct {
	rest.Input

	externalID rest.Optional[string]
	profile    rest.Optional[struct{}] // its members follow

	firstName, lastName, displayName, email, avatar, language rest.Optional[string]

	metadata  rest.Optional[map[string]enduser.Value]
	sensitive rest.Optional[map[string]enduser.Secret]
}

// readUser reads a body. It records faults of members and does not return them: spec adds
// to them.
func readUser(body string) (in userInput, err error) {
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error {
		const externalID = "$.external_id"
		switch name {
		case "external_id":
			return rest.Member(&in.Input, &p, externalID, &in.externalID, notBlank(&in.Input, &p, externalID))
		case "profile":
			return rest.Member(&in.Input, &p, profile, &in.profile, func() (none struct{}, err error) {
				return none, p.Object(func(name string) error { return in.member(&p, name) })
			})
		}
		return in.Ignore(&p, "$.", name, "external_id", "profile")
	}))
	in.RefuseNull(profile, in.profile.Null)
	return in, err
}

// member reads a member of the profile.
func (in *userInput) member(p *jsontext.Scanner, name string) error {
	path := profile + "." + name
	switch name {
	case "first_name":
		return rest.Member(&in.Input, p, path, &in.firstName, p.String)
	case "last_name":
		return rest.Member(&in.Input, p, path, &in.lastName, p.String)
	case "display_name":
		return rest.Member(&in.Input, p, path, &in.displayName, p.String)
	case "email":
		return rest.Member(&in.Input, p, path, &in.email, notBlank(&in.Input, p, path))
	case "avatar":
		return rest.Member(&in.Input, p, path, &in.avatar, notBlank(&in.Input, p, path))
	case "language":
		return rest.Member(&in.Input, p, path, &in.language, notBlank(&in.Input, p, path))
	case "metadata":
		return rest.Member(&in.Input, p, path, &in.metadata, func() (map[string]enduser.Value, error) {
			return in.values(p, path, maxMetadata)
		})
	case "sensitive_metadata":
		return rest.Member(&in.Input, p, path, &in.sensitive, func() (map[string]enduser.Secret, error) {
			return in.secrets(p)
		})
	}
	return in.Ignore(p, profile+".", name, "first_name", "last_name", "display_name", "email", "avatar",
		"language", "metadata", "sensitive_metadata")
}

// secrets reads the value of sensitive_metadata.
func (in *userInput) secrets(p *jsontext.Scanner) (map[string]enduser.Secret, error) {
	var values rest.Optional[map[string]enduser.Value]
	err := p.Object(func(name string) error {
		if name != "fields" {
			return in.Ignore(p, sensitive+".", name, "fields")
		}
		return rest.Member(&in.Input, p, fields, &values, func() (map[string]enduser.Value, error) {
			return in.values(p, fields, maxSensitive)
		})
	})
	if err != nil {
		return nil, err
	}
	if !values.Given {
		in.Fault(fields, enduser.CodeRequired, "is required")
	}
	in.RefuseNull(fields, values.Null)
	secrets := make(map[string]enduser.Secret, len(values.Value))
	for key, value := range values.Value {
		secrets[key] = enduser.NewSecret(value)
	}
	return secrets, nil
}

// values reads an object of strings, booleans, integers and nulls. It keeps nothing of an
// object with too many keys.
func (in *userInput) values(p *jsontext.Scanner, path string, limit int) (map[string]enduser.Value, error) {
	values, n := make(map[string]enduser.Value), 0
	err := p.Object(func(key string) error {
		if n++; n > limit {
			_, err := p.Raw()
			return err
		}
		value, ok, err := scalar(p)
		switch {
		case err != nil:
			return err
		case !ok:
			in.Fault(member(path, key), rest.CodeType, "must be a string, a boolean or an integer of 64 bits")
		default:
			values[key] = value
		}
		return nil
	})
	if n > limit {
		in.Fault(path, enduser.CodeCount, "must have at most "+strconv.Itoa(limit)+" keys")
		return nil, err
	}
	return values, err
}

// scalar reads a value, and reports whether it is a string, a boolean, an integer or
// null.
func scalar(p *jsontext.Scanner) (v enduser.Value, ok bool, err error) {
	switch p.Kind() {
	case jsontext.Null:
		return enduser.Null, true, p.Null()
	case jsontext.Bool:
		b, err := p.Bool()
		return enduser.Bool(b), true, err
	case jsontext.String:
		s, err := p.String()
		return enduser.String(s), true, err
	case jsontext.Number:
		text, err := p.Number()
		n, wrong := strconv.ParseInt(text, 10, 64)
		return enduser.Int(n), wrong == nil, err
	default:
		_, err := p.Raw()
		return enduser.Null, false, err
	}
}

// notBlank returns a function for rest.Member: it reads a string that has more than
// white space.
func notBlank(in *rest.Input, p *jsontext.Scanner, path string) func() (string, error) {
	return func() (string, error) {
		s, err := p.String()
		if err == nil && strings.TrimSpace(s) == "" {
			in.Fault(path, enduser.CodeRequired, "must not be empty")
			s = "" // one fault is enough
		}
		return s, err
	}
}

// spec returns the user that the body of a POST describes.
func (in *userInput) spec() enduser.Spec {
	for _, key := range slices.Sorted(maps.Keys(in.metadata.Value)) {
		value := in.metadata.Value[key]
		if _, too := in.sensitive.Value[key]; too {
			in.Fault(member(fields, key), enduser.CodeDuplicate, "is also a key of metadata")
		}
		in.RefuseNull(member(metadata, key), value.IsNull())
	}
	return enduser.Spec{
		ExternalID: in.externalID.Value, FirstName: in.firstName.Value, LastName: in.lastName.Value,
		Name: in.displayName.Value, Email: in.email.Value, Avatar: in.avatar.Value, Language: in.language.Value,
		Metadata: in.metadata.Value, Sensitive: in.sensitive.Value, ExpiresIn: enduser.ProvisionalTTL,
	}
}

// change applies the body of a PATCH to a user.
func (in *userInput) change(e *enduser.Edit) {
	in.externalID.Set(&e.ExternalID)
	in.firstName.Set(&e.FirstName)
	in.lastName.Set(&e.LastName)
	in.displayName.Set(&e.Name)
	in.email.Set(&e.Email)
	in.avatar.Set(&e.Avatar)
	in.language.Set(&e.Language)
	if in.metadata.Null {
		e.Metadata = nil
	}
	for key, value := range in.metadata.Value {
		e.Metadata[key] = value // the domain removes nulls
	}
	if in.sensitive.Null {
		e.ClearSensitive()
	}
	for key, secret := range in.sensitive.Value {
		e.SetSensitive(key, secret)
	}
}
