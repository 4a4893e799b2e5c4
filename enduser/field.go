package enduser

import "strconv"

// Field names a part of a user or group.
type Field struct {
	Name   string // as in JSON: "email", "metadata", "linked_accounts"
	Key    string // a key of metadata or sensitive values; "" for the whole
	Item   int    // the number of an item in a list, from 1; 0 for the whole
	Member string // a member of an item: "type", "id"; "" for the whole
}

// String returns the field as a path: "email", "metadata.plan", "linked_accounts[0].type".
// Paths count items from 0, as in JSON.
func (f Field) String() string {
	text := f.Name
	if f.Item > 0 {
		text += "[" + strconv.Itoa(f.Item-1) + "]"
	}
	if f.Key != "" {
		text += "." + f.Key
	}
	if f.Member != "" {
		text += "." + f.Member
	}
	return text
}

// invalidField returns the error for one field.
func invalidField(f Field, code, message string) error {
	return &InvalidError{Violations: []Violation{{f, code, message}}}
}
