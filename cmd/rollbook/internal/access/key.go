package access

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
)

// key is a key and what it stands for. It has the key's hash alone: keys are random and long,
// so that nobody can guess one from that.
type key struct {
	sum       [sha256.Size]byte
	principal httpapi.Principal
	actions   map[string]bool // nil: all
	rates     []httpapi.Rate  // nil: the server's
}

// parseKey reads the value of a flag -key. The key may contain "=": the last one ends it.
func parseKey(value string) (*key, error) {
	at := strings.LastIndex(value, "=")
	if at < 1 {
		return nil, errors.New("must be KEY=TENANT[/ENVIRONMENT][@ACTOR]")
	}
	secret, who := value[:at], value[at+1:]
	var p httpapi.Principal
	p.Tenant, p.Actor, _ = strings.Cut(who, "@")
	for _, env := range []enduser.Environment{enduser.Customer, enduser.Testing} {
		if tenant, ok := strings.CutSuffix(p.Tenant, "/"+string(env)); ok {
			p.Tenant, p.Environment = tenant, env
			break
		}
	}
	if p.Tenant == "" || strings.Contains(p.Tenant, "/") {
		return nil, errors.New("the tenant must not be empty, and its environment Customer or Testing")
	}
	return newKey(secret, p)
}

const minKey = 8 // characters; httpapi.Tokens has the same limit

// newKey returns a key by its secret.
func newKey(secret string, p httpapi.Principal) (*key, error) {
	if len(secret) < minKey || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, fmt.Errorf("a key must have at least %d characters of printable ASCII", minKey)
	}
	return hashedKey(sha256.Sum256([]byte(secret)), p)
}

// hashedKey returns a key by its hash. Without a name, it is named by the beginning of the
// hash.
func hashedKey(sum [sha256.Size]byte, p httpapi.Principal) (*key, error) {
	const maxTenant, maxActor, maxName = 255, 256, 64 // bytes
	for _, text := range []struct {
		what, value string
		atMost      int
	}{{"tenant", p.Tenant, maxTenant}, {"actor", p.Actor, maxActor}, {"name", p.Credential, maxName}} {
		if len(text.value) > text.atMost || !utf8.ValidString(text.value) || strings.ContainsFunc(text.value, unicode.IsControl) {
			return nil, fmt.Errorf("the %s must be at most %d bytes of text", text.what, text.atMost)
		}
	}
	if p.Credential == "" {
		p.Credential = hex.EncodeToString(sum[:8])
	}
	return &key{sum: sum, principal: p}, nil
}
