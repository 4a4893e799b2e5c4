package enduser

import "slices"

// changedFields returns the names of the fields in which two states of a user differ, in
// their order; nil if there are none.
func changedFields(old, u *User) []string {
	var fields []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"external_id", old.ExternalID != u.ExternalID},
		{"name", old.Name != u.Name},
		{"first_name", old.FirstName != u.FirstName},
		{"last_name", old.LastName != u.LastName},
		{"email", old.Email != u.Email},
		{"avatar", old.Avatar != u.Avatar},
		{"language", old.Language != u.Language},
	} {
		if f.changed {
			fields = append(fields, f.name)
		}
	}
	fields = append(fields, changedKeys("metadata", old.Metadata, u.Metadata)...)
	fields = append(fields, changedKeys("system_properties", old.SystemProperties, u.SystemProperties)...)
	if !slices.Equal(old.Accounts, u.Accounts) {
		fields = append(fields, "linked_accounts")
	}
	if !slices.Equal(old.Groups, u.Groups) {
		fields = append(fields, "groups")
	}
	if !old.ExpiresAt.Equal(u.ExpiresAt) {
		fields = append(fields, "expires_at")
	}
	return fields
}

// Limits of the metadata keys that a change names one by one: the entries of the feed have a
// maximum size.
const (
	maxNamedKeys  = 64
	maxNamedBytes = 8 << 10
)

// changedKeys returns the names of the keys in which two metadata differ, or that of the whole
// if there are too many.
func changedKeys(name string, old, m Metadata) []string {
	var fields []string
	prefix := name + "."
	for key, value := range m {
		if before, ok := old[key]; !ok || before != value {
			fields = append(fields, prefix+key)
		}
	}
	for key := range old {
		if _, ok := m[key]; !ok {
			fields = append(fields, prefix+key)
		}
	}
	size := 0
	for _, field := range fields {
		size += len(field)
	}
	if len(fields) > maxNamedKeys || size > maxNamedBytes {
		return []string{name}
	}
	slices.Sort(fields)
	return fields
}

// checkReadOnly rejects changes of the fields that only the Manager sets.
func checkReadOnly(old, u *User) error {
	var v violations
	for _, f := range []struct {
		field   string
		changed bool
	}{
		{"id", old.ID != u.ID},
		{"tenant_id", old.Tenant != u.Tenant},
		{"environment", old.Environment != u.Environment},
		{"created_by", old.CreatedBy != u.CreatedBy},
		{"updated_by", old.UpdatedBy != u.UpdatedBy},
		{"created_at", !old.CreatedAt.Equal(u.CreatedAt)},
		{"updated_at", !old.UpdatedAt.Equal(u.UpdatedAt)},
		{"added_at", !old.AddedAt.Equal(u.AddedAt)},
		{"version", old.Version != u.Version},
		{"revision", old.Revision != u.Revision},
	} {
		if f.changed {
			v.add(Field{Name: f.field}, CodeReadOnly, "must not be changed")
		}
	}
	return v.err()
}
