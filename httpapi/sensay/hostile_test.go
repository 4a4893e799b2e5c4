package sensay_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestHostileBodies sends what is not acceptable to both routes that have a body:
// it must be refused with that very status, and nothing may have changed.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string { return `{"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}` }
	account := func(members string) string { return `{"id":"kept","linkedAccounts":[{` + members + `}]}` }
	id := func(id string) string { return `{"id":"` + id + `"}` }
	many := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = `{"accountType":"embed","accountID":"` + strconv.Itoa(i) + `"}`
		}
		return `{"id":"kept","linkedAccounts":[` + strings.Join(items, ",") + `]}`
	}
	tests := []struct{ name, body, code string }{
		{"blank", " ", "MALFORMED_JSON"},
		{"white space", " \n\t", "MALFORMED_JSON"},
		{"null", "null", "MALFORMED_JSON"},
		{"array", "[]", "MALFORMED_JSON"},
		{"string", `"x"`, "MALFORMED_JSON"},
		{"number", "1", "MALFORMED_JSON"},
		{"truncated", `{"id":"kept"`, "MALFORMED_JSON"},
		{"trailing", `{"id":"kept"} x`, "MALFORMED_JSON"},
		{"two documents", `{"id":"kept"}{"id":"kept"}`, "MALFORMED_JSON"},
		{"trailing NUL", "{\"id\":\"kept\"}\x00", "MALFORMED_JSON"},
		{"trailing comma", `{"id":"kept",}`, "MALFORMED_JSON"},
		{"comment", `{"id":"kept"/**/}`, "MALFORMED_JSON"},
		{"raw control character", "{\"id\":\"a\nb\"}", "MALFORMED_JSON"},
		{"duplicate", `{"id":"kept","id":"x"}`, "MALFORMED_JSON"},
		{"duplicate behind an escape", `{"id":"kept","i\u0064":"x"}`, "MALFORMED_JSON"},
		{"duplicate in an account", account(`"accountID":"1","accountID":"2","accountType":"embed"`), "MALFORMED_JSON"},
		{"invalid UTF-8", "{\"id\":\"\xff\"}", "MALFORMED_JSON"},
		{"lone surrogate", `{"id":"\ud800"}`, "MALFORMED_JSON"},
		{"BOM", "\ufeff{\"id\":\"kept\"}", "MALFORMED_JSON"},
		{"depth 33", nested(32), "MALFORMED_JSON"},
		{"depth 100,000", nested(100_000), "MALFORMED_JSON"},
		{"leading zero", `{"id":01}`, "MALFORMED_JSON"},

		{"case variant of a member", `{"id":"kept","ID":"x"}`, "INVALID"},
		{"case variant alone", `{"id":"kept","linkedaccounts":[]}`, "INVALID"},
		{"U+0131 in a member", `{"id":"kept","\u0131d":"x"}`, "INVALID"},
		{"U+212A in a member", `{"id":"kept","lin\u212aedAccounts":[]}`, "INVALID"},
		{"native spelling", `{"id":"kept","external_id":"x"}`, "INVALID"},
		{"__proto__", `{"id":"kept","__proto__":{"admin":true}}`, "INVALID"},
		{"depth 32", `{"id":"kept","x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, "INVALID"},
		{"number for a string", `{"id":1}`, "INVALID"},
		{"object for a string", `{"id":{"$ne":""}}`, "INVALID"},
		{"array for a string", `{"id":"kept","email":["a@example.com"]}`, "INVALID"},
		{"object for an array", `{"id":"kept","linkedAccounts":{}}`, "INVALID"},
		{"string for an array", `{"id":"kept","linkedAccounts":"embed:1"}`, "INVALID"},
		{"null in accounts", `{"id":"kept","linkedAccounts":[null]}`, "INVALID"},
		{"string in accounts", `{"id":"kept","linkedAccounts":["embed:1"]}`, "INVALID"},
		{"null accountID", account(`"accountID":null,"accountType":"embed"`), "INVALID"},
		{"number for an accountID", account(`"accountID":1,"accountType":"embed"`), "INVALID"},
		{"null accountType", account(`"accountID":"1","accountType":null`), "INVALID"},
		{"empty account", account(""), "INVALID"},
		{"empty accountID", account(`"accountID":"","accountType":"embed"`), "INVALID"},
		{"accountType in another case", account(`"accountID":"1","accountType":"Embed"`), "INVALID"},
		{"email as accountType", account(`"accountID":"1","accountType":"email"`), "INVALID"},
		{"long accountID", account(`"accountID":"` + strings.Repeat("a", 257) + `","accountType":"embed"`), "INVALID"},
		{"NUL in an accountID", account(`"accountID":"a\u0000","accountType":"embed"`), "INVALID"},
		{"unknown member of an account", account(`"accountID":"1","accountType":"embed","id":"2"`), "INVALID"},
		{"17 accounts", many(17), "INVALID"},
		{"20,000 accounts", many(20_000), "INVALID"},
		{"20,000 accounts of nothing", `{"id":"kept","linkedAccounts":[` + strings.Repeat(`{"x":1},`, 20_000) + `{}]}`, "INVALID"},

		{"null id", `{"id":null}`, "INVALID"},
		{"null name", `{"id":"kept","name":null}`, "INVALID"},
		{"null email", `{"id":"kept","email":null}`, "INVALID"},
		{"null linkedAccounts", `{"id":"kept","linkedAccounts":null}`, "INVALID"},
		{"empty id", id(""), "INVALID"},
		{"me", id("me"), "INVALID"},
		{"me in capitals", id("ME"), "INVALID"},
		{"me composed", id("\\u006de"), "INVALID"},
		{"long id", id(strings.Repeat("a", 256)), "INVALID"},
		{"1 MB id", id(strings.Repeat("a", 1_000_000)), "INVALID"},
		{"id of many marks", id("a" + strings.Repeat("\u0301", 17)), "INVALID"},
		{"NUL in an id", id(`a\u0000`), "INVALID"},
		{"angle brackets", id("<a>"), "INVALID"},
		{"bidi override", id(`a\u202eb`), "INVALID"},
		{"zero width", id(`a\u200bb`), "INVALID"},
		{"white space as id", id(" "), "INVALID"},
		{"trailing space", id("a "), "INVALID"},
		{"full width", id(`\uff41`), "INVALID"},

		{"long name", `{"id":"kept","name":"` + strings.Repeat("a", 51) + `"}`, "INVALID"},
		{"name with a newline", `{"id":"kept","name":"a\nb"}`, "INVALID"},
		{"name with a tab", `{"id":"kept","name":"a\tb"}`, "INVALID"},
		{"name with NUL", `{"id":"kept","name":"a\u0000"}`, "INVALID"},
		{"name with markup", `{"id":"kept","name":"<b>Ann</b>"}`, "INVALID"},
		{"name with a quote", `{"id":"kept","name":"Ann \"A\""}`, "INVALID"},
		{"name with other letters", `{"id":"kept","name":"Zoë"}`, "INVALID"},
		{"e-mail without at", `{"id":"kept","email":"ann"}`, "INVALID"},
		{"e-mail with a name", `{"id":"kept","email":"Ann <a@example.com>"}`, "INVALID"},
		{"e-mail with a header", `{"id":"kept","email":"a@example.com\r\nBcc: b@example.com"}`, "INVALID"},
		{"two e-mails", `{"id":"kept","email":"a@example.com,b@example.com"}`, "INVALID"},
		{"long e-mail", `{"id":"kept","email":"` + strings.Repeat("a", 254) + `@example.com"}`, "INVALID"},
		{"empty e-mail", `{"id":"kept","email":""}`, "INVALID"},
		{"blank e-mail", `{"id":"kept","email":" \t"}`, "INVALID"},
	}
	for _, name := range []string{
		"Success", "uuid", "type", "tenant_id", "environment", "metadata", "groups", "created_at", "expires_at", "revision", "X-USER-ID", "",
	} {
		tests = append(tests, struct{ name, body, code string }{"member " + name, `{"id":"kept",` + strconv.Quote(name) + `:"x"}`, "INVALID"})
	}

	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"kept","name":"Kept"}`)
	acme := s.users.Tenant("acme")
	before := apitest.StateOf(t, acme)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fresh := strings.Replace(tt.body, `"kept"`, `"fresh"`, 1) // what would be a new user
			for _, a := range []answer{
				s.do(t, "POST", "/v1/users", fresh),
				s.do(t, "PUT", "/v1/users/me", tt.body, as("kept"), with("Content-Type", "application/json")),
			} {
				if f := a.wantCode(t, http.StatusBadRequest, tt.code); len(f.Error) > 1000 {
					t.Errorf("an answer of %d bytes", len(a.Body))
				}
			}
		})
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, acme)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

