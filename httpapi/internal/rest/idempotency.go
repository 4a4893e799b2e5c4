package rest

import (
	"net/http"
	"strings"
)

const maxIdempotencyKey = 255 // characters

// IdempotencyKey returns the request's Idempotency-Key (draft-ietf-httpapi-idempotency-key-header):
// a string of RFC 9651, or the same text without quotation marks, which most clients send. It
// returns "" if there is none.
func IdempotencyKey(h http.Header) (string, error) {
	lines := h["Idempotency-Key"]
	if len(lines) == 0 {
		return "", nil
	}
	key, ok := lines[0], len(lines) == 1
	if strings.HasPrefix(key, `"`) && ok {
		key, ok = unquote(key)
	}
	for i := range len(key) {
		ok = ok && key[i] >= ' ' && key[i] <= '~'
	}
	if !ok || key == "" || len(key) > maxIdempotencyKey {
		return "", BadRequest("malformed-idempotency-key",
			`Idempotency-Key must be one text of 1 to 255 characters of printable ASCII, with or without quotation marks around it.`)
	}
	return key, nil
}

// unquote returns the text of a string of RFC 9651 section 3.3.3.
func unquote(s string) (text string, ok bool) {
	b := make([]byte, 0, len(s))
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return string(b), i == len(s)-1
		case '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", false
			}
		}
		b = append(b, s[i])
	}
	return "", false
}
