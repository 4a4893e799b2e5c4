package sensay_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func family() *apitest.Family {
	return &apitest.Family{
		New:    newHandler,
		Routes: routes,
		Problem: func(tb testing.TB, a apitest.Answer, code string) {
			tb.Helper()
			answer{a}.check(tb, "")
			if want := strings.ToUpper(strings.ReplaceAll(code, "-", "_")); (answer{a}).failure(tb).ErrorCode != want {
				tb.Errorf("%d is no %s: %s", a.Status, want, a.Body)
			}
		},
		Header: "X-ORGANIZATION-SECRET",
	}
}

const ann = `{"id":"ann","email":"ann@example.com","linkedAccounts":[{"accountID":"8035","accountType":"telegram"}]}`

// routes makes ann.
func routes(tb testing.TB, w *apitest.World) []apitest.Route {
	tb.Helper()
	_, err := w.Users.Tenant("acme").Create(tb.Context(), enduser.Spec{
		ExternalID: "ann", Email: "ann@example.com", Accounts: []enduser.Account{{Type: "telegram", ID: "8035"}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	acting := []option{as("ann")}
	return []apitest.Route{
		{Action: "createEndUser", Write: true, Method: "POST", Path: "/v1/users", Body: `{}`, Empty: true},
		{Action: "getEndUser", Method: "GET", Path: "/v1/users/ann"},
		{Action: "getEndUser", Method: "GET", Path: "/v1/users/me", Options: acting},
		{Action: "updateEndUser", Write: true, Method: "PUT", Path: "/v1/users/me", Body: `{"id":"ann","name":"Changed"}`, Options: acting},
		{Action: "deleteEndUser", Write: true, Method: "DELETE", Path: "/v1/users/me", Options: acting},
	}
}

// TestGolden replays the exchanges of testdata on every backend. The limit of bodies is
// one that a file can exceed.
func TestGolden(t *testing.T) {
	apitest.Replay(t, func(tb testing.TB, w *apitest.World) http.Handler {
		tb.Helper()
		return newHandler(tb, w, httpapi.Options{MaxBody: 2048})
	})
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	family().Hostile(t)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	family().Access(t)
}

func TestIdempotencyKeysAreIgnored(t *testing.T) {
	t.Parallel()
	family().Idempotency(t)
}

// TestIsolation names another tenant's users in every way that a request can.
func TestIsolation(t *testing.T) {
	t.Parallel()
	family().Isolation(t, func(tb testing.TB, w *apitest.World) (more []apitest.Route) {
		tb.Helper()
		u, err := w.Users.Tenant("acme").Get(tb.Context(), enduser.ByExternalID("ann"))
		if err != nil {
			tb.Fatal(err)
		}
		for _, acting := range []option{
			as("ann"), as("ANN"), as(u.ID), as("ann@example.com"), as("8035"), asAccount("telegram", "8035"), asAccount("discord", "8035"),
		} {
			for _, header := range []option{
				func(*http.Request) {}, with("If-Match", `"`+u.Version.String()+`"`), with("If-Match", "*"), with("If-None-Match", `"`+u.Version.String()+`"`),
				with("X-Organization-Id", "acme"),
			} {
				options := []option{acting, header}
				more = append(
					more,
					apitest.Route{Method: "GET", Path: "/v1/users/" + u.ID, Options: options},
					apitest.Route{Method: "GET", Path: "/v1/users/me", Options: options},
					apitest.Route{Method: "PUT", Path: "/v1/users/me", Body: ann, Options: options},
					apitest.Route{Method: "PUT", Path: "/v1/users/me", Body: `{"id":"x"}`, Options: options},
					apitest.Route{Method: "PUT", Path: "/v1/users/me", Body: `{`, Options: options},
					apitest.Route{Method: "DELETE", Path: "/v1/users/me", Options: options},
				)
			}
		}
		// What is taken elsewhere is free.
		more = append(
			more,
			apitest.Route{Method: "POST", Path: "/v1/users", Body: `{"id":"eve"}`},
			apitest.Route{Method: "PUT", Path: "/v1/users/me", Body: ann, Options: []option{as("eve")}},
			apitest.Route{Method: "DELETE", Path: "/v1/users/me", Options: []option{asAccount("telegram", "8035")}},
			apitest.Route{Method: "POST", Path: "/v1/users", Body: ann},
			apitest.Route{Method: "POST", Path: "/v1/users", Body: `{"id":"` + u.ID + `"}`},
		)
		return more
	})
}

func TestNewFailsClosed(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	if _, err := sensay.New(w.Users, nil, nil); err == nil {
		t.Error("New accepts no Authenticator")
	}
	if _, err := sensay.New(nil, w.Auth, nil); err == nil {
		t.Error("New accepts no users")
	}
	if _, err := sensay.New(w.Users, w.Auth, nil); err != nil {
		t.Errorf("without options: %v", err)
	}
}

// TestOrder: each defect hides those that are checked after it.
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
		var options []option
		for j := len(defects) - 1; j >= i; j-- { // those in front come last, so that they hold
			options = append(options, defects[j].do)
		}
		s.put(t, as("ann"), `{`, options...).refused(t, d.code)
	}
}

// TestUnreadable: a damaged user, or one that a newer program wrote, is not missing.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for code, body := range map[string]string{"CORRUPT": `{"r":1,"w":1,"secret`, "NEWER": `{"r":99,"w":99,"secret":1}`} {
		w := apitest.NewWorld(t, memory.New(nil))
		s := &server{newHandler(t, w, httpapi.Options{}), w.Users}
		all := routes(t, w)
		all[0].Body = `{"id":"ann"}`
		p, err := w.Store.List(t.Context(), "acme", store.Query{Kind: "user"})
		if err != nil {
			t.Fatal(err)
		}
		r := p.Records[0]
		r.Data = []byte(body)
		if _, err := w.Store.Apply(t.Context(), "acme", store.Ops(store.Replace(p.Records[0], r, nil))); err != nil {
			t.Fatal(err)
		}
		for _, q := range all {
			if f := s.do(t, q.Method, q.Path, q.Body, q.Options...).refused(t, code); strings.Contains(f.Error, "secret") {
				t.Errorf("%s %s: %s", q.Method, q.Path, f.Error)
			}
		}
	}
}