// TestManyFaults: eight are named, and the others are counted.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	for n, more := range map[int]string{8: "", 9: "; and 1 more.", 64: "; and 56 more.", 65: "; and 57 more.", 200: "; and 192 more."} {
		members := make([]string, n)
		for i := range members {
			members[i] = `"x` + strconv.Itoa(i) + `":1`
		}
		f := s.do(t, "POST", "/v1/users", `{`+strings.Join(members, ",")+`}`).wantCode(t, http.StatusBadRequest, "INVALID")
		named := strings.Count(f.Error, "has a member")
		if named != 8 || !strings.HasSuffix(f.Error, more) || strings.Contains(f.Error, "more") != (n > 8) {
			t.Errorf("%d faults: %s", n, f.Error)
		}
	}
}

// TestErrorsRepeatNothing: what a client sent does not come back in an error.
func TestErrorsRepeatNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"canary","email":"canary@example.com","linkedAccounts":[{"accountID":"canary","accountType":"embed"}]}`)
	s.create(t, `{"id":"other"}`)
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
		for _, a := range []answer{
			s.do(t, "POST", "/v1/users", body),
			s.do(t, "PUT", "/v1/users/me", body, as("other")),
			s.do(t, "GET", "/v1/users/canary%20", ""),
			s.do(t, "GET", "/v1/users/me", "", as("no-canary")),
		} {
			if a.Status < 400 || strings.Contains(a.Body, "canary") {
				t.Errorf("%s: %d %s", body, a.Status, a.Body)
			}
		}
	}
}

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/v1/users/%00", 404},
		{"GET", "/v1/users/%ff", 404},
		{"GET", "/v1/users/%20", 404},
		{"GET", "/v1/users/" + strings.Repeat("a", 10_000), 404},
		{"GET", "/v1/users/ann/", 404},
		{"GET", "/v1/users/ann%2F", 404},
		{"GET", "/v1/users/", 404},
		{"GET", "/V1/users/ann", 404},
		{"GET", "/v2/users/ann", 404},
		{"GET", "/v1/users/me/", 404},
		{"GET", "/v1/users/me/usage", 404},
		{"GET", "/v1/users/%6de", 401}, // me, however it is spelled
		{"GET", "/v1/users/ME", 404},
		{"GET", "/openapi.json", 404},
		{"GET", "/healthz", 404},
		{"PUT", "/v1/users", 405},
		{"DELETE", "/v1/users", 405},
		{"POST", "/v1/users/ann", 405},
		{"PATCH", "/v1/users/ann", 405},
		{"BREW", "/v1/users/me", 405},
		{"OPTIONS", "/v1/users/me", 405},
		{"HEAD", "/v1/users/ann", 200},
	} {
		t.Run(tt.method+" "+tt.path[:min(len(tt.path), 40)], func(t *testing.T) {
			a := s.do(t, tt.method, tt.path, "").want(t, tt.want)
			if allow := a.Header.Get("Allow"); (tt.want == 405) != (allow != "") {
				t.Errorf("Allow is %q", allow)
			}
		})
	}
	a := s.do(t, "GET", "http://example.com/v1//users/ann", "") // the mux cleans paths
	if a.Status == 200 || a.Status >= 500 {
		t.Errorf("got %d", a.Status)
	}
}

// TestVerbatimIDs: what looks like a path, a query or a template is an id like any
// other.
func TestVerbatimIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	for id, escaped := range map[string]string{
		"../x": "..%2Fx", "a/b": "a%2Fb", "%2e%2e": "%252e%252e", "..": "%2e%2e", "'; DROP": "%27%3B%20DROP", "{a}b": "%7Ba%7Db",
		"a?b": "a%3Fb", "a#b": "a%23b", "me/usage": "me%2Fusage", "*": "%2A", "a+b": "a+b", "mé": "m%C3%A9", "ann@example.com": "ann@example.com",
	} {
		if u := s.create(t, `{"id":`+strconv.Quote(id)+`}`); u.ID != id {
			t.Errorf("%q is stored as %q", id, u.ID)
		}
		if u := s.do(t, "GET", "/v1/users/"+escaped, "").want(t, 200).user(t); u.ID != id {
			t.Errorf("%q is found as %q", id, u.ID)
		}
		if u := s.do(t, "GET", "/v1/users/me", "", as(id)).want(t, 200).user(t); u.ID != id {
			t.Errorf("%q acts as %q", id, u.ID)
		}
	}
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann","linkedAccounts":[{"accountID":"8035","accountType":"telegram"}]}`)
	secret := func(values ...string) option { return with("X-ORGANIZATION-SECRET", values...) }
	acting := func(values ...string) option { return with("X-USER-ID", values...) }
	typed := func(id string, types ...string) option {
		return func(r *http.Request) {
			as(id)(r)
			with("X-USER-ID-TYPE", types...)(r)
		}
	}
	version := func(values ...string) option { return with("X-API-Version", values...) }
	tests := []struct {
		name   string
		target string
		option option
		want   int
		code   string
	}{
		{"no secret", "ann", secret(), 401, "UNAUTHORIZED"},
		{"empty secret", "ann", secret(""), 401, "UNAUTHORIZED"},
		{"two secrets", "ann", secret(apitest.Acme, apitest.Acme), 401, "UNAUTHORIZED"},
		{"secrets of two tenants", "ann", secret(apitest.Acme, apitest.Other), 401, "UNAUTHORIZED"},
		{"list of secrets", "ann", secret(apitest.Acme + ", " + apitest.Other), 401, "UNAUTHORIZED"},
		{"bearer as secret", "ann", secret("Bearer " + apitest.Acme), 401, "UNAUTHORIZED"},
		{"upper case", "ann", secret(strings.ToUpper(apitest.Acme)), 401, "UNAUTHORIZED"},
		{"prefix", "ann", secret(apitest.Acme[:len(apitest.Acme)-1]), 401, "UNAUTHORIZED"},
		{"trailing space", "ann", secret(apitest.Acme + " "), 401, "UNAUTHORIZED"},
		{"control byte", "ann", secret(apitest.Acme + "\x01"), 401, "UNAUTHORIZED"},
		{"long secret", "ann", secret(strings.Repeat("a", 1<<16)), 401, "UNAUTHORIZED"},
		{"secret in other headers", "ann", func(r *http.Request) {
			r.Header.Del("X-ORGANIZATION-SECRET")
			for _, name := range []string{"Authorization", "X-Api-Key", "Cookie", "X_organization_secret"} {
				r.Header.Set(name, apitest.Acme)
			}
			r.URL.RawQuery = "X-ORGANIZATION-SECRET=" + apitest.Acme
		}, 401, "UNAUTHORIZED"},

		{"no acting user", "me", acting(), 401, "UNKNOWN_ACTING_USER"},
		{"empty acting user", "me", acting(""), 401, "UNKNOWN_ACTING_USER"},
		{"unknown acting user", "me", acting("bob"), 401, "UNKNOWN_ACTING_USER"},
		{"two acting users", "me", acting("ann", "ann"), 401, "UNKNOWN_ACTING_USER"},
		{"list of acting users", "me", acting("ann, ann"), 401, "UNKNOWN_ACTING_USER"},
		{"long acting user", "me", acting(strings.Repeat("a", 1<<16)), 401, "UNKNOWN_ACTING_USER"},
		{"acting user not in UTF-8", "me", acting("\xff"), 401, "UNKNOWN_ACTING_USER"},
		{"acting user with NUL", "me", acting("ann\x00"), 401, "UNKNOWN_ACTING_USER"},
		{"acting user with marks", "me", acting("a" + strings.Repeat("\u0301", 300)), 401, "UNKNOWN_ACTING_USER"},
		{"acting user called me", "me", acting("me"), 401, "UNKNOWN_ACTING_USER"},
		{"e-mail as acting user", "me", acting("ann@example.com"), 401, "UNKNOWN_ACTING_USER"},
		{"by account", "me", typed("8035", "telegram"), 200, ""},
		{"empty type", "me", typed("ann", ""), 401, "UNKNOWN_ACTING_USER"},
		{"type in another case", "me", typed("8035", "Telegram"), 401, "UNKNOWN_ACTING_USER"},
		{"another type", "me", typed("8035", "discord"), 401, "UNKNOWN_ACTING_USER"},
		{"no type of ours", "me", typed("ann", "email"), 401, "UNKNOWN_ACTING_USER"},
		{"two types", "me", typed("8035", "telegram", "telegram"), 401, "UNKNOWN_ACTING_USER"},
		{"type with NUL", "me", typed("8035", "telegram\x008035"), 401, "UNKNOWN_ACTING_USER"},
		{"id with a type", "me", typed("ann", "telegram"), 401, "UNKNOWN_ACTING_USER"},
		{"account without a type", "me", acting("8035"), 401, "UNKNOWN_ACTING_USER"},
		{"type alone", "me", with("X-USER-ID-TYPE", "telegram"), 401, "UNKNOWN_ACTING_USER"},

		{"acting on a route of the organization", "ann", acting("ann"), 200, ""},
		{"acting as nobody there", "ann", acting("bob"), 200, ""},
		{"acting as an empty name there", "ann", acting(""), 200, ""},
		{"type alone there", "ann", with("X-USER-ID-TYPE", "telegram"), 200, ""},

		{"version", "ann", version("2025-03-25"), 200, ""},
		{"old version", "ann", version("0001-01-01"), 200, ""},
		{"two versions", "ann", version("2025-03-25", "2025-03-25"), 400, "INVALID_API_VERSION"},
		{"list of versions", "ann", version("2025-03-25,2025-03-25"), 400, "INVALID_API_VERSION"},
		{"empty version", "ann", version(""), 400, "INVALID_API_VERSION"},
		{"30th of February", "ann", version("2024-02-30"), 400, "INVALID_API_VERSION"},
		{"month 13", "ann", version("2024-13-01"), 400, "INVALID_API_VERSION"},
		{"day 0", "ann", version("2024-01-00"), 400, "INVALID_API_VERSION"},
		{"five digits", "ann", version("12024-01-01"), 400, "INVALID_API_VERSION"},
		{"signed", "ann", version("-024-01-01"), 400, "INVALID_API_VERSION"},
		{"other digits", "ann", version("٢٠٢٤-01-01"), 400, "INVALID_API_VERSION"},
		{"long version", "ann", version(strings.Repeat("2", 1<<16)), 400, "INVALID_API_VERSION"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, "GET", "/v1/users/"+tt.target, "", tt.option).want(t, tt.want)
			if tt.code != "" {
				a.wantCode(t, tt.want, tt.code)
			}
		})
	}
	t.Run("nothing else names the tenant", func(t *testing.T) {
		t.Parallel()
		s.create(t, `{"id":"victim"}`, by(apitest.Other))
		a := s.do(t, "GET", "/v1/users/victim", "", func(r *http.Request) {
			r.Host = "other.example.com"
			for _, name := range []string{"X-Forwarded-Host", "X-Tenant-Id", "X-Organization-Id", "Forwarded", "X-Environment", "X-Http-Method-Override"} {
				r.Header.Set(name, "other")
			}
		})
		a.wantCode(t, 404, "USER_NOT_FOUND")
	})
}
