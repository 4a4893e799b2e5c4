package rest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
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
