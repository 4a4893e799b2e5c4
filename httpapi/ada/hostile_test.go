package ada_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// inProfile returns a body with some members of the profile.
func inProfile(members string) string { return `{"profile":{` + members + `}}` }

// numbered returns the members k0 to kn-1 of an object.
func numbered(n int, value string) string {
	members := make([]string, n)
	for i := range members {
		members[i] = `"k` + strconv.Itoa(i) + `":` + value
	}
	return strings.Join(members, ",")
}

// TestHostileBodies sends what is not acceptable to every route that has a body: it
// must be refused, with that parameter where it is more than JSON, and nothing may
// have changed.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	metadata := func(members string) string { return inProfile(`"metadata":{` + members + `}`) }
	sensitive := func(members string) string { return inProfile(`"sensitive_metadata":{"fields":{` + members + `}}`) }
	external := func(id string) string { return `{"external_id":"` + id + `","profile":{}}` }
	const (
		values = "$.profile.metadata"
		fields = "$.profile.sensitive_metadata.fields"
	)
	tests := []struct{ name, body, parameter string }{
		{"blank", " ", ""},
		{"white space", " \n\t", ""},
		{"null", "null", ""},
		{"array", "[]", ""},
		{"string", `"x"`, ""},
		{"number", "1", ""},
		{"truncated", `{"profile":{"first_name":"A"`, ""},
		{"truncated string", `{"profile":{"first_name":"A`, ""},
		{"trailing", `{"profile":{}} trailing`, ""},
		{"two documents", `{"profile":{}}{"profile":{}}`, ""},
		{"trailing NUL", "{\"profile\":{}}\x00", ""},
		{"trailing comma", `{"profile":{},}`, ""},
		{"comment", `{"profile":{}/**/}`, ""},
		{"single quotes", `{'profile':{}}`, ""},
		{"raw control character", inProfile("\"first_name\":\"A\nB\""), ""},
		{"duplicate", `{"profile":{},"profile":{}}`, ""},
		{"duplicate in the profile", inProfile(`"email":null,"email":null`), ""},
		{"duplicate behind an escape", inProfile(`"email":null,"em\u0061il":null`), ""},
		{"duplicate metadata", metadata(`"a":1,"a":2`), ""},
		{"duplicate sensitive", sensitive(`"a":1,"a":2`), ""},
		{"duplicate in what is ignored", inProfile(`"x":{"a":1,"a":2}`), ""},
		{"duplicate in a refused value", metadata(`"x":{"a":1,"a":2}`), ""},
		{"invalid UTF-8", inProfile("\"first_name\":\"\xff\""), ""},
		{"invalid UTF-8 in metadata", metadata("\"a\":\"\xc3\x28\""), ""},
		{"invalid UTF-8 in a key", metadata("\"\xff\":1"), ""},
		{"invalid UTF-8 in what is ignored", inProfile("\"x\":\"\xff\""), ""},
		{"lone surrogate", inProfile(`"first_name":"\ud800"`), ""},
		{"lone surrogate in metadata", metadata(`"a":"\udc00"`), ""},
		{"lone surrogate in a secret", sensitive(`"a":"\udc00"`), ""},
		{"BOM", "\ufeff{\"profile\":{}}", ""},
		{"depth 33", inProfile(`"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31)), ""},
		{"depth 33 in metadata", metadata(`"x":` + strings.Repeat("[", 30) + strings.Repeat("]", 30)), ""},
		{"depth 100,000", strings.Repeat(`{"profile":`, 100_000), ""},
		{"open brackets", strings.Repeat("[", 100_000), ""},
		{"NaN", metadata(`"a":NaN`), ""},
		{"Infinity", metadata(`"a":-Infinity`), ""},
		{"leading zero", metadata(`"a":01`), ""},
		{"number beyond float64", metadata(`"a":1e400`), ""},
		{"secret beyond float64", sensitive(`"a":1e400`), ""},

		{"depth 32 in metadata", metadata(`"x":` + strings.Repeat("[", 29) + strings.Repeat("]", 29)), values + "['x']"},
		{"integer beyond int64", metadata(`"a":9223372036854775808`), values + "['a']"},
		{"integer below int64", metadata(`"a":-9223372036854775809`), values + "['a']"},
		{"integer of 400 digits", metadata(`"a":` + strings.Repeat("1", 300)), values + "['a']"},
		{"fraction", metadata(`"a":1.0`), values + "['a']"},
		{"exponent", metadata(`"a":1e3`), values + "['a']"},
		{"key with a quote", metadata(`"a'b":[]`), values + "[*]"},
		{"key with a backslash", metadata(`"a\\b":[]`), values + "[*]"},
		{"key with NUL", metadata(`"a\u0000b":[]`), values + "[*]"},
		{"long key of a wrong value", metadata(`"` + strings.Repeat("k", 129) + `":[]`), values + "[*]"},
		{"key with NUL of a good value", metadata(`"a\u0000b":1`), values},
		{"empty key", metadata(`"":1`), values},
		{"1 MB key", metadata(`"` + strings.Repeat("k", 1_000_000) + `":1`), values},
		{"257 keys", metadata(numbered(257, "1")), values},
		{"100,000 keys", metadata(numbered(100_000, "1")), values},
		{"100,000 nulls", metadata(numbered(100_000, "null")), values},
		{"21 secrets", sensitive(numbered(21, "1")), fields},
		{"21 null secrets", sensitive(numbered(21, "null")), fields},
		{"100,000 secrets", sensitive(numbered(100_000, "1")), fields},
		{"secret beyond int64", sensitive(`"a":9223372036854775808`), fields + "['a']"},
		{"empty secret", sensitive(`"a":""`), fields + "['a']"},
		{"secret key with a dot", sensitive(`"a.b":1`), fields},

		{"case variant", `{"profile":{},"EXTERNAL_ID":"b"}`, "$.EXTERNAL_ID"},
		{"case variant in the profile", inProfile(`"eMail":null`), "$.profile.eMail"},
		{"U+017F", inProfile("\"fir\u017ft_name\":\"b\""), "$.profile.fir\u017ft_name"},
		{"number for a string", inProfile(`"email":1`), "$.profile.email"},
		{"object for a string", `{"external_id":{"$ne":""},"profile":{}}`, "$.external_id"},
		{"array for a string", inProfile(`"first_name":["A"]`), "$.profile.first_name"},
		{"string for metadata", inProfile(`"metadata":"{}"`), values},
		{"array for metadata", inProfile(`"metadata":[]`), values},
		{"string for the profile", `{"profile":"{}"}`, "$.profile"},
		{"null profile", `{"profile":null}`, "$.profile"},
		{"array for secrets", inProfile(`"sensitive_metadata":[]`), "$.profile.sensitive_metadata"},

		{"empty external_id", external(""), "$.external_id"},
		{"blank external_id", external("  "), "$.external_id"},
		{"long external_id", external(strings.Repeat("a", 37)), "$.external_id"},
		{"NUL", external(`a\u0000`), "$.external_id"},
		{"angle bracket", external("a>"), "$.external_id"},
		{"bidi override", external(`a\u202eb`), "$.external_id"},
		{"ZWSP", external(`a\u200bb`), "$.external_id"},
		{"full width", external(`\uff41`), "$.external_id"},
		{"e-mail with two", inProfile(`"email":"a@b@example.com"`), "$.profile.email"},
		{"e-mail with a header", inProfile(`"email":"a@example.com\r\nBcc: b@example.com"`), "$.profile.email"},
		{"e-mail with a name", inProfile(`"email":"Ann <a@example.com>"`), "$.profile.email"},
		{"blank e-mail", inProfile(`"email":" \t"`), "$.profile.email"},
		{"relative avatar", inProfile(`"avatar":"/a.png"`), "$.profile.avatar"},
		{"data as avatar", inProfile(`"avatar":"data:image/png;base64,AA=="`), "$.profile.avatar"},
		{"empty avatar", inProfile(`"avatar":""`), "$.profile.avatar"},
		{"language with _", inProfile(`"language":"en_US"`), "$.profile.language"},
		{"empty language", inProfile(`"language":""`), "$.profile.language"},
		{"display_name", inProfile(`"display_name":"a\u0007"`), "$.profile.display_name"},
		{"long name", inProfile(`"last_name":"` + strings.Repeat("a", 257) + `"`), "$.profile.last_name"},
	}

	s := newServer(t, nil, nil)
	kept := s.create(t, `{"external_id":"kept","profile":{"first_name":"Kept"}}`)
	check := s.untouched(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, route := range [][2]string{{"POST", users}, {"PATCH", users + kept.ID}} {
				a := s.do(t, route[0], route[1], tt.body).want(t, 400)
				details := a.problem(t).Details
				if (len(details) > 0) != (tt.parameter != "") {
					t.Errorf("%s blames %+v, want %s", route[0], details, tt.parameter)
				}
				for _, d := range details {
					if d.Parameter != tt.parameter {
						t.Errorf("%s blames %+v, want %s", route[0], d, tt.parameter)
					}
				}
				if len(a.Body) > 10_000 {
					t.Errorf("%s has an answer of %d bytes", route[0], len(a.Body))
				}
			}
			if tt.parameter == "" {
				s.do(t, "POST", conversations, tt.body).want(t, 400)
			}
		})
	}
	t.Run("one fault is told once", func(t *testing.T) {
		for parameter, body := range map[string]string{
			"$.external_id":   external(" "),
			"$.profile.email": inProfile(`"email":" "`),
			values + "['a']":  metadata(`"a":[]`),
			values:            metadata(numbered(100_000, "1")),
			fields:            sensitive(numbered(100_000, "1")),
		} {
			s.do(t, "POST", users, body).wantFault(t, parameter, "body")
			s.do(t, "PATCH", users+kept.ID, body).wantFault(t, parameter, "body")
		}
	})
	t.Run("many faults", func(t *testing.T) {
		for _, route := range [][2]string{{"POST", users}, {"PATCH", users + kept.ID}} {
			for n, more := range map[int]string{64: "; and 63 more", 65: "; and 64 more", 200: "; and 199 more"} {
				a := s.do(t, route[0], route[1], metadata(numbered(n, "[]"))).want(t, 400)
				if p := a.problem(t); len(p.Details) != 64 || len(a.Body) > 20_000 || !strings.HasSuffix(p.Message, more) {
					t.Errorf("%s of %d faults has %d details in %d bytes: %s", route[0], n, len(p.Details), len(a.Body), p.Message)
				}
			}
		}
	})
	check()
}

// TestNumbersStayExact: the integers of 64 bits are not floating point numbers.
func TestNumbersStayExact(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const metadata = `{"big":9007199254740993,"max":9223372036854775807,"min":-9223372036854775808}`
	u := s.create(t, inProfile(`"metadata":`+metadata+`,"sensitive_metadata":{"fields":{"n":9007199254740993}}`))
	if got := string(u.Profile.Metadata); got != metadata {
		t.Errorf("got %s, want %s", got, metadata)
	}
	if got := s.secrets(t, u.ID)["n"]; got != "9007199254740993" {
		t.Errorf("got the secret %s", got)
	}
	got := s.do(t, "PATCH", users+u.ID, inProfile(`"metadata":{"min":-0}`)).want(t, 200).user(t)
	if want := `{"big":9007199254740993,"max":9223372036854775807,"min":0}`; string(got.Profile.Metadata) != want {
		t.Errorf("got %s, want %s", got.Profile.Metadata, want)
	}
}

// TestLimitsAtTheirEdges: n is accepted and n+1 is not, by POST and by PATCH.
func TestLimitsAtTheirEdges(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	for _, tt := range []struct {
		name      string
		limit     int
		body      func(n int) string
		parameter string
	}{
		{"external_id", 36, func(n int) string { return `{"profile":{},"external_id":"` + repeat("é", n) + `"}` }, "$.external_id"},
		{"display_name", 256, func(n int) string { return inProfile(`"display_name":"` + repeat("é", n) + `"`) }, "$.profile.display_name"},
		{"email", 254, func(n int) string { return inProfile(`"email":"` + repeat("a", n-12) + `@example.com"`) }, "$.profile.email"},
		{"avatar", 2048, func(n int) string { return inProfile(`"avatar":"https://a.example/` + repeat("a", n-18) + `"`) }, "$.profile.avatar"},
		{"metadata bytes", 10_240, func(n int) string {
			return inProfile(`"metadata": { "a" : "` + repeat("x", n-14) + `" ,   "b":1}`)
		}, "$.profile.metadata"},
		{"metadata keys", 256, func(n int) string { return inProfile(`"metadata":{` + numbered(n, "1") + `}`) }, "$.profile.metadata"},
		{"metadata key", 128, func(n int) string { return inProfile(`"metadata":{"` + repeat("k", n) + `":1}`) }, "$.profile.metadata"},
		{"secrets", 20, func(n int) string { return inProfile(`"sensitive_metadata":{"fields":{` + numbered(n, "1") + `}}`) }, "$.profile.sensitive_metadata.fields"},
		{"secret key", 128, func(n int) string {
			return inProfile(`"sensitive_metadata":{"fields":{"` + repeat("k", n) + `":1}}`)
		}, "$.profile.sensitive_metadata.fields"},
		{"secret", 4096, func(n int) string {
			return inProfile(`"sensitive_metadata":{"fields":{"a":"` + repeat("x", n) + `"}}`)
		}, "$.profile.sensitive_metadata.fields['a']"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, nil)
			u := s.create(t, `{}`)
			s.do(t, "POST", users, tt.body(tt.limit+1)).wantFault(t, tt.parameter, "body")
			s.do(t, "PATCH", users+u.ID, tt.body(tt.limit+1)).wantFault(t, tt.parameter, "body")
			s.do(t, "PATCH", users+u.ID, tt.body(tt.limit)).want(t, 200)
			if tt.name == "external_id" {
				s.do(t, "PATCH", users+u.ID, `{"profile":{},"external_id":null}`).want(t, 200)
			}
			s.create(t, tt.body(tt.limit))
		})
	}
	t.Run("metadata merged", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, nil, nil)
		u := s.create(t, inProfile(`"metadata":{"a":"`+repeat("x", 6000)+`"}`))
		more := inProfile(`"metadata":{"b":"` + repeat("x", 6000) + `"}`)
		s.do(t, "PATCH", users+u.ID, more).wantFault(t, "$.profile.metadata", "body")
		s.do(t, "PATCH", users+u.ID, inProfile(`"metadata":{"a":null}`)).want(t, 200)
		s.do(t, "PATCH", users+u.ID, more).want(t, 200)
	})
}

func TestHostileQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, tt := range []struct{ query, parameter string }{
		{"limit=0", "limit"},
		{"limit=-1", "limit"},
		{"limit=101", "limit"},
		{"limit=1e2", "limit"},
		{"limit=%201", "limit"},
		{"limit=99999999999999999999", "limit"},
		{"limit=1&limit=1", "limit"},
		{"cursor=x", "cursor"},
		{"cursor=x&cursor=x", "cursor"},
		{"cursor=" + missing, "cursor"},
		{"cursor=%00", "cursor"},
		{"external_id", "external_id"},
		{"external_id=", "external_id"},
		{"external_id=&external_id=", "external_id"},
		{"external_id=a&external_id=a", "external_id"},
		{"external_id=a&limit=20", "external_id"},
		{"unknown=1", "unknown"},
		{"external-id=a", "external-id"},
		{"Limit=20", "Limit"},
		{"offset=1", "offset"},
		{"order=desc", "order"},
		{"email=", "email"},
		{"external_id=%00", "external_id"},
		{"external_id=%ff", "external_id"},
		{"external_id=%20a", "external_id"},
		{"external_id=" + strings.Repeat("a", 37), "external_id"},
		{"external_id=" + strings.Repeat("a", 10_000), "external_id"},
	} {
		t.Run(tt.query[:min(len(tt.query), 60)], func(t *testing.T) {
			s.do(t, "GET", users+"?"+tt.query, "").wantFault(t, tt.parameter, "query")
		})
	}
	for _, query := range []string{"a=%zz", "a;b"} {
		s.do(t, "GET", users+"?"+query, "").want(t, 400)
	}
	for _, query := range []string{"", "limit=", "cursor="} {
		s.do(t, "GET", users+"?"+query, "").want(t, 200)
	}
}

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"a/b"}`)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", users + "%00", 400},
		{"PATCH", users + "%ff", 400},
		{"GET", users + strings.Repeat("a", 10_000), 400},
		{"GET", users + "a%2Fb", 404}, // an external ID is not an ID
		{"GET", users + u.ID + "%2F", 404},
		{"GET", users + u.ID + "/x", 404},
		{"GET", users + strings.ToUpper(u.ID) + "x", 404},
		{"GET", "/API/v2/end-users/", 404},
		{"GET", "/v2/end-users/", 404},
		{"GET", "/", 404},
		{"PATCH", users, 405},
		{"DELETE", users, 405},
		{"POST", users + u.ID, 405},
		{"PUT", users + u.ID, 405},
		{"DELETE", users + u.ID + "/", 405},
		{"TRACE", users, 405},
		{"GET", conversations, 405},
		{"GET", conversations + missing, 404},
	} {
		t.Run(tt.method+" "+tt.path[:min(len(tt.path), 60)], func(t *testing.T) {
			s.do(t, tt.method, tt.path, `{"profile":{}}`).want(t, tt.want)
		})
	}
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	auth := func(values ...string) option { return with("Authorization", values...) }
	for _, tt := range []struct {
		name   string
		option option
		want   int
	}{
		{"no content type", with("Content-Type"), 415},
		{"form", with("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"UTF-16", with("Content-Type", "application/json; charset=utf-16"), 415},
		{"merge patch on POST", with("Content-Type", "application/merge-patch+json"), 415},
		{"two content types", with("Content-Type", "application/json", "application/json"), 415},
		{"gzip", with("Content-Encoding", "gzip"), 415},
		{"charset", with("Content-Type", "application/json; charset=UTF-8"), 201},
		{"no credential", auth(), 401},
		{"two credentials", auth("Bearer "+apitest.Acme, "Bearer "+apitest.Acme), 401},
		{"basic with the key", auth("Basic " + apitest.Acme), 401},
		{"no scheme", auth(apitest.Acme), 401},
		{"prefix", auth("Bearer " + apitest.Acme[:len(apitest.Acme)-1]), 401},
		{"list", auth("Bearer " + apitest.Acme + ", Bearer " + apitest.Other), 401},
		{"scheme in other case", auth("bearer " + apitest.Acme), 201},
		{"key in the query", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "access_token=" + apitest.Acme
		}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.do(t, "POST", users, `{}`, tt.option).want(t, tt.want)
		})
	}
}
