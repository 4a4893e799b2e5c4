package console

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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

func (t ticket) String() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// tickets returns those of the cookies of a name. A browser sends several if consoles are mounted
// under each other, that with the longest path first. A jar may have any number of others.
func tickets(r *http.Request, name string) (all []ticket) {
	const most = 4
	for _, cookie := range r.CookiesNamed(name) {
		b, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
		if err == nil && len(b) == len(ticket{}) && len(all) < most {
			all = append(all, ticket(b))
		}
	}
	return all
}

// id returns the ID of the record of a kind.
func (t ticket) id(kind string) string {
	return base64.RawURLEncoding.EncodeToString(t.derive("rollbook console id "+kind, 16))
}

// seal returns the cipher of the record of a kind. Neither its key nor the ID leads to the
// other.
func (t ticket) seal(kind string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(t.derive("rollbook console key "+kind, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (t ticket) derive(info string, size int) []byte {
	key, _ := hkdf.Key(sha256.New, t[:], nil, info, size) // fails for sizes over 255 hashes alone
	return key
}

// keep seals a value under a new ticket, for so long. It is bound to what it is about.
func (c *console) keep(ctx context.Context, owner family.Principal, kind, value, about string, long time.Duration) (ticket, error) {
	t, until := newTicket(), c.Users.Now().Add(long)
	aead, err := t.seal(kind)
	if err != nil {
		return t, err
	}
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(until.UnixMilli())), value...)
	record := aead.Seal(nil, nil, plain, []byte(about)) //nolint:gosec // it takes no nonce: it makes one
	if m, ok := c.sessions.(*memorySessions); ok {
		m.putFor(owner.Key(), t.id(kind), record, until)
		return t, nil
	}
	return t, c.sessions.Put(ctx, t.id(kind), record, until)
}

// kept returns the value of a ticket, and false if there is none. It does not rely on Sessions
// to forget in time.
func (c *console) kept(ctx context.Context, kind string, t ticket, about string) (value string, ok bool, err error) {
	record, err := c.sessions.Get(ctx, t.id(kind))
	if err != nil || record == nil {
		return "", false, err
	}
	aead, err := t.seal(kind)
	if err != nil {
		return "", false, err
	}
	plain, err := aead.Open(nil, nil, record, []byte(about))
	if err != nil || len(plain) < 8 {
		return "", false, nil //nolint:nilerr // somebody else's, or nothing of this package
	}
	until := time.UnixMilli(int64(binary.BigEndian.Uint64(plain))) //nolint:gosec // from keep
	return string(plain[8:]), c.Users.Now().Before(until), nil
}

func (c *console) forget(ctx context.Context, kind string, t ticket) error {
	return c.sessions.Delete(ctx, t.id(kind))
}

// visit is what the console knows of a request before its route.
type visit struct {
	bare    string // its last segment, if it is for the mount without a slash at its end
	session string // the ID of the session that it was made in; "" for none
	done    string // what the POST before it has done; see cutDone
}

type visitKey struct{}

// visitOf returns what is known of a request.
func visitOf(r *http.Request) *visit {
	v, ok := r.Context().Value(visitKey{}).(*visit)
	if !ok { // never: ServeHTTP puts it there
		v = new(visit)
	}
	return v
}

// authenticate returns who is signed in. Who is not is led to the page that asks for it.
func (c *console) authenticate(r *http.Request) (family.Principal, error) {
	if err := c.protection.Check(r); err != nil {
		return family.Principal{}, crossOrigin()
	}
	if bare := visitOf(r).bare; bare != "" {
		return family.Principal{}, &rest.Problem{
			Status: http.StatusTemporaryRedirect, Header: map[string]string{"Location": "./" + bare + "/"},
		}
	}
	key, t, err := c.credential(r)
	if err != nil {
		return family.Principal{}, rest.Unavailable("unavailable", "The session could not be read.").Because(err)
	}
	p, err := c.check(r, key)
	if errors.Is(err, family.ErrUnauthorized) {
		if key != "" { // revoked: what is sealed is of no use any more
			_ = c.forget(r.Context(), "session", t)
		}
		return p, signInFirst(r)
	}
	if err == nil && key != "" {
		visitOf(r).session = t.id("session")
	}
	return p, err
}

// check returns what a credential stands for. It returns family.ErrUnauthorized for one that is
// not valid.
func (c *console) check(r *http.Request, key string) (family.Principal, error) {
	p, err := c.Authenticate(r, key)
	switch {
	case errors.Is(err, family.ErrUnauthorized), err == nil && p.Tenant == "":
		return family.Principal{}, family.ErrUnauthorized
	case err != nil:
		return family.Principal{}, rest.Unavailable("unavailable", "The credential could not be checked.").Because(err)
	}
	if p.Environment == "" {
		p.Environment = enduser.Customer
	}
	return p, nil
}

// credential returns the credential of the session of a request, "" if it has none.
func (c *console) credential(r *http.Request) (key string, t ticket, err error) {
	for _, t := range tickets(r, sessionCookie) {
		if key, ok, err := c.kept(r.Context(), "session", t, ""); ok || err != nil {
			return key, t, err
		}
	}
	return "", ticket{}, nil
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

// signInFirst leads to the sign-in page, and back to the page that was wanted. A form stays where
// it is: see inWords.
func signInFirst(r *http.Request) *rest.Problem {
	if r.Pattern == "GET /{path...}" { // no page; to lead on would hide a mount that strips no prefix
		return rest.NotFound()
	}
	p := rest.Unauthorized("")
	if fromScript(r) { // which would follow a redirect itself: the page that it is on is led, when it loads again
		p.Header = map[string]string{"HX-Refresh": "true"}
		return p
	}
	if r.Method == http.MethodPost { // a redirect would lose what was typed; so the browser keeps it, and can send it again
		return p
	}
	to := root(r) + "sign-in"
	if page := here(r); r.Method == http.MethodGet && next(page) != "" {
		to += "?next=" + url.QueryEscape(page)
	}
	p.Status, p.Header = http.StatusSeeOther, map[string]string{"Location": to}
	return p
}

// fromScript reports whether a script of a page asks, and not the browser itself.
func fromScript(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

func hasCookie(r *http.Request, name string) bool { return len(r.CookiesNamed(name)) > 0 }

func dropCookie(call *family.Call, name string) {
	setCookie(call, name, "", -time.Second, http.SameSiteLaxMode)
}

// setCookie sets a cookie for so long, or drops it if that is negative. The cookie has no Path:
// the browser takes the folder of the page as it sees it, also under a prefix that a proxy adds
// or removes.
func setCookie(call *family.Call, name, value string, long time.Duration, site http.SameSite) {
	cookie := http.Cookie{ //nolint:gosec // Secure is set wherever the browser would send it back
		Name: name, Value: value, MaxAge: int(long.Seconds()),
		HttpOnly: true, SameSite: site, Secure: secure(call.Request),
	}
	call.Header().Add("Set-Cookie", cookie.String())
}

// secure reports whether the browser reached the console over TLS, perhaps through a proxy. Whoever
// says so without reason gets a cookie that is sent less often.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://") || r.Header.Get("X-Forwarded-Proto") == "https"
}
