package enduser

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// bodyVersion is the version of this program as a reader and writer of bodies. Every
// body says which version can read it ("r") and which may write it ("w"), at least. What
// a newer program adds needs neither raised as long as older ones may carry it along
// unread: members of the body, unique keys and index terms, not members further inside.
// testdata/codec has bodies.
const bodyVersion = 1

// appendVersions begins a body.
func appendVersions(b []byte) []byte { return append(b, `{"r":1,"w":1`...) }

// versions are the two that a body needs.
type versions struct{ read, write int64 }

// member reads a member if it is one of the two.
func (v *versions) member(p *jsontext.Scanner, name string) (is bool, err error) {
	switch name {
	case "r":
		if v.read, err = p.Int(); err == nil && v.read > bodyVersion {
			err = errNewerBody
		}
		return true, err
	case "w":
		v.write, err = p.Int()
		return true, err
	}
	return false, nil
}

// other reads a member that a kind of body does not know: one of the two, or a newer
// program's.
func (v *versions) other(p *jsontext.Scanner, name string) error {
	if is, err := v.member(p, name); is {
		return err
	}
	_, err := p.Raw()
	return err
}

// end checks what was read of a whole body, with the error of that.
func (v *versions) end(p *jsontext.Scanner, err error) error {
	if err == nil {
		err = p.End()
	}
	if err == nil && (v.read < 1 || v.write < 1) {
		err = errors.New("the body has no version")
	}
	return err
}

var errNewerBody = fmt.Errorf("%w: a body of a newer form", ErrNewer)

// carried is what a record holds of a newer program's.
type carried struct {
	members       []byte // of the body, each with a comma in front
	unique, index []store.Key
}

// carry returns what a write over a record has to keep, own being the members of the body
// that it writes itself. ErrNewer if the record must not be written over.
func carry(kind string, r *store.Record, own func(member string) bool) (carried, error) {
	c := carried{unique: r.Unique, index: r.Index}
	p := jsontext.NewScanner(string(r.Data))
	var v versions
	err := p.Object(func(name string) error {
		if is, err := v.member(&p, name); is {
			return err
		}
		value, err := p.Raw()
		if !own(name) {
			c.members = append(append(jsontext.AppendString(append(c.members, ','), name), ':'), value...)
		}
		return err
	})
	switch {
	case err != nil:
		return carried{}, unreadable(kind, r.ID, err)
	case v.write > bodyVersion:
		return carried{}, newer(kind, r.ID)
	}
	return c, nil
}

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

// encodeUser returns the body of u: a JSON object without empty members, and behind them
// the members that are carried along. ID and revisions stand in the record.
func encodeUser(u *User, s stamp, members []byte) []byte {
	b := make([]byte, 0, 288+len(u.Metadata)*48+len(members))
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
	b = appendTime(b, "added_at", u.AddedAt)
	b = appendTime(b, "expires_at", u.ExpiresAt)
	if u.hasSensitive {
		b = append(b, `,"sensitive":true`...)
	}
	b = appendStamp(b, s)
	return append(append(b, members...), '}')
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

// decodeUser reads the user that a record holds. The error is an *UnreadableError.
func decodeUser(tenant string, env Environment, r *store.Record) (User, error) {
	u := User{
		ID:          r.ID,
		Tenant:      tenant,
		Environment: env,
		Revision:    int64(r.Revision),
	}
	for _, key := range r.Unique {
		if key.Kind == keyEmail {
			u.emailClaimed = true
		}
	}
	s, err := u.scan(string(r.Data))
	if err != nil {
		return User{}, unreadable(kindUser, r.ID, err)
	}
	u.Version = versionOf(r, s)
	return u, nil
}

func (u *User) scan(body string) (s stamp, err error) {
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

func (u *User) scanAccount(p *jsontext.Scanner) error {
	var a Account
	parts := 0
	err := p.Object(func(name string) (err error) {
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
		err = errors.New("a linked account is not whole")
	}
	u.Accounts = append(u.Accounts, a)
	return err
}

func scanTime(p *jsontext.Scanner) (time.Time, error) {
	ms, err := p.Int()
	return time.UnixMilli(ms).UTC(), err
}
