package rest

import (
	"net/http"
	"strconv"
	"strings"
)

// IfMatch refuses a write of another version than the one that the request names.
func (c *Call[P]) IfMatch(version int64) error {
	if !ifMatch(c.Request.Header, version) {
		return PreconditionFailed()
	}
	return nil
}

// ifMatch reports whether the request's If-Match, if it has one, admits a version
// (RFC 9110 section 13.1.1, strong comparison). A malformed one admits nothing.
func ifMatch(h http.Header, version int64) bool {
	values := h["If-Match"]
	return len(values) == 0 || tagListed(values, version, false)
}

// ifNoneMatch reports whether the request's If-None-Match, if it has one, admits a
// version (RFC 9110 section 13.1.2, weak comparison).
func ifNoneMatch(h http.Header, version int64) bool {
	values := h["If-None-Match"]
	return len(values) == 0 || !tagListed(values, version, true)
}

func tagListed(values []string, version int64, weak bool) bool {
	want := entityTag(version)
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			tag = strings.Trim(tag, " \t")
			if weak {
				tag = strings.TrimPrefix(tag, "W/")
			}
			if tag == "*" || tag == want {
				return true
			}
		}
	}
	return false
}

func entityTag(version int64) string {
	var b [24]byte
	return string(append(strconv.AppendInt(append(b[:0], '"'), version, 10), '"'))
}
