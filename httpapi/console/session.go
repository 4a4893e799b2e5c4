package console

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

const sessionCookie = "rollbook_console"

// ticket is what a cookie has: random bits that name a sealed record, and open it.
type ticket [32]byte

func newTicket() (t ticket) {
	_, _ = rand.Read(t[:]) // never fails: crypto/rand
	return t
}

func parseTicket(text string) (t ticket, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != len(t) {
		return t, false
	}
	return ticket(b), true
}

func (t ticket) String() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// derive returns the ID of the record and the cipher that it is sealed under. Neither leads to
// the other.
func (t ticket) derive(kind string) (id string, aead cipher.AEAD, err error) {
	name, err := hkdf.Key(sha256.New, t[:], nil, "rollbook console id "+kind, 16)
	if err != nil {
		return "", nil, err
	}
	key, err := hkdf.Key(sha256.New, t[:], nil, "rollbook console key "+kind, 32)
	if err != nil {
		return "", nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", nil, err
	}
	aead, err = cipher.NewGCMWithRandomNonce(block)
	return base64.RawURLEncoding.EncodeToString(name), aead, err
}

// keep seals a value under a new ticket.
func (c *console) keep(ctx context.Context, kind, value, about string, until time.Time) (ticket, error) {
	t := newTicket()
	id, aead, err := t.derive(kind)
	if err != nil {
		return t, err
	}
	return t, c.sessions.Put(ctx, id, aead.Seal(nil, nil, []byte(value), []byte(about)), until)
}

// kept returns the value of a ticket, and false if there is none.
func (c *console) kept(ctx context.Context, kind string, t ticket, about string) (value string, ok bool, err error) {
	id, aead, err := t.derive(kind)
	if err != nil {
		return "", false, err
	}
	sealed, err := c.sessions.Get(ctx, id)
	if err != nil || sealed == nil {
		return "", false, err
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(about))
	return string(plain), err == nil, nil //nolint:nilerr // what does not open is no session
}

// credential returns the credential of the session of a request, "" if it has none.
func (c *console) credential(r *http.Request) (string, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", nil //nolint:nilerr // no cookie
	}
	t, ok := parseTicket(cookie.Value)
	if !ok {
		return "", nil
	}
	key, _, err := c.kept(r.Context(), "session", t, "")
	return key, err
}

func hasSession(r *http.Request) bool {
	_, err := r.Cookie(sessionCookie)
	return err == nil
}

// authenticate returns who is signed in. Who is not is led to the page that asks for it.
func (c *console) authenticate(r *http.Request) (family.Principal, error) {
	if err := c.protection.Check(r); err != nil {
		return family.Principal{}, crossOrigin()
	}
	key, err := c.credential(r)
	if err != nil {
		return family.Principal{}, rest.Unavailable("unavailable", "The session could not be read.").Because(err)
	}
	p, err := c.Authenticate(r, key)
	switch {
	case errors.Is(err, family.ErrUnauthorized), err == nil && p.Tenant == "":
		return family.Principal{}, signInFirst(r)
	case err != nil:
		return p, rest.Unavailable("unavailable", "The credential could not be checked.").Because(err)
	}
	if p.Environment == "" {
		p.Environment = enduser.Customer
	}
	return p, nil
}

// sameOrigin refuses what another site sends.
func (c *console) sameOrigin(call *family.Call) error {
	if err := c.protection.Check(call.Request); err != nil {
		return crossOrigin()
	}
	return nil
}

func crossOrigin() *rest.Problem {
	p := rest.Forbidden()
	p.Code, p.Detail = "cross-origin", "The request comes from another site."
	return p
}

// signInFirst leads to the sign-in page, and back to the page that was wanted.
func signInFirst(r *http.Request) *rest.Problem {
	to := root(r) + "sign-in"
	if r.Method == http.MethodGet {
		if page := here(r); page != "" {
			to += "?next=" + url.QueryEscape(page)
		}
	}
	return &rest.Problem{
		Status: http.StatusSeeOther, Code: "unauthorized", Title: "Sign in first",
		Header: map[string]string{"Location": reference(to)},
	}
}

// secure reports whether the browser reached the console over TLS, perhaps through a proxy.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")
}
