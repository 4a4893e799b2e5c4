package archive

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// item is a line of an archive. What it is depends on the type.
type item struct {
	line int
	text string // "" if it could not be read
	kind string // "" if it is not known
	err  error  // why it is rejected

	place     place
	user      enduser.Import
	group     enduser.GroupImport
	sensitive enduser.SealedValues
	webhook   enduser.WebhookImport

	version int  // of a header
	part    bool // likewise
	counts  ExportResult
}

// parse reads a line.
func parse(text string) (it item) {
	if err := it.scanPlace(text); err != nil {
		it.err = fmt.Errorf("%w: %w", ErrRow, err)
		return it
	}
	var scan func(p *jsontext.Scanner, name string) error
	switch it.kind {
	case typeHeader:
		scan = it.scanHeader
	case typeTrailer:
		scan = it.scanTrailer
	case typeUser:
		scan = it.scanUser
	case typeGroup:
		scan = it.scanGroup
	case typeSensitive:
		scan = it.scanSensitive
	case typeWebhook:
		scan = it.scanWebhook
	case typeRejected:
		return it
	default:
		it.err = fmt.Errorf("%w: its type is none of this version", ErrRow)
		it.kind = ""
		return it
	}
	p := jsontext.NewScanner(text)
	err := p.Object(func(name string) error {
		switch {
		case p.Kind() == jsontext.Null:
			return p.Null()
		case name == "type":
			_, err := p.Raw()
			return err
		case isRow(it.kind) && (name == "tenant" || name == "environment" || name == "exact_ids"):
			_, err := p.Raw()
			return err
		}
		return scan(&p, name)
	})
	if err == nil {
		err = it.missing()
	}
	if err != nil && it.kind != typeHeader {
		it.err = fmt.Errorf("%w: %w", ErrRow, err)
	}
	return it
}

// isRow reports whether a type is that of a row.
func isRow(kind string) bool { return new(Counts).of(kind) != nil }

// missing returns the error of a row without one of the members that it needs.
func (it *item) missing() error {
	var id string
	switch it.kind {
	case typeUser:
		id = it.user.ID
	case typeGroup:
		id = it.group.ID
	case typeSensitive:
		id = it.sensitive.UserID
	case typeWebhook:
		id = it.webhook.ID
	default:
		return nil
	}
	if id == "" || it.place.tenant == "" {
		return errors.New("a member is missing: tenant, id or user")
	}
	return nil
}

