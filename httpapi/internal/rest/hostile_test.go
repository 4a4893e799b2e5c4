package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// TestHostileBodies sends bodies that are not acceptable. Families of routes have one
// probe for each mechanism; the table of what there is stands here.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	utf16le := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	nested := func(open, end string, depth int) string {
		return `{"x":` + strings.Repeat(open, depth-1) + strings.Repeat(end, depth-1) + `}`
	}
	h := rest.New(configuration(), routes()...)
	for name, body := range map[string]string{
		"empty":                     "",
		"white space":               " \n\t",
		"null":                      "null",
		"array":                     `[{"name":"A"}]`,
		"string":                    `"x"`,
		"number":                    "1",
		"true":                      "true",
		"form":                      "name=A",
		"truncated":                 `{"name":"A"`,
		"truncated string":          `{"name":"A`,
		"trailing":                  `{"name":"A"} trailing`,
		"two documents":             `{"name":"A"}{"name":"B"}`,
		"two documents on lines":    "{\"name\":\"A\"}\n{}",
		"trailing NUL":              "{\"name\":\"A\"}\x00",
		"trailing comma":            `{"name":"A",}`,
		"comment":                   `{"name":"A"/**/}`,
		"single quotes":             `{'name':'A'}`,
		"raw control character":     "{\"name\":\"A\nB\"}",
		"duplicate":                 `{"name":"A","name":"B"}`,
		"duplicate behind escape":   `{"name":"A","nam\u0065":"B"}`,
		"duplicate in an object":    `{"meta":{"a":{"b":1,"b":2}}}`,
		"duplicate, escaped, in it": `{"meta":{"a":1,"\u0061":2}}`,
		"duplicate of unknown":      `{"x":1,"x":2}`,
		"duplicate in unknown":      `{"x":{"a":{"b":1,"b":2}}}`,
		"duplicate of a wrong type": `{"name":{"a":1,"a":2}}`,
		"invalid UTF-8":             "{\"name\":\"\xff\"}",
		"invalid UTF-8 in object":   "{\"meta\":{\"a\":\"\xc3\x28\"}}",
		"invalid UTF-8 in a key":    "{\"meta\":{\"\xff\":1}}",
		"invalid UTF-8 in unknown":  "{\"x\":\"\xff\"}",
		"lone surrogate":            `{"name":"\ud800"}`,
		"lone surrogate in object":  `{"meta":{"a":"\udc00"}}`,
		"lone surrogate in unknown": `{"x":"\udc00"}`,
		"BOM":                       "\ufeff{\"name\":\"A\"}",
		"UTF-16":                    utf16le(`{"name":"A"}`),
		"depth 33":                  nested("[", "]", 33),
		"depth 33 of objects":       `{"meta":` + strings.Repeat(`{"a":`, 31) + "{}" + strings.Repeat("}", 31) + "}",
		"depth 100,000":             nested("[", "]", 100_000),
		"open brackets":             strings.Repeat("[", 100_000),
		"open objects":              strings.Repeat(`{"x":`, 40_000),
		"NaN":                       `{"meta":{"a":NaN}}`,
		"Infinity":                  `{"meta":{"a":-Infinity}}`,
		"leading zero":              `{"meta":{"a":01}}`,
		"beyond float64":            `{"meta":{"a":1e400}}`,
		"beyond float64 in unknown": `{"x":1e400}`,
	} {
		for _, path := range []string{"/strict", "/lenient", "/empty", "/short"} {
			if path == "/empty" && body == "" || path == "/short" && len(body) > 100 {
				continue
			}
			t.Run(path[1:]+" "+name, func(t *testing.T) { want(t, do(h, "POST", path, body), 400, "malformed-json") })
		}
	}
}

