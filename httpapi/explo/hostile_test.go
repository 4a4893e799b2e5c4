package explo_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
)

// TestHostileBodies sends members that are not valid to the routes that take them: the
// answer names each, and nothing is written. The exchanges have more.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	g := s.create(t, "kept")
	object := func(name, members string) string { return `"user_group_id":"kept","` + name + `":{` + members + `}` }
	keys := make([]string, 257)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	unchanged := s.Unchanged(t)
	byID := []string{"GET /api/user", "PUT /api/user", "POST /api/create_user_group/", "POST /api/update_user_group/"}
	byToken := []string{"POST /api/user", "DELETE /api/user", "POST /api/refresh_user_group_token/", "DELETE /api/delete_user_group/"}
	for _, tt := range []struct {
		routes        []string
		members, text string
	}{
		{byToken, `"current_token":{"$ne":""}`, "current_token: has another JSON type"},
		{byToken, `"current_token":["` + g.Token + `"]`, "current_token: has another JSON type"},
		{byToken, `"token":"` + g.Token + `"`, "current_token: must not be empty"},
		{byToken, `"Current_Token":"` + g.Token + `"`, "Current_Token: must be spelled current_token"},
		{byToken, `"current_token":"` + g.Token + `","CURRENT_TOKEN":"x"`, "CURRENT_TOKEN: must be spelled current_token"},
		{byToken, `"current_to` + "\u212a" + `en":"` + g.Token + `"`, "current_to\u212aen: must be spelled current_token"},
		{byID, `"provided_id":"kept"`, "user_group_id: must not be empty"},
		{byID, `"user_group_id":"","name":"a\u0007"`, "user_group_id: must not be empty"},
		{byID, `"u` + "\u017f" + `er_group_id":"kept"`, "u\u017fer_group_id: must be spelled user_group_id"},
		{byID, `"user_group_id":"kept","name":"` + strings.Repeat("a", 257) + `"`, "name: must have at most 256 characters"},
		{byID, `"user_group_id":"kept","properties":1e5`, "properties: has another JSON type"},
		{byID, `"user_group_id":"kept","is_demo_group":1`, "is_demo_group: has another JSON type"},
		{byID, object("mapping", `"`+strings.Repeat("k", 129)+`":1`), "mapping: a key must have at most 128 characters"},
		{byID, object("mapping", strings.Join(keys, ",")), "mapping: must have at most 256 keys"},
		{byID, object("properties", strings.Join(keys, ",")), "properties: must have at most 256 keys"},
		{byID, object("mapping", `"a":"`+strings.Repeat("x", 10_233)+`"`), "mapping: must have at most 10240 bytes as compact JSON"},
		{byID, object("mapping", `"a":"`+strings.Repeat("x", 10_232)+`"`), "mapping: must have at most 10240 bytes as compact JSON"}, // with its name
		{byID, object("mapping", `"a":`+strings.Repeat("[", 30)+strings.Repeat("]", 30)), "mapping: must be nested at most 30 deep"}, // likewise
		{byID, object("properties", `"a":"`+strings.Repeat("x", 10_233)+`"`), "properties: must have at most 10240 bytes as compact JSON"},
		{byID, object("mapping", `"":1`) + `,"name":"a\u0007"`, "name: must not contain control characters; mapping: a key must not be empty"},
	} {
		for _, route := range tt.routes {
			method, path, _ := strings.Cut(route, " ")
			members := tt.members
			if path == "/api/create_user_group/" || method == "GET" { // what would be made is what must be valid
				members = strings.Replace(members, `"kept"`, `"new"`, 1)
			}
			a := s.do(t, method, path, "{"+members+"}").wantCode(t, 400, "invalid")
			if got := a.reply(t).Error; !strings.HasPrefix(got, tt.text) {
				t.Errorf("%s: %.80s: got %q, want %q", route, tt.members, got, tt.text)
			}
		}
	}
	for _, token := range []string{g.Token + `\u0000`, strings.Repeat("a", 1<<16), strings.ToUpper(g.Token)} {
		for _, route := range byToken {
			method, path, _ := strings.Cut(route, " ")
			s.do(t, method, path, `{"current_token":"`+token+`"}`).wantCode(t, 404, "not-found")
		}
	}
	s.do(t, "PUT", "/api/user", `{"user_group_id":"nobody","name":"a\u0007","mapping":{"":1}}`).wantCode(t, 404, "not-found")
	unchanged()
}

