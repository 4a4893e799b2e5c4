package sensay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// request is one that succeeds as long as the user ann exists.
type request struct {
	action, method, path, body string

	acting bool
	write  bool
}

func (q request) send(tb testing.TB, s *server, options ...option) answer {
	tb.Helper()
	if q.acting {
		options = append([]option{as("ann")}, options...)
	}
	return s.do(tb, q.method, q.path, q.body, options...)
}

// requests are one for each route, by the name that the vendor has for it.
func requests() map[string]request {
	return map[string]request{
		"createUser":        {"createEndUser", "POST", "/v1/users", `{}`, false, true},
		"getUser":           {"getEndUser", "GET", "/v1/users/ann", "", false, false},
		"getCurrentUser":    {"getEndUser", "GET", "/v1/users/me", "", true, false},
		"updateCurrentUser": {"updateEndUser", "PUT", "/v1/users/me", `{"id":"ann","name":"Changed"}`, true, true},
		"deleteCurrentUser": {"deleteEndUser", "DELETE", "/v1/users/me", "", true, true},
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	before := apitest.StateOf(t, s.users.Tenant("acme"))
	for name, q := range requests() {
		want := 200
		if q.write {
			want = 403
		}
		if a := q.send(t, s, by(apitest.Reader)); a.Status != want {
			t.Errorf("%s: got %d, want %d", name, a.Status, want)
		}
	}
	// Nobody learns from a refusal whether a user exists.
	s.do(t, "DELETE", "/v1/users/me", "", by(apitest.Reader), as("nobody")).wantCode(t, 403, "FORBIDDEN")
	if diff := cmp.Diff(before, apitest.StateOf(t, s.users.Tenant("acme"))); diff != "" {
		t.Errorf("a reader wrote:\n%s", diff)
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	var refusal error
	asked := map[string]bool{}
	s := newServer(t, nil, httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			asked[a.Name] = a.Write
			return refusal
		},
	})
	s.create(t, `{"id":"ann"}`)
	for _, tt := range []struct {
		err  error
		want int
	}{
		{httpapi.ErrForbidden, 403},
		{errors.New("secret of the backend"), 503},
	} {
		refusal = tt.err
		clear(asked)
		want := map[string]bool{}
		for name, q := range requests() {
			want[q.action] = q.write
			if a := q.send(t, s).want(t, tt.want); strings.Contains(a.Body, "secret") {
				t.Errorf("%s: %s", name, a.Body)
			}
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("actions (-want +got):\n%s", diff)
		}
	}
}

func TestAuthenticator(t *testing.T) {
	t.Parallel()
	secret := errors.New("secret of the backend")
	for name, tt := range map[string]struct {
		auth httpapi.Authenticator
		want int
	}{
		"unauthorized": {func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{}, fmt.Errorf("%w: %w", httpapi.ErrUnauthorized, secret)
		}, 401},
		"no tenant": {func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{}, nil }, 401},
		"error": {func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{Tenant: "acme"}, secret
		}, 503},
		"panic": {func(*http.Request, string) (httpapi.Principal, error) { panic(secret) }, 500}, //nolint:forbidigo // what the test is about
	} {
		h, err := sensay.New(apitest.NewWorld(t, memory.New(nil)).Users, tt.auth, nil)
		if err != nil {
			t.Fatal(err)
		}
		for action, q := range requests() {
			if a := q.send(t, &server{handler: h}); a.Status != tt.want || strings.Contains(a.Body, "secret") {
				t.Errorf("%s, %s: got %d %s, want %d", name, action, a.Status, a.Body, tt.want)
			}
		}
	}
}

// TestOrder: each defect hides those that are checked behind it.
func TestOrder(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{MaxBody: 100})
	s.create(t, `{"id":"ann"}`)
	defects := []struct {
		code string
		do   option
	}{
		{"NOT_FOUND", func(r *http.Request) { r.URL.Path, r.RequestURI = "/v1/nothing", "/v1/nothing" }},
		{"METHOD_NOT_ALLOWED", func(r *http.Request) { r.Method = http.MethodPatch }},
		{"UNAUTHORIZED", by("nobody-key")},
		{"FORBIDDEN", by(apitest.Reader)},
		{"INVALID_API_VERSION", with("X-API-Version", "1")},
		{"UNSUPPORTED_MEDIA_TYPE", with("Content-Type", "text/plain")},
		{"TOO_LARGE", func(r *http.Request) { r.ContentLength = 101 }},
		{"UNKNOWN_ACTING_USER", as("nobody")},
		{"MALFORMED_JSON", func(*http.Request) {}}, // the body
	}
	for i, d := range defects {
		options := []option{as("ann")}
		for j := len(defects) - 1; j >= i; j-- { // those in front come last, so that they hold
			options = append(options, defects[j].do)
		}
		if f := s.do(t, "PUT", "/v1/users/me", `{`, options...).failure(t); f.ErrorCode != d.code {
			t.Errorf("got %s, want %s", f.ErrorCode, d.code)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, httpapi.Options{Rates: []httpapi.Rate{{Requests: 3, Per: time.Second}}})
		get := func(options ...option) answer { return s.do(t, "GET", "/v1/users/ann", "", options...) }
		get().want(t, 404)
		get(with("X-API-Version", "1")).want(t, 400) // counts like any other
		get(as("ann")).want(t, 404)
		a := get()
		a.wantCode(t, 429, "RATE_LIMITED")
		if a.Header.Get("RateLimit-Policy") != `"default";q=3;w=1` || a.Header.Get("RateLimit") == "" {
			t.Errorf("RateLimit-Policy %s, RateLimit %s", a.Header.Get("RateLimit-Policy"), a.Header.Get("RateLimit"))
		}
		get(by(apitest.Other)).want(t, 404)
		get(by("nobody-key")).want(t, 401)
		time.Sleep(2 * time.Second) //nolint:forbidigo // time of the bubble
		get().want(t, 404)
	})
}

