package httpapi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
)

// TestHostileGroups sends invalid members to the routes that write a group. They must be
// refused, and nothing may change.
func TestHostileGroups(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	kept := s.createGroup(t, `{"external_id":"kept"}`)
	before := s.do(t, "GET", "/v1/groups", "").Body
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":1`)
		}
		return `"metadata":{` + b.String()[1:] + `}`
	}
	// These members are sent behind an external_id in a create, and alone in a patch.
	for _, tt := range []struct{ name, members, pointer string }{
		{"unknown member", `"admin":true`, "/admin"},
		{"case variant", `"Name":"x"`, "/Name"},
		{"__proto__", `"__proto__":{}`, "/__proto__"},
		{"number for a string", `"name":1`, "/name"},
		{"string for an object", `"metadata":"{}"`, "/metadata"},
		{"array for an object", `"metadata":[]`, "/metadata"},
		{"name with a control character", `"name":"a\u0007"`, "/name"},
		{"long name", `"name":"` + strings.Repeat("a", 257) + `"`, "/name"},
		{"257 keys", keys(257), "/metadata"},
		{"long key", `"metadata":{"` + strings.Repeat("k", 129) + `":1}`, "/metadata"},
		{"empty key", `"metadata":{"":1}`, "/metadata"},
		{"metadata over 10,240 bytes", `"metadata":{"a":"` + strings.Repeat("x", 10_240) + `"}`, "/metadata"},
		{"server's system_properties", `"system_properties":{"a":1}`, "/system_properties"},
		{"server's id", `"id":"x"`, "/id"},
		{"server's number", `"number":1`, "/number"},
		{"server's tenant_id", `"tenant_id":"other"`, "/tenant_id"},
		{"server's environment", `"environment":"Testing"`, "/environment"},
		{"server's created_by", `"created_by":"x"`, "/created_by"},
		{"server's updated_by", `"updated_by":"x"`, "/updated_by"},
		{"server's created_at", `"created_at":null`, "/created_at"},
		{"server's updated_at", `"updated_at":null`, "/updated_at"},
		{"server's revision", `"revision":1`, "/revision"},
		{"server's version", `"version":"x"`, "/version"},
		{"server's added_at", `"added_at":"x"`, "/added_at"},
		{"token of one's own", `"token":"` + strings.Repeat("a", 64) + `"`, "/token"},
		{"previous tokens", `"previous":[]`, "/previous"},
	} {
		for _, r := range [][3]string{
			{"POST", "/v1/groups", `{"external_id":"new",` + tt.members + `}`},
			{"PATCH", "/v1/groups/" + kept.ID, `{` + tt.members + `}`},
		} {
			a := s.do(t, r[0], r[1], r[2])
			p := a.wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Pointer != tt.pointer {
				t.Errorf("%s of %s: %+v", r[0], tt.name, p.Errors)
			}
			if ours := strings.HasPrefix(tt.name, "server's") || tt.pointer == "/token"; ours && p.Errors[0].Code != "read_only" {
				t.Errorf("%s of %s: %+v", r[0], tt.name, p.Errors)
			}
		}
	}
	for id, code := range map[string]string{
		`""`: enduser.CodeRequired, `null`: "invalid_type", `1`: "invalid_type", `{"$ne":""}`: "invalid_type",
		`"<a>"`: "", `" a"`: "", `"a\u0000"`: "",
		strconv.Quote(strings.Repeat("a", 256)): enduser.CodeLength,
	} {
		p := s.do(t, "POST", "/v1/groups", `{"external_id":`+id+`}`).wantCode(t, 400, "invalid")
		if len(p.Errors) == 0 || p.Errors[0].Pointer != "/external_id" || (code != "" && p.Errors[0].Code != code) {
			t.Errorf("external_id %.20s: %+v", id, p.Errors)
		}
	}
	p := s.do(t, "POST", "/v1/groups", `{"name":null,"metadata":null}`).wantCode(t, 400, "invalid")
	if len(p.Errors) != 3 {
		t.Errorf("nulls and no external_id: %+v", p.Errors)
	}
	for _, r := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/v1/groups/%00", 400},
		{"PATCH", "/v1/groups/%ff", 400},
		{"DELETE", "/v1/groups/%00", 400},
		{"POST", "/v1/groups/%00/rotate", 400},
		{"GET", "/v1/groups/" + strings.Repeat("a", 10_000), 400},
		{"GET", "/v1/groups/kept", 404}, // an external ID is not an ID
		{"GET", "/v1/groups/", 404},
		{"GET", "/v1/groups/" + kept.ID + "/", 404},
		{"GET", "/v1/groups/" + kept.ID + "/token", 404},
		{"GET", "/v1/groups/" + kept.ID + "/rotate", 405},
		{"PUT", "/v1/groups", 405},
		{"DELETE", "/v1/groups", 405},
		{"PUT", "/v1/groups/" + kept.ID, 405},
		{"POST", "/v1/groups/" + kept.ID, 405},
	} {
		a := s.do(t, r.method, r.path, "{}", with("Content-Type", "application/json"))
		if a.want(t, r.want); r.want == 400 && a.problem(t).Errors[0].Parameter != "id" {
			t.Errorf("%s %.30s: %s", r.method, r.path, a.Body)
		}
		if allow := a.Header.Get("Allow"); (r.want == 405) != (allow != "") {
			t.Errorf("%s %.30s: Allow is %q", r.method, r.path, allow)
		}
	}
	if got := s.do(t, "GET", "/v1/groups", "").Body; got != before {
		t.Errorf("the groups are now %s", got)
	}
	// The edges of the limits are accepted.
	s.createGroup(t, `{"external_id":`+strconv.Quote(strings.Repeat("é", 255))+`}`)
	s.createGroup(t, `{"external_id":"edge","name":"`+strings.Repeat("é", 256)+`",`+keys(256)+`}`)
	s.createGroup(t, `{"external_id":"large","metadata":{"a":"`+strings.Repeat("x", 10_232)+`"}}`)
}
