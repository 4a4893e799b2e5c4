package archive

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// appendHeader appends the first line of an archive, or of a part of one.
func appendHeader(b []byte, part bool) []byte {
	b = strconv.AppendInt(append(b, `{"type":"archive","version":`...), Version, 10)
	if part {
		b = append(b, `,"part":true`...)
	}
	return append(b, '}')
}

// appendTrailer appends the last line of an archive.
func appendTrailer(b []byte, r *ExportResult) []byte {
	b = append(b, `{"type":"end"`...)
	for _, c := range []struct {
		name string
		n    int
	}{{"groups", r.Groups}, {"users", r.Users}, {"sensitive", r.Sensitive}, {"webhooks", r.Webhooks}, {"skipped", r.Skipped}} {
		b = strconv.AppendInt(appendName(b, c.name), int64(c.n), 10)
	}
	return append(b, '}')
}

// appendRejected appends the line in front of a row that was rejected.
func appendRejected(b []byte, line int, err error) []byte {
	b = strconv.AppendInt(append(b, `{"type":"rejected","line":`...), int64(line), 10)
	b = jsontext.AppendString(appendName(b, "error"), err.Error())
	return append(b, '}')
}

// begin begins a row.
func begin(b []byte, kind string, p place) []byte {
	b = jsontext.AppendString(append(b, `{"type":`...), kind)
	b = jsontext.AppendString(appendName(b, "tenant"), p.tenant)
	if p.env != enduser.Customer {
		b = jsontext.AppendString(appendName(b, "environment"), string(p.env))
	}
	return appendFlag(b, "exact_ids", p.exact)
}

func appendGroup(b []byte, p place, g *enduser.Group, sealed bool) []byte {
	b = appendText(begin(b, typeGroup, p), "id", g.ID)
	b = appendText(b, "external_id", g.ExternalID)
	b = strconv.AppendInt(appendName(b, "number"), g.Number, 10)
	b = appendText(b, "name", g.Name)
	b = appendMetadata(b, "metadata", g.Metadata)
	b = appendMetadata(b, "system_properties", g.SystemProperties)
	if sealed {
		b = appendBytes(b, "token", g.SealedToken())
	}
	return append(appendOrigin(b, g.CreatedAt, g.CreatedBy, g.UpdatedAt, g.UpdatedBy), '}')
}

func appendUser(b []byte, p place, u *enduser.User) []byte {
	b = appendText(begin(b, typeUser, p), "id", u.ID)
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
		b = jsontext.AppendList(appendName(b, "linked_accounts"), u.Accounts, func(b []byte, a enduser.Account) []byte {
			b = jsontext.AppendString(append(b, `{"type":`...), a.Type)
			return append(jsontext.AppendString(appendName(b, "id"), a.ID), '}')
		})
	}
	b = appendTexts(b, "groups", u.Groups)
	b = appendOrigin(b, u.CreatedAt, u.CreatedBy, u.UpdatedAt, u.UpdatedBy)
	return append(appendTime(b, "expires_at", u.ExpiresAt), '}')
}

func appendSensitive(b []byte, p place, s *enduser.SealedValues) []byte {
	b = appendText(begin(b, typeSensitive, p), "user", s.UserID)
	b = jsontext.AppendList(appendName(b, "values"), s.Values, func(b []byte, v enduser.SealedValue) []byte {
		b = jsontext.AppendString(append(b, `{"key":`...), v.Key)
		return append(appendBytes(appendTime(b, "until", v.Until), "sealed", v.Sealed), '}')
	})
	return append(b, '}')
}

func appendWebhook(b []byte, p place, h *enduser.Webhook) []byte {
	b = appendText(begin(b, typeWebhook, p), "id", h.ID)
	b = appendText(b, "url", h.URL)
	b = appendText(b, "description", h.Description)
	b = appendTexts(b, "events", h.Events)
	b = appendText(b, "format", string(h.Format))
	b = appendTexts(b, "header_names", h.HeaderNames)
	b = appendFlag(b, "disabled", h.Disabled)
	return append(appendOrigin(b, h.CreatedAt, h.CreatedBy, h.UpdatedAt, h.UpdatedBy), '}')
}

func appendOrigin(b []byte, createdAt time.Time, createdBy string, updatedAt time.Time, updatedBy string) []byte {
	b = appendText(appendTime(b, "created_at", createdAt), "created_by", createdBy)
	return appendText(appendTime(b, "updated_at", updatedAt), "updated_by", updatedBy)
}

func appendName(b []byte, name string) []byte {
	return append(append(append(b, ',', '"'), name...), '"', ':')
}

func appendText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return jsontext.AppendString(appendName(b, name), text)
}

func appendTexts(b []byte, name string, texts []string) []byte {
	if len(texts) == 0 {
		return b
	}
	return jsontext.AppendList(appendName(b, name), texts, jsontext.AppendString)
}

func appendFlag(b []byte, name string, set bool) []byte {
	if !set {
		return b
	}
	return append(appendName(b, name), "true"...)
}

func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return jsontext.AppendTime(appendName(b, name), t)
}

func appendBytes(b []byte, name string, data []byte) []byte {
	return jsontext.AppendString(appendName(b, name), base64.StdEncoding.EncodeToString(data))
}

func appendMetadata(b []byte, name string, m enduser.Metadata) []byte {
	if len(m) == 0 {
		return b
	}
	return m.AppendJSON(appendName(b, name))
}
