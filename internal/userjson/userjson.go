// Package userjson writes users and groups as JSON: in answers, and in the events that
// webhooks send, so that both show the same.
package userjson

import (
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// Native appends a user as the native routes show it. Every member is present, and null
// or empty if it has no value.
func Native(b []byte, u *enduser.User) []byte {
	b = jsontext.AppendString(append(b, `{"id":`...), u.ID)
	b = jsontext.AppendOptional(append(b, `,"external_id":`...), u.ExternalID)
	b = jsontext.AppendString(append(b, `,"tenant_id":`...), u.Tenant)
	b = jsontext.AppendString(append(b, `,"environment":`...), string(u.Environment))
	b = jsontext.AppendOptional(append(b, `,"name":`...), u.Name)
	b = jsontext.AppendOptional(append(b, `,"first_name":`...), u.FirstName)
	b = jsontext.AppendOptional(append(b, `,"last_name":`...), u.LastName)
	b = jsontext.AppendOptional(append(b, `,"email":`...), u.Email)
	b = jsontext.AppendOptional(append(b, `,"avatar":`...), u.Avatar)
	b = jsontext.AppendOptional(append(b, `,"language":`...), u.Language)
	b = u.Metadata.AppendJSON(append(b, `,"metadata":`...))
	b = jsontext.AppendList(append(b, `,"linked_accounts":`...), u.Accounts, appendAccount)
	b = jsontext.AppendList(append(b, `,"groups":`...), u.Groups, jsontext.AppendString)
	b = u.SystemProperties.AppendJSON(append(b, `,"system_properties":`...))
	b = jsontext.AppendOptional(append(b, `,"created_by":`...), u.CreatedBy)
	b = jsontext.AppendOptional(append(b, `,"updated_by":`...), u.UpdatedBy)
	b = jsontext.AppendTime(append(b, `,"created_at":`...), u.CreatedAt)
	b = jsontext.AppendTime(append(b, `,"updated_at":`...), u.UpdatedAt)
	b = jsontext.AppendTime(append(b, `,"added_at":`...), u.AddedAt)
	b = jsontext.AppendTime(append(b, `,"expires_at":`...), u.ExpiresAt)
	b = strconv.AppendInt(append(b, `,"revision":`...), u.Revision, 10)
	b = Version(append(b, `,"version":`...), u.Version)
	return append(b, '}')
}

func appendAccount(b []byte, a enduser.Account) []byte {
	b = jsontext.AppendString(append(b, `{"type":`...), a.Type)
	b = jsontext.AppendString(append(b, `,"id":`...), a.ID)
	return append(b, '}')
}

// Group appends a group as the native routes show it, without its token.
func Group(b []byte, g *enduser.Group) []byte {
	b = jsontext.AppendString(append(b, `{"id":`...), g.ID)
	b = jsontext.AppendString(append(b, `,"external_id":`...), g.ExternalID)
	b = strconv.AppendInt(append(b, `,"number":`...), g.Number, 10)
	b = jsontext.AppendString(append(b, `,"tenant_id":`...), g.Tenant)
	b = jsontext.AppendString(append(b, `,"environment":`...), string(g.Environment))
	b = jsontext.AppendOptional(append(b, `,"name":`...), g.Name)
	b = g.Metadata.AppendJSON(append(b, `,"metadata":`...))
	b = g.SystemProperties.AppendJSON(append(b, `,"system_properties":`...))
	b = jsontext.AppendOptional(append(b, `,"created_by":`...), g.CreatedBy)
	b = jsontext.AppendOptional(append(b, `,"updated_by":`...), g.UpdatedBy)
	b = jsontext.AppendTime(append(b, `,"created_at":`...), g.CreatedAt)
	b = jsontext.AppendTime(append(b, `,"updated_at":`...), g.UpdatedAt)
	b = jsontext.AppendTime(append(b, `,"added_at":`...), g.AddedAt)
	b = strconv.AppendInt(append(b, `,"revision":`...), g.Revision, 10)
	b = Version(append(b, `,"version":`...), g.Version)
	return append(b, '}')
}

// Version appends a version, which needs no escaping.
func Version(b []byte, v enduser.Version) []byte {
	b, _ = v.AppendText(append(b, '"')) // never fails
	return append(b, '"')
}
