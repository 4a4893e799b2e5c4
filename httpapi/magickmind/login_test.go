package magickmind_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

const (
	login   = "/v1/auth/login"
	refresh = "/v1/auth/refresh"
	right   = `{"email":"crm@example.com","password":"correct horse"}`
	wrong   = `{"email":"crm@example.com","password":"canary"}`
)

// accounts has one account, whose access token is acme's credential.
type accounts struct{}

func (accounts) Login(_ context.Context, email string, password magickmind.Secret) (magickmind.Session, error) {
	if email != "crm@example.com" || password.Reveal() != "correct horse" {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return session(), nil
}

func (accounts) Refresh(_ context.Context, token magickmind.Secret) (magickmind.Session, error) {
	if token.Reveal() != "refresh-0001" {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return session(), nil
}

func session() magickmind.Session {
	return magickmind.Session{
		AccessToken: magickmind.NewSecret(apitest.Acme), ExpiresIn: 5 * time.Minute,
		RefreshToken: magickmind.NewSecret("refresh-0001"), RefreshExpiresIn: 30 * time.Minute,
		IDToken: magickmind.NewSecret("id-0001"), SessionState: "session-0001", Scope: "profile email",
	}
}

// hooks is a Login of functions.
type hooks struct {
	login   func(ctx context.Context, email, password string) (magickmind.Session, error)
	refresh func(ctx context.Context, token string) (magickmind.Session, error)
}

func (h hooks) Login(ctx context.Context, email string, password magickmind.Secret) (magickmind.Session, error) {
	return h.login(ctx, email, password.Reveal())
}

func (h hooks) Refresh(ctx context.Context, token magickmind.Secret) (magickmind.Session, error) {
	return h.refresh(ctx, token.Reveal())
}

// failing returns the same from both methods.
func failing(s magickmind.Session, err error) hooks {
	return hooks{
		func(context.Context, string, string) (magickmind.Session, error) { return s, err },
		func(context.Context, string) (magickmind.Session, error) { return s, err },
	}
}

func TestLoginIsOptional(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, path := range []string{login, refresh} {
		s.do(t, "POST", path, right).want(t, 404)
		s.do(t, "GET", path, "").want(t, 404)
	}
}

// TestLoginTakesTextAsItIs: addresses, passwords and tokens reach the host unchanged.
func TestLoginTakesTextAsItIs(t *testing.T) {
	t.Parallel()
	var got []string
	s := newServer(t, nil, &magickmind.Options{Login: hooks{
		func(_ context.Context, email, password string) (magickmind.Session, error) {
			got = append(got, email, password)
			return session(), nil
		},
		func(_ context.Context, token string) (magickmind.Session, error) {
			got = append(got, token)
			return session(), nil
		},
	}})
	long := strings.Repeat("p", 4096)
	s.do(t, "POST", login, `{"email":" Ann@Example.com ","password":" p\u00e4ss\u0000 ","remember":true}`).want(t, 200)
	s.do(t, "POST", login, credentials("a", long)).want(t, 200)
	s.do(t, "POST", refresh, renewing(" t ")).want(t, 200)
	s.do(t, "POST", refresh, renewing(long)).want(t, 200)
	if want := []string{" Ann@Example.com ", " p\u00e4ss\u0000 ", "a", long, " t ", long}; !slices.Equal(got, want) {
		t.Errorf("got %.99q, want %.99q", got, want)
	}
}

// TestHostileLogins: invalid bodies do not reach the host.
func TestHostileLogins(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &magickmind.Options{Login: failing(session(), nil)})
	long := strings.Repeat("a", 4097)
	for _, tt := range []struct{ path, body, field, code string }{
		{login, `{"email":"a","password":""}`, "password", enduser.CodeRequired},
		{login, `{"email":" ","password":"a"}`, "email", enduser.CodeRequired},
		{login, `{"email":null,"password":"a"}`, "email", enduser.CodeRequired},
		{login, `{"email":"a"}`, "password", enduser.CodeRequired},
		{login, `{"password":"a"}`, "email", enduser.CodeRequired},
		{login, `{"email":["a"],"password":"a"}`, "email", "invalid_type"},
		{login, `{"email":{"$gt":""},"password":"a"}`, "email", "invalid_type"},
		{login, `{"email":"a","password":1}`, "password", "invalid_type"},
		{login, `{"email":"` + long + `","password":"a"}`, "email", enduser.CodeLength},
		{login, `{"email":"a","password":"` + long + `"}`, "password", enduser.CodeLength},
		{login, `{"email":"a","password":"a","pa\u017fsword":"b"}`, "pa\u017fsword", "unknown"},
		{login, `{"email":"a","password":"a","Email":"b"}`, "Email", "unknown"},
		{refresh, `{}`, "refresh_token", enduser.CodeRequired},
		{refresh, `{"refresh_token":null}`, "refresh_token", enduser.CodeRequired},
		{refresh, `{"refresh_token":true}`, "refresh_token", "invalid_type"},
		{refresh, `{"refresh_token":"` + long + `"}`, "refresh_token", enduser.CodeLength},
		{refresh, `{"refresh_token":"a","REFRESH_TOKEN":"b"}`, "REFRESH_TOKEN", "unknown"},
	} {
		s.do(t, "POST", tt.path, tt.body).wantFault(t, tt.field, tt.code)
	}
	for _, path := range []string{login, refresh} {
		s.do(t, "POST", path, strings.Repeat(" ", 8<<10+1)).want(t, 413)
	}
}

// TestLoginErrors: only ErrCredentials says that the credentials are wrong. No answer says
// why.
func TestLoginErrors(t *testing.T) {
	t.Parallel()
	secret := errors.New("secret of the host")
	for _, tt := range []struct {
		name   string
		login  magickmind.Login
		want   int
		logged string
	}{
		{"credentials", failing(session(), magickmind.ErrCredentials), 400, ""},
		{"wrapped", failing(session(), fmt.Errorf("%w: %w", magickmind.ErrCredentials, secret)), 400, ""},
		{"anything", failing(session(), secret), 503, "secret of the host"},
		{"context", failing(session(), context.DeadlineExceeded), 503, "deadline"},
		{"of another package", failing(session(), httpapi.ErrUnauthorized), 503, "unauthorized"},
		{"no session", failing(magickmind.Session{TokenType: "secret"}, nil), 500, "without an access token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := newServer(t, nil, &magickmind.Options{
				Options: httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, Login: tt.login,
			})
			for path, body := range map[string]string{login: wrong, refresh: `{"refresh_token":"canary"}`} {
				log.Reset()
				a := s.do(t, "POST", path, body, with("Authorization")).want(t, tt.want)
				if strings.Contains(a.Body, "secret") || len(a.problem(t).Errors) > 0 || a.Header.Get("Cache-Control") != "" {
					t.Errorf("%s: %v %s", path, a.Header, a.Body)
				}
				if !strings.Contains(log.String(), tt.logged) || (tt.logged == "") != (log.Len() == 0) || strings.Contains(log.String(), "canary") {
					t.Errorf("%s: log: %s", path, log.String())
				}
			}
		})
	}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, nil, &magickmind.Options{Login: hooks{}}) // calls a nil function
		s.do(t, "POST", login, right).want(t, 500)
		s.do(t, "GET", users, "").want(t, 200)
	})
}