// TestEndedRequest: a request whose time is over is 503 and writes nothing.
func TestEndedRequest(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	s := &server{newHandler(t, w, httpapi.Options{}), w.Users}
	all := routes(t, w)
	unchanged := w.Unchanged(t)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, q := range all {
		over := func(r *http.Request) { *r = *r.WithContext(ctx) }
		s.do(t, q.Method, q.Path, q.Body, append(q.Options, over)...).refused(t, "UNAVAILABLE")
	}
	unchanged()
}

// TestSilence: no log line has anything personal or secret in it.
func TestSilence(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &faultstore.Store{Store: memory.New(nil)}
	s := newServer(t, f, httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	const body = `{"id":"canary","name":"canary","email":"canary@example.com","linkedAccounts":[{"accountID":"canary","accountType":"embed"}]}`
	send := func() {
		s.post(t, body)
		s.get(t, "canary")
		s.do(t, "GET", "/v1/users/me?canary", "", as("canary"))
		s.put(t, asAccount("embed", "canary"), body)
		s.delete(t, as("canary"), by("canary-secret"))
	}
	apitest.Silent(t, f, &log, send)
}

// TestErrorsRepeatNothing: no error repeats what the client sent.
func TestErrorsRepeatNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"canary","email":"canary@example.com","linkedAccounts":[{"accountID":"canary","accountType":"embed"}]}`)
	s.create(t, `{"id":"other"}`)
	answers := []answer{s.get(t, "canary%20"), s.me(t, as("no-canary"))}
	for _, body := range []string{
		`{"id":"canary"}`,
		`{"id":"other","email":"canary@example.com"}`,
		`{"id":"other","linkedAccounts":[{"accountID":"canary","accountType":"embed"}]}`,
		`{"id":"other","canary":1}`,
		`{"id":"other","linkedAccounts":[{"canary":"canary"}]}`,
		`{"id":"other","linkedAccounts":[{"accountID":"canary","accountType":"canary"}]}`,
		`{"id":"canary<","name":"canary_","email":"canary"}`,
		`{"canary":1,"canary":2}`,
		`{"id":"canary`,
	} {
		answers = append(answers, s.post(t, body), s.put(t, as("other"), body))
	}
	for i, a := range answers {
		if a.Status < 400 || strings.Contains(a.Body, "canary") {
			t.Errorf("%d: %d %s", i, a.Status, a.Body)
		}
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	mux := http.NewServeMux()
	mux.Handle("/registry/", http.StripPrefix("/registry", s.handler))
	mounted := &server{mux, s.users}
	mounted.do(t, "POST", "/registry/v1/users", `{"id":"ann"}`).want(t, 200)
	mounted.do(t, "GET", "/registry/v1/users/me", "", as("ann")).want(t, 200)
	mounted.do(t, "PUT", "/registry/v1/users", "{}").refused(t, "METHOD_NOT_ALLOWED")
	a := mounted.do(t, "GET", "/registry/v1/users/bob", "").failure(t)
	if b := s.get(t, "bob").failure(t); a.Fingerprint != b.Fingerprint {
		t.Error("a mount changes fingerprints")
	}
}

