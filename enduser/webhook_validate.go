package enduser

import (
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	maxWebhooks         = 50   // of an environment
	maxWebhookURL       = 2048 // bytes
	maxDescription      = 256  // characters
	maxWebhookHeaders   = 10
	maxHeaderName       = 128 // bytes
	maxHeaderValue      = 4 << 10
	maxSelected         = 50 // types of events
	headersField        = "headers"
	objectsWithWildcard = "end_user.* group.* webhook.*"
)

// validateWebhook validates the fields of h that differ from old, and the headers that are set.
func (m *Manager) validateWebhook(old, h *Webhook, headers map[string]Secret) error {
	var v violations
	if h.URL != old.URL || h.URL == "" {
		checkWebhookURL(&v, h.URL, m.insecureWebhooks)
	}
	if h.Description != old.Description {
		(&Policy{MaxName: maxDescription}).checkName(&v, Field{Name: "description"}, h.Description)
	}
	if !slices.Equal(h.Events, old.Events) {
		checkEvents(&v, h.Events)
	}
	if h.Format != FormatNative && h.Format != FormatAda && h.Format != old.Format {
		v.add(Field{Name: "format"}, CodeValue, "must be native or ada")
	}
	checkHeaders(&v, headers)
	return v.err()
}

func checkWebhookURL(v *violations, text string, insecure bool) {
	field := Field{Name: "url"}
	switch code := textFault(text); {
	case text == "":
		v.add(field, CodeRequired, "must not be empty")
		return
	case len(text) > maxWebhookURL:
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", maxWebhookURL))
		return
	case code != "":
		v.add(field, code, textMessage(code))
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !u.IsAbs() || u.Hostname() == "" || u.User != nil || !isPort(u.Port()) || strings.ContainsAny(text, " \"<>\\^`{|}#"):
		v.add(field, CodeFormat, "must be an absolute URL without user information and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !insecure):
		v.add(field, CodeValue, "must be an https URL")
	}
}

// isPort reports whether a text is a port of a URL, which may have none.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}

func checkEvents(v *violations, events []string) {
	if len(events) > maxSelected {
		v.add(Field{Name: "events"}, CodeCount, fmt.Sprintf("must be at most %d", maxSelected))
		return
	}
	known := append(EventTypes(), strings.Fields(objectsWithWildcard)...)
	for i, event := range events {
		field := Field{Name: "events", Item: i + 1}
		switch {
		case !slices.Contains(known, event):
			v.add(field, CodeValue, "must be a type of event, or end_user.*, group.* or webhook.*")
		case slices.Contains(events[:i], event):
			v.add(field, CodeDuplicate, "is given twice")
		}
	}
}

// checkHeaders validates the headers that are set. Errors name only headers that have a valid
// name.
func checkHeaders(v *violations, headers map[string]Secret) {
	if len(headers) > 2*maxWebhookHeaders { // some may be there to be removed
		v.add(Field{Name: headersField}, CodeCount, fmt.Sprintf("must be at most %d", maxWebhookHeaders))
		return
	}
	names := make(map[string]bool, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		field, canonical := Field{Name: headersField, Key: name}, textproto.CanonicalMIMEHeaderKey(name)
		value, isText := headers[name].reveal().Str()
		switch {
		case name == "" || len(name) > maxHeaderName || !isOf(name, "!#$%&'*+-.^_`|~"):
			v.add(Field{Name: headersField}, CodeValue, "a name must be a token of at most 128 characters (RFC 9110 section 5.6.2)")
		case isReserved(canonical):
			v.add(field, CodeValue, "must not be a header that HTTP, the body or the signature needs")
		case names[canonical]:
			v.add(field, CodeDuplicate, "is given twice")
		case headers[name].IsNull():
		case !isText:
			v.add(field, CodeValue, "must be a string")
		case value == "":
			v.add(field, CodeRequired, "must not be empty")
		case len(value) > maxHeaderValue:
			v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", maxHeaderValue))
		case !isHeaderValue(value):
			v.add(field, CodeCharacter, "must be visible ASCII characters, with spaces only between them (RFC 9110 section 5.5)")
		}
		names[canonical] = true
	}
}

// isReserved reports whether a webhook cannot have a header. The name is canonical.
func isReserved(name string) bool {
	switch name {
	case "Host", "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
		"Accept-Encoding", "Date":
		return true
	}
	return slices.ContainsFunc([]string{"Content-", "Proxy-", "Webhook-", "Svix-"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

func isHeaderValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c > '~' {
			return false
		}
	}
	return strings.Trim(s, " \t") == s
}
