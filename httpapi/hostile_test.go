package httpapi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
)

// TestHostileBodies sends invalid members to every route that writes a user. They must be
// refused with this code, and nothing may change.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":1`)
		}
		return `{"metadata":{` + b.String()[1:] + `}}`
	}
	external := func(id string) string { return `{"external_id":"` + id + `"}` }
	tests := []struct {
		name, body, code string
	}{
		{"duplicate in an account", `{"linked_accounts":[{"type":"a","type":"b","id":"c"}]}`, "malformed-json"},
		{"number beyond float64", `{"metadata":{"a":1e400}}`, "malformed-json"},
		{"case variant of a member", `{"external_id":"a","EXTERNAL_ID":"b"}`, "invalid"},
		{"unknown member", `{"admin":true}`, "invalid"},
		{"unknown member of an account", `{"linked_accounts":[{"type":"a","id":"b","owner":"c"}]}`, "invalid"},
		{"__proto__", `{"__proto__":{"admin":true}}`, "invalid"},
		{"number for a string", `{"external_id":1}`, "invalid"},
		{"string for an object", `{"metadata":"{}"}`, "invalid"},
		{"array for an object", `{"metadata":[]}`, "invalid"},
		{"object for an array", `{"groups":{}}`, "invalid"},
		{"number in groups", `{"groups":[1]}`, "invalid"},
		{"null in groups", `{"groups":[null]}`, "invalid"},
		{"null in accounts", `{"linked_accounts":[null]}`, "invalid"},
		{"null account type", `{"linked_accounts":[{"type":null,"id":"1"}]}`, "invalid"},
		{"string in accounts", `{"linked_accounts":["a:b"]}`, "invalid"},
		{"account without id", `{"linked_accounts":[{"type":"a"}]}`, "invalid"},
		{"account without type", `{"linked_accounts":[{"id":"a"}]}`, "invalid"},
		{"empty group", `{"groups":[""]}`, "invalid"},
		{"257 metadata keys", keys(257), "invalid"},
		{"metadata over 10,240 bytes", `{"metadata":{"a":"` + strings.Repeat("x", 10_240) + `"}}`, "invalid"},
		{"empty metadata key", `{"metadata":{"":1}}`, "invalid"},
		{"expires_in too large", `{"expires_in":31536001}`, "invalid"},
		{"expires_in with a fraction", `{"expires_in":1.5}`, "invalid"},
		{"expires_in beyond int64", `{"expires_in":92233720368547758080}`, "invalid"},
		{"expires_in negative", `{"expires_in":-1}`, "invalid"},
		{"provisional as text", `{"provisional":"yes"}`, "invalid"},

		{"long external_id", external(strings.Repeat("a", 256)), "invalid"},
		{"NUL", external(`a\u0000`), "invalid"},
		{"angle brackets", external("<a>"), "invalid"},
		{"leading space", external(" a"), "invalid"},

		{"e-mail without at", `{"email":"ann"}`, "invalid"},
		{"e-mail with a header", `{"email":"a@example.com\r\nBcc: b@example.com"}`, "invalid"},
		{"long e-mail", `{"email":"` + strings.Repeat("a", 254) + `@example.com"}`, "invalid"},
		{"script as avatar", `{"avatar":"javascript:alert(1)"}`, "invalid"},
		{"language", `{"language":"not a tag"}`, "invalid"},
		{"name with a control character", `{"name":"a\u0007"}`, "invalid"},
		{"long name", `{"name":"` + strings.Repeat("a", 257) + `"}`, "invalid"},
	}
	for _, name := range []string{
		"id", "tenant_id", "environment", "system_properties", "created_by", "updated_by", "created_at", "updated_at",
		"added_at", "expires_at", "revision", "version", // those that are shown, and some others
		"TENANT_ID", "deleted_at", "actor", "role",
	} {
		tests = append(tests, struct{ name, body, code string }{"server's member " + name, `{` + strconv.Quote(name) + `:"x"}`, "invalid"})
	}

	s := newServer(t, nil, nil)
	kept := s.create(t, `{"external_id":"kept","name":"Kept"}`)
	routes := []struct{ method, path string }{
		{"POST", "/v1/end-users"},
		{"PATCH", "/v1/end-users/" + kept.ID},
		{"PUT", "/v1/end-users/by-external-id/kept"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, route := range routes {
				a := s.do(t, route.method, route.path, tt.body, with("Content-Type", "application/json"))
				if p := a.wantCode(t, 400, tt.code); (p.Code == "invalid") != (len(p.Errors) > 0) {
					t.Errorf("%s: code and errors do not agree: %s", route.method, a.Body)
				}
			}
		})
	}
	if got := s.do(t, "GET", "/v1/end-users/"+kept.ID, "").want(t, 200).user(t); got.Revision != kept.Revision {
		t.Errorf("the user was changed: %+v", got)
	}
	if changes := s.wholeFeed(t).Data; len(changes) != 1 {
		t.Errorf("the feed has %d changes, want the one that made the user", len(changes))
	}
}

