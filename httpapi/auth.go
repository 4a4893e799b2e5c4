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

// Tokens is a fixed set of credentials. It keeps only their SHA-256 hashes: keys
// are random and long, so that a plain hash cannot be guessed back.
type Tokens struct {
	principals map[[sha256.Size]byte]hashed
}

type hashed struct {
	sum       [sha256.Size]byte
	principal Principal
}

// minToken is the shortest token: 128 bits in base64 have 22 characters, but keys
// that people choose for a trial are shorter.
const minToken = 8

// NewTokens returns the set of some tokens and what they stand for. A token has at
// least 8 characters, none of them white space or a control character; the error
// does not show it. A Principal without Credential gets the beginning of the
// token's hash.
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

// Authenticate is an [Authenticator]. How long it takes says nothing about the
// tokens: hashes are compared, in constant time.
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
