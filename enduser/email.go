package enduser

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/rollbook-go/rollbook/internal/fold"
	"github.com/rollbook-go/rollbook/store"
)

// isAddress reports whether s is an addr-spec (RFC 5322 section 3.4.1, with the characters
// of RFC 6532), without comments and white space around its parts.
func isAddress(s string) bool {
	if isPlainAddress(s) {
		return true
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" {
		return false
	}
	local, domain := splitAddress(s)
	if hasEmptyLabel(asciiDomain(domain)) {
		return false
	}
	if a.Address == s {
		return true
	}
	_, quoted := unquote(local)
	return quoted && strings.HasSuffix(a.Address, "@"+domain) && isAddress("a@"+domain)
}

// isPlainAddress reports whether s is a dot-atom of ASCII characters on both sides of one
// "@". Nearly all addresses are.
func isPlainAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && isDotAtom(local, false) && isDotAtom(domain, false)
}

// isDotAtom reports whether s is a dot-atom: of ASCII characters, or of any.
func isDotAtom(s string, international bool) bool {
	atom := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && atom:
			atom = false
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= utf8.RuneSelf && international,
			strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0:
			atom = true
		default:
			return false
		}
	}
	return atom
}

// emailKey returns the key by which addresses are compared: the folded local part, without
// quotes that it does not need (RFC 5321 section 4.1.2), and the domain in the form of IDNA
// (RFC 5891, UTS 46 non-transitional). A domain that is invalid in IDNA is folded.
func emailKey(address string) store.Key {
	return store.Key{Kind: keyEmail, Value: addressKey(strings.TrimSpace(address))}
}

func addressKey(address string) string {
	if isPlainAddress(address) {
		return fold.Key(address)
	}
	local, domain := splitAddress(address)
	if text, quoted := unquote(local); quoted {
		if local = text; !isDotAtom(text, true) {
			local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		}
	}
	return fold.Key(local) + "@" + fold.Key(asciiDomain(domain))
}

// hasEmptyLabel reports whether a domain has an empty label.
func hasEmptyLabel(domain string) bool {
	return strings.Contains("."+domain+".", "..")
}

// asciiDomain returns a domain with A-labels for U-labels. If it is invalid in IDNA only its
// dots are mapped.
func asciiDomain(domain string) string {
	if fold.IsASCII(domain) {
		return domain
	}
	domain = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(domain) // UTS 46 section 2.3
	if len(domain) > maxDomainText {
		return domain
	}
	if ascii, err := lookup.ToASCII(domain); err == nil && len(ascii) <= maxDomain {
		return ascii
	}
	return domain
}

const (
	maxDomain     = 255           // bytes of a domain (RFC 1035 section 2.3.4)
	maxDomainText = 4 * maxDomain // bytes, in any spelling; longer ones would take time to map
)

// lookup maps a domain as IDNA does for lookups, which also accept domains that no registry
// would register.
//
//nolint:gochecknoglobals // a constant
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// splitAddress splits an address at its last "@": a quoted local part may have others.
func splitAddress(s string) (local, domain string) {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// unquote returns the text of a quoted local part, and reports whether it is one.
func unquote(local string) (text string, quoted bool) {
	if len(local) < 2 || local[0] != '"' || local[len(local)-1] != '"' {
		return "", false
	}
	inner := local[1 : len(local)-1]
	b := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '"':
			return "", false
		case '\\':
			if i++; i == len(inner) {
				return "", false
			}
		}
		b = append(b, inner[i])
	}
	return string(b), true
}
