package rest

import (
	"net/http"
	"strconv"
	"time"
)

// SetRateLimit sets the RateLimit-Policy and RateLimit fields
// (draft-ietf-httpapi-ratelimit-headers-11): structured fields (RFC 9651) of one
// policy, whose strings and integers need no escaping.
func SetRateLimit(h http.Header, limit int64, per time.Duration, remaining int64, reset time.Duration) {
	h.Set("RateLimit-Policy", `"default";q=`+strconv.FormatInt(limit, 10)+";w="+seconds(per))
	h.Set("RateLimit", `"default";r=`+strconv.FormatInt(remaining, 10)+";t="+seconds(reset))
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(max(int64((d+time.Second-1)/time.Second), 0), 10)
}
