package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Tokens is a fixed set of credentials. It keeps only their SHA-256 hashes. A plain hash is
// enough: tokens should be random and long, so that nobody can guess one from its hash.
type Tokens struct {
	principals map[[sha256.Size]byte]hashed
}

type hashed struct {
	sum       [sha256.Size]byte
	principal Principal
}

// minToken is the length of the shortest token. 128 bits in base64 have 22 characters, but
// people choose shorter ones to try things out.
const minToken = 8

// NewTokens returns a set of tokens and what they stand for. A Principal without Credential
// gets the beginning of the token's hash.
//
// It returns an error if a token has fewer than 8 characters or anything but printable ASCII
// without spaces, and if a Principal has no Tenant. The error does not show the token.
func NewTokens(tokens map[string]Principal) (*Tokens, error) {
	t := &Tokens{principals: make(map[[sha256.Size]byte]hashed, len(tokens))}
	for token, p := range tokens {
		if p.Tenant == "" {
			return nil, errors.New("httpapi: tokens: a token stands for no tenant")
		}
		if len(token) < minToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return nil, fmt.Errorf("httpapi: tokens: a token is not at least %d characters of printable ASCII", minToken)
		}
		sum := sha256.Sum256([]byte(token))
		if p.Credential == "" {
			p.Credential = hex.EncodeToString(sum[:8])
		}
		t.principals[sum] = hashed{sum, p}
	}
	return t, nil
}

// Authenticate is an [Authenticator]. It compares hashes in constant time, so that the time
// it takes does not give tokens away.
func (t *Tokens) Authenticate(_ *http.Request, credential string) (Principal, error) {
	if credential == "" {
		return Principal{}, ErrUnauthorized
	}
	sum := sha256.Sum256([]byte(credential))
	found, ok := t.principals[sum]
	if !ok || subtle.ConstantTimeCompare(found.sum[:], sum[:]) != 1 {
		return Principal{}, ErrUnauthorized
	}
	return found.principal, nil
}
