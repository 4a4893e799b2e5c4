package serve

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	key    string
	kid    string // names the signing key and reveals nothing of it
	secret []byte
}

func newSigner(key string) (*signer, error) {
	const secretSize, kidSize = sha256.Size, 8
	derived, err := hkdf.Key(sha256.New, []byte(key), nil, "rollbook access token", secretSize+kidSize)
	if err != nil {
		return nil, err
	}
	return &signer{key, hex.EncodeToString(derived[secretSize:]), derived[:secretSize]}, nil
}

// sign returns a token that is valid for accessLife.
func (s *signer) sign(tenant string, now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject:   tenant,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(accessLife)),
		ID:        rand.Text(),
	})
	token.Header["kid"] = s.kid
	return token.SignedString(s.secret)
}

// verify returns what an access token stands for: its key, as the server has it now. It
// returns httpapi.ErrUnauthorized if the token is invalid or has expired.
func (l *logins) verify(r *http.Request, token string) (httpapi.Principal, error) {
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
	return l.authenticate(r, by.key)
}

// authenticator accepts the keys, and the access tokens of accounts that logged in.
func (l *logins) authenticator() httpapi.Authenticator {
	if len(l.accounts) == 0 {
		return l.authenticate
	}
	return func(r *http.Request, credential string) (httpapi.Principal, error) {
		p, err := l.authenticate(r, credential)
		if errors.Is(err, httpapi.ErrUnauthorized) {
			return l.verify(r, credential)
		}
		return p, err
	}
}
