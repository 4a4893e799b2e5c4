package ada_test

import (
	"strconv"
	"strings"
	"testing"
)

// The JSON paths of the two objects of values.
const (
	metadataPath = "$.profile.metadata"
	fieldsPath   = "$.profile.sensitive_metadata.fields"
)

// inProfile returns a body with some members of the profile.
func inProfile(members string) string { return `{"profile":{` + members + `}}` }

// withMetadata returns a body with metadata.
func withMetadata(members string) string { return inProfile(`"metadata":{` + members + `}`) }

// withID returns a body with an external ID.
func withID(id string) string { return `{"external_id":"` + id + `","profile":{}}` }

// numbered returns the members k0 to kn-1 of an object.
func numbered(n int, value string) string {
	members := make([]string, n)
	for i := range members {
		members[i] = `"k` + strconv.Itoa(i) + `":` + value
	}
	return strings.Join(members, ",")
}

// TestHostileBodies sends bodies that are not valid to the routes that write a user. The
// answer names that parameter, once, and nothing is written. The exchanges have more.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	s := newServer(t, nil, nil)
	kept := s.create(t, `{"external_id":"kept","profile":{"first_name":"Kept"}}`)
	routes := [][2]string{{"POST", users}, {"PATCH", users + kept.ID}}
	check := s.Unchanged(t)
	for _, tt := range []struct{ name, body, parameter string }{
		{"depth 32", withMetadata(`"x":` + repeat("[", 29) + repeat("]", 29)), metadataPath + "['x']"},
		{"integer beyond int64", withMetadata(`"a":9223372036854775808`), metadataPath + "['a']"},
		{"integer below int64", withMetadata(`"a":-9223372036854775809`), metadataPath + "['a']"},
		{"integer of 300 digits", withMetadata(`"a":` + repeat("1", 300)), metadataPath + "['a']"},
		{"exponent", withMetadata(`"a":1e3`), metadataPath + "['a']"},
		{"key with a backslash", withMetadata(`"a\\b":[]`), metadataPath + "[*]"},
		{"key with NUL", withMetadata(`"a\u0000b":[]`), metadataPath + "[*]"},
		{"long key of a wrong value", withMetadata(`"` + repeat("k", 129) + `":[]`), metadataPath + "[*]"},
		{"longest key of a wrong value", withMetadata(`"` + repeat("k", 128) + `":[]`), metadataPath + "['" + repeat("k", 128) + "']"},
		{"key with NUL of a good value", withMetadata(`"a\u0000b":1`), metadataPath},
		{"100,000 keys", withMetadata(numbered(100_000, "1")), metadataPath},
		{"4,097 nulls", withMetadata(numbered(4097, "null")), metadataPath},
		{"21 null secrets", withSecrets(numbered(21, "null")), fieldsPath},
		{"100,000 secrets", withSecrets(numbered(100_000, "1")), fieldsPath},
		{"secret beyond int64", withSecrets(`"a":9223372036854775808`), fieldsPath + "['a']"},
		{"secret key with a dot", withSecrets(`"a.b":1`), fieldsPath},
		{"U+017F", inProfile("\"fir\u017ft_name\":\"b\""), "$.profile.fir\u017ft_name"},
		{"object for a string", `{"external_id":{"$ne":""},"profile":{}}`, "$.external_id"},
		{"array for a string", inProfile(`"first_name":["A"]`), "$.profile.first_name"},
		{"blank external_id", withID("  "), "$.external_id"},
		{"NUL", withID(`a\u0000`), "$.external_id"},
		{"e-mail with a header", inProfile(`"email":"a@example.com\r\nBcc: b@example.com"`), "$.profile.email"},
		{"blank e-mail", inProfile(`"email":" \t"`), "$.profile.email"},
		{"relative avatar", inProfile(`"avatar":"/a.png"`), "$.profile.avatar"},
		{"empty avatar", inProfile(`"avatar":""`), "$.profile.avatar"},
		{"language with _", inProfile(`"language":"en_US"`), "$.profile.language"},
		{"empty language", inProfile(`"language":""`), "$.profile.language"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, route := range routes {
				s.do(t, route[0], route[1], tt.body).wantFault(t, tt.parameter, "body")
			}
		})
	}
	for _, route := range routes {
		a := s.do(t, route[0], route[1], withMetadata(numbered(4097, "1")+`,"k0":2`)).want(t, 400) // a duplicate beyond the limit
		if p := a.problem(t); !strings.Contains(p.Message, "occurs twice") || p.Details != nil {
			t.Errorf("%s: %s", route[0], a.Body)
		}
		for n, more := range map[int]string{64: "; and 63 more", 65: "; and 64 more", 200: "; and 199 more"} {
			a := s.do(t, route[0], route[1], withMetadata(numbered(n, "[]"))).want(t, 400)
			if p := a.problem(t); len(p.Details) != 64 || len(a.Body) > 20_000 || !strings.HasSuffix(p.Message, more) {
				t.Errorf("%s of %d faults has %d details in %d bytes: %s", route[0], n, len(p.Details), len(a.Body), p.Message)
			}
		}
	}
	check()
}