// TestHostileNulls: null clears a member in a PATCH. Elsewhere it clears only texts, and is
// refused for other members.
func TestHostileNulls(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, name := range []string{"external_id", "metadata", "linked_accounts", "groups", "provisional", "expires_in"} {
		body := `{"` + name + `":null}`
		for _, route := range [][2]string{{"POST", "/v1/end-users"}, {"PUT", "/v1/end-users/by-external-id/new"}} {
			p := s.do(t, route[0], route[1], body).wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "/"+name || p.Errors[0].Code != "invalid_type" {
				t.Errorf("%s of a null %s: %+v", route[0], name, p.Errors)
			}
		}
	}
	s.do(t, "POST", "/v1/end-users", `{"external_id":""}`).wantCode(t, 400, "invalid")
}

// TestMergeClears: "" and null clear in a merge by POST and PUT as they do in a PATCH. They
// are never ignored.
func TestMergeClears(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		const full = `{"external_id":"a","name":"A","first_name":"B","last_name":"C","email":"a@example.com","avatar":"https://example.com/a","language":"de"}`
		s.create(t, full)
		for _, name := range []string{"name", "first_name", "last_name", "email", "avatar", "language"} {
			for _, empty := range []string{`""`, "null"} {
				body := `{"external_id":"a","` + name + `":` + empty + `}`
				cleared := s.do(t, "PATCH", "/v1/end-users/by-external-id/a", body).want(t, 200)
				var want, got map[string]any
				cleared.decode(t, &want)
				for _, route := range [][2]string{{"POST", "/v1/end-users?on_conflict=merge"}, {"PUT", "/v1/end-users/by-external-id/a"}} {
					s.do(t, "POST", "/v1/end-users?on_conflict=return", body).want(t, 200) // changes nothing
					s.do(t, "PUT", "/v1/end-users/by-external-id/a", full).want(t, 200)
					s.do(t, route[0], route[1], body).want(t, 200).decode(t, &got)
					for _, m := range []map[string]any{want, got} {
						delete(m, "revision")
						delete(m, "version")
						delete(m, "updated_at")
					}
					if diff := cmp.Diff(want, got); diff != "" || got[name] != nil {
						t.Errorf("%s of %s %s differs from PATCH:\n%s", route[0], name, empty, diff)
					}
				}
				s.do(t, "PUT", "/v1/end-users/by-external-id/a", full).want(t, 200)
				if u := s.create(t, `{"`+name+`":`+empty+`}`); u.Name != nil {
					t.Errorf("a new user has %+v", u)
				}
			}
		}
	})
}

// TestIdentity creates two users one after the other. The second may be the first.
func TestIdentity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, first, second string
		same                bool
	}{
		{"Turkish dotted I", "İstanbul", "istanbul", false},
		{"final sigma", "ΣΊΣΥΦΟΣ", "Σίσυφοσ", true},
		{"case", "CRM-7", "crm-7", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, nil)
			first := s.create(t, `{"external_id":`+strconv.Quote(tt.first)+`}`)
			a := s.do(t, "POST", "/v1/end-users", `{"external_id":`+strconv.Quote(tt.second)+`}`)
			want := 201
			if tt.same {
				want = 200
			}
			if second := a.want(t, want).user(t); (second.ID == first.ID) != tt.same {
				t.Errorf("IDs %s and %s", first.ID, second.ID)
			}
		})
	}
}

