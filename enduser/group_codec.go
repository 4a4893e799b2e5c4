package enduser

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindGroup is the kind of the records that hold groups.
const kindGroup = "group"

// The kinds of a group's unique keys.
const (
	keyGroupID     = "group_external_id" // NFC
	keyGroupNumber = "group_number"      // decimal
	keyGroupToken  = "group_token"       // SHA-256 of the token, hexadecimal
)

// groupKind describes the records that hold groups.
func groupKind() kind {
	return kind{
		name: kindGroup, member: isGroupMember, key: groupRecordKey, overdue: (*writer).overdueGroup,
		sealed: Tenant.sealedInGroup, reseal: resealGroup,
	}
}

func groupRecordKey(kind string) (field string, own bool) {
	switch kind {
	case keyGroupID:
		return "external_id", true
	case keyGroupToken:
		return "token", true
	case keyGroupNumber:
		return "", true
	}
	return "", false
}

// overdueGroup returns the write that takes expired tokens from a group.
func (w *writer) overdueGroup(r *store.Record) ([]store.Op, error) {
	g, err := w.decodeGroup(r)
	if err != nil || !g.forget(w.now) {
		return nil, err
	}
	kept, err := w.rewriteGroup(*r, &g)
	return []store.Op{store.Replace(*r, kept, nil)}, err
}

// groupRecord returns the record of a new group. Conflicts are found in the order of its
// unique keys.
func (w *writer) groupRecord(g *Group) store.Record { return w.groupOver(g, carried{}) }

// rewriteGroup returns the record of g that replaces r, the record of an earlier state. It
// keeps what a newer program has added. It returns ErrNewer if r must not be overwritten.
func (w *writer) rewriteGroup(r store.Record, g *Group) (store.Record, error) {
	from, err := groupKind().carry(&r)
	if err != nil {
		return store.Record{}, err
	}
	return w.groupOver(g, from), nil
}

func (w *writer) groupOver(g *Group, from carried) store.Record {
	r := store.Record{ID: g.ID, Kind: kindGroup, Due: g.due(), Data: encodeGroup(g, w.stamp, from.members)}
	r.Unique = append(r.Unique, groupIDKey(g.ExternalID), groupNumberKey(g.Number), tokenKey(g.token.hash))
	for _, p := range g.previous {
		r.Unique = append(r.Unique, tokenKey(p.hash))
	}
	r.Unique, r.Index = append(r.Unique, from.unique...), from.index
	return r
}

// isGroupMember reports whether encodeGroup writes a member.
func isGroupMember(name string) bool {
	switch name {
	case "external_id", "number", "name", "metadata", "system_properties", "token_hash", "token", "previous",
		"created_by", "updated_by", "created_at", "updated_at", "added_at", "stamp":
		return true
	}
	return false
}

// encodeGroup returns the body of g; see encodeUser.
func encodeGroup(g *Group, s stamp, members []byte) []byte {
	b := make([]byte, 0, 512+len(members))
	b = appendVersions(b)
	b = appendText(b, "external_id", g.ExternalID)
	b = strconv.AppendInt(appendName(b, "number"), g.Number, 10)
	b = appendText(b, "name", g.Name)
	b = appendMetadata(b, "metadata", g.Metadata)
	b = appendMetadata(b, "system_properties", g.SystemProperties)
	b = appendText(b, "token_hash", g.token.hash)
	b = appendSealed(b, "token", g.token.sealed)
	if len(g.previous) > 0 {
		b = jsontext.AppendList(appendName(b, "previous"), g.previous, appendPrevious)
	}
	b = appendText(b, "created_by", g.CreatedBy)
	b = appendText(b, "updated_by", g.UpdatedBy)
	b = appendTime(b, "created_at", g.CreatedAt)
	b = appendTime(b, "updated_at", g.UpdatedAt)
	b = appendTime(b, "added_at", g.AddedAt)
	b = appendStamp(b, s)
	return append(append(b, members...), '}')
}

func appendPrevious(b []byte, t groupToken) []byte {
	b = jsontext.AppendString(append(b, `{"hash":`...), t.hash)
	return append(appendTime(b, "until", t.until), '}')
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

// decodeGroup reads the group in a record. The error is an *UnreadableError.
func (t Tenant) decodeGroup(r *store.Record) (Group, error) {
	g := Group{ID: r.ID, Tenant: t.name, Environment: t.env, Revision: int64(r.Revision)}
	s, err := g.scan(string(r.Data))
	if err != nil {
		return Group{}, unreadable(kindGroup, r.ID, err)
	}
	g.Version = versionOf(r, s)
	return g, nil
}

func (g *Group) scan(body string) (s stamp, err error) {
	p := jsontext.NewScanner(body)
	var v versions
	err = p.Object(func(name string) (err error) {
		switch name {
		case "external_id":
			g.ExternalID, err = p.String()
		case "number":
			g.Number, err = p.Int()
		case "name":
			g.Name, err = p.String()
		case "metadata":
			g.Metadata, err = scanMetadata(&p)
		case "system_properties":
			g.SystemProperties, err = scanMetadata(&p)
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
		case "added_at":
			g.AddedAt, err = scanTime(&p)
		case "stamp":
			s, err = scanStamp(&p)
		default:
			err = v.other(&p, name)
		}
		return err
	})
	err = v.end(&p, err)
	if err == nil && (g.ExternalID == "" || g.Number <= 0 || g.token.hash == "" || g.token.sealed == nil) {
		err = errors.New("the group is incomplete")
	}
	return s, err
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
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && (t.hash == "" || t.until.IsZero()) {
		err = errors.New("a previous token is incomplete")
	}
	g.previous = append(g.previous, t)
	return err
}
