package enduser

import (
	"cmp"
	"maps"
)

// Edit is a user that a function given to [Tenant.Update] changes.
type Edit struct {
	User

	sensitive sensitiveEdit
	exact     bool       // external IDs are compared exactly
	kind      ChangeType // the type of the change
	wrong     violations // of the specs merged into it
}

// sensitiveEdit is what an Edit does to the sensitive values.
type sensitiveEdit struct {
	clear bool
	set   map[string]Secret
}

func (e *sensitiveEdit) isZero() bool { return !e.clear && len(e.set) == 0 }

// SetSensitive sets a sensitive value, which lives for [SensitiveTTL], or removes it if the
// Secret is null. A key has 1 to 128 letters, digits, "-" and "_"; a string has at most
// 4 KiB. A user has at most 128 values, with at most 768 KiB when they are sealed.
func (e *Edit) SetSensitive(key string, s Secret) {
	if e.sensitive.set == nil {
		e.sensitive.set = make(map[string]Secret)
	}
	e.sensitive.set[key] = s
}

// ClearSensitive removes all sensitive values. Those that SetSensitive sets afterwards stay.
func (e *Edit) ClearSensitive() { e.sensitive = sensitiveEdit{clear: true} }

// Merge merges the spec into e, as [Tenant.Upsert] does, but for the deadline. An Edit that
// the host made compares external IDs without regard to case.
func (s Spec) Merge(e *Edit) {
	for i, member := range s.Clear {
		switch member {
		case "name":
			e.Name = ""
		case "first_name":
			e.FirstName = ""
		case "last_name":
			e.LastName = ""
		case "email":
			e.Email = ""
		case "avatar":
			e.Avatar = ""
		case "language":
			e.Language = ""
		default:
			e.wrong.add(Field{Name: "clear", Item: i + 1}, CodeValue, "must be a name, the email, the avatar or the language")
		}
	}
	e.Name = cmp.Or(s.Name, e.Name)
	e.FirstName = cmp.Or(s.FirstName, e.FirstName)
	e.LastName = cmp.Or(s.LastName, e.LastName)
	e.Email = cmp.Or(s.Email, e.Email)
	e.Avatar = cmp.Or(s.Avatar, e.Avatar)
	e.Language = cmp.Or(s.Language, e.Language)
	if s.ExternalID != "" && (e.ExternalID == "" || externalIDKey(s.ExternalID, e.exact) != externalIDKey(e.ExternalID, e.exact)) {
		e.ExternalID = s.ExternalID
	}
	e.Metadata = e.Metadata.merge(s.Metadata)
	e.SystemProperties = e.SystemProperties.merge(s.SystemProperties)
	for _, account := range s.Accounts {
		e.link(account)
	}
	if len(s.Sensitive) > 0 && e.sensitive.set == nil {
		e.sensitive.set = make(map[string]Secret, len(s.Sensitive))
	}
	maps.Copy(e.sensitive.set, s.Sensitive)
	e.join(s.Groups)
}