// scanPlace reads the type and the place of a line, and checks that it is one JSON object.
func (it *item) scanPlace(text string) error {
	it.place.env = enduser.Customer
	p := jsontext.NewScanner(text)
	err := p.Object(func(name string) (err error) {
		if p.Kind() == jsontext.Null {
			return p.Null()
		}
		switch name {
		case "type":
			it.kind, err = p.String()
		case "tenant":
			it.place.tenant, err = p.String()
		case "environment":
			var env string
			env, err = p.String()
			it.place.env = enduser.Environment(env)
		case "exact_ids":
			it.place.exact, err = p.Bool()
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil {
		err = p.End()
	}
	if err != nil {
		it.kind = ""
	}
	return err
}

// unknown returns the error of a member that the format does not have. It names it if it can
// only be a mistake in spelling.
func unknown(name string) error {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && c != '_' || i > 32 {
			return errors.New("a member is none of this version")
		}
	}
	return fmt.Errorf("the member %q is none of this version", name)
}

func (it *item) scanHeader(p *jsontext.Scanner, name string) (err error) {
	switch name {
	case "version":
		var n int64
		n, err = p.Int()
		it.version = int(n)
	case "part":
		it.part, err = p.Bool()
	default:
		_, _ = p.Raw()
		it.err = fmt.Errorf("%w: %w", ErrFormat, unknown(name))
	}
	return err
}

func (it *item) scanTrailer(p *jsontext.Scanner, name string) error {
	c := &it.counts
	to := map[string]*int{
		"groups": &c.Groups, "users": &c.Users, "sensitive": &c.Sensitive, "webhooks": &c.Webhooks, "skipped": &c.Skipped,
	}[name]
	if to == nil {
		return unknown(name)
	}
	n, err := p.Int()
	if *to = int(n); n < 0 {
		err = jsontext.ErrNumber
	}
	return err
}

func (it *item) scanUser(p *jsontext.Scanner, name string) (err error) {
	u := &it.user
	switch name {
	case "id":
		u.ID, err = p.String()
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
		u.Metadata, err = scanMetadata(p)
	case "system_properties":
		u.SystemProperties, err = scanMetadata(p)
	case "linked_accounts":
		u.Accounts, err = scanList(p, scanAccount)
	case "groups":
		u.Groups, err = scanList(p, (*jsontext.Scanner).String)
	case "expires_at":
		u.ExpiresAt, err = scanTime(p)
	default:
		err = scanOrigin(p, name, &u.CreatedAt, &u.UpdatedAt, &u.CreatedBy, &u.UpdatedBy)
	}
	return err
}

func (it *item) scanGroup(p *jsontext.Scanner, name string) (err error) {
	g := &it.group
	switch name {
	case "id":
		g.ID, err = p.String()
	case "external_id":
		g.ExternalID, err = p.String()
	case "number":
		g.Number, err = p.Int()
	case "name":
		g.Name, err = p.String()
	case "metadata":
		g.Metadata, err = scanMetadata(p)
	case "system_properties":
		g.SystemProperties, err = scanMetadata(p)
	case "token":
		g.SealedToken, err = scanBytes(p)
	default:
		err = scanOrigin(p, name, &g.CreatedAt, &g.UpdatedAt, &g.CreatedBy, &g.UpdatedBy)
	}
	return err
}

func (it *item) scanSensitive(p *jsontext.Scanner, name string) (err error) {
	s := &it.sensitive
	switch name {
	case "user":
		s.UserID, err = p.String()
	case "values":
		s.Values, err = scanList(p, scanSealed)
	default:
		err = unknown(name)
	}
	return err
}

func (it *item) scanWebhook(p *jsontext.Scanner, name string) (err error) {
	h := &it.webhook
	switch name {
	case "id":
		h.ID, err = p.String()
	case "url":
		h.URL, err = p.String()
	case "description":
		h.Description, err = p.String()
	case "events":
		h.Events, err = scanList(p, (*jsontext.Scanner).String)
	case "format":
		var format string
		format, err = p.String()
		h.Format = enduser.WebhookFormat(format)
	case "header_names":
		_, err = scanList(p, (*jsontext.Scanner).String)
	case "disabled":
		_, err = p.Bool()
	default:
		err = scanOrigin(p, name, &h.CreatedAt, &h.UpdatedAt, &h.CreatedBy, &h.UpdatedBy)
	}
	return err
}

func scanOrigin(p *jsontext.Scanner, name string, createdAt, updatedAt *time.Time, createdBy, updatedBy *string) (err error) {
	switch name {
	case "created_at":
		*createdAt, err = scanTime(p)
	case "updated_at":
		*updatedAt, err = scanTime(p)
	case "created_by":
		*createdBy, err = p.String()
	case "updated_by":
		*updatedBy, err = p.String()
	default:
		err = unknown(name)
	}
	return err
}

func scanAccount(p *jsontext.Scanner) (a enduser.Account, err error) {
	err = p.Object(func(name string) (err error) {
		switch name {
		case "type":
			a.Type, err = p.String()
		case "id":
			a.ID, err = p.String()
		default:
			err = unknown(name)
		}
		return err
	})
	return a, err
}

func scanSealed(p *jsontext.Scanner) (v enduser.SealedValue, err error) {
	err = p.Object(func(name string) (err error) {
		switch name {
		case "key":
			v.Key, err = p.String()
		case "until":
			v.Until, err = scanTime(p)
		case "sealed":
			v.Sealed, err = scanBytes(p)
		default:
			err = unknown(name)
		}
		return err
	})
	return v, err
}

// What a hostile file could make large in memory is refused before it is there. Both are more than
// any policy lets through.
const (
	maxItems    = 1000
	maxMetadata = 6 * 256 << 10 // bytes, all of them escaped as \u0000
)

func scanList[T any](p *jsontext.Scanner, scan func(*jsontext.Scanner) (T, error)) (list []T, err error) {
	err = p.Array(func() error {
		if len(list) == maxItems {
			return fmt.Errorf("a list has more than %d items", maxItems)
		}
		item, err := scan(p)
		list = append(list, item)
		return err
	})
	return list, err
}

func scanMetadata(p *jsontext.Scanner) (enduser.Metadata, error) {
	if p.Kind() != jsontext.Object {
		return nil, jsontext.ErrType
	}
	text, err := p.Raw()
	if err != nil {
		return nil, err
	}
	if len(text) > maxMetadata {
		return nil, fmt.Errorf("metadata has more than %d bytes", maxMetadata)
	}
	return enduser.ParseMetadata(text)
}

func scanTime(p *jsontext.Scanner) (time.Time, error) {
	text, err := p.String()
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("not a time of RFC 3339") // that of package time quotes the text
	}
	return at, nil
}

func scanBytes(p *jsontext.Scanner) ([]byte, error) {
	text, err := p.String()
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return data, nil
}
