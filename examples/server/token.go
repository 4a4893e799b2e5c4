package main

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rollbook-go/rollbook/httpapi"
)

const accessLife = 5 * time.Minute

// signer makes and verifies the access tokens of one key: JWTs (RFC 7519) whose sub is the
// key's tenant, which clients of MagickMind read. It derives its signing key from that key,
// so that every server with the key accepts the tokens, and none without it.
type signer struct {
	principal httpapi.Principal
	kid       string // names the signing key and reveals nothing of it
	secret    []byte
}

func newSigner(key string, p httpapi.Principal) (*signer, error) {
	const secretSize, kidSize = sha256.Size, 8
	derived, err := hkdf.Key(sha256.New, []byte(key), nil, "rollbook examples/server access token", secretSize+kidSize)
	if err != nil {
		return nil, err
	}
	return &signer{p, hex.EncodeToString(derived[secretSize:]), derived[:secretSize]}, nil
}

// sign returns a token that is valid for accessLife.
func (s *signer) sign(now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject:   s.principal.Tenant,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(accessLife)),
		ID:        rand.Text(),
	})
	token.Header["kid"] = s.kid
	return token.SignedString(s.secret)
}

// verify returns the principal of an access token. It returns httpapi.ErrUnauthorized if the
// token is invalid or has expired.
func (l *loginFlags) verify(token string) (httpapi.Principal, error) {
	var by *signer
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(l.now),
	).ParseWithClaims(token, new(jwt.RegisteredClaims), func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if by = l.signers[kid]; by == nil {
			return nil, errors.New("signed with an unknown key")
		}
		return by.secret, nil
	})
	if err != nil {
		return httpapi.Principal{}, httpapi.ErrUnauthorized
	}
	return by.principal, nil
}

// authenticator accepts the keys, and the access tokens of accounts that logged in.
func (c *config) authenticator() (httpapi.Authenticator, error) {
	tokens, err := httpapi.NewTokens(c.keys.principals)
	if err != nil {
		return nil, fmt.Errorf("-key: %w", err)
	}
	if err := c.logins.open(tokens, c.now); err != nil {
		return nil, err
	}
	return func(r *http.Request, credential string) (httpapi.Principal, error) {
		p, err := tokens.Authenticate(r, credential)
		if errors.Is(err, httpapi.ErrUnauthorized) && len(c.logins.signers) > 0 {
			return c.logins.verify(credential)
		}
		return p, err
	}, nil
}
