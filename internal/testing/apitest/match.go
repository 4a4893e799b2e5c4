package apitest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Captured has the texts that named placeholders stand for: that of "<id:u>" under "id:u".
type Captured map[string]string

// kinds are the patterns of placeholders. A placeholder with a name, "<id:u>", is captured
// where it first matches; from then on it stands for that text alone.
var kinds = map[string]string{ //nolint:gosec // patterns of tokens, no tokens
	"id":          `[0-9a-f]{24}`,
	"token":       `[0-9A-Za-z_-]{64}`,
	"time":        `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})`,
	"cursor":      `[A-Za-z0-9_-]+`,
	"request_id":  `[!-~]{1,128}`,
	"fingerprint": `[0-9a-f]{32}`,
	"number":      `[0-9]+`,
	"version":     `[A-Za-z0-9_-]{20}`,
	"text":        `.+`,
}

var placeholder = regexp.MustCompile(`<(id|token|time|cursor|request_id|fingerprint|number|version|text)(:[a-z0-9_]+)?>`)

// Fill replaces the placeholders of a request by the captured texts.
func (c Captured) Fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if value, ok := c[strings.Trim(p, "<>")]; ok {
			return value
		}
		return p
	})
}

// Match reports whether a text matches a pattern with placeholders. It captures the texts of
// named ones.
func (c Captured) Match(pattern, text string) bool {
	var re strings.Builder
	var names []string
	at := 0
	for _, span := range placeholder.FindAllStringIndex(pattern, -1) {
		re.WriteString(regexp.QuoteMeta(pattern[at:span[0]]))
		name := strings.Trim(pattern[span[0]:span[1]], "<>")
		kind, _, named := strings.Cut(name, ":")
		if value, ok := c[name]; ok && named {
			re.WriteString(regexp.QuoteMeta(value))
		} else {
			re.WriteString("(?P<p" + fmt.Sprint(len(names)) + ">" + kinds[kind] + ")")
			names = append(names, name)
		}
		at = span[1]
	}
	re.WriteString(regexp.QuoteMeta(pattern[at:]))
	whole := regexp.MustCompile(`\A(?:` + re.String() + `)\z`)
	found := whole.FindStringSubmatch(text)
	if found == nil {
		return false
	}
	for i, name := range names {
		if strings.Contains(name, ":") {
			c[name] = found[whole.SubexpIndex("p"+fmt.Sprint(i))]
		}
	}
	return true
}

// Compare returns the differences of a JSON value from the wanted one.
func (c Captured) Compare(at string, want, have any) []string {
	var faults []string
	switch want := want.(type) {
	case map[string]any:
		object, ok := have.(map[string]any)
		if !ok {
			return []string{at + " is no object"}
		}
		for _, name := range sorted(want) {
			value, ok := object[name]
			if !ok {
				faults = append(faults, at+" lacks "+name)
				continue
			}
			faults = append(faults, c.Compare(at+"."+name, want[name], value)...)
		}
		for _, name := range sorted(object) {
			if _, ok := want[name]; !ok {
				faults = append(faults, at+" has "+name)
			}
		}
	case []any:
		list, ok := have.([]any)
		if !ok || len(list) != len(want) {
			return []string{at + " is not an array of that length"}
		}
		for i := range want {
			faults = append(faults, c.Compare(fmt.Sprintf("%s[%d]", at, i), want[i], list[i])...)
		}
	case string:
		text := ""
		switch have := have.(type) {
		case string:
			text = have
		case json.Number:
			if !strings.HasPrefix(want, "<number") {
				return []string{at + " is a number"}
			}
			text = have.String()
		default:
			return []string{at + " is no string"}
		}
		if !c.Match(want, text) {
			faults = append(faults, fmt.Sprintf("%s is %q, want %q", at, text, want))
		}
	default:
		if want != have {
			faults = append(faults, fmt.Sprintf("%s is %v, want %v", at, have, want))
		}
	}
	return faults
}

// Lacks returns the members of an example that a JSON value lacks or has in another type. An
// empty list in the example says nothing about the items.
func Lacks(at string, example, have any) []string {
	var faults []string
	switch example := example.(type) {
	case map[string]any:
		object, ok := have.(map[string]any)
		if !ok {
			return []string{at + " is no object"}
		}
		for _, name := range sorted(example) {
			value, ok := object[name]
			if !ok {
				faults = append(faults, at+" lacks "+name)
				continue
			}
			faults = append(faults, Lacks(at+"."+name, example[name], value)...)
		}
	case []any:
		list, ok := have.([]any)
		if !ok {
			return []string{at + " is no array"}
		}
		if len(example) == 0 {
			return nil
		}
		if len(list) == 0 {
			return []string{at + " is empty"}
		}
		for i, item := range list {
			faults = append(faults, Lacks(fmt.Sprintf("%s[%d]", at, i), example[0], item)...)
		}
	default:
		if fmt.Sprintf("%T", example) != fmt.Sprintf("%T", have) {
			faults = append(faults, fmt.Sprintf("%s is %T, want %T", at, have, example))
		}
	}
	return faults
}
