package magickmind_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestHostileBodies sends what is not acceptable to every route that has a body: it
// must be refused for the reason given, and nothing may have changed.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	utf16le := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	nested := func(depth int) string {
		return `{"name":"A","x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	const length, characters, space = enduser.CodeLength, enduser.CodeCharacter, enduser.CodeSpace
	const notJSON = "" // nothing is to blame but the whole
	tests := []struct{ name, body, field, code string }{
		{"empty", "", notJSON, ""},
		{"white space", " \n\t", notJSON, ""},
		{"null", "null", notJSON, ""},
		{"array", "[]", notJSON, ""},
		{"string", `"x"`, notJSON, ""},
		{"number", "1", notJSON, ""},
		{"true", "true", notJSON, ""},
		{"truncated", `{"name":"A"`, notJSON, ""},
		{"truncated string", `{"name":"A`, notJSON, ""},
		{"trailing", `{"name":"A"} trailing`, notJSON, ""},
		{"two documents", `{"name":"A"}{"name":"B"}`, notJSON, ""},
		{"two documents on lines", "{\"name\":\"A\"}\n{}", notJSON, ""},
		{"trailing NUL", "{\"name\":\"A\"}\x00", notJSON, ""},
		{"trailing comma", `{"name":"A",}`, notJSON, ""},
		{"comment", `{"name":"A"/**/}`, notJSON, ""},
		{"single quotes", `{'name':'A'}`, notJSON, ""},
		{"raw control character", "{\"name\":\"A\nB\"}", notJSON, ""},
		{"duplicate", `{"name":"A","name":"B"}`, notJSON, ""},
		{"duplicate behind an escape", `{"name":"A","nam\u0065":"B"}`, notJSON, ""},
		{"duplicate of what is ignored", `{"name":"A","x":1,"x":2}`, notJSON, ""},
		{"duplicate inside of what is ignored", `{"name":"A","x":{"a":{"b":1,"b":2}}}`, notJSON, ""},
		{"invalid UTF-8", "{\"name\":\"\xff\"}", notJSON, ""},
		{"invalid UTF-8 in what is ignored", "{\"name\":\"A\",\"x\":\"\xc3\x28\"}", notJSON, ""},
		{"lone surrogate", `{"name":"\ud800"}`, notJSON, ""},
		{"lone surrogate in what is ignored", `{"name":"A","x":"\udc00"}`, notJSON, ""},
		{"BOM", "\ufeff{\"name\":\"A\"}", notJSON, ""},
		{"UTF-16", utf16le(`{"name":"A"}`), notJSON, ""},
		{"depth 33", nested(33), notJSON, ""},
		{"depth 100,000", nested(100_000), notJSON, ""},
		{"open brackets", strings.Repeat("[", 100_000), notJSON, ""},
		{"NaN", `{"name":"A","x":NaN}`, notJSON, ""},
		{"Infinity", `{"name":"A","x":Infinity}`, notJSON, ""},
		{"leading zero", `{"name":"A","x":01}`, notJSON, ""},
		{"number beyond float64", `{"name":"A","x":1e400}`, notJSON, ""},

		{"case variant beside a member", `{"name":"A","external_id":"a","EXTERNAL_ID":"b"}`, "EXTERNAL_ID", "unknown"},
		{"case variant of the other", `{"name":"A","NAME":"b"}`, "NAME", "unknown"},
		{"case variant behind an escape", `{"name":"A","\u004eame":"b"}`, "Name", "unknown"},
		{"name null", `{"name":null}`, "name", enduser.CodeRequired},
		{"name empty", `{"name":""}`, "name", enduser.CodeRequired},
		{"name blank", `{"name":"\u00a0\u3000 "}`, "name", enduser.CodeRequired},
		{"number for name", `{"name":1}`, "name", "invalid_type"},
		{"object for name", `{"name":{"first":"A"}}`, "name", "invalid_type"},
		{"array for name", `{"name":["A"]}`, "name", "invalid_type"},
		{"boolean for name", `{"name":true}`, "name", "invalid_type"},
		{"name with a control character", `{"name":"a\u0007"}`, "name", characters},
		{"name of two lines", `{"name":"a\u2028b"}`, "name", characters},
		{"long name", `{"name":"` + strings.Repeat("a", 257) + `"}`, "name", length},
		{"number for external_id", `{"name":"A","external_id":1}`, "external_id", "invalid_type"},
		{"operator for external_id", `{"name":"A","external_id":{"$ne":""}}`, "external_id", "invalid_type"},
		{"array for external_id", `{"name":"A","external_id":["a"]}`, "external_id", "invalid_type"},
	}
	for _, row := range []struct{ name, id, code string }{
		{"long", strings.Repeat("a", 256), length},
		{"long in bytes", strings.Repeat("a\u0301\u0301\u0301", 400), length},
		{"long once composed", strings.Repeat("\u0344", 128), characters}, // too many marks in a row, too
		{"key over 512 bytes", strings.Repeat("\u20ac", 200), length},
		{"NUL", `a\u0000`, characters},
		{"C0", `a\u001fb`, characters},
		{"DEL", `a\u007fb`, characters},
		{"C1", `a\u0085b`, characters},
		{"angle brackets", "<a>", characters},
		{"bidi override", `a\u202eb`, characters},
		{"ZWJ", `a\u200db`, characters},
		{"ZWSP", `a\u200bb`, characters},
		{"soft hyphen", `a\u00adb`, characters},
		{"BOM inside", `a\ufeffb`, characters},
		{"white space", " ", space},
		{"leading space", " a", space},
		{"trailing space", "a ", space},
		{"NBSP", `\u00a0a`, space},
		{"unassigned", `\u0378`, characters},
		{"private use", `\ue000`, characters},
		{"noncharacter", `\ufffe`, characters},
		{"full width", `\uff41`, characters},
		{"ligature", `\ufb01`, characters},
		{"circled digit", `\u2460`, characters},
		{"superscript", `\u00b2`, characters},
		{"long s", `\u017f`, characters},
	} {
		body := `{"name":"A","external_id":"` + row.id + `"}`
		tests = append(tests, struct{ name, body, field, code string }{"external_id: " + row.name, body, "external_id", row.code})
	}

	s := newServer(t, nil, nil)
	kept := s.create(t, `{"name":"Kept","external_id":"kept"}`)
	check := s.untouched(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for method, path := range map[string]string{"POST": users, "PUT": users + "/" + kept.ID} {
				a := s.do(t, method, path, tt.body).want(t, 400)
				if tt.field != notJSON {
					a.wantFault(t, tt.field, tt.code)
				} else if errors := a.problem(t).Error.Errors; len(errors) > 0 {
					t.Errorf("%s: got %+v", method, errors)
				}
			}
		})
	}
	t.Run("many faults", func(t *testing.T) {
		for n, want := range map[int]struct {
			named  int
			detail string
		}{
			64:  {64, "See errors for what is wrong."},
			65:  {64, "See errors for the first 64 of 65 things that are wrong."},
			200: {64, "See errors for the first 64 of 200 things that are wrong."},
		} {
			p := s.do(t, "PUT", users+"/"+kept.ID, `{`+variants(n)+`}`).want(t, 400).problem(t).Error
			if len(p.Errors) != want.named || p.Detail != want.detail {
				t.Errorf("%d faults: %d are named, and it says %s", n, len(p.Errors), p.Detail)
			}
		}
	})
	check()
}

