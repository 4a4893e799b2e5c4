package rest

import (
	"iter"
	"net/http"
	"strings"
)

// IfMatch refuses a write of another version than those that the request's If-Match
// names, if it has one (RFC 9110 section 13.1.1, strong comparison). Where the version
// is "" there is none, which only * matches. A malformed If-Match matches nothing.
func (c *Call[P]) IfMatch(version string) error {
	tags, conditional := c.Matching()
	if !conditional {
		return nil
	}
	for _, tag := range tags {
		if tag == version && version != "" {
			return nil
		}
	}
	return PreconditionFailed()
}

// Matching returns the versions of the request's strong entity tags in If-Match, without
// their quotation marks. The request is not conditional without an If-Match, or with one
// that has * for any version.
func (c *Call[P]) Matching() (versions []string, conditional bool) {
	values := c.Request.Header["If-Match"]
	for tag := range entityTags(values) {
		if tag == "*" {
			return nil, false
		}
		if version, ok := unquote(tag); ok {
			versions = append(versions, version)
		}
	}
	return versions, len(values) > 0
}

// ifNoneMatch reports whether the request's If-None-Match, if it has one, lets a
// version pass (RFC 9110 section 13.1.2, weak comparison).
func ifNoneMatch(h http.Header, version string) bool {
	for tag := range entityTags(h["If-None-Match"]) {
		if tag == "*" {
			return false
		}
		if have, ok := unquote(strings.TrimPrefix(tag, "W/")); ok && have == version {
			return false
		}
	}
	return true
}

// entityTags returns an iterator over the members of the lists that header lines have.
func entityTags(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for tag := range strings.SplitSeq(line, ",") {
				if !yield(strings.Trim(tag, " \t")) {
					return
				}
			}
		}
	}
}

// unquote returns what stands in a strong entity tag.
func unquote(tag string) (string, bool) {
	if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return "", false
	}
	return tag[1 : len(tag)-1], true
}
