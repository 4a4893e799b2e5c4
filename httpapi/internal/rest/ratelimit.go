package rest

import (
	"net/http"
	"strconv"
	"time"
)

// SetRateLimit sets the RateLimit-Policy and RateLimit fields
// (draft-ietf-httpapi-ratelimit-headers-11): structured fields (RFC 9651) of one
// policy, whose strings and integers need no escaping. A second policy, with another name, goes
// behind the first.
func SetRateLimit(h http.Header, policy string, limit int64, per time.Duration, remaining int64, reset time.Duration) {
	also(h, "RateLimit-Policy", `"`+policy+`";q=`+strconv.FormatInt(limit, 10)+";w="+seconds(per))
	also(h, "RateLimit", `"`+policy+`";r=`+strconv.FormatInt(remaining, 10)+";t="+seconds(reset))
}

func also(h http.Header, name, value string) {
	if before := h.Get(name); before != "" {
		value = before + ", " + value
	}
	h.Set(name, value)
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(max(int64((d+time.Second-1)/time.Second), 0), 10)
}