// TestFingerprints: an error_code has one fingerprint on a route, whatever the request was.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	again := newServer(t, nil, httpapi.Options{}) // as if in another process
	same := map[string]bool{}
	for _, a := range []answer{s.get(t, "a"), s.get(t, "b%2Fc"), again.get(t, "ann", by(apitest.Other))} {
		same[a.failure(t).Fingerprint] = true
	}
	if len(same) != 1 {
		t.Errorf("one error has %v", same)
	}
	other := []answer{
		s.get(t, "a", by("nobody-key")), s.me(t, as("ann"), by("nobody-key")), s.me(t, as("bob")), s.delete(t, as("bob")),
		s.post(t, `{"id":"ann"}`), s.post(t, `{`), s.post(t, `{"x":1}`), s.do(t, "GET", "/elsewhere", ""),
	}
	for _, a := range other {
		same[a.failure(t).Fingerprint] = true
	}
	if len(same) != 1+len(other) {
		t.Errorf("%d errors have %d fingerprints", 1+len(other), len(same))
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	for path, code := range map[string]string{
		"/v1/users/%00": "USER_NOT_FOUND", "/v1/users/%ff": "USER_NOT_FOUND", "/v1/users/%20": "USER_NOT_FOUND",
		"/v1/users/" + strings.Repeat("a", 10_000): "USER_NOT_FOUND",
		"/v1/users/ME":     "USER_NOT_FOUND",
		"/v1/users/%6de":   "UNKNOWN_ACTING_USER", // me, however it is spelled
		"/v1/users/ann/":   "NOT_FOUND",
		"/v1/users/me/":    "NOT_FOUND",
		"/V1/users/ann":    "NOT_FOUND",
		"/openapi.json":    "NOT_FOUND",
		"/v1/users/ann%2F": "USER_NOT_FOUND",
	} {
		s.do(t, "GET", path, "").refused(t, code)
	}
	for _, method := range []string{"PUT", "DELETE", "BREW", "OPTIONS"} {
		if a := s.do(t, method, "/v1/users", ""); a.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", method, a.Status, a.Header.Get("Allow"))
		}
	}
	s.do(t, "HEAD", "/v1/users/ann", "").want(t, 200)
	// What looks like a path, a query or a template is an id like any other.
	for id, escaped := range map[string]string{
		"../x": "..%2Fx", "a/b": "a%2Fb", "%2e%2e": "%252e%252e", "..": "%2e%2e", "{a}b": "%7Ba%7Db", "a?b": "a%3Fb", "a#b": "a%23b",
		"me/usage": "me%2Fusage", "*": "%2A", "a+b": "a+b", "mé": "m%C3%A9", "Ünï 北京": "%C3%9Cn%C3%AF%20%E5%8C%97%E4%BA%AC",
	} {
		made := s.create(t, `{"id":"`+id+`"}`)
		for _, a := range []answer{s.get(t, escaped), s.me(t, as(id))} {
			if diff := cmp.Diff(made, a.want(t, 200).user(t)); diff != "" || made.ID != id {
				t.Errorf("%s: made %+v, then %s", id, made, a.Body)
			}
		}
	}
}