// TestVerbatimIDs: an external ID that looks like a path, a query or a template is an ID like
// any other.
func TestVerbatimIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	other := s.create(t, `{"external_id":"other"}`)
	for id, escaped := range map[string]string{
		"../x": "..%2Fx", "a/b": "a%2Fb", "%2e%2e": "%252e%252e", "..": "%2e%2e", "'; DROP": "%27%3B%20DROP", "{a}b": "%7Ba%7Db",
		"a?b": "a%3Fb", "a#b": "a%23b", "a:b": "a:b", "by-external-id": "by-external-id", "*": "%2A", "a+b": "a+b",
	} {
		u := s.create(t, `{"external_id":`+strconv.Quote(id)+`}`)
		if *u.ExternalID != id {
			t.Errorf("%q is stored as %q", id, *u.ExternalID)
		}
		a := s.do(t, "PUT", "/v1/end-users/by-external-id/"+escaped, `{"name":"Found"}`).want(t, 200)
		if got := a.user(t); got.ID != u.ID || *got.ExternalID != id {
			t.Errorf("%q is not found as %s: %s", id, escaped, a.Body)
		}
	}
	if got := s.do(t, "GET", "/v1/end-users/"+other.ID, "").want(t, 200).user(t); got.Revision != other.Revision {
		t.Error("another user was changed")
	}
}

func TestNumbersStayExact(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const metadata = `{"big":9007199254740993,"float":0.1,"neg":-0,"nested":{"n":[9223372036854775807]}}`
	u := s.create(t, `{"metadata":`+metadata+`}`)
	if string(u.Metadata) != metadata {
		t.Errorf("got %s, want %s", u.Metadata, metadata)
	}
}

// TestLimitsAtTheirEdges: n is accepted and n+1 is not.
func TestLimitsAtTheirEdges(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	list := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	keys := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = `"k` + strconv.Itoa(i) + `":1`
		}
		return "{" + strings.Join(items, ",") + "}"
	}
	tests := []struct {
		name    string
		limit   int
		body    func(n int) string
		code    string
		pointer string
	}{
		{"external_id", 255, func(n int) string { return `{"external_id":"` + repeat("é", n) + `"}` }, enduser.CodeLength, "/external_id"},
		{"name", 256, func(n int) string { return `{"name":"` + repeat("é", n) + `"}` }, enduser.CodeLength, "/name"},
		{"first_name", 256, func(n int) string { return `{"first_name":"` + repeat("a", n) + `"}` }, enduser.CodeLength, "/first_name"},
		{"last_name", 256, func(n int) string { return `{"last_name":"` + repeat("a", n) + `"}` }, enduser.CodeLength, "/last_name"},
		{"email", 254, func(n int) string { return `{"email":"` + repeat("a", n-12) + `@example.com"}` }, enduser.CodeLength, "/email"},
		{"avatar", 2048, func(n int) string { return `{"avatar":"https://a.example/` + repeat("a", n-18) + `"}` }, enduser.CodeLength, "/avatar"},
		{"metadata keys", 256, func(n int) string { return `{"metadata":` + keys(n) + `}` }, enduser.CodeCount, "/metadata"},
		{"metadata key", 128, func(n int) string { return `{"metadata":{"` + repeat("k", n) + `":1}}` }, enduser.CodeLength, "/metadata"},
		{"metadata bytes", 10_240, func(n int) string { return `{"metadata":{"a":"` + repeat("x", n-8) + `"}}` }, enduser.CodeLength, "/metadata"},
		{"accounts", 16, func(n int) string {
			item := func(i int) string { return `{"type":"t","id":"` + strconv.Itoa(i) + `"}` }
			return `{"linked_accounts":` + list(n, item) + `}`
		}, enduser.CodeCount, "/linked_accounts"},
		{"account id", 256, func(n int) string { return `{"linked_accounts":[{"type":"t","id":"` + repeat("a", n) + `"}]}` }, enduser.CodeLength, "/linked_accounts/0/id"},
		{"groups", 64, func(n int) string {
			return `{"groups":` + list(n, func(i int) string { return `"g` + strconv.Itoa(i) + `"` }) + `}`
		}, enduser.CodeCount, "/groups"},
		{"expires_in", 31_536_000, func(n int) string { return `{"expires_in":` + strconv.Itoa(n) + `}` }, enduser.CodeValue, "/expires_in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, nil)
			p := s.do(t, "POST", "/v1/end-users", tt.body(tt.limit+1)).wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Code != tt.code || p.Errors[0].Pointer != tt.pointer {
				t.Errorf("got %+v, want %s at %s", p.Errors, tt.code, tt.pointer)
			}
			s.create(t, tt.body(tt.limit))
		})
	}
}
