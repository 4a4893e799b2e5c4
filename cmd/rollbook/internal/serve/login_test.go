package serve

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
)

// claim has the claims of an access token that these tests need.
type claim struct {
	Subject string `json:"sub,omitempty"`
	Expires int64  `json:"exp,omitempty"`
	Issued  int64  `json:"iat,omitempty"`
	ID      string `json:"jti,omitempty"`
}

// claims reads a token as a client does, which cannot verify it.
func claims(t *testing.T, token string) (c claim) {
	t.Helper()
	part := strings.Split(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(part[min(1, len(part)-1)])
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || len(part) != 3 {
		t.Fatalf("%q: %v", token, err)
	}
	return c
}

// encode returns a part of a token.
func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// forge makes a token.
func forge(t *testing.T, header map[string]any, c claim, hash func() hash.Hash, secret []byte) string {
	t.Helper()
	text := encode(t, header) + "." + encode(t, c)
	mac := hmac.New(hash, secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// twoLogins returns accounts of two tenants, each with its own key. Their clock is now.
func twoLogins(t *testing.T, now *time.Time) *logins {
	t.Helper()
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		testKey: {Tenant: "demo", Environment: enduser.Testing, Actor: "crm"}, "key-of-umbrella": {Tenant: "umbrella"},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLogins(
		[]string{"ann@example.com:one=" + testKey, "bob@example.com:two=key-of-umbrella"},
		func() time.Time { return *now },
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.open(tokens.Authenticate); err != nil {
		t.Fatal(err)
	}
	return l
}

func in(t *testing.T, l *logins, email, password string) magickmind.Session {
	t.Helper()
	s, err := l.Login(t.Context(), email, magickmind.NewSecret(password))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAccessTokens: a token has the rights of its account's key until it expires. A forged or
// changed token has none.
func TestAccessTokens(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := twoLogins(t, &now)
	token := in(t, l, "ann@example.com", "one").AccessToken.Reveal()
	p, err := l.verify(nil, token)
	if err != nil || p.Tenant != "demo" || p.Environment != enduser.Testing || p.Actor != "crm" || p.Credential == "" {
		t.Fatalf("%+v %v", p, err)
	}
	if c := claims(t, token); c.Subject != "demo" || c.Expires != now.Add(accessLife).Unix() || c.ID == "" {
		t.Errorf("claims %+v", c)
	}

	part := strings.Split(token, ".")
	other := strings.Split(in(t, l, "bob@example.com", "two").AccessToken.Reveal(), ".")
	kid, secret, good := l.accounts[0].signer.kid, l.accounts[0].signer.secret, claims(t, token)
	header := func(alg string) map[string]any { return map[string]any{"alg": alg, "typ": "JWT", "kid": kid} }
	if _, err := l.verify(nil, forge(t, header("HS256"), good, sha256.New, secret)); err != nil {
		t.Errorf("these forgeries prove nothing: %v", err)
	}
	for name, forged := range map[string]string{
		"empty":               "",
		"a key":               testKey,
		"no signature":        part[0] + "." + part[1] + ".",
		"another's signature": part[0] + "." + part[1] + "." + other[2],
		"another's claims":    part[0] + "." + other[1] + "." + part[2],
		"another's header":    other[0] + "." + part[1] + "." + part[2],
		"a made-up subject":   part[0] + "." + encode(t, claim{Subject: "umbrella", Expires: good.Expires}) + "." + part[2],
		"alg none":            encode(t, header("none")) + "." + part[1] + ".",
		"another algorithm":   forge(t, header("HS512"), good, sha512.New, secret),
		"the key as secret":   forge(t, header("HS256"), good, sha256.New, []byte(testKey)),
		"without an end":      forge(t, header("HS256"), claim{Subject: "demo"}, sha256.New, secret),
		"without a kid":       forge(t, map[string]any{"alg": "HS256"}, good, sha256.New, secret),
		"a kid of a number":   forge(t, map[string]any{"alg": "HS256", "kid": 1}, good, sha256.New, secret),
	} {
		if p, err := l.verify(nil, forged); !errors.Is(err, httpapi.ErrUnauthorized) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}

	now = now.Add(accessLife - time.Second)
	if _, err := l.verify(nil, token); err != nil {
		t.Errorf("before it ends: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := l.verify(nil, token); !errors.Is(err, httpapi.ErrUnauthorized) {
		t.Errorf("when it has ended: %v", err)
	}
}

// TestRefreshTokens: a refresh token works once, until it expires.
func TestRefreshTokens(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := twoLogins(t, &now)
	refresh := func(s magickmind.Session, want error) magickmind.Session {
		t.Helper()
		next, err := l.Refresh(t.Context(), s.RefreshToken)
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		return next
	}
	first, late := in(t, l, "ann@example.com", "one"), in(t, l, "bob@example.com", "two")
	now = now.Add(refreshLife - time.Second)
	second := refresh(first, nil)
	refresh(first, magickmind.ErrCredentials)
	if c := claims(t, second.AccessToken.Reveal()); c.Subject != "demo" {
		t.Errorf("claims %+v", c)
	}
	now = now.Add(time.Second)
	refresh(late, magickmind.ErrCredentials)
	refresh(second, nil)
}

// TestSessionsAreBounded: an account with too many sessions loses those that end first, and no
// other account loses any.
func TestSessionsAreBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := twoLogins(t, &now)
	other, first := in(t, l, "bob@example.com", "two"), in(t, l, "ann@example.com", "one")
	now = now.Add(time.Second)
	var last magickmind.Session
	for range maxSessions {
		last = in(t, l, "ann@example.com", "one")
	}
	if n := len(l.accounts[0].sessions); n != maxSessions {
		t.Errorf("%d sessions", n)
	}
	for name, s := range map[string]magickmind.Session{"the other's": other, "the last": last} {
		if _, err := l.Refresh(t.Context(), s.RefreshToken); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Refresh(t.Context(), first.RefreshToken); err == nil {
		t.Error("the first one is remembered")
	}
}
