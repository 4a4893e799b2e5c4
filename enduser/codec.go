package enduser

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// codecVersion returns the form of a user's body: 2 if there may be sensitive values,
// which form 1 does not know of, so that programs that know 1 alone can read all
// others. A body of another version, or with a member that its version does not have,
// is not read: writing it back would lose what a newer program put there.
// testdata/codec has bodies of every version.
func (u *User) codecVersion() int64 {
	if u.hasVault {
		return 2
	}
	return 1
}

// encodeUser returns the body of u: a JSON object without empty members. ID and
// revisions stand in the record.
func encodeUser(u *User) []byte {
	b := make([]byte, 0, 256+len(u.Metadata)*48)
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, u.codecVersion(), 10)
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
		b = append(b, `,"linked_accounts":[`...)
		for i, a := range u.Accounts {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jsontext.AppendString(append(b, `{"type":`...), a.Type), `,"id":`...)
			b = append(jsontext.AppendString(b, a.ID), '}')
		}
		b = append(b, ']')
	}
	if len(u.Groups) > 0 {
		b = append(b, `,"groups":[`...)
		for i, g := range u.Groups {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendString(b, g)
		}
		b = append(b, ']')
	}
	b = appendText(b, "created_by", u.CreatedBy)
	b = appendText(b, "updated_by", u.UpdatedBy)
	b = appendTime(b, "created_at", u.CreatedAt)
	b = appendTime(b, "updated_at", u.UpdatedAt)
	b = appendTime(b, "expires_at", u.ExpiresAt)
	if u.hasVault {
		b = append(b, `,"sensitive":true`...)
	}
	return append(b, '}')
}

func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return jsontext.AppendString(appendName(b, name), value)
}

func appendMetadata(b []byte, name string, m Metadata) []byte {
	if len(m) == 0 {
		return b
	}
	return m.AppendJSON(appendName(b, name))
}

func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return strconv.AppendInt(appendName(b, name), t.UnixMilli(), 10)
}

func appendName(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// decodeUser reads the user that a record holds. The error is ErrCorrupt.
func decodeUser(tenant string, env Environment, r *store.Record) (User, error) {
	u := User{
		ID:          r.ID,
		Tenant:      tenant,
		Environment: env,
		Revision:    int64(r.Revision),
		created:     int64(r.Created),
	}
	for _, key := range r.Unique {
		if key.Kind == keyEmail {
			u.emailClaimed = true
		}
	}
	if err := u.scan(string(r.Data)); err != nil {
		return User{}, fmt.Errorf("%w: user %s: %w", ErrCorrupt, r.ID, err)
	}
	return u, nil
}

func (u *User) scan(body string) error {
	p := jsontext.NewScanner(body)
	version := int64(0)
	err := p.Object(func(name string) (err error) {
		switch name {
		case "v":
			version, err = p.Int()
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
			err = p.Array(func() error { return u.scanAccount(&p) })
		case "groups":
			err = p.Array(func() error {
				group, err := p.String()
				u.Groups = append(u.Groups, group)
				return err
			})
		case "created_by":
			u.CreatedBy, err = p.String()
		case "updated_by":
			u.UpdatedBy, err = p.String()
		case "created_at":
			u.CreatedAt, err = scanTime(&p)
		case "updated_at":
			u.UpdatedAt, err = scanTime(&p)
		case "expires_at":
			u.ExpiresAt, err = scanTime(&p)
		case "sensitive":
			u.hasVault, err = p.Bool()
		default:
			err = errUnknownMember
		}
		return err
	})
	if err == nil {
		err = p.End()
	}
	if err == nil && version != u.codecVersion() {
		err = fmt.Errorf("version %d of the body is not known", version)
	}
	return err
}

func (u *User) scanAccount(p *jsontext.Scanner) error {
	var a Account
	members := 0
	err := p.Object(func(name string) (err error) {
		members++
		switch name {
		case "type":
			a.Type, err = p.String()
		case "id":
			a.ID, err = p.String()
		default:
			err = errUnknownMember
		}
		return err
	})
	if err == nil && members != 2 {
		err = errors.New("a linked account is not whole")
	}
	u.Accounts = append(u.Accounts, a)
	return err
}

func scanTime(p *jsontext.Scanner) (time.Time, error) {
	ms, err := p.Int()
	return time.UnixMilli(ms).UTC(), err
}
