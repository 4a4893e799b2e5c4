package rest_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// TestPreconditions: what RFC 9110 section 13 allows is read, and anything else refused.
func TestPreconditions(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	for _, tt := range []struct {
		match, none []string
		want        int
	}{
		{nil, nil, 200},
		{[]string{`"v1"`}, nil, 200},
		{[]string{`"v0", "v1"`}, nil, 200},
		{[]string{`"v0"`, `,, "v1" ,`}, nil, 200},
		{[]string{"*"}, nil, 200},
		{[]string{`W/"v1"`}, nil, 412}, // strong comparison
		{[]string{`"v0"`}, nil, 412},
		{[]string{""}, nil, 412},
		{nil, []string{`"v1"`}, 304},
		{nil, []string{`W/"v1"`}, 304},
		{nil, []string{"*"}, 304},
		{nil, []string{`"v0"`}, 200},
		{[]string{`"v1"`}, []string{`"v1"`}, 304},
		{[]string{`"v0"`}, []string{`"v1"`}, 412},
		{[]string{" * "}, nil, 200},
		{[]string{`"a,b", "x"`}, nil, 412},
		{[]string{`""`}, nil, 412},
		{nil, []string{`"x", ""`}, 200},
		{nil, []string{`"v0"`, `"v1"`}, 304},
	} {
		w := do(h, "GET", "/things/1", "", with("If-Match", tt.match...), with("If-None-Match", tt.none...))
		want(t, w, tt.want, map[int]string{412: "precondition-failed"}[tt.want])
		if tag := w.Header().Get("ETag"); (tag == `"v1"`) != (tt.want < 400) {
			t.Errorf("%d has ETag %q", tt.want, tag)
		}
	}
	want(t, do(h, "GET", "/public", "", with("If-Match", "x")), 200, "") // it has no version
	for _, values := range [][]string{
		{`"v1", *`},
		{`*, "v1"`},
		{"*", `"v1"`},
		{"*", "*"},
		{"**"},
		{"v1"},
		{`"v1"x`},
		{`"v1" "v1"`},
		{`"`},
		{`"a`},
		{"W/"},
		{`w/"v1"`},
		{`W/ "v1"`},
		{`W"v1"`},
		{`"a b"`},
		{"\"a\x7f\""},
		{"\"a\x00\""},
		{"'a'"},
		{`"v1";q=1`},
	} {
		for _, name := range []string{"If-Match", "If-None-Match"} {
			want(t, do(h, "GET", "/things/1", "", with(name, values...)), 400, "malformed-precondition")
			want(t, do(h, "POST", "/strict", "nonsense", with(name, values...)), 400, "malformed-precondition")
		}
	}
}

// TestQueries: parameters that are unknown, repeated or not valid are refused, and named.
func TestQueries(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	for query, wrong := range map[string]string{
		"": "",
		"text=a&order=desc&limit=200&after=2026-01-28T10:43:43Z": "",
		"text=&order=&limit=&after=":                             "",
		"text=a&text=a":                                          "text:duplicate",
		"order=ASC":                                              "order:invalid_value",
		"limit=0":                                                "limit:invalid_value",
		"limit=201":                                              "limit:invalid_value",
		"limit=-1":                                               "limit:invalid_value",
		"limit=1e2":                                              "limit:invalid_value",
		"limit=1.5":                                              "limit:invalid_value",
		"limit=%201":                                             "limit:invalid_value",
		"limit=99999999999999999999":                             "limit:invalid_value",
		"limit=1&limit=1":                                        "limit:duplicate",
		"after=yesterday":                                        "after:invalid_value",
		"after=2026-01-28":                                       "after:invalid_value",
		"after=2026-01-28T10:43:43":                              "after:invalid_value",
		"after=0001-01-01T00:00:00Z":                             "after:invalid_value",
		"Text=a&limit=0&x=1":                                     "Text:unknown limit:invalid_value x:unknown",
		"%ff=1":                                                  "\ufffd:unknown",
	} {
		w := do(h, "GET", "/query?"+query, "")
		if wrong == "" {
			want(t, w, 200, "")
		} else if want(t, w, 400, "invalid"); !strings.HasPrefix(w.Body.String(), "invalid "+wrong+" of ") {
			t.Errorf("%s: got %s, want %s", query, w.Body, wrong)
		}
	}
	for _, query := range []string{"a=%zz", "a;b"} {
		want(t, do(h, "GET", "/query?"+query, ""), 400, "malformed-query")
	}
}

