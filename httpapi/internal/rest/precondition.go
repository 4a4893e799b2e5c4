package rest

import (
	"net/http"
	"slices"
	"strings"
)

// Preconditions are the If-Match and the If-None-Match of a request (RFC 9110 sections
// 13.1.1 and 13.1.2). The zero value is that of a request that has neither. Nothing
// here has a Last-Modified, so that the conditions on dates are ignored (13.1.3, 13.1.4).
type Preconditions struct {
	IfMatch, IfNoneMatch Tags
}

// Tags is one of both headers.
type Tags struct {
	Given bool
	Any   bool // it is *

	// Versions are those that the listed entity tags are made of. Of If-Match they leave
	// out weak tags, which never match (strong comparison); of If-None-Match they have
	// them (weak comparison).
	Versions []string
}

// Preconditions returns the request's preconditions. Every route that shows or changes
// something that has a version has to obey them; elsewhere they have no meaning.
func (c *Call[P]) Preconditions() Preconditions { return c.conditions }

// match reports whether the tags match a version; if they are not given, otherwise.
func (t *Tags) match(version string, otherwise bool) bool {
	if !t.Given {
		return otherwise
	}
	return t.Any || version != "" && slices.Contains(t.Versions, version)
}

// Check returns the problem of preconditions that do not hold of something at a version,
// "" for what has none. It is for a write that is refused for another reason; others are
// checked when they write.
func (c *Call[P]) Check(version string) error {
	if !c.conditions.IfMatch.match(version, true) || c.conditions.IfNoneMatch.match(version, false) {
		return PreconditionFailed()
	}
	return nil
}

// readPreconditions reads both headers. One that is not what RFC 9110 allows is a
// problem: to ignore it would be a write that the client did not want.
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

// parseTags reads the lines of a header, which together are * or a list of entity tags
// (RFC 9110 sections 5.3, 5.6.1.2 and 8.8.3).
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

// cutTag returns what stands in the entity tag at the beginning of s, and what follows.
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

// ShowIfNew is Show for GET: 304 if the client has the version, and 412 if If-Match names
// others (RFC 9110 section 13.2.2).
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
