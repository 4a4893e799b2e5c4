package rest

import (
	"net/http"
	"slices"
	"strings"
)

// Preconditions are the If-Match and the If-None-Match of a request (RFC 9110 sections
// 13.1.1 and 13.1.2). The zero value means that it has neither. Conditions on dates are
// ignored, since no answer has a Last-Modified (13.1.3, 13.1.4).
type Preconditions struct {
	IfMatch, IfNoneMatch Tags
}

// Tags is If-Match or If-None-Match.
type Tags struct {
	Given bool
	Any   bool // it is *

	// Versions are the texts of the listed entity tags. Weak tags are left out for If-Match,
	// which they never match (strong comparison), and kept for If-None-Match (weak
	// comparison).
	Versions []string
}

// Preconditions returns the request's preconditions. Every route that shows or changes
// something with a version must obey them; elsewhere they have no meaning.
func (c *Call[P]) Preconditions() Preconditions { return c.conditions }

// match reports whether the tags match a version. It returns otherwise if they are not
// given.
func (t *Tags) match(version string, otherwise bool) bool {
	if !t.Given {
		return otherwise
	}
	return t.Any || version != "" && slices.Contains(t.Versions, version)
}

// Check returns a problem if the preconditions fail for something at a version; "" means
// that it has none. It is for a write that is refused for another reason: the domain checks
// the preconditions of the others when it writes.
func (c *Call[P]) Check(version string) error {
	if !c.conditions.IfMatch.match(version, true) || c.conditions.IfNoneMatch.match(version, false) {
		return PreconditionFailed()
	}
	return nil
}

// readPreconditions reads both headers. It refuses one that RFC 9110 does not allow: to
// ignore it could be a write that the client did not want.
func (c *Call[P]) readPreconditions() error {
	h := c.Request.Header
	ok, also := true, true
	if lines := h["If-Match"]; len(lines) > 0 {
		c.conditions.IfMatch, ok = parseTags(lines, false)
	}
	if lines := h["If-None-Match"]; len(lines) > 0 {
		c.conditions.IfNoneMatch, also = parseTags(lines, true)
	}
	if !ok || !also {
		return BadRequest("malformed-precondition", `If-Match and If-None-Match must be * alone, or entity tags such as "abc", with commas between.`)
	}
	return nil
}

// parseTags reads the lines of a header: * or a list of entity tags (RFC 9110 sections
// 5.3, 5.6.1.2 and 8.8.3).
func parseTags(lines []string, weak bool) (t Tags, ok bool) {
	t.Given = true
	members := 0
	for _, line := range lines {
		for rest := line; ; {
			rest = strings.TrimLeft(rest, " \t,") // a list may have empty members
			if rest == "" {
				break
			}
			members++
			if rest[0] == '*' {
				t.Any = true
				rest = rest[1:]
			} else {
				tag, isWeak, after, ok := cutTag(rest)
				if !ok {
					return t, false
				}
				if weak || !isWeak {
					t.Versions = append(t.Versions, tag)
				}
				rest = after
			}
			if rest = strings.TrimLeft(rest, " \t"); rest != "" && rest[0] != ',' {
				return t, false
			}
		}
	}
	return t, !t.Any || members == 1
}

// cutTag returns the text of the entity tag at the beginning of s, and the rest of s.
func cutTag(s string) (tag string, weak bool, rest string, ok bool) {
	s, weak = strings.CutPrefix(s, "W/")
	if s == "" || s[0] != '"' {
		return "", weak, "", false
	}
	tag, rest, ok = strings.Cut(s[1:], `"`)
	for i := range len(tag) {
		ok = ok && tag[i] > ' ' && tag[i] != 0x7f
	}
	return tag, weak, rest, ok
}

// ShowIfNew is Show for GET. It answers 304 if the client has the version, and 412 if
// If-Match fails (RFC 9110 section 13.2.2).
func (c *Call[P]) ShowIfNew(version string, err error, write func([]byte) []byte) error {
	switch {
	case err != nil:
		return err
	case !c.conditions.IfMatch.match(version, true):
		return PreconditionFailed()
	case c.conditions.IfNoneMatch.match(version, false):
		return c.VersionedEmpty(http.StatusNotModified, version)
	}
	return c.Versioned(http.StatusOK, version, write(c.Buffer()))
}