// variants returns n members that are external_id in another case each.
func variants(n int) string {
	members := make([]string, n)
	for i := range members {
		name := []byte("external_id")
		for bit := range 8 { // the letters of external
			if (i+1)>>bit&1 == 1 {
				name[bit] -= 'a' - 'A'
			}
		}
		members[i] = `"` + string(name) + `":1`
	}
	return strings.Join(members, ",")
}

// TestUnknownMembers: what newer clients send, and what the server alone sets, is
// passed over.
func TestUnknownMembers(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	kept := s.create(t, `{"name":"Kept","external_id":"kept"}`)
	check := s.untouched(t)
	for _, name := range []string{
		"id", "tenant_id", "created_by", "updated_by", "created_at", "updated_at", // those that are shown
		"tenant", "environment", "email", "metadata", "revision", "role", "_id", "__proto__", "", "nam", "name ", "external-id", "ex",
	} {
		for _, value := range []string{`"other"`, "null", "[{}]", `{"a":"b"}`} {
			member := strconv.Quote(name) + ":" + value
			if u := s.create(t, `{"name":"New",`+member+`}`, as(apitest.Other)); u.TenantID != "other" || u.CreatedBy != "crm" || u.ExternalID != "" {
				t.Errorf("%s is listened to: %+v", member, u)
			}
			if u := s.do(t, "PUT", users+"/"+kept.ID, `{`+member+`}`).want(t, 200).user(t); u != kept {
				t.Errorf("%s is listened to: %+v", member, u)
			}
		}
	}
	check()
}