// TestForms sends bodies that are JSON and have another form than the route's.
func TestForms(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	list := func(n int) string { return `{"list":["a"` + strings.Repeat(`,"a"`, n-1) + `]}` }
	for _, tt := range []struct{ body, strict, lenient string }{ // what is wrong, "" for nothing
		{`{}`, "", ""},
		{`{"name":"A","linked":null,"meta":{"a":9007199254740993},"list":[],"flag":true,"number":9223372036854775807}`, "", ""},
		{`{"name":"A","NAME":"B"}`, "NAME:unknown", "$.NAME:unknown"},
		{`{"\u004eame":"B"}`, "Name:unknown", "$.Name:unknown"},
		{`{"lin\u212aed":"B"}`, "lin\u212aed:unknown", "$.lin\u212aed:unknown"},
		{`{"li\u017ft":[]}`, "li\u017ft:unknown", "$.li\u017ft:unknown"},
		{`{"admin":true}`, "admin:unknown", ""},
		{`{"":1,"name ":1,"__proto__":{"admin":true}}`, ":unknown name :unknown __proto__:unknown", ""},
		{`{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, "x:unknown", ""}, // 32 levels
		{`{"name":1}`, "name:invalid_type", "name:invalid_type"},
		{`{"name":{"$ne":""}}`, "name:invalid_type", "name:invalid_type"},
		{`{"name":["A"],"linked":true}`, "name:invalid_type linked:invalid_type", "name:invalid_type linked:invalid_type"},
		{`{"meta":"{}"}`, "meta:invalid_type", "meta:invalid_type"},
		{`{"meta":[]}`, "meta:invalid_type", "meta:invalid_type"},
		{`{"list":{}}`, "list:invalid_type", "list:invalid_type"},
		{`{"list":"a"}`, "list:invalid_type", "list:invalid_type"},
		{`{"list":["a",1]}`, "list:invalid_type", "list:invalid_type"},
		{`{"list":[null]}`, "list:invalid_type", "list:invalid_type"},
		{`{"flag":"yes"}`, "flag:invalid_type", "flag:invalid_type"},
		{`{"number":1.5}`, "number:invalid_type", "number:invalid_type"},
		{`{"number":9223372036854775808}`, "number:invalid_type", "number:invalid_type"},
		{list(256), "", ""},
		{list(257), "list:too_many", "list:too_many"},
		{list(20_000), "list:too_many", "list:too_many"},
	} {
		for path, wrong := range map[string]string{"/strict": tt.strict, "/lenient": tt.lenient} {
			w := do(h, "POST", path, tt.body)
			if wrong == "" {
				want(t, w, 200, "")
			} else if want(t, w, 400, "invalid"); !strings.HasPrefix(w.Body.String(), "invalid "+wrong+" of ") {
				t.Errorf("%s of %.100s: got %s, want %s", path, tt.body, w.Body, wrong)
			}
		}
	}
}

// TestManyFaults: an answer names the first 64 faults and counts the others, and cuts
// what a request calls a member.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	for _, n := range []int{1, 64, 65, 200} {
		members := make([]string, n)
		for i := range members {
			members[i] = `"k` + strconv.Itoa(i) + `":1`
		}
		got := do(h, "POST", "/strict", "{"+strings.Join(members, ",")+"}").Body.String()
		if strings.Count(got, ":unknown") != min(n, 64) || !strings.Contains(got, " of "+strconv.Itoa(n)+" in ") {
			t.Errorf("%d faults: %s", n, got)
		}
	}
	if w := do(h, "POST", "/strict", `{"`+strings.Repeat("é", 100_000)+`":1}`); w.Body.Len() > 500 || !strings.Contains(w.Body.String(), "é…:unknown") {
		t.Errorf("a long name is answered with %d bytes: %.300s", w.Body.Len(), w.Body)
	}
}

// TestContent: which media types and codings a body may have, and what the answer to a
// refused PATCH says of it (RFC 5789 section 2.2).
func TestContent(t *testing.T) {
	t.Parallel()
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	_, _ = z.Write([]byte(`{"name":"A"}`))
	_ = z.Close()
	zip := compressed.String()
	h := rest.New(configuration(), routes()...)
	media := func(values ...string) func(*http.Request) { return with("Content-Type", values...) }
	coding := func(values ...string) func(*http.Request) { return with("Content-Encoding", values...) }
	for _, tt := range []struct {
		name, body string
		change     func(*http.Request)
		post       int
		patch      int
	}{
		{"JSON", "{}", media("application/json"), 200, 200},
		{"charset", "{}", media("application/json; charset=UTF-8"), 200, 200},
		{"charset as some clients write it", "{}", media("application/json; charset=UTF8"), 200, 200},
		{"quoted charset", "{}", media(`application/json; charset="utf-8"`), 200, 200},
		{"upper case", "{}", media("APPLICATION/JSON"), 200, 200},
		{"merge patch", "{}", media("application/merge-patch+json"), 415, 200},
		{"no content type", "{}", media(), 415, 415},
		{"text", "{}", media("text/plain"), 415, 415},
		{"form", "a=b", media("application/x-www-form-urlencoded"), 415, 415},
		{"multipart", "{}", media("multipart/form-data; boundary=a"), 415, 415},
		{"UTF-16", "{}", media("application/json; charset=utf-16"), 415, 415},
		{"other JSON", "{}", media("application/problem+json"), 415, 415},
		{"broken", "{}", media("application/json; charset"), 415, 415},
		{"two charsets", "{}", media("application/json; charset=utf-8; charset=utf-16"), 415, 415},
		{"two content types", "{}", media("application/json", "text/plain"), 415, 415},
		{"two equal content types", "{}", media("application/json", "application/json"), 415, 415},
		{"list of content types", "{}", media("application/json, text/plain"), 415, 415},

		{"identity", "{}", coding("identity"), 200, 200},
		{"gzip", zip, coding("gzip"), 200, 200},
		{"gzip in capitals", zip, coding("GZIP"), 200, 200},
		{"gzip that is none", "{}", coding("gzip"), 400, 400},
		{"gzip cut off", zip[:len(zip)-4], coding("gzip"), 400, 400},
		{"gzip with more behind it", zip + "x", coding("gzip"), 400, 400},
		{"two gzip streams", zip + zip, coding("gzip"), 400, 400},
		{"br", "{}", coding("br"), 415, 415},
		{"two codings", zip, coding("identity, gzip"), 415, 415},
		{"gzip twice", zip, coding("gzip", "gzip"), 415, 415},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := map[int]string{400: "malformed-body", 415: "unsupported-media-type"}
			w := do(h, "POST", "/strict", tt.body, tt.change)
			want(t, w, tt.post, code[tt.post])
			if w.Header().Get("Accept-Patch") != "" {
				t.Error("a POST has Accept-Patch")
			}
			w = do(h, "PATCH", "/things/1", tt.body, tt.change)
			want(t, w, tt.patch, code[tt.patch])
			if got := w.Header().Get("Accept-Patch"); (got == "application/json, application/merge-patch+json") != (tt.patch == 415) {
				t.Errorf("%d has Accept-Patch %q", tt.patch, got)
			}
		})
	}
	config := configuration()
	config.Gzip, config.MergePatch = false, false
	h = rest.New(config, routes()...)
	want(t, do(h, "POST", "/strict", zip, coding("gzip")), 415, "unsupported-media-type")
	w := do(h, "PATCH", "/things/1", "{}", media("application/merge-patch+json"))
	if want(t, w, 415, "unsupported-media-type"); w.Header().Get("Accept-Patch") != "application/json" {
		t.Errorf("Accept-Patch is %q", w.Header().Get("Accept-Patch"))
	}
}

// TestEmptyBodies: which routes take a request without a body, and which forms the others
// refuse.
func TestEmptyBodies(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	chunked := func(r *http.Request) {
		r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(""))
		r.Header.Del("Content-Type")
	}
	form := with("Content-Type", "text/plain")
	want(t, do(h, "POST", "/empty", "", with("Content-Type")), 200, "")
	want(t, do(h, "POST", "/empty", ""), 200, "")
	want(t, do(h, "POST", "/empty", "", chunked), 200, "")
	want(t, do(h, "POST", "/empty", "{}", with("Content-Type")), 415, "unsupported-media-type")
	want(t, do(h, "POST", "/empty", "", form), 200, "")
	want(t, do(h, "POST", "/strict", "", with("Content-Type")), 415, "unsupported-media-type")
	want(t, do(h, "POST", "/form", "", with("Content-Type")), 200, "")
	want(t, do(h, "POST", "/form", ""), 200, "")
	want(t, do(h, "POST", "/form", "", form), 415, "unsupported-media-type")
	want(t, do(h, "POST", "/form", "nonsense", with("Content-Type")), 415, "unsupported-media-type")
}

// TestSizes: the limit itself is accepted, one byte more is not; neither is a length that
// was not told, nor a stream that inflates to more.
func TestSizes(t *testing.T) {
	t.Parallel()
	h := rest.New(configuration(), routes()...)
	pad := func(n int) string { return strings.Repeat(" ", n-2) + "{}" }
	zip := func(n int) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(pad(n)))
		_ = z.Close()
		return b.String()
	}
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	gzipped := with("Content-Encoding", "gzip")
	for path, limit := range map[string]int{"/strict": maxBody, "/short": 100} {
		want(t, do(h, "POST", path, pad(limit)), 200, "")
		want(t, do(h, "POST", path, pad(limit), chunked), 200, "")
		want(t, do(h, "POST", path, pad(limit+1)), 413, "too-large")
		want(t, do(h, "POST", path, pad(limit+1), chunked), 413, "too-large")
		want(t, do(h, "POST", path, pad(10*limit), chunked), 413, "too-large")
		want(t, do(h, "POST", path, zip(limit), gzipped, chunked), 200, "")
		want(t, do(h, "POST", path, zip(limit+1), gzipped), 413, "too-large")
		want(t, do(h, "POST", path, zip(40*limit), gzipped), 413, "too-large")
	}
	want(t, do(h, "POST", "/strict", "{}", func(r *http.Request) {
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))
	}), 400, "malformed-body")
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

var errSecret = errors.New("secret of the backend")

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
