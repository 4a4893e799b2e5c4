package vendors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// row reads a row.
func (f Format) row(text []byte) (r Row) {
	s := string(text)
	switch f {
	case Ada:
		r.User, r.Err = readAda(s)
	case MagickMind:
		r.User, r.Err = readMagickMind(s)
	case Sensay:
		r.User, r.Err = readSensay(s)
	case Explo:
		r.Group, r.Environment, r.Err = readExplo(s)
	}
	if r.User != nil {
		r.ID = cmp.Or(r.User.ID, r.User.ExternalID)
	}
	if r.Group != nil {
		r.ID = r.Group.ExternalID
	}
	if r.Err != nil {
		r.User, r.Group = nil, nil
	}
	r.Text = oneLine(text)
	return r
}

// oneLine returns a JSON text without line ends, as it is if it has none.
func oneLine(text []byte) string {
	if bytes.IndexByte(text, '\n') < 0 {
		return string(text)
	}
	var b bytes.Buffer
	if json.Compact(&b, text) == nil {
		return b.String()
	}
	return string(bytes.ReplaceAll(text, []byte("\n"), []byte(" "))) // between tokens, where JSON is valid
}

// readAda reads an end user of Ada.
func readAda(text string) (*enduser.Import, error) {
	var in enduser.Import
	err := members{
		"end_user_id": &in.ID,
		"external_id": &in.ExternalID,
		"created_at":  &in.CreatedAt,
		"updated_at":  &in.UpdatedAt,
		"profile": members{
			"first_name": &in.FirstName, "last_name": &in.LastName, "display_name": &in.Name,
			"email": &in.Email, "avatar": &in.Avatar, "language": &in.Language,
			"metadata": &in.Metadata, "system_properties": &in.SystemProperties,
		},
	}.read(text)
	if err == nil {
		err = identified(in.ID, in.ExternalID, "end_user_id", "external_id")
	}
	return &in, err
}

// readMagickMind reads an end user of MagickMind, who has "" where there is no external_id.
func readMagickMind(text string) (*enduser.Import, error) {
	var in enduser.Import
	err := members{
		"id": &in.ID, "external_id": &in.ExternalID, "name": &in.Name,
		"created_at": &in.CreatedAt, "created_by": &in.CreatedBy,
		"updated_at": &in.UpdatedAt, "updated_by": &in.UpdatedBy,
	}.read(text)
	if err == nil {
		err = identified(in.ID, in.ExternalID, "id", "external_id")
	}
	return &in, err
}

// readSensay reads a user of Sensay, whose id the vendor's clients may have chosen.
func readSensay(text string) (*enduser.Import, error) {
	var in enduser.Import
	account := func(p *jsontext.Scanner) error {
		return p.Array(func() error {
			var a enduser.Account
			err := members{"accountType": &a.Type, "accountID": &a.ID}.object(p)
			in.Accounts = append(in.Accounts, a)
			return err
		})
	}
	err := members{
		"id": &in.ExternalID, "name": &in.Name, "email": &in.Email, "linkedAccounts": account,
	}.read(text)
	if err == nil {
		err = identified("", in.ExternalID, "id")
	}
	return &in, err
}

// readExplo reads a user group of Explo or a customer, which has other names for some members.
// The group keeps its token, by which dashboards know it. What only Explo knows becomes the group's SystemProperties: mapping and is_demo_group as its
// family of routes keeps them, and what that does not show.
func readExplo(text string) (*enduser.GroupImport, enduser.Environment, error) {
	in := enduser.GroupImport{GroupSpec: enduser.GroupSpec{SystemProperties: make(enduser.Metadata)}}
	var groupID, environment, token string
	var demo bool
	var mapping, parentMapping enduser.Metadata
	keep := func(name string) func(p *jsontext.Scanner) error {
		return func(p *jsontext.Scanner) error {
			s, err := p.Raw()
			if err == nil && s != "[]" {
				in.SystemProperties[name], err = enduser.JSON(s)
			}
			return err
		}
	}
	err := members{
		"provided_id": &in.ExternalID, "user_group_id": &groupID, "name": &in.Name, "team_id": &in.Number, "token": &token,
		"api_environment_tag": &environment, "properties": &in.Metadata, "is_demo_group": &demo,
		"mapping": &mapping, "parent_schema_datasource_mapping": &parentMapping,
		"emails": keep("emails"), "group_tags": keep("group_tags"),
		"access_group": keep("access_group"), "hierarchy_level": keep("hierarchy_level"),
	}.read(text)
	in.ExternalID = cmp.Or(in.ExternalID, groupID)
	env := enduser.Environment(environment)
	if err == nil {
		err = identified("", in.ExternalID, "provided_id")
	}
	if err == nil && env != "" && env != enduser.Customer && env != enduser.Testing {
		err = fmt.Errorf("api_environment_tag: %w: neither Customer nor Testing", errRow)
	}
	if mapping == nil {
		mapping = parentMapping
	}
	maps.DeleteFunc(mapping, func(_ string, v enduser.Value) bool { return v.IsNull() })
	if err == nil && len(mapping) > 0 {
		in.SystemProperties["mapping"], err = enduser.JSON(string(mapping.AppendJSON(nil)))
	}
	if token != "" {
		in.Token = enduser.NewSecret(enduser.String(token))
	}
	if demo {
		in.SystemProperties["demo"] = enduser.Bool(true)
	}
	return &in, env, err
}