// TestCreateNeedsAName: what PUT may leave out, a create may not.
func TestCreateNeedsAName(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, body := range []string{`{}`, `{"external_id":"a"}`, `{"external_id":null,"nickname":"A"}`} {
		s.do(t, "POST", users, body).wantFault(t, "name", enduser.CodeRequired)
	}
	if users := apitest.StateOf(t, s.Users.Tenant("acme")).Users; len(users) > 0 {
		t.Errorf("there are %d users", len(users))
	}
}

// TestIdentity makes two users after another: the second is a conflict or not.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, first, second string
		same                bool
	}{
		{"Turkish dotted I", "İstanbul", "istanbul", false},
		{"sharp s", "STRASSE", "straße", false},
		{"final sigma", "ΣΊΣΥΦΟΣ", "Σίσυφος", true},
		{"composed", "é", "e\u0301", true},
		{"Cherokee", "\u13a0", "\uab70", true},
		{"Cyrillic", "a", "\u0430", false},
		{"case", "CRM-7", "crm-7", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, nil)
			body := func(id string) string { return `{"name":"A","external_id":` + strconv.Quote(id) + `}` }
			first := s.create(t, body(tt.first))
			if !tt.same {
				s.create(t, body(tt.second))
				return
			}
			a := s.do(t, "POST", users, body(tt.second)).want(t, 409)
			if p := a.problem(t).Error; !strings.HasSuffix(p.Detail, " "+first.ID) || len(p.Errors) != 1 || p.Errors[0].Field != "external_id" {
				t.Errorf("the holder is %s, the answer %s", first.ID, a.Body)
			}
		})
	}
}