// TestAnswers: every answer has a request ID and cannot be taken for something else, and
// what fails inside is not shown.
func TestAnswers(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	seen := map[string]bool{}
	for _, tt := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/things/1", 200, ""},
		{"HEAD", "/things/1", 200, ""},
		{"GET", "/public", 200, ""},
		{"GET", "/slashed", 200, ""},
		{"GET", "/slashed/", 200, ""},
		{"GET", "/panics", 500, "internal"},
		{"GET", "/causes", 503, "unavailable"},
		{"GET", "/locates", 404, "not-found"},
		{"GET", "/fails", 500, "internal"},
		{"GET", "/unknown", 404, "not-found"},
		{"GET", "/things/1/", 404, "not-found"},
		{"OPTIONS", "*", 404, "not-found"},
		{"DELETE", "/things/1", 405, "method-not-allowed"},
		{"BREW", "/strict", 405, "method-not-allowed"},
	} {
		w := do(h, tt.method, tt.path, "")
		want(t, w, tt.status, tt.code)
		id := w.Header().Get("X-Request-Id")
		if len(id) != 24 || seen[id] || w.Header().Get("X-Content-Type-Options") != "nosniff" || strings.Contains(w.Body.String(), errSecret.Error()) {
			t.Errorf("%s %s: %v %s", tt.method, tt.path, w.Header(), w.Body)
		}
		if seen[id] = true; (w.Header().Get("Cache-Control") == "private") != (tt.path != "/public" && !strings.HasPrefix(tt.path, "/slashed")) {
			t.Errorf("%s %s: Cache-Control %q", tt.method, tt.path, w.Header().Get("Cache-Control"))
		}
		if allow := w.Header().Get("Allow"); (allow != "") != (tt.status == 405) {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, allow)
		}
		if w.Header().Get("Location") != "" {
			t.Errorf("%s %s: Location %q", tt.method, tt.path, w.Header().Get("Location"))
		}
		if tt.method == "HEAD" && (w.Body.Len() > 0 || w.Header().Get("Content-Length") != "2") {
			t.Errorf("HEAD: %v %s", w.Header(), w.Body)
		}
	}
	if got := do(h, "DELETE", "/things/1", "").Header().Get("Accept-Patch"); got == "" {
		t.Error("405 of what has PATCH has no Accept-Patch")
	}
	if got := do(h, "GET", "/things/1", "", with("X-Key")); got.Code != 401 || got.Header().Get("WWW-Authenticate") != "Toy" {
		t.Errorf("without a credential: %d %v", got.Code, got.Header())
	}
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // a panic value is compared as net/http does
				t.Errorf("recovered %v", v)
			}
		}()
		do(h, "GET", "/aborts", "")
	}()
}

// TestLog: a failure of the server is logged once, with its cause and the request's ID. What a
// client does wrong, or leaves behind, is not.
func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	config := configuration()
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := rest.New(config, routes()...)
	id := with("X-Request-Id", "id-1")
	for path, want := range map[string]string{"/fails": errSecret.Error(), "/causes": errSecret.Error(), "/panics": "in a handler", "/locates": ""} {
		log.Reset()
		do(h, "GET", path+"?canary", "", id)
		got := log.String()
		if strings.Count(got, "\n") != min(len(want), 1) || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "request_id=id-1") || strings.Contains(got, "canary") {
			t.Errorf("%s: %s", path, got)
		}
	}
	log.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	do(h, "GET", "/causes", "", func(r *http.Request) { *r = *r.WithContext(ctx) })
	if log.Len() > 0 {
		t.Errorf("a client that left is logged: %s", log.String())
	}
}

// TestRequestIDs: a valid ID of the request is kept, and any other is replaced.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	for _, id := range []string{"a", "7f6e-1", strings.Repeat("x", 128), `!"#$%&'()*+,-./`} {
		w := do(h, "GET", "/unknown", "", with("X-Request-Id", id))
		if got := w.Header().Get("X-Request-Id"); got != id || !strings.HasSuffix(w.Body.String(), " "+id) {
			t.Errorf("%q became %q: %s", id, got, w.Body)
		}
	}
	for _, ids := range [][]string{{""}, {"a b"}, {"a\tb"}, {"é"}, {"a\x7f"}, {strings.Repeat("x", 129)}, {"a", "b"}, {"a", "a"}} {
		if got := do(h, "GET", "/public", "", with("X-Request-Id", ids...)).Header().Get("X-Request-Id"); len(got) != 24 {
			t.Errorf("%q became %q", ids, got)
		}
	}
}

// TestLocations: a redirect to a cleaned path stays inside of a mount.
func TestLocations(t *testing.T) {
	t.Parallel()
	h := http.StripPrefix("/toy", rest.New(configuration(), routes()...))
	for _, path := range []string{"/toy//strict", "/toy/things/../strict", "/toy//evil.example/"} {
		w := do(h, "GET", "http://example.com"+path, "")
		if location := w.Header().Get("Location"); location != "" || w.Code != 404 {
			t.Errorf("%s: %d to %q", path, w.Code, location)
		}
	}
	w := do(h, "GET", "/toy/unknown?x=y", "")
	if !strings.Contains(w.Body.String(), " in /toy/unknown ") {
		t.Errorf("the instance is not the path that was sent: %s", w.Body)
	}
}