// TestStoreFails: what the store cannot do now is 503, never 404, 401 or 500.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{fmt.Errorf("secret: %w", store.ErrUnavailable), errors.New("secret")} {
		f := &apitest.Faulty{Store: memory.New(nil)}
		s := newServer(t, f, httpapi.Options{})
		s.create(t, `{"id":"ann"}`)
		f.Fail(fault)
		for name, q := range requests() {
			if a := q.send(t, s); a.Status != 503 || a.failure(t).ErrorCode != "UNAVAILABLE" || strings.Contains(a.Body, "secret") {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
	}
	f := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, f, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	f.Lost.Store(true)
	for _, name := range []string{"updateCurrentUser", "deleteCurrentUser"} {
		requests()[name].send(t, s).wantCode(t, 503, "OUTCOME_UNKNOWN")
	}
}

// TestUnreadable: a user that is damaged is not one that is missing, nor is one that a
// newer program wrote.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for code, body := range map[string]string{"CORRUPT": `{"r":1,"w":1,"secret`, "NEWER": `{"r":99,"w":99,"secret":1}`} {
		st := memory.New(nil)
		s := newServer(t, st, httpapi.Options{})
		s.create(t, `{"id":"ann"}`)
		p, err := st.List(t.Context(), "acme", store.Query{Kind: "user"})
		if err != nil {
			t.Fatal(err)
		}
		r := p.Records[0]
		r.Data = []byte(body)
		if _, err := st.Apply(t.Context(), "acme", store.Ops(store.Replace(p.Records[0], r, nil))); err != nil {
			t.Fatal(err)
		}
		status := map[string]int{"CORRUPT": 500, "NEWER": 503}[code]
		all := requests()
		all["createUser"] = request{method: "POST", path: "/v1/users", body: `{"id":"ann"}`}
		for name, q := range all {
			if f := q.send(t, s).wantCode(t, status, code); strings.Contains(f.Error, "secret") {
				t.Errorf("%s: %s", name, f.Error)
			}
		}
	}
}

// TestEndedRequest: a request whose time is over, whoever set the time, is 503 and
// writes nothing.
func TestEndedRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	before := apitest.StateOf(t, s.users.Tenant("acme"))
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for name, q := range requests() {
		a := q.send(t, s, func(r *http.Request) { *r = *r.WithContext(ctx) })
		if a.Status != 503 || a.failure(t).ErrorCode != "UNAVAILABLE" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, s.users.Tenant("acme"))); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

// TestPanics: a store that panics is a 500, which names no inner_exception, and the
// next request is served.
func TestPanics(t *testing.T) {
	t.Parallel()
	f := &apitest.Faulty{Store: memory.New(nil)}
	var log bytes.Buffer
	s := newServer(t, f, httpapi.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	s.create(t, `{"id":"ann"}`)
	for name, q := range requests() {
		f.Panics.Store(true)
		a := q.send(t, s)
		f.Panics.Store(false)
		a.wantCode(t, 500, "INTERNAL")
		if strings.Contains(a.Body, "store that panics") || !strings.Contains(log.String(), a.Header.Get("X-Request-Id")) {
			t.Errorf("%s: answer %s, log %s", name, a.Body, log.String())
		}
		s.do(t, "GET", "/v1/users/ann", "").want(t, 200)
	}
}

// TestSilence: no log line has anything personal or secret in it.
func TestSilence(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, f, httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	const body = `{"id":"canary","name":"canary","email":"canary@example.com","linkedAccounts":[{"accountID":"canary","accountType":"embed"}]}`
	send := func() {
		s.do(t, "POST", "/v1/users", body)
		s.do(t, "GET", "/v1/users/canary", "")
		s.do(t, "GET", "/v1/users/me?canary", "", as("canary"))
		s.do(t, "PUT", "/v1/users/me", body, asAccount("embed", "canary"))
		s.do(t, "DELETE", "/v1/users/me", "", as("canary"), by("canary-secret"))
	}
	send()
	err := errors.New("the store is on fire")
	f.Fail(err)
	send()
	f.Panics.Store(true)
	send()
	if log.Len() == 0 {
		t.Fatal("failures of the server are not logged")
	}
	for _, secret := range []string{"canary", apitest.Acme} {
		if strings.Contains(strings.ToLower(log.String()), secret) {
			t.Errorf("the log has %q:\n%s", secret, log.String())
		}
	}
}

func TestMounted(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	mux := http.NewServeMux()
	mux.Handle("/registry/", http.StripPrefix("/registry", s.handler))
	mounted := &server{mux, s.users}
	mounted.do(t, "POST", "/registry/v1/users", `{"id":"ann"}`).want(t, 200)
	mounted.do(t, "GET", "/registry/v1/users/ann", "").want(t, 200)
	mounted.do(t, "GET", "/registry/v1/users/me", "", as("ann")).want(t, 200)
	a := mounted.do(t, "GET", "/registry/v1/users/bob", "").failure(t)
	if b := s.do(t, "GET", "/v1/users/bob", "").failure(t); a.Fingerprint != b.Fingerprint {
		t.Error("a mount changes fingerprints")
	}
	mounted.do(t, "PUT", "/registry/v1/users", "{}").want(t, 405)
}