// TestVerbatim: what looks like a path, a template or markup is a text like any
// other, and comes back as it was sent.
func TestVerbatim(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, text := range []string{
		"../x", "a/b", "%2e%2e", "..", "'; DROP TABLE users", "{a}b", "a?b#c", `back\slash "quoted"`, "a+b", "Ærøskøbing 🛶", "a\u0300",
	} {
		u := s.create(t, `{"name":`+strconv.Quote(text)+`,"external_id":`+strconv.Quote(text)+`}`)
		if u.Name != text || u.ExternalID != text {
			t.Errorf("%q became %q and %q", text, u.Name, u.ExternalID)
		}
		if got := s.do(t, "GET", users+"/"+u.ID, "").want(t, 200).user(t); got != u {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
	// Names, unlike external IDs, may have markup and white space at their ends.
	if u := s.create(t, `{"name":" <script>\u200d "}`); u.Name != " <script>\u200d " {
		t.Errorf("got %q", u.Name)
	}
}

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &magickmind.Options{Login: accounts{}})
	u := s.create(t, `{"name":"A","external_id":"a/b"}`)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", users + "/%00", 400},
		{"GET", users + "/%ff", 400},
		{"PUT", users + "/%00", 400},
		{"DELETE", users + "/%ff", 400},
		{"GET", users + "/" + strings.Repeat("a", 10_000), 400},
		{"GET", users + "/a%2Fb", 404}, // an external ID is not an ID
		{"GET", users + "/" + u.ID + "/", 404},
		{"GET", users + "/" + u.ID + "%2F", 404},
		{"GET", users + "/" + strings.ToUpper(u.ID) + "x", 404},
		{"GET", users + "/", 404},
		{"POST", users + "/", 404},
		{"GET", "/", 404},
		{"GET", "/v2/end-users", 404},
		{"GET", "/V1/end-users", 404},
		{"GET", "/openapi.json", 404},
		{"PUT", users, 405},
		{"PATCH", users, 405},
		{"DELETE", users, 405},
		{"TRACE", users, 405},
		{"OPTIONS", users, 405},
		{"BREW", users, 405},
		{"POST", users + "/" + u.ID, 405},
		{"PATCH", users + "/" + u.ID, 405},
		{"GET", "/v1/auth/login", 405},
		{"DELETE", "/v1/auth/refresh", 405},
		{"POST", "/v1/auth/logout", 404},
	} {
		t.Run(tt.method+" "+tt.path[:min(len(tt.path), 60)], func(t *testing.T) {
			s.do(t, tt.method, tt.path, "{}").want(t, tt.want)
		})
	}
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte{' '}, 10<<20))
	_ = z.Close()
	const body = `{"name":"A"}`
	auth := func(values ...string) option { return with("Authorization", values...) }
	media := func(values ...string) option { return with("Content-Type", values...) }
	for _, tt := range []struct {
		name, body string
		option     option
		want       int
	}{
		{"no content type", body, media(), 415},
		{"text", body, media("text/plain"), 415},
		{"form", "name=A", media("application/x-www-form-urlencoded"), 415},
		{"merge patch", body, media("application/merge-patch+json"), 415},
		{"UTF-16", body, media("application/json; charset=utf-16"), 415},
		{"two content types", body, media("application/json", "application/json"), 415},
		{"list of content types", body, media("application/json, text/plain"), 415},
		{"charset", body, media("application/json; charset=UTF-8"), 201},
		{"upper case", body, media("APPLICATION/JSON"), 201},
		{"gzip bomb", bomb.String(), with("Content-Encoding", "gzip"), 415},
		{"br", body, with("Content-Encoding", "br"), 415},
		{"identity", body, with("Content-Encoding", "identity"), 201},

		{"no credential", body, auth(), 401},
		{"two credentials", body, auth("Bearer "+apitest.Acme, "Bearer "+apitest.Other), 401},
		{"equal credentials", body, auth("Bearer "+apitest.Acme, "Bearer "+apitest.Acme), 401},
		{"list of credentials", body, auth("Bearer " + apitest.Acme + ", Bearer " + apitest.Other), 401},
		{"basic", body, auth("Basic " + apitest.Acme), 401},
		{"no scheme", body, auth(apitest.Acme), 401},
		{"empty bearer", body, auth("Bearer "), 401},
		{"long bearer", body, auth("Bearer " + strings.Repeat("a", 1<<16)), 401},
		{"prefix", body, auth("Bearer " + apitest.Acme[:len(apitest.Acme)-1]), 401},
		{"trailing space", body, auth("Bearer " + apitest.Acme + " "), 401},
		{"other case", body, auth("Bearer " + strings.ToUpper(apitest.Acme)), 401},
		{"scheme in other case", body, auth("bearer " + apitest.Acme), 201},
		{"key in other places", body, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("X-Api-Key", apitest.Acme)
			r.Header.Set("Cookie", "access_token="+apitest.Acme)
			r.URL.RawQuery = "access_token=" + apitest.Acme + "&api_key=" + apitest.Acme
		}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.do(t, "POST", users, tt.body, tt.option).want(t, tt.want)
		})
	}
}

// TestBodyLimit: the limit itself is accepted, one byte more is not, and neither is
// a length that was not told.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	pad := func(n int) string { return strings.Repeat(" ", n-12) + `{"name":"A"}` }
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	for _, limit := range []int{0, 1000} {
		s := newServer(t, nil, &magickmind.Options{Options: httpapi.Options{MaxBody: int64(limit)}})
		n := limit
		if n == 0 {
			n = 1 << 20
		}
		u := s.create(t, pad(n))
		s.do(t, "POST", users, pad(n+1)).want(t, 413)
		s.do(t, "POST", users, pad(n+1), chunked).want(t, 413)
		s.do(t, "PUT", users+"/"+u.ID, pad(n)).want(t, 200)
		s.do(t, "PUT", users+"/"+u.ID, pad(n+1), chunked).want(t, 413)
	}
}
