package magickmind_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

// failing fails both ways alike.
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

// TestLoginTakesTextAsItIs: neither is changed on its way to the host.
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
	want := []string{" Ann@Example.com ", " p\u00e4ss\u0000 ", "a", long, " t ", long}
	body := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for i := 0; i < 4; i += 2 {
		s.do(t, "POST", login, body(map[string]any{"email": want[i], "password": want[i+1], "remember": true})).want(t, 200)
	}
	for _, token := range want[4:] {
		s.do(t, "POST", refresh, body(map[string]string{"refresh_token": token}), with("Authorization")).want(t, 200)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %.99q, want %.99q", got, want)
	}
}

// TestHostileLogins: the host is not asked about what is not acceptable.
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
		for _, body := range []string{
			"", "null", "[]", `{"email":"a"`, right + right, `{"email":"a","email":"b","password":"c"}`,
			`{"refresh_token":"a","refresh_token":"b"}`, "{\"email\":\"\xff\"}", `{"password":"\ud800"}`,
		} {
			if errors := s.do(t, "POST", path, body).want(t, 400).problem(t).Error.Errors; len(errors) > 0 {
				t.Errorf("%s: %q blames %+v", path, body, errors)
			}
		}
		s.do(t, "POST", path, right, with("Content-Type", "text/plain")).want(t, 415)
		s.do(t, "POST", path, strings.Repeat(" ", 8<<10+1)).want(t, 413)
	}
}

// TestLoginErrors: only ErrCredentials says that the credentials are wrong, and
// nobody learns why.
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
				if strings.Contains(a.Body, "secret") || len(a.problem(t).Error.Errors) > 0 || a.Header.Get("Cache-Control") != "" {
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

// TestSession: all members are there, whatever the host gives.
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

// TestSecretsDoNotShow prints what holds a secret, in every way.
func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	secret := magickmind.NewSecret("canary")
	full := magickmind.Session{AccessToken: secret, RefreshToken: secret, IDToken: secret}
	hidden := struct {
		secret  magickmind.Secret
		session *magickmind.Session
		nested  magickmind.Session
	}{secret, &full, full}
	var out bytes.Buffer
	for _, v := range []any{
		secret, &secret, full, &full, hidden, &hidden,
		[]magickmind.Secret{secret},
		map[string]magickmind.Session{"a": full},
		map[magickmind.Secret]int{secret: 1},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3s"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", v)
		if text, err := json.Marshal(v); err == nil {
			out.Write(text)
		}
	}
	for _, shown := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary"), "[99 97 110"} {
		if strings.Contains(out.String(), shown) {
			t.Errorf("%s shows in:\n%s", shown, out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing says that something is left out")
	}
	for _, text := range []string{secret.String(), fmt.Sprintf("%d", secret), fmt.Sprintf("%#v", secret)} {
		if text != "[redacted]" {
			t.Errorf("got %q", text)
		}
	}
	if secret.Reveal() != "canary" || (magickmind.Secret{}).Reveal() != "" {
		t.Error("Reveal does not return the text")
	}
}

// TestLoginToken: the token of a session is the credential that it stands for.
func TestLoginToken(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &magickmind.Options{Login: accounts{}})
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(s.do(t, "POST", login, right, with("Authorization")).want(t, 200).Body), &got); err != nil {
		t.Fatal(err)
	}
	if u := s.create(t, `{"name":"A"}`, as(got.AccessToken)); u.TenantID != "acme" || got.AccessToken != apitest.Acme {
		t.Errorf("got %+v", u)
	}
}
