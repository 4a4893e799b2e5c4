package magickmind

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// Login is implemented by the host, which knows the accounts. It must be safe for concurrent
// use: in the vendor's client library every coroutine without a valid token logs in or
// refreshes on its own.
//
// Its methods return ErrCredentials for invalid credentials, whatever the reason; the answer
// is 400. Any other error is answered with 503 and logged, so it must contain no secrets.
type Login interface {
	// Login returns a new session. It must take as long to refuse an unknown address as a
	// wrong password, or the difference tells which accounts exist.
	Login(ctx context.Context, email string, password Secret) (Session, error)

	// Refresh returns the session that follows the one with this refresh token. A token is
	// valid once (RFC 9700 section 4.14.2). The handler calls Refresh once for a token and
	// repeats the session to every client that sends the token within 30 s of its first
	// use. After that it calls Refresh again, for the host to refuse.
	//
	// So a thief who uses a copy of the token within those 30 s shares the owner's session,
	// and the host does not notice: that session must end with the owner's. Each handler
	// calls Refresh for itself. So a host with several handlers must accept a token once from
	// each of them, until 30 s after its first use.
	Refresh(ctx context.Context, refreshToken Secret) (Session, error)
}

// ErrCredentials is the error of a Login for invalid credentials.
var ErrCredentials = errors.New("magickmind: invalid credentials")

// Session is the result of a login. It can be printed and logged: its tokens do not show.
type Session struct {
	// AccessToken is required. The Authenticator must accept it for ExpiresIn. It should be a
	// JWT (RFC 7519) whose claim sub is the account's own ID, such as the tenant: the
	// vendor's client library reads that, unchecked, to know its account.
	AccessToken Secret
	ExpiresIn   time.Duration // of the access token; whole seconds are shown

	RefreshToken     Secret
	RefreshExpiresIn time.Duration

	IDToken         Secret // of OpenID Connect
	TokenType       string // "": Bearer
	NotBeforePolicy int64  // seconds of Unix time before which no token was issued; 0: none
	SessionState    string // the session's ID
	Scope           string
}

// logins serves the routes to log in and to refresh.
type logins struct {
	host     Login
	renewals *renewals
	attempts *attempts // nil: no limits
	most     int       // failures of an account from one client
	addr     func(*http.Request) netip.Addr
	byAddr   bool // whether addr tells clients apart
}

func newLogins(o *Options) *logins {
	now := time.Now //nolint:forbidigo // limits are about real time
	l := &logins{host: o.Login, renewals: newRenewals(o.Login, now), addr: o.ClientAddr, byAddr: o.ClientAddr != nil}
	if !l.byAddr {
		l.addr = remoteAddr
	}
	if o.LoginRate.Requests >= 0 {
		l.most = cmp.Or(o.LoginRate.Requests, 10)
		l.attempts = newAttempts(cmp.Or(max(o.LoginRate.Per, 0), time.Minute), now)
	}
	return l
}

func remoteAddr(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr) // else the zero Addr: one client
	return a.Addr()
}

// maxLogin is the limit of a body in bytes. It has room for the longest credential.
const maxLogin = 8 << 10

func (l *logins) routes() []route {
	return []route{
		{Method: "POST", Path: "/v1/auth/login", Public: true, Body: true, MaxBody: maxLogin, Before: l.before, Handle: l.login},
		{Method: "POST", Path: "/v1/auth/refresh", Public: true, Body: true, MaxBody: maxLogin, Before: l.before, Handle: l.refresh},
	}
}

// before refuses a client that failed too often, before its body is read.
func (l *logins) before(c *call) error {
	for _, limit := range l.ofClient(c) {
		if wait := l.attempts.stopped(limit); wait > 0 {
			return rest.TooMany(wait)
		}
	}
	return nil
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
	return l.attempt(c, l.ofAccount(c, email.Value), "Invalid user credentials", func(ctx context.Context) (Session, error) {
		return l.host.Login(ctx, email.Value, NewSecret(password.Value))
	})
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
	return l.attempt(c, l.ofClient(c), "Invalid refresh token", func(ctx context.Context) (Session, error) {
		return l.renewals.refresh(ctx, NewSecret(token.Value))
	})
}

const maxCredential = 4096 // bytes, as of a bearer token

// requireCredential records a fault if a credential is absent or too long.
func requireCredential(in *rest.Input, name string, member *rest.Optional[string]) {
	require(in, name, member)
	if len(member.Value) > maxCredential {
		in.Fault(name, enduser.CodeLength, "must have at most "+strconv.Itoa(maxCredential)+" bytes")
	}
}

// attempt asks the host about credentials, within the limits, and answers with the result.
func (l *logins) attempt(c *call, limits []limit, refusal string, ask func(context.Context) (Session, error)) error {
	ctx := c.Request.Context()
	if len(limits) == 0 {
		s, err := ask(ctx)
		return answer(c, &s, err, refusal)
	}
	switch wait, err := l.attempts.begin(ctx, limits); {
	case err != nil:
		return rest.Unavailable("unavailable", "The credentials could not be checked.").Because(err)
	case wait > 0:
		return rest.TooMany(wait)
	}
	o, wait := neither, time.Duration(0)
	s, err := func() (Session, error) {
		defer func() { wait = l.attempts.end(limits, o) }() // also if the host panics
		s, err := ask(ctx)
		switch {
		case err == nil:
			o = right
		case errors.Is(err, ErrCredentials):
			o = wrong
		}
		return s, err
	}()
	if wait > 0 {
		return rest.TooMany(wait)
	}
	return answer(c, &s, err, refusal)
}

// The base of the limits is how often logins to one account may fail from one client.
const (
	manyTimes = 10  // times that for one account from all clients, and one client with all accounts
	manyMore  = 100 // times that for successful logins to one account from one client
)

// ofAccount returns the limits of a login. The case of the address makes no difference.
func (l *logins) ofAccount(c *call, email string) []limit {
	if l.attempts == nil {
		return nil
	}
	account := strings.ToLower(strings.ToUpper(strings.TrimSpace(email))) // upper case first: both small s become S
	both := l.client(c) + "\x00" + account
	return append(l.ofClient(c),
		limit{key: keyOf("wrong\x00" + both), most: l.most},
		limit{key: keyOf("account\x00" + account), most: manyTimes * l.most},
		limit{key: keyOf("right\x00" + both), most: manyMore * l.most, right: true})
}

// ofClient returns the limits of a client with all accounts and tokens together.
func (l *logins) ofClient(c *call) []limit {
	if l.attempts == nil || !l.byAddr {
		return nil
	}
	return []limit{{key: keyOf("client\x00" + l.client(c)), most: manyTimes * l.most}}
}

// client identifies a client by its address or, in IPv6, by its network of 64 bits: there
// one client has all the addresses of a network.
func (l *logins) client(c *call) string {
	a := l.addr(c.Request).Unmap().WithZone("")
	if a.Is6() {
		network, _ := a.Prefix(64) // cannot fail
		return network.String()
	}
	return a.String()
}

// answer answers with the host's session or error.
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
