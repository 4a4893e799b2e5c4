package docs

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// schema is a JSON schema, as far as a page shows it. The zero value takes every value.
type schema struct {
	never bool // the schema false

	Ref         string `json:"$ref"`
	Type        words
	Description string

	Format, Pattern      string
	Enum                 []json.RawMessage
	Const, Default       json.RawMessage
	Minimum, Maximum     json.Number
	MinLength, MaxLength json.Number
	MinItems, MaxItems   json.Number
	UniqueItems          bool

	Properties                   ordered[schema]
	Required                     []string
	MinProperties, MaxProperties json.Number
	AdditionalProperties         *schema
	PropertyNames                *schema

	Items               *schema
	OneOf, AnyOf, AllOf []schema
}

// words is a string, or an array of strings.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(w))
	}
	*w = make(words, 1)
	return json.Unmarshal(b, &(*w)[0])
}

func (s *schema) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true":
		return nil
	case "false":
		s.never = true
		return nil
	}
	type plain schema
	return json.Unmarshal(b, (*plain)(s))
}

// below returns the schemas inside a schema.
func (s schema) below() []schema {
	all := slices.Concat(s.OneOf, s.AnyOf, s.AllOf)
	for _, p := range s.Properties {
		all = append(all, p.Value)
	}
	for _, p := range []*schema{s.AdditionalProperties, s.PropertyNames, s.Items} {
		if p != nil {
			all = append(all, *p)
		}
	}
	return all
}

// Name returns the name of the component that the schema refers to.
func (s schema) Name() string { return last(s.Ref) }

// Alternatives returns the schemas of which a value matches one.
func (s schema) Alternatives() []schema { return slices.Concat(s.OneOf, s.AnyOf) }

// Kind returns the types of values in words.
func (s schema) Kind() string {
	if len(s.Type) == 0 && len(s.below()) == 0 && s.Enum == nil && s.Const == nil && s.Required == nil {
		return "any value"
	}
	return strings.Join(s.Type, " or ")
}

// field is a member of an object.
type field struct {
	Name     string
	Required bool
	Schema   schema
}

// Fields returns the members that an object is known to have.
func (s schema) Fields() (all []field) {
	for _, p := range s.Properties {
		all = append(all, field{p.Name, slices.Contains(s.Required, p.Name), p.Value})
	}
	return all
}

// Others returns the schema of members that have no name in the schema, or nil if there are
// none.
func (s schema) Others() *schema {
	if s.AdditionalProperties == nil || s.AdditionalProperties.never {
		return nil
	}
	return s.AdditionalProperties
}

// Rules returns in words what else holds for a value.
func (s schema) Rules() (all []string) {
	add := func(before, rule string) {
		if rule != "" {
			all = append(all, before+rule)
		}
	}
	add("", s.Format)
	add("always ", value(s.Const))
	add("one of ", list(s.Enum))
	add("", between(s.Minimum, s.Maximum, ""))
	add("", between(s.MinLength, s.MaxLength, "character"))
	add("", between(s.MinItems, s.MaxItems, "item"))
	add("", between(s.MinProperties, s.MaxProperties, "member"))
	if s.UniqueItems {
		add("", "none twice")
	}
	add("matches ", s.Pattern)
	if s.PropertyNames != nil {
		add("names match ", s.PropertyNames.Pattern)
	}
	var either []string
	for _, s := range s.Alternatives() {
		if s.Type == nil && len(s.Required) > 0 {
			either = append(either, strings.Join(s.Required, " and "))
		}
	}
	add("with ", strings.Join(either, " or "))
	add("default ", value(s.Default))
	return all
}

// between says of a number, or of a count of things, where it has to be.
func between(least, most json.Number, thing string) string {
	count := most.String()
	var s string
	switch {
	case least == "" && most == "":
		return ""
	case least == most:
		s = "exactly " + count
	case most == "":
		count = least.String()
		s = "at least " + count
	case least == "":
		s = "at most " + count
	default:
		s = least.String() + " to " + count
	}
	switch {
	case thing == "":
		return s
	case count != "1":
		thing += "s"
	}
	return s + " " + thing
}

func list(values []json.RawMessage) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = value(v)
	}
	return strings.Join(texts, ", ")
}

// value returns a JSON value as a person writes it: a string that is one word without quotation
// marks.
func value(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil && s != "" && !strings.ContainsAny(s, ", ") && !bytes.Equal(v, []byte("null")) {
		return s
	}
	return string(v)
}