// TestSession: an answer has all members, whatever the host gives.
func TestSession(t *testing.T) {
	t.Parallel()
	full := magickmind.Session{
		AccessToken: magickmind.NewSecret("access"), ExpiresIn: 1999 * time.Millisecond,
		RefreshToken: magickmind.NewSecret("refresh"), RefreshExpiresIn: time.Hour,
		IDToken: magickmind.NewSecret("id"), TokenType: "DPoP", NotBeforePolicy: 7, SessionState: "state", Scope: `a "b"`,
	}
	for _, tt := range []struct {
		session magickmind.Session
		want    string
	}{
		{full, `{"access_token":"access","expires_in":1,"refresh_expires_in":3600,"refresh_token":"refresh","token_type":"DPoP",` +
			`"id_token":"id","not-before-policy":7,"session_state":"state","scope":"a \"b\""}`},
		{magickmind.Session{AccessToken: magickmind.NewSecret("a"), ExpiresIn: -time.Hour}, `{"access_token":"a","expires_in":0,"refresh_expires_in":0,` +
			`"refresh_token":"","token_type":"Bearer","id_token":"","not-before-policy":0,"session_state":"","scope":""}`},
	} {
		s := newServer(t, nil, &magickmind.Options{Login: failing(tt.session, nil)})
		a := s.do(t, "POST", login, right).want(t, 200)
		if a.Body != tt.want || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %v %s\nwant %s", a.Header, a.Body, tt.want)
		}
	}
}

// TestSecretsDoNotShow: package redact has the test of every way to print one.
func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	s := session()
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v", &s, struct{ s magickmind.Session }{s}), s.AccessToken.String()} {
		if strings.Contains(text, apitest.Acme) || !strings.Contains(text, "[redacted]") {
			t.Errorf("got %s", text)
		}
	}
	if s.AccessToken.Reveal() != apitest.Acme || (magickmind.Secret{}).Reveal() != "" {
		t.Error("Reveal does not return the text")
	}
}

// TestLoginNeedsNoRight: a login needs neither a credential nor a right, and its token is a
// credential.
func TestLoginNeedsNoRight(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &magickmind.Options{Login: accounts{}, Options: httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			if a.Name == "listEndUsers" {
				return nil
			}
			return httpapi.ErrForbidden
		},
	}})
	token := s.do(t, "POST", login, right, with("Authorization")).session(t).AccessToken
	s.do(t, "GET", users, "", as(token)).want(t, 200)
}
