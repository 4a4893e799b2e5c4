package magickmind

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// Login is the host's: it knows the accounts that may log in. It is safe for
// concurrent use.
//
// Its errors are ErrCredentials for what is not valid, whatever the reason, which is
// answered with 400, and any other, which is answered with 503. The latter are
// logged: they must have nothing secret in them.
type Login interface {
	// Login returns a new session. An address and password that are wrong take as
	// long to refuse as each other, or the difference tells which accounts exist.
	Login(ctx context.Context, email string, password Secret) (Session, error)

	// Refresh returns the session that follows the one with this refresh token.
	Refresh(ctx context.Context, refreshToken Secret) (Session, error)
}

// ErrCredentials is what a Login returns for credentials that are not valid.
var ErrCredentials = errors.New("magickmind: invalid credentials")

// Session is what somebody who logged in has. It can be printed and logged: its
// tokens do not show.
type Session struct {
	AccessToken Secret        // required: the Authenticator takes it for a while
	ExpiresIn   time.Duration // of the access token; whole seconds are shown

	RefreshToken     Secret
	RefreshExpiresIn time.Duration

	IDToken         Secret // of OpenID Connect
	TokenType       string // "": Bearer
	NotBeforePolicy int64  // seconds of Unix time before which no token was issued; 0: none
	SessionState    string // the session's ID
	Scope           string
}

// logins are the routes to log in by.
type logins struct {
	host    Login
	limiter httpapi.Limiter
	rates   []httpapi.Rate // none: no limit
}

func newLogins(o *Options) *logins {
	l := &logins{host: o.Login, limiter: o.LoginLimiter}
	if l.limiter == nil {
		l.limiter = httpapi.NewLimiter()
	}
	if o.LoginRate.Requests >= 0 {
		l.rates = []httpapi.Rate{{
			Requests: cmp.Or(o.LoginRate.Requests, 10),
			Per:      cmp.Or(max(o.LoginRate.Per, 0), time.Minute),
		}}
	}
	return l
}

func (l *logins) routes() []route {
	return []route{
		{Method: "POST", Path: "/v1/auth/login", Public: true, Body: true, Handle: l.login},
		{Method: "POST", Path: "/v1/auth/refresh", Public: true, Body: true, Handle: l.refresh},
	}
}

func (l *logins) login(c *call) error {
	var in rest.Input
	var email, password rest.Optional[string]
	p := jsontext.NewScanner(c.Body())
	err := in.End(&p, p.Object(func(name string) error {
		switch name {
		case "email":
			return notBlank(&in, &p, name, &email)
		case "password":
			return notBlank(&in, &p, name, &password)
		default:
			return in.Ignore(&p, "", name, "email", "password")
		}
	}))
	if err != nil {
		return err
	}
	requireCredential(&in, "email", &email)
	requireCredential(&in, "password", &password)
	if err := in.Err(); err != nil {
		return err
	}
	if err := l.admit(c, email.Value); err != nil {
		return err
	}
	s, err := l.host.Login(c.Request.Context(), email.Value, NewSecret(password.Value))
	return answer(c, &s, err, "Invalid user credentials")
}

func (l *logins) refresh(c *call) error {
	var in rest.Input
	var token rest.Optional[string]
	p := jsontext.NewScanner(c.Body())
	err := in.End(&p, p.Object(func(name string) error {
		if name == "refresh_token" {
			return notBlank(&in, &p, name, &token)
		}
		return in.Ignore(&p, "", name, "refresh_token")
	}))
	if err != nil {
		return err
	}
	requireCredential(&in, "refresh_token", &token)
	if err := in.Err(); err != nil {
		return err
	}
	s, err := l.host.Refresh(c.Request.Context(), NewSecret(token.Value))
	return answer(c, &s, err, "Invalid refresh token")
}

const maxCredential = 4096 // bytes, as of a bearer token

// requireCredential notes that a credential is absent, or longer than any is.
func requireCredential(in *rest.Input, name string, member *rest.Optional[string]) {
	require(in, name, member)
	if len(member.Value) > maxCredential {
		in.Fault(name, enduser.CodeLength, "must have at most "+strconv.Itoa(maxCredential)+" bytes")
	}
}

// admit counts a try. It is counted before its outcome is known: of many tries at
// once none may be judged before the others count.
func (l *logins) admit(c *call, email string) error {
	if len(l.rates) == 0 {
		return nil
	}
	d, err := l.limiter.Allow(c.Request.Context(), tries(email), l.rates)
	if err != nil {
		return rest.Unavailable("unavailable", "The rate limit could not be checked.").Because(err)
	}
	if !d.Allowed {
		return rest.TooMany(d.Wait)
	}
	return nil
}

// tries returns the key under which the tries of an address are counted, however its
// case is spelled. It is none that requests are counted under, which begin with the
// name of a tenant.
func tries(email string) string {
	folded := strings.ToLower(strings.ToUpper(strings.TrimSpace(email))) // by way of upper case: both s are S there
	sum := sha256.Sum256([]byte(folded))
	return "\x00magickmind-login\x00" + hex.EncodeToString(sum[:])
}

// answer answers with what the host made of credentials.
func answer(c *call, s *Session, err error, refusal string) error {
	switch {
	case errors.Is(err, ErrCredentials):
		return rest.BadRequest("invalid-credentials", refusal)
	case err != nil:
		return rest.Unavailable("unavailable", "The credentials could not be checked.").Because(err)
	case s.AccessToken.Reveal() == "":
		return rest.Internal().Because(errors.New("magickmind: Login returned a session without an access token"))
	}
	c.Header().Set("Cache-Control", "no-store") // RFC 6749 section 5.1
	return c.JSON(http.StatusOK, appendSession(c.Buffer(), s))
}

// appendSession writes a session with the vendor's nine members.
func appendSession(b []byte, s *Session) []byte {
	b = jsontext.AppendString(append(b, `{"access_token":`...), s.AccessToken.Reveal())
	b = appendSeconds(append(b, `,"expires_in":`...), s.ExpiresIn)
	b = appendSeconds(append(b, `,"refresh_expires_in":`...), s.RefreshExpiresIn)
	b = jsontext.AppendString(append(b, `,"refresh_token":`...), s.RefreshToken.Reveal())
	b = jsontext.AppendString(append(b, `,"token_type":`...), cmp.Or(s.TokenType, "Bearer"))
	b = jsontext.AppendString(append(b, `,"id_token":`...), s.IDToken.Reveal())
	b = strconv.AppendInt(append(b, `,"not-before-policy":`...), s.NotBeforePolicy, 10)
	b = jsontext.AppendString(append(b, `,"session_state":`...), s.SessionState)
	b = jsontext.AppendString(append(b, `,"scope":`...), s.Scope)
	return append(b, '}')
}

func appendSeconds(b []byte, d time.Duration) []byte {
	return strconv.AppendInt(b, int64(max(d, 0)/time.Second), 10)
}
