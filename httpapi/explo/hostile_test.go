package explo_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestHostileBodies sends what is not acceptable to every route: it must be refused
// with that very code, and nothing may have changed.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return `{"user_group_id":"kept","properties":` + strings.Repeat(`{"a":`, depth-2) + `{}` + strings.Repeat(`}`, depth-2) + `}`
	}
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":1`)
		}
		return "{" + b.String()[1:] + "}"
	}
	s := newServer(t, nil, nil)
	g := s.create(t, "kept")
	before := apitest.StateOf(t, s.acme())
	malformed := []struct{ name, body string }{
		{"empty", ""},
		{"white space", " \n\t"},
		{"null", "null"},
		{"array", `[{"user_group_id":"kept"}]`},
		{"string", `"kept"`},
		{"number", "1"},
		{"true", "true"},
		{"form", "user_group_id=kept"},
		{"truncated", `{"user_group_id":"kept"`},
		{"truncated string", `{"user_group_id":"kept`},
		{"trailing", `{"user_group_id":"kept"} trailing`},
		{"two documents", `{"user_group_id":"kept"}{"user_group_id":"kept"}`},
		{"trailing NUL", "{\"user_group_id\":\"kept\"}\x00"},
		{"trailing comma", `{"user_group_id":"kept",}`},
		{"comment", `{"user_group_id":"kept"/**/}`},
		{"single quotes", `{'user_group_id':'kept'}`},
		{"raw control character", "{\"name\":\"A\nB\"}"},
		{"duplicate", `{"user_group_id":"kept","user_group_id":"kept"}`},
		{"duplicate token", `{"current_token":"` + g.Token + `","current_token":"` + g.Token + `"}`},
		{"duplicate behind an escape", `{"user_group_id":"kept","user_group_i\u0064":"kept"}`},
		{"duplicate in properties", `{"user_group_id":"kept","properties":{"a":{"b":1,"b":2}}}`},
		{"duplicate of unknown", `{"user_group_id":"kept","x":1,"x":2}`},
		{"invalid UTF-8", "{\"user_group_id\":\"\xff\"}"},
		{"invalid UTF-8 in unknown", "{\"x\":\"\xc3\x28\"}"},
		{"lone surrogate", `{"name":"\ud800"}`},
		{"lone surrogate in mapping", `{"mapping":{"a":"\udc00"}}`},
		{"BOM", "\ufeff{\"user_group_id\":\"kept\"}"},
		{"depth 33", nested(33)},
		{"depth 100,000", nested(100_000)},
		{"open brackets", strings.Repeat("[", 100_000)},
		{"unknown member nested too deep", `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`},
		{"NaN", `{"properties":{"a":NaN}}`},
		{"leading zero", `{"properties":{"a":01}}`},
		{"number beyond float64", `{"properties":{"a":1e400}}`},
	}
	for _, tt := range malformed {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range routes("", "") {
				s.do(t, r.method, r.path, tt.body).wantCode(t, 400, "malformed-json")
			}
		})
	}

	tokens := []struct{ name, members, text string }{
		{"number", `"current_token":1`, "current_token: has another JSON type"},
		{"object", `"current_token":{"$ne":""}`, "current_token: has another JSON type"},
		{"array", `"current_token":["` + g.Token + `"]`, "current_token: has another JSON type"},
		{"empty", `"current_token":""`, "current_token: must not be empty"},
		{"null", `"current_token":null`, "current_token: must not be empty"},
		{"missing", `"token":"` + g.Token + `"`, "current_token: must not be empty"},
		{"case variant", `"Current_Token":"` + g.Token + `"`, "Current_Token: must be spelled current_token"},
		{"case variant beside it", `"current_token":"` + g.Token + `","CURRENT_TOKEN":"x"`, "CURRENT_TOKEN: must be spelled current_token"},
		{"U+212A", `"current_to\u212aen":"` + g.Token + `"`, "current_to\u212aen: must be spelled current_token"},
	}
	nobodys := map[string]string{"NUL": g.Token + `\u0000`, "long": strings.Repeat("a", 1<<16), "upper case": strings.ToUpper(g.Token)}
	groups := []struct{ name, members, text string }{
		{"number for an ID", `"user_group_id":1`, "user_group_id: has another JSON type"},
		{"empty ID", `"user_group_id":""`, "user_group_id: must not be empty"},
		{"null ID", `"user_group_id":null`, "user_group_id: must not be empty"},
		{"no ID", `"provided_id":"kept"`, "user_group_id: must not be empty"},
		{"NUL in an ID", `"user_group_id":"kept\u0000"`, "user_group_id: must not contain control"},
		{"long ID", `"user_group_id":"` + strings.Repeat("a", 1021) + `"`, "user_group_id: "},
		{"case variant", `"user_group_id":"kept","USER_GROUP_ID":"x"`, "USER_GROUP_ID: must be spelled user_group_id"},
		{"U+017F", `"u\u017fer_group_id":"kept"`, "u\u017fer_group_id: must be spelled user_group_id"},
		{"number for a name", `"user_group_id":"kept","name":1`, "name: has another JSON type"},
		{"name with a control character", `"user_group_id":"kept","name":"a\u0007"`, "name: must not contain control characters"},
		{"long name", `"user_group_id":"kept","name":"` + strings.Repeat("a", 257) + `"`, "name: must have at most 256 characters"},
		{"string for an object", `"user_group_id":"kept","mapping":"{}"`, "mapping: has another JSON type"},
		{"array for an object", `"user_group_id":"kept","properties":[]`, "properties: has another JSON type"},
		{"number for an object", `"user_group_id":"kept","properties":1e5`, "properties: has another JSON type"},
		{"number for a boolean", `"user_group_id":"kept","is_demo_group":1`, "is_demo_group: has another JSON type"},
		{"empty key", `"user_group_id":"kept","mapping":{"":1}`, "mapping: a key must not be empty"},
		{"long key", `"user_group_id":"kept","mapping":{"` + strings.Repeat("k", 129) + `":1}`, "mapping: a key must have at most 128 characters"},
		{"257 keys", `"user_group_id":"kept","properties":` + keys(257), "properties: must have at most 256 keys"},
		{"over 10,240 bytes", `"user_group_id":"kept","properties":{"a":"` + strings.Repeat("x", 10_240) + `"}`, "properties: must have at most 10240 bytes"},
		{
			"several", `"user_group_id":"kept","name":1,"mapping":1,"is_demo_group":1`,
			"name: has another JSON type; mapping: has another JSON type; is_demo_group: has another JSON type",
		},
	}
	for _, r := range routes("", "") {
		table := groups
		if r.action == "rotateGroupToken" || r.action == "deleteGroup" {
			table = tokens
			for name, token := range nobodys {
				t.Run(r.method+" "+r.path+" "+name, func(t *testing.T) {
					s.do(t, r.method, r.path, `{"current_token":"`+token+`"}`).wantCode(t, 404, "not-found")
				})
			}
		}
		for _, tt := range table {
			t.Run(r.method+" "+r.path+" "+tt.name, func(t *testing.T) {
				if r.action == "createGroup" { // what would be made is what must be right
					tt.members = strings.ReplaceAll(tt.members, "kept", "new")
				}
				a := s.do(t, r.method, r.path, "{"+tt.members+"}").wantCode(t, 400, "invalid")
				if got := a.reply(t).Error; !strings.HasPrefix(got, tt.text) {
					t.Errorf("got %q, want %q", got, tt.text)
				}
			})
		}
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

// TestHostileIDs: an ID of a group is validated as external IDs of users are.
func TestHostileIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for name, id := range map[string]string{
		"long": strings.Repeat("a", 256), "long in bytes": strings.Repeat("a\u0301\u0301\u0301", 400), "angle brackets": "<a>",
		"C0": `a\u001fb`, "DEL": `a\u007fb`, "C1": `a\u0085b`, "bidi override": `a\u202eb`, "ZWJ": `a\u200db`, "ZWSP": `a\u200bb`,
		"soft hyphen": `a\u00adb`, "BOM inside": `a\ufeffb`, "leading space": " a", "trailing space": "a ", "NBSP": `\u00a0a`,
		"unassigned": `\u0378`, "private use": `\ue000`, "full width": `\uff41`, "ligature": `\ufb01`, "long s": `\u017f`,
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"user_group_id":"` + id + `"}`
			s.do(t, "GET", "/api/user", body).wantCode(t, 400, "invalid")
			s.do(t, "POST", "/api/create_user_group/", body).wantCode(t, 400, "invalid")
			if a := s.do(t, "PUT", "/api/user", body); a.Status != 400 && a.Status != 404 {
				t.Errorf("update: %d %s", a.Status, a.Body)
			}
		})
	}
	// What looks like a path, a query, a template or a user's ID is an ID like any other.
	for _, id := range []string{"../x", "a/b", "%2e%2e", "..", "'; DROP", "{a}b", "a?b", "a:b", "*", "a b", strings.Repeat("é", 255), strings.Repeat("f", 64)} {
		g := s.create(t, id)
		if again := s.do(t, "PUT", "/api/user", `{"user_group_id":`+strconv.Quote(id)+`}`).group(t); again.ProvidedID != id || again.Token != g.Token {
			t.Errorf("%q is found as %+v", id, again)
		}
	}
	// A placeholder is an ID, too: the vendor takes it.
	for _, id := range []string{"undefined", "null", "None", "[object Object]", "0"} {
		if g := s.create(t, id); g.ProvidedID != id {
			t.Errorf("%q is %+v", id, g)
		}
	}
}

// TestIDsAreExact: two customers never share a token. Of an ID only the composition of
// its characters does not count.
func TestIDsAreExact(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	first := s.create(t, `0018Z00002AbCdE`)
	for _, id := range []string{"0018Z00002abcde", "0018z00002AbCdE", "0018Z00002ABCDE"} {
		other := s.create(t, id)
		if other.Token == first.Token || other.TeamID == first.TeamID || other.ProvidedID != id {
			t.Errorf("%s is %+v", id, other)
		}
		body := `{"current_token":"` + other.Token + `","user_group_id":"` + first.ProvidedID + `"}`
		s.do(t, "DELETE", "/api/user", body).wantCode(t, 400, "invalid")
		if again := s.do(t, "POST", "/api/create_user_group/", `{"user_group_id":"`+id+`"}`).group(t); again.Token != other.Token {
			t.Errorf("%s is then %+v", id, again)
		}
		s.do(t, "DELETE", "/api/user", `{"user_group_id":"`+strings.ToLower(id)+`x"}`).wantCode(t, 404, "not-found")
		s.do(t, "DELETE", "/api/user", `{"user_group_id":"`+id+`"}`).want(t, 200)
		s.do(t, "PUT", "/api/user", `{"user_group_id":"`+id+`"}`).wantCode(t, 404, "not-found")
	}
	if again := s.do(t, "GET", "/api/user/", `{"user_group_id":"`+first.ProvidedID+`"}`).group(t); again.Token != first.Token {
		t.Errorf("the first is %+v", again)
	}

	cafe := s.create(t, `Caf\u00e9`)
	composed := `{"user_group_id":"Cafe\u0301"}`
	if g := s.do(t, "GET", "/api/user", composed).group(t); g.Token != cafe.Token || g.ProvidedID != cafe.ProvidedID {
		t.Errorf("another composition is %+v", g)
	}
	s.do(t, "DELETE", "/api/user", `{"current_token":"`+cafe.Token+`",`+composed[1:]).want(t, 200)
}

// TestUnknownMembers: clients that are newer than this package are served, and what
// they send beside what is known does nothing.
func TestUnknownMembers(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	kept := s.create(t, "kept")
	s.create(t, "other")
	const more = `,"id":"x","token":"x","tenant":"other","environment":"Testing","api_environment_tag":"Testing","new_user_group":true,` +
		`"team_id":7,"provided_id":"other","new_provided_id":"other","revision":1,"__proto__":{"a":1},"emails":["a@example.com"]}`
	for _, path := range []string{"GET /api/user", "POST /api/create_user_group/", "PUT /api/user", "POST /api/update_user_group/"} {
		method, path, _ := strings.Cut(path, " ")
		g := s.do(t, method, path, `{"user_group_id":"kept","current_token":"x"`+more).group(t)
		if diff := cmp.Diff(kept, g); diff != "" {
			t.Errorf("%s %s changed the group:\n%s", method, path, diff)
		}
	}
	g := s.do(t, "POST", "/api/user", `{"current_token":"`+kept.Token+`","user_group_id":"other","name":7`+more).group(t)
	kept.Token = g.Token
	if diff := cmp.Diff(kept, g); diff != "" {
		t.Errorf("a rotation changed more than the token:\n%s", diff)
	}
	s.do(t, "DELETE", "/api/delete_user_group", `{"current_token":"`+kept.Token+`","user_group_id":"other"`+more).want(t, 200)
	s.do(t, "PUT", "/api/user", `{"user_group_id":"other"}`).want(t, 200)
}

// TestValuesStayExact: mapping and properties hold any JSON, and come back as sent.
func TestValuesStayExact(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const mapping = `{"134":"386","40":213,"nested":{"n":[9223372036854775807,null]}}`
	const properties = `{"big":9007199254740993,"float":0.1,"list":["a",true,{}],"neg":-0,"text":"é\"\\"}`
	body := `{"user_group_id":"a","mapping":` + mapping + `,"properties":` + properties + `}`
	for _, method := range []string{"GET", "PUT"} {
		g := s.do(t, method, "/api/user", body).group(t)
		if string(g.Mapping) != mapping || string(g.Properties) != properties {
			t.Errorf("%s: mapping %s, properties %s", method, g.Mapping, g.Properties)
		}
	}
	// Replaced as a whole, each alone.
	g := s.do(t, "PUT", "/api/user", `{"user_group_id":"a","properties":{"new":1}}`).group(t)
	if string(g.Mapping) != mapping || string(g.Properties) != `{"new":1}` {
		t.Errorf("mapping %s, properties %s", g.Mapping, g.Properties)
	}
}

// TestBodyLimit: the limit itself is accepted, one byte more is not, and neither is a
// length that was not told.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	const limit = 1000
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	for _, o := range []httpapi.Options{{}, {MaxBody: limit}} {
		n := 1 << 20
		if o.MaxBody > 0 {
			n = limit
		}
		s := newServer(t, memory.New(nil), within(o))
		pad := func(body string, n int) string { return body + strings.Repeat(" ", n-len(body)) }
		g := s.create(t, "kept")
		before := apitest.StateOf(t, s.acme())
		for _, r := range routes(g.Token, "kept") {
			s.do(t, r.method, r.path, pad(r.body, n+1)).wantCode(t, 413, "too-large")
			s.do(t, r.method, r.path, pad(r.body, n+1), chunked).wantCode(t, 413, "too-large")
		}
		if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
			t.Errorf("something was written:\n%s", diff)
		}
		s.do(t, "PUT", "/api/user", pad(`{"user_group_id":"kept"}`, n)).want(t, 200)
	}
}

// FuzzBodies: whatever a body is, it is refused or understood, and never a failure of
// the server. What is shown afterwards can be sent again and changes nothing.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"current_token":""}`, `{"user_group_id":"kept","name":"x"}`, `{"user_group_id":"\u0130","properties":{"a":{"b":null}},"mapping":null}`,
		`{"user_group_id":"a","is_demo_group":true,"mapping":{"40":"213"}}`, `{"current_token":"a","user_group_id":"kept"}`,
		`{"CURRENT_TOKEN":1}`, `{"name":null}`, `[`, `{"user_group_id":"\ud800"}`, `{"properties":{"":1e308}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(t, nil, nil)
		s.create(t, "kept")
		for _, r := range routes("", "") {
			a := s.do(t, r.method, r.path, body)
			if a.Status != 200 && a.Status != 400 && a.Status != 404 {
				t.Errorf("%s %s: %d %s", r.method, r.path, a.Status, a.Body)
			}
			shown := a.reply(t).Group
			if a.Status != 200 || shown == nil {
				continue
			}
			if shown.Environment != string(enduser.Customer) {
				t.Errorf("%s %s: environment %q", r.method, r.path, shown.Environment)
			}
			again := s.do(t, "PUT", "/api/user", `{"user_group_id":`+quote(t, shown.ProvidedID)+`,"name":`+quote(t, shown.Name)+
				`,"mapping":`+string(shown.Mapping)+`,"properties":`+string(shown.Properties)+`}`)
			if diff := cmp.Diff(*shown, again.group(t)); diff != "" {
				t.Errorf("%s %s: what was shown and what is there differ:\n%s", r.method, r.path, diff)
			}
			if again.Header.Get("ETag") != a.Header.Get("ETag") {
				t.Errorf("%s %s: what was shown is a change", r.method, r.path)
			}
		}
	})
}

func quote(tb testing.TB, s string) string {
	tb.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
