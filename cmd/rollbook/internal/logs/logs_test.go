package logs_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/logs"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags logs.Flags
		json  bool
		want  bool
	}{{logs.Flags{Log: "text"}, false, false}, {logs.Flags{Log: "json"}, false, true}, {logs.Flags{Log: "text"}, true, true}} {
		var out strings.Builder
		tt.flags.Logger(&cli.Env{Stderr: &out, JSON: tt.json}).Info("message")
		if got := json.Valid([]byte(out.String())); got != tt.want || !strings.Contains(out.String(), "message") {
			t.Errorf("%+v: %s", tt, &out)
		}
	}
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// native returns the native routes, with a key for acme, and a tenant with a user.
func native(t *testing.T) (h http.Handler, id string) {
	t.Helper()
	users := enduser.New(memory.New(nil), nil)
	u, err := users.Tenant("acme").Create(t.Context(), enduser.Spec{ExternalID: "ann@example.com", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		"secret-of-acme": {Tenant: "acme", Actor: "Bob", Credential: "crm"}, "secret-unnamed": {Tenant: "acme"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if h, err = httpapi.New(users, tokens.Authenticate, nil); err != nil {
		t.Fatal(err)
	}
	return h, u.ID
}

// TestAccess: a line says what was asked for and answered, and nothing of whom it was about or
// where it came from.
func TestAccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		routes, id := native(t)
		mux := http.NewServeMux()
		mux.Handle("/", routes)
		mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(1500 * time.Millisecond) //nolint:forbidigo // time of the bubble
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "busy")
		})
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		h := (&logs.Flags{AccessLog: "on"}).Access(log, mux)
		for _, tt := range []struct{ method, path, key, want string }{
			{"GET", "/v1/end-users/" + id, "secret-of-acme", `method=GET family=native route=/v1/end-users/{id} status=200 bytes=` + "N" + ` ms=0 credential=crm`},
			{"GET", "/v1/end-users/by-external-id/ann@example.com?x=secret", "secret-of-acme", `method=GET family=native route=/v1/end-users/by-external-id/{external_id} status=200 bytes=N ms=0 credential=crm`},
			{"GET", "/v1/end-users/" + id, "secret-unnamed", `method=GET family=native route=/v1/end-users/{id} status=200 bytes=N ms=0 credential=` + sha256Of("secret-unnamed")[:4]},
			{"GET", "/v1/end-users/nobody", "secret-of-acme", `method=GET family=native route=/v1/end-users/{id} status=404 code=not-found bytes=N ms=0 credential=crm`},
			{"GET", "/v1/end-users/" + id, "secret-of-nobody", `method=GET family=native route=/v1/end-users/{id} status=401 code=unauthorized bytes=N ms=0`},
			{"SECRET", "/ann@example.com", "", `method=_OTHER family=native status=404 code=not-found bytes=N ms=0`},
			{"GET", "/readyz", "", `method=GET route=/readyz status=503 bytes=4 ms=1500`},
			{"GET", "/healthz", "", ""},
		} {
			out.Reset()
			r := httptest.NewRequest(tt.method, tt.path, nil)
			r.Header.Set("X-Request-Id", "request-7")
			if tt.key != "" {
				r.Header.Set("Authorization", "Bearer "+tt.key)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			want := ""
			if tt.want != "" {
				want = "level=INFO msg=request " + strings.Replace(tt.want, "bytes=N", "bytes="+w.Header().Get("Content-Length"), 1) + "\n"
			}
			if diff := cmp.Diff(want, strings.Replace(out.String(), "request_id=request-7 ", "", 1)); diff != "" {
				t.Errorf("%s %s: %s", tt.method, tt.path, diff)
			}
		}
	})
}

// TestOff: without -access-log on, requests do not go through anything.
func TestOff(t *testing.T) {
	t.Parallel()
	h, _ := native(t)
	if got := (&logs.Flags{AccessLog: "off"}).Access(slog.New(slog.DiscardHandler), h); got != h {
		t.Errorf("%T", got)
	}
}

// TestAborted: a connection that the handler ends is logged without a status, and ended.
func TestAborted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	h := (&logs.Flags{AccessLog: "on"}).Access(slog.New(slog.NewTextHandler(&out, nil)),
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way
		}))
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
		if !strings.Contains(out.String(), " status=0 ") {
			t.Error(out.String())
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}

// TestClientLeaves: a failure that is due to a client who has left is not the server's, and nobody
// got the answer. What had no failure is logged as it is.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{http.StatusServiceUnavailable: " status=0 ", http.StatusNoContent: " status=204 "} {
		var out strings.Builder
		ctx, leave := context.WithCancel(t.Context())
		h := (&logs.Flags{AccessLog: "on"}).Access(slog.New(slog.NewTextHandler(&out, nil)), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			leave()
			w.WriteHeader(status)
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		if !strings.Contains(out.String(), want) {
			t.Errorf("%d: %s", status, &out)
		}
	}
}

// TestController: a handler can set deadlines and flush through the log.
func TestController(t *testing.T) {
	t.Parallel()
	h := (&logs.Flags{AccessLog: "on"}).Access(slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		if err := c.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(w, "a"); err != nil {
			t.Error(err)
		}
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
	}))
	server := httptest.NewServer(h)
	defer server.Close()
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); string(body) != "a" || err != nil {
		t.Errorf("%q %v", body, err)
	}
}
