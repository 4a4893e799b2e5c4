package userjson

import (
	"maps"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// Ada appends a user with all members that Ada's end users have. What is not set is null.
// Metadata of other types than the vendor's are left out.
func Ada(b []byte, u *enduser.User) []byte {
	b = jsontext.AppendString(append(b, `{"end_user_id":`...), u.ID)
	b = jsontext.AppendOptional(append(b, `,"external_id":`...), u.ExternalID)
	b = jsontext.AppendOptional(append(b, `,"profile":{"first_name":`...), u.FirstName)
	b = jsontext.AppendOptional(append(b, `,"last_name":`...), u.LastName)
	b = jsontext.AppendOptional(append(b, `,"display_name":`...), u.Name)
	b = jsontext.AppendOptional(append(b, `,"avatar":`...), u.Avatar)
	b = jsontext.AppendOptional(append(b, `,"email":`...), u.Email)
	b = jsontext.AppendOptional(append(b, `,"language":`...), u.Language)
	b = scalars(u.Metadata).AppendJSON(append(b, `,"metadata":`...))
	b = systemProperties(u.SystemProperties).AppendJSON(append(b, `,"system_properties":`...))
	b = AdaTime(append(b, `},"created_at":`...), u.CreatedAt)
	b = AdaTime(append(b, `,"updated_at":`...), u.UpdatedAt)
	return append(b, '}')
}

// systemProperties returns the system properties with the partner's ID, which the vendor
// always shows: null if the partner does not know the user.
func systemProperties(m enduser.Metadata) enduser.Metadata {
	const partner = "sunshine_user_id"
	if _, ok := m[partner]; ok {
		return m
	}
	shown := enduser.Metadata{partner: enduser.Null}
	maps.Copy(shown, m)
	return shown
}

// scalars returns the metadata that are of the vendor's types.
func scalars(m enduser.Metadata) enduser.Metadata {
	shown := make(enduser.Metadata, len(m))
	for key, value := range m {
		if isScalar(value) {
			shown[key] = value
		}
	}
	return shown
}

// isScalar reports whether a value is of a type that the vendor's metadata have: a
// string, an integer or a boolean.
func isScalar(v enduser.Value) bool {
	if v.Text()[0] == '"' {
		return true
	}
	_, isInt := v.Int64()
	_, isBool := v.Bool()
	return isInt || isBool
}

// AdaTime appends a time of RFC 3339 in whole seconds and the vendor's spelling of UTC.
func AdaTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), "2006-01-02T15:04:05-07:00"), '"')
}
