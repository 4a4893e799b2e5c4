package enduser

import (
	"slices"
	"strings"
)

// isLanguageTag reports whether s is a well-formed language tag (RFC 5646 section 2.2.9): it
// conforms to the ABNF of section 2.1, and names no variant and no singleton twice. The
// language must have two or three letters, like all registered ones: "English" is a mistake.
// Nothing else is checked against a registry, so that a tag does not become valid or invalid
// with the version of a library.
func isLanguageTag(s string) bool {
	if isGrandfathered(s) {
		return true
	}
	tag := subtags{rest: s, more: true}
	tag.next()
	if !tag.private() && !tag.language() {
		return false
	}
	return tag.part == "" && !tag.more
}

// isGrandfathered reports whether s is one of the tags that section 2.1 lists because they do
// not follow its rules.
func isGrandfathered(s string) bool {
	if len(s) != len("sgn-be-fr") && !strings.HasPrefix(s, "i-") && !strings.HasPrefix(s, "I-") {
		return false // nearly all
	}
	switch strings.ToLower(s) {
	case "en-gb-oed", "i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux", "i-mingo",
		"i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu", "sgn-be-fr", "sgn-be-nl", "sgn-ch-de":
		return true
	}
	return false
}

// subtags reads a tag subtag by subtag.
type subtags struct {
	part string // the next subtag; "" at the end, and if the subtag is empty
	rest string // the text behind it
	more bool   // there is text behind it
}

func (t *subtags) next() {
	if !t.more {
		t.part = ""
		return
	}
	t.part, t.rest, t.more = strings.Cut(t.rest, "-")
	if t.part == "" {
		t.more = true // an empty subtag ends the reading, but not the tag
	}
}

// take reads the next subtag if it has so many characters, all of one class.
func (t *subtags) take(atLeast, atMost int, is func(string) bool) bool {
	if n := len(t.part); n < atLeast || n > atMost || !is(t.part) {
		return false
	}
	t.next()
	return true
}

// language reads a tag that begins with a language: script, region, variants, extensions and
// a private part may follow.
func (t *subtags) language() bool {
	if !t.take(2, 3, areLetters) {
		return false
	}
	for range 3 { // extended languages
		if !t.take(3, 3, areLetters) {
			break
		}
	}
	t.take(4, 4, areLetters)
	if !t.take(2, 2, areLetters) {
		t.take(3, 3, areDigits)
	}
	var few [4]string
	for seen := few[:0]; ; {
		variant := t.part
		if !t.take(5, 8, areAlphanumeric) && (variant == "" || !areDigits(variant[:1]) || !t.take(4, 4, areAlphanumeric)) {
			break
		}
		if variant = strings.ToLower(variant); slices.Contains(seen, variant) {
			return false
		}
		seen = append(seen, variant)
	}
	return t.extensions() && (t.part == "" || t.private())
}

func (t *subtags) extensions() bool {
	var few [4]string
	for seen := few[:0]; len(t.part) == 1 && !strings.EqualFold(t.part, "x"); {
		singleton := strings.ToLower(t.part)
		if slices.Contains(seen, singleton) || !t.take(1, 1, areAlphanumeric) || !t.take(2, 8, areAlphanumeric) {
			return false
		}
		seen = append(seen, singleton)
		for t.take(2, 8, areAlphanumeric) {
		}
	}
	return true
}

// private reads a part for private use, which goes to the end.
func (t *subtags) private() bool {
	if !strings.EqualFold(t.part, "x") {
		return false
	}
	t.next()
	some := false
	for t.take(1, 8, areAlphanumeric) {
		some = true
	}
	return some
}

func areAlphanumeric(s string) bool { return isOf(s, "") }

func areLetters(s string) bool { return isOf(s, "") && !strings.ContainsAny(s, "0123456789") }

func areDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
