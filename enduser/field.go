package enduser

import "strconv"

// Field says which part of a user or group something is about.
type Field struct {
	Name   string // as in JSON: "email", "metadata", "linked_accounts"
	Key    string // of metadata and sensitive values, the key; "" for the whole
	Item   int    // of a list, the item's number, from 1; 0 for the whole
	Member string // of an item, its member: "type", "id"; "" for the whole
}

// String returns the field as a path: "email", "metadata.plan",
// "linked_accounts[0].type" (there items are counted from 0, as in JSON paths).
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
