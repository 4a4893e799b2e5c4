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

// Login is the host's: it knows the accounts that may log in. It is safe for
// concurrent use: the vendor's client library logs in or refreshes wherever it notices
// that it has no token, in many places at once.
//
// Its errors are ErrCredentials for what is not valid, whatever the reason, which is
// answered with 400, and any other, which is answered with 503. The latter are
// logged: they must have nothing secret in them.
type Login interface {
	// Login returns a new session. An address and password that are wrong take as
	// long to refuse as each other, or the difference tells which accounts exist.
	Login(ctx context.Context, email string, password Secret) (Session, error)

	// Refresh returns the session that follows the one with this refresh token, which is
	// good once (RFC 9700 section 4.14.2). The handler asks once, whoever of those that
	// sent the token may leave, and repeats a session that it got to all who send the
	// token within 30 s of its first use. Then it asks again, for the host to refuse.
	//
	// So whoever else has a copy of the token, and uses it within those 30 s, has the
	// session of its owner, and the host does not notice: the session has to end with the
	// owner's. Each handler asks for itself. A host with several of them, in one process
	// or more, can take a token from each, for no longer.
	Refresh(ctx context.Context, refreshToken Secret) (Session, error)
}

// ErrCredentials is what a Login returns for credentials that are not valid.
var ErrCredentials = errors.New("magickmind: invalid credentials")

// Session is what somebody who logged in has. It can be printed and logged: its
// tokens do not show.
type Session struct {
	// AccessToken is required: the Authenticator takes it for a while. It should be a JWT
	// (RFC 7519) whose claim sub is the account's own ID, such as the tenant: the vendor's
	// client library reads that, unchecked, to know who it is.
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

// logins are the routes to log in by.
type logins struct {
	host     Login
	renewals *renewals
	tries    *tries // nil: no limits
	most     int    // failures, of an account from one client
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
		l.tries = newTries(cmp.Or(max(o.LoginRate.Per, 0), time.Minute), now)
	}
	return l
}

func remoteAddr(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr) // else the zero Addr: one client
	return a.Addr()
}

// maxLogin is the limit of a body, in bytes: that of its longest member and what stands
// around it.
const maxLogin = 8 << 10

func (l *logins) routes() []route {
	return []route{
		{Method: "POST", Path: "/v1/auth/login", Public: true, Body: true, MaxBody: maxLogin, Before: l.before, Handle: l.login},
		{Method: "POST", Path: "/v1/auth/refresh", Public: true, Body: true, MaxBody: maxLogin, Before: l.before, Handle: l.refresh},
	}
}

// before refuses a client that fails too often before anything is read of it.
func (l *logins) before(c *call) error {
	for _, limit := range l.ofClient(c) {
		if wait := l.tries.stopped(limit); wait > 0 {
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
	return l.try(c, l.ofAccount(c, email.Value), "Invalid user credentials", func(ctx context.Context) (Session, error) {
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
	return l.try(c, l.ofClient(c), "Invalid refresh token", func(ctx context.Context) (Session, error) {
		return l.renewals.refresh(ctx, NewSecret(token.Value))
	})
}

const maxCredential = 4096 // bytes, as of a bearer token

// requireCredential notes that a credential is absent, or longer than any is.
func requireCredential(in *rest.Input, name string, member *rest.Optional[string]) {
	require(in, name, member)
	if len(member.Value) > maxCredential {
		in.Fault(name, enduser.CodeLength, "must have at most "+strconv.Itoa(maxCredential)+" bytes")
	}
}

// try answers with what the host makes of credentials, within the limits.
func (l *logins) try(c *call, limits []limit, refusal string, ask func(context.Context) (Session, error)) error {
	ctx := c.Request.Context()
	if len(limits) == 0 {
		s, err := ask(ctx)
		return answer(c, &s, err, refusal)
	}
	switch wait, err := l.tries.begin(ctx, limits); {
	case err != nil:
		return rest.Unavailable("unavailable", "The credentials could not be checked.").Because(err)
	case wait > 0:
		return rest.TooMany(wait)
	}
	o, wait := neither, time.Duration(0)
	s, err := func() (Session, error) {
		defer func() { wait = l.tries.end(limits, o) }() // also if the host panics
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

// manyTimes is how much more often than one account may fail from one client that account
// may from all clients, and one client with all accounts; and manyMore how much more
// often one may log in as it should from one client.
const (
	manyTimes = 10
	manyMore  = 100
)

// ofAccount returns the limits of a try to log in, however the case of the address is
// spelled.
func (l *logins) ofAccount(c *call, email string) []limit {
	if l.tries == nil {
		return nil
	}
	account := strings.ToLower(strings.ToUpper(strings.TrimSpace(email))) // by way of upper case: both s are S there
	both := l.client(c) + "\x00" + account
	return append(l.ofClient(c),
		limit{key: keyOf("wrong\x00" + both), most: l.most},
		limit{key: keyOf("account\x00" + account), most: manyTimes * l.most},
		limit{key: keyOf("right\x00" + both), most: manyMore * l.most, right: true})
}

// ofClient returns the limits of a client, whatever it tries.
func (l *logins) ofClient(c *call) []limit {
	if l.tries == nil || !l.byAddr {
		return nil
	}
	return []limit{{key: keyOf("client\x00" + l.client(c)), most: manyTimes * l.most}}
}

// client returns what tells a client from others: its address, or its network of 64 bits
// in IPv6, where one client has all the addresses of one.
func (l *logins) client(c *call) string {
	a := l.addr(c.Request).Unmap().WithZone("")
	if a.Is6() {
		network, _ := a.Prefix(64) // cannot fail
		return network.String()
	}
	return a.String()
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