// TestLimitsAtTheirEdges: n is accepted and n+1 is not, by POST and by PATCH.
func TestLimitsAtTheirEdges(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	for _, tt := range []struct {
		limit     int
		parameter string
		body      func(n int) string
	}{
		{36, "$.external_id", func(n int) string { return withID(repeat("é", n)) }},
		{256, "$.profile.display_name", func(n int) string { return inProfile(`"display_name":"` + repeat("é", n) + `"`) }},
		{254, "$.profile.email", func(n int) string { return inProfile(`"email":"` + repeat("a", n-12) + `@example.com"`) }},
		{2048, "$.profile.avatar", func(n int) string { return inProfile(`"avatar":"https://a.example/` + repeat("a", n-18) + `"`) }},
		{10_240, metadataPath, func(n int) string { return withMetadata(` "a" : "` + repeat("x", n-14) + `" ,   "b":1`) }},
		{256, metadataPath, func(n int) string { return withMetadata(numbered(n, "1")) }},
		{128, metadataPath, func(n int) string { return withMetadata(`"` + repeat("k", n) + `":1`) }},
		{20, fieldsPath, func(n int) string { return withSecrets(numbered(n, "1")) }},
		{128, fieldsPath, func(n int) string { return withSecrets(`"` + repeat("k", n) + `":1`) }},
		{4096, fieldsPath + "['a']", func(n int) string { return withSecrets(`"a":"` + repeat("x", n) + `"`) }},
	} {
		s := newServer(t, nil, nil)
		u := s.create(t, `{}`)
		for _, route := range [][2]string{{"POST", users}, {"PATCH", users + u.ID}} {
			s.do(t, route[0], route[1], tt.body(tt.limit+1)).wantFault(t, tt.parameter, "body")
		}
		s.do(t, "PATCH", users+u.ID, tt.body(tt.limit)).want(t, 200)
		s.do(t, "PATCH", users+u.ID, `{"external_id":null,"profile":{}}`).want(t, 200)
		s.create(t, tt.body(tt.limit))
	}
	// What counts is the result of a merge.
	s := newServer(t, nil, nil)
	u := s.create(t, withMetadata(`"a":"`+repeat("x", 6000)+`"`))
	more := withMetadata(`"b":"` + repeat("x", 6000) + `"`)
	s.do(t, "PATCH", users+u.ID, more).wantFault(t, metadataPath, "body")
	s.do(t, "PATCH", users+u.ID, withMetadata(`"a":null`)).want(t, 200)
	s.do(t, "PATCH", users+u.ID, more).want(t, 200)
}

// TestHostileQueries: the exchanges have more.
func TestHostileQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for query, parameter := range map[string]string{
		"limit=-1": "limit", "limit=1e2": "limit", "limit=99999999999999999999": "limit",
		"cursor=x&cursor=x": "cursor", "cursor=%00": "cursor", "external_id": "external_id", "external_id=&external_id=": "external_id", "external_id=%00": "external_id",
		"external_id=%20a": "external_id", "external_id=" + strings.Repeat("a", 10_000): "external_id",
		"unknown=1": "unknown", "Limit=20": "Limit", "external-id=a": "external-id", "order=desc": "order", "email=": "email",
	} {
		s.do(t, "GET", users+"?"+query, "").wantFault(t, parameter, "query")
	}
	s.do(t, "GET", users+"?a;b", "").want(t, 400)
	for _, query := range []string{"", "limit=", "cursor="} {
		s.do(t, "GET", users+"?"+query, "").want(t, 200)
	}
}

// TestHostilePaths: the exchanges have more.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"a/b"}`)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", users + "%00", 400},
		{"GET", users + strings.Repeat("a", 10_000), 400},
		{"GET", users + "a%2Fb", 404}, // an external ID is not an ID
		{"GET", users + u.ID + "%2F", 404},
		{"GET", users + u.ID + "/x", 404},
		{"GET", users + strings.ToUpper(u.ID) + "x", 404},
		{"GET", "/API/v2/end-users/", 404},
		{"DELETE", users, 405},
		{"POST", users + u.ID, 405},
		{"GET", conversations + missing, 404},
	} {
		if a := s.do(t, tt.method, tt.path, `{"profile":{}}`); a.Status != tt.want {
			t.Errorf("%s %.60s: got %d, want %d", tt.method, tt.path, a.Status, tt.want)
		}
	}
}