// TestHostileIDs: IDs of groups are validated as external IDs of users are.
func TestHostileIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, id := range []string{
		strings.Repeat("a\u0301\u0301\u0301", 400), `a\u007fb`, `a\u202eb`, `a\u200bb`, `\u00a0a`, `\u0378`, `\ue000`, `\uff41`,
	} {
		s.get(t, id).wantCode(t, 400, "invalid")
		s.do(t, "POST", "/api/create_user_group/", `{"user_group_id":"`+id+`"}`).wantCode(t, 400, "invalid")
		if a := s.do(t, "PUT", "/api/user", `{"user_group_id":"`+id+`"}`); a.Status != 400 && a.Status != 404 {
			t.Errorf("update of %s: %d %s", id, a.Status, a.Body)
		}
	}
	// What looks like a path, a query, a template or a user's ID is an ID like any other. So
	// is a placeholder, which the vendor takes.
	for _, id := range []string{
		"../x", "a/b", "%2e%2e", "..", "'; DROP", "{a}b", "a?b", "a:b", "*", "a b", strings.Repeat("é", 255), strings.Repeat("f", 64),
		"undefined", "null", "None", "[object Object]", "0",
	} {
		g := s.create(t, id)
		if again := s.do(t, "PUT", "/api/user", `{"user_group_id":`+strconv.Quote(id)+`}`).group(t); again.ProvidedID != id || again.Token != g.Token {
			t.Errorf("%q is found as %+v", id, again)
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
	if again := s.get(t, first.ProvidedID).group(t); again.Token != first.Token {
		t.Errorf("the first is %+v", again)
	}

	cafe := s.create(t, `Caf\u00e9`)
	if g := s.get(t, `Cafe\u0301`).group(t); g.Token != cafe.Token || g.ProvidedID != cafe.ProvidedID {
		t.Errorf("another composition is %+v", g)
	}
	s.do(t, "DELETE", "/api/user", `{"current_token":"`+cafe.Token+`","user_group_id":"Cafe\u0301"}`).want(t, 200)
}

// TestUnknownMembers: clients that are newer than this package are served, and the members
// that only they know do nothing.
func TestUnknownMembers(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	kept := s.create(t, "kept")
	s.create(t, "other")
	const more = `,"id":"x","token":"x","tenant":"other","environment":"Testing","api_environment_tag":"Testing","new_user_group":true,` +
		`"team_id":7,"provided_id":"other","new_provided_id":"other","revision":1,"__proto__":{"a":1},"emails":["a@example.com"]}`
	for _, route := range []string{"GET /api/user", "POST /api/create_user_group/", "PUT /api/user", "POST /api/update_user_group/"} {
		method, path, _ := strings.Cut(route, " ")
		g := s.do(t, method, path, `{"user_group_id":"kept","current_token":"x"`+more).group(t)
		if diff := cmp.Diff(kept, g); diff != "" {
			t.Errorf("%s changed the group:\n%s", route, diff)
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

// TestBodyLimit: without an option it is 1 MiB. The limit itself is accepted.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for limit, o := range map[int]httpapi.Options{1 << 20: {}, 1000: {MaxBody: 1000}} {
		s := newServer(t, nil, within(o))
		s.create(t, "kept")
		body := `{"user_group_id":"kept"}`
		body += strings.Repeat(" ", limit-len(body))
		s.do(t, "PUT", "/api/user", body).want(t, 200)
		s.do(t, "PUT", "/api/user", body+" ").wantCode(t, 413, "too-large")
	}
}

// TestStoredInTheCore: what only Explo knows is in the SystemProperties of the core's group,
// beside what others keep there.
func TestStoredInTheCore(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	s.do(t, "GET", "/api/user", `{"user_group_id":"a","mapping":{"40":"213"},"is_demo_group":true}`).want(t, 200)
	groups, ref := s.Users.Tenant("acme").Groups(), enduser.GroupByExternalID("a")
	_, err := groups.Update(t.Context(), ref, func(g *enduser.Group) error {
		g.SystemProperties["others"] = enduser.Int(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ sent, want string }{
		{`{"name":"A"}`, `{"demo":true,"mapping":{"40":"213"},"others":1}`},
		{`{"mapping":{"a":null},"is_demo_group":null}`, `{"demo":true,"others":1}`},
		{`{"mapping":{"b":[null]},"is_demo_group":false}`, `{"mapping":{"b":[null]},"others":1}`},
	} {
		s.do(t, "PUT", "/api/user", `{"user_group_id":"a",`+step.sent[1:]).want(t, 200)
		if g, err := groups.Get(t.Context(), ref); err != nil || string(g.SystemProperties.AppendJSON(nil)) != step.want {
			t.Errorf("%s: %s, %v, want %s", step.sent, g.SystemProperties.AppendJSON(nil), err, step.want)
		}
	}
}

// TestLoweredPolicy: a mapping that a lowered policy no longer allows can be sent back and
// shrink, but not grow.
func TestLoweredPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	s.do(t, "GET", "/api/user", `{"user_group_id":"a","mapping":{"a":1,"b":2,"c":3}}`).want(t, 200)
	s.handler = newHandler(t, s.World, &explo.Options{Options: httpapi.Options{Policy: enduser.Policy{MaxMetadataKeys: 2}}})
	for _, step := range []struct {
		mapping string
		want    int
	}{
		{`{"a":1,"b":2,"c":3}`, 200},
		{`{"a":9,"b":2,"c":3}`, 200},
		{`{"a":9,"b":2,"d":3}`, 400},
		{`{"a":99,"b":2,"c":3}`, 400},
		{`{"a":9,"b":2,"c":3,"d":4}`, 400},
		{`{"d":1,"e":2}`, 200},
		{`{"d":1,"e":2,"f":3}`, 400},
	} {
		s.do(t, "PUT", "/api/user", `{"user_group_id":"a","mapping":`+step.mapping+`}`).want(t, step.want)
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
		for _, route := range []string{"GET /api/user", "POST /api/user", "PUT /api/user", "DELETE /api/user", "DELETE /api/delete_user_group"} {
			method, path, _ := strings.Cut(route, " ")
			a := s.do(t, method, path, body)
			if a.Status != 200 && a.Status != 400 && a.Status != 404 {
				t.Errorf("%s: %d %s", route, a.Status, a.Body)
			}
			shown := a.reply(t).Group
			if shown == nil {
				continue
			}
			if shown.Environment != string(enduser.Customer) {
				t.Errorf("%s: environment %q", route, shown.Environment)
			}
			again := s.do(t, "PUT", "/api/user", `{"user_group_id":`+quote(t, shown.ProvidedID)+`,"name":`+quote(t, shown.Name)+
				`,"mapping":`+string(shown.Mapping)+`,"properties":`+string(shown.Properties)+`}`)
			if diff := cmp.Diff(*shown, again.group(t)); diff != "" || again.Header.Get("ETag") != a.Header.Get("ETag") {
				t.Errorf("%s: what was shown is a change:\n%s", route, diff)
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
