package enduser

import (
	"errors"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// isUserMember reports whether encodeUser writes a member.
func isUserMember(name string) bool {
	switch name {
	case "external_id", "name", "first_name", "last_name", "email", "avatar", "language", "metadata",
		"system_properties", "linked_accounts", "groups", "created_by", "updated_by", "created_at", "updated_at",
		"added_at", "expires_at", "sensitive", "stamp":
		return true
	}
	return false
}

// encodeUser returns the body of u: a JSON object without empty members, followed by the
// members that are carried along. The ID and revision stand in the record.
func encodeUser(u *User, s stamp, members []byte) []byte {
	b := make([]byte, 0, 384+u.Metadata.room()+u.SystemProperties.room()+len(members))
	b = appendVersions(b)
	b = appendText(b, "external_id", u.ExternalID)
	b = appendText(b, "name", u.Name)
	b = appendText(b, "first_name", u.FirstName)
	b = appendText(b, "last_name", u.LastName)
	b = appendText(b, "email", u.Email)
	b = appendText(b, "avatar", u.Avatar)
	b = appendText(b, "language", u.Language)
	b = appendMetadata(b, "metadata", u.Metadata)
	b = appendMetadata(b, "system_properties", u.SystemProperties)
	if len(u.Accounts) > 0 {
		b = jsontext.AppendList(appendName(b, "linked_accounts"), u.Accounts, appendAccount)
	}
	if len(u.Groups) > 0 {
		b = jsontext.AppendList(appendName(b, "groups"), u.Groups, jsontext.AppendString)
	}
	b = appendText(b, "created_by", u.CreatedBy)
	b = appendText(b, "updated_by", u.UpdatedBy)
	b = appendTime(b, "created_at", u.CreatedAt)
	b = appendTime(b, "updated_at", u.UpdatedAt)
	b = appendTime(b, "added_at", u.AddedAt)
	b = appendTime(b, "expires_at", u.ExpiresAt)
	if u.hasSensitive {
		b = append(b, `,"sensitive":true`...)
	}
	b = appendStamp(b, s)
	return append(append(b, members...), '}')
}

func appendAccount(b []byte, a Account) []byte {
	b = jsontext.AppendString(append(b, `{"type":`...), a.Type)
	b = jsontext.AppendString(append(b, `,"id":`...), a.ID)
	return append(b, '}')
}

// decodeUser returns the user in a record. The error is an *UnreadableError.
func decodeUser(tenant string, env Environment, r *store.Record) (u User, err error) {
	err = u.decode(tenant, env, r, new(slab))
	return u, err
}

// decode reads the user in a record into u, which is zero, and its texts and lists into
// memory of the slab. Beside an error, an *UnreadableError, u is zero.
func (u *User) decode(tenant string, env Environment, r *store.Record, in *slab) error {
	text := in.join(r.ID, r.Data)
	u.ID, u.Tenant, u.Environment, u.Revision = text[:len(r.ID)], tenant, env, int64(r.Revision)
	for _, key := range r.Unique {
		if key.Kind == keyEmail {
			u.emailClaimed = true
		}
	}
	s, err := u.scan(text[len(r.ID):], in)
	if err != nil {
		*u = User{}
		return unreadable(kindUser, r.ID, err)
	}
	u.Version = versionOf(r, s)
	return nil
}

func (u *User) scan(body string, in *slab) (s stamp, err error) {
	p := jsontext.NewScanner(body)
	var v versions
	err = p.Object(func(name string) (err error) {
		switch name {
		case "external_id":
			u.ExternalID, err = p.String()
		case "name":
			u.Name, err = p.String()
		case "first_name":
			u.FirstName, err = p.String()
		case "last_name":
			u.LastName, err = p.String()
		case "email":
			u.Email, err = p.String()
		case "avatar":
			u.Avatar, err = p.String()
		case "language":
			u.Language, err = p.String()
		case "metadata":
			u.Metadata, err = scanMetadata(&p)
		case "system_properties":
			u.SystemProperties, err = scanMetadata(&p)
		case "linked_accounts":
			u.Accounts, err = scanList(&p, &in.accounts, func() (Account, error) { return scanAccount(&p) })
		case "groups":
			u.Groups, err = scanList(&p, &in.groups, p.String)
		case "created_by":
			u.CreatedBy, err = p.String()
		case "updated_by":
			u.UpdatedBy, err = p.String()
		case "created_at":
			u.CreatedAt, err = scanTime(&p)
		case "updated_at":
			u.UpdatedAt, err = scanTime(&p)
		case "added_at":
			u.AddedAt, err = scanTime(&p)
		case "expires_at":
			u.ExpiresAt, err = scanTime(&p)
		case "sensitive":
			u.hasSensitive, err = p.Bool()
		case "stamp":
			s, err = scanStamp(&p)
		default:
			err = v.other(&p, name)
		}
		return err
	})
	return s, v.end(&p, err)
}

func scanAccount(p *jsontext.Scanner) (a Account, err error) {
	parts := 0
	err = p.Object(func(name string) (err error) {
		parts++
		switch name {
		case "type":
			a.Type, err = p.String()
		case "id":
			a.ID, err = p.String()
		default:
			parts--
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && parts < 2 {
		err = errors.New("a linked account is incomplete")
	}
	return a, err
}
