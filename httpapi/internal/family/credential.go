package family

import (
	"net/http"
	"strings"
)

const maxCredential = 4096 // bytes

// Bearer returns the credential of Authorization: Bearer (RFC 6750 section 2.1),
// "" unless there is exactly one.
func Bearer(h http.Header) string { return Scheme(h, "Authorization", "Bearer") }

// Scheme returns the credential that a header carries behind the name of a scheme,
// "" unless there is exactly one.
func Scheme(h http.Header, header, scheme string) string {
	values := h[header]
	if len(values) != 1 {
		return ""
	}
	name, credential, ok := strings.Cut(values[0], " ")
	credential = strings.TrimLeft(credential, " ")
	if !ok || !strings.EqualFold(name, scheme) || len(credential) > maxCredential {
		return ""
	}
	return credential
}
