package enduser

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindGroup is the kind of the records that hold groups.
const kindGroup = "group"

// The kinds of a group's unique keys.
const (
	keyProvidedID = "provided_id." + keyVersion
	keyGroupToken = "group_token" // SHA-256 of the token, hexadecimal
)

// groupCodecVersion is the form of a group's body; see codecVersion.
const groupCodecVersion = 1

// record returns the record that holds g. Conflicts are found in the order of its
// unique keys.
func (g *Group) record() store.Record {
	r := store.Record{ID: g.ID, Kind: kindGroup, Due: g.due(), Data: encodeGroup(g)}
	r.Unique = append(r.Unique, providedIDKey(g.ProvidedID), tokenKey(g.token.hash))
	for _, p := range g.previous {
		r.Unique = append(r.Unique, tokenKey(p.hash))
	}
	return r
}

// encodeGroup returns the body of g. ID, number and revision stand in the record.
func encodeGroup(g *Group) []byte {
	b := make([]byte, 0, 512)
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, groupCodecVersion, 10)
	b = appendText(b, "provided_id", g.ProvidedID)
	b = appendText(b, "name", g.Name)
	b = appendMetadata(b, "properties", g.Properties)
	b = appendMetadata(b, "mapping", g.Mapping)
	if g.Demo {
		b = append(b, `,"demo":true`...)
	}
	b = appendText(b, "token_hash", g.token.hash)
	b = appendSealed(b, "token", g.token.sealed)
	if len(g.previous) > 0 {
		b = append(b, `,"previous":[`...)
		for i, p := range g.previous {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendString(append(b, `{"hash":`...), p.hash)
			b = append(appendTime(b, "until", p.until), '}')
		}
		b = append(b, ']')
	}
	b = appendText(b, "created_by", g.CreatedBy)
	b = appendText(b, "updated_by", g.UpdatedBy)
	b = appendTime(b, "created_at", g.CreatedAt)
	b = appendTime(b, "updated_at", g.UpdatedAt)
	return append(b, '}')
}

func appendSealed(b []byte, name string, sealed []byte) []byte {
	return jsontext.AppendString(appendName(b, name), base64.RawStdEncoding.EncodeToString(sealed))
}

func scanSealed(p *jsontext.Scanner) ([]byte, error) {
	text, err := p.String()
	if err != nil {
		return nil, err
	}
	return base64.RawStdEncoding.Strict().DecodeString(text)
}

// decodeGroup reads the group that a record holds. The error is ErrCorrupt.
func (t Tenant) decodeGroup(r *store.Record) (Group, error) {
	g := Group{
		ID: r.ID, Tenant: t.name, Environment: t.env, Revision: int64(r.Revision), Number: int64(r.Created),
	}
	if err := g.scan(string(r.Data)); err != nil {
		return Group{}, fmt.Errorf("%w: group %s: %w", ErrCorrupt, r.ID, err)
	}
	return g, nil
}

func (g *Group) scan(body string) error {
	p := jsontext.NewScanner(body)
	version := int64(0)
	err := p.Object(func(name string) (err error) {
		switch name {
		case "v":
			version, err = p.Int()
		case "provided_id":
			g.ProvidedID, err = p.String()
		case "name":
			g.Name, err = p.String()
		case "properties":
			g.Properties, err = scanMetadata(&p)
		case "mapping":
			g.Mapping, err = scanMetadata(&p)
		case "demo":
			g.Demo, err = p.Bool()
		case "token_hash":
			g.token.hash, err = p.String()
		case "token":
			g.token.sealed, err = scanSealed(&p)
		case "previous":
			err = p.Array(func() error { return g.scanPrevious(&p) })
		case "created_by":
			g.CreatedBy, err = p.String()
		case "updated_by":
			g.UpdatedBy, err = p.String()
		case "created_at":
			g.CreatedAt, err = scanTime(&p)
		case "updated_at":
			g.UpdatedAt, err = scanTime(&p)
		default:
			err = errUnknownMember
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case version != groupCodecVersion:
		return fmt.Errorf("version %d of the body is not known", version)
	case g.ProvidedID == "" || g.token.hash == "" || g.token.sealed == nil:
		return errors.New("the group is not whole")
	}
	return p.End()
}

func (g *Group) scanPrevious(p *jsontext.Scanner) error {
	var t groupToken
	err := p.Object(func(name string) (err error) {
		switch name {
		case "hash":
			t.hash, err = p.String()
		case "until":
			t.until, err = scanTime(p)
		default:
			err = errUnknownMember
		}
		return err
	})
	if err == nil && (t.hash == "" || t.until.IsZero()) {
		err = errors.New("a previous token is not whole")
	}
	g.previous = append(g.previous, t)
	return err
}
