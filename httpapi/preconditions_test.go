package httpapi_test

import (
	"strings"
	"testing"
)

// precondition is a header of RFC 9110 sections 13.1.1 and 13.1.2. It holds or fails for
// something at the current version, and for something that does not exist.
type precondition struct {
	name        string
	values      []string
	ofIt, ofNil bool
}

func preconditions() []precondition {
	const match, none, now, old = "If-Match", "If-None-Match", "<now>", "<old>"
	return []precondition{
		{match, []string{now}, true, false},
		{match, []string{"*"}, true, false},
		{match, []string{old + ", " + now}, true, false},
		{match, []string{old, now}, true, false},
		{match, []string{old}, false, false},
		{match, []string{"W/" + now}, false, false}, // strong comparison
		{match, []string{""}, false, false},
		{none, []string{now}, false, true},
		{none, []string{"*"}, false, true},
		{none, []string{"W/" + now}, false, true}, // weak comparison
		{none, []string{old + `, W/` + now}, false, true},
		{none, []string{old}, true, true},
		{none, []string{""}, true, true},
	}
}

// with returns the precondition with these entity tags as the current and an old one.
func (p precondition) with(now, old string) option {
	values := make([]string, len(p.values))
	for i, value := range p.values {
		values[i] = strings.NewReplacer("<now>", now, "<old>", old).Replace(value)
	}
	return with(p.name, values...)
}

// TestPreconditions: every method that shows or changes a user or a group obeys If-Match and
// If-None-Match. A request that they refuse writes nothing.
func TestPreconditions(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, `{"external_id":"a","name":"Ann"}`)
		g := s.createGroup(t, `{"external_id":"a","name":"A"}`)
		byID, byExternal, sensitive, group := "/v1/end-users/"+u.ID, "/v1/end-users/by-external-id/a", "/v1/sensitive/"+u.ID, "/v1/groups/"+g.ID
		version := func(path string) string { return s.do(t, "GET", path, "").want(t, 200).Header.Get("ETag") }
		oldUser, oldGroup := version(byID), version(group)
		s.do(t, "PATCH", byID, `{"name":"Bea"}`, with("If-Match", oldUser)).want(t, 200)
		s.do(t, "PATCH", group, `{"name":"B"}`, with("If-Match", oldGroup)).want(t, 200)
		for _, r := range []struct{ method, path, of, body string }{
			{"PATCH", byID, byID, `{"name":"Bea"}`},
			{"PATCH", byExternal, byID, `{"name":"Bea"}`},
			{"PUT", byExternal, byID, `{"name":"Bea"}`},
			{"POST", "/v1/end-users", byID, `{"external_id":"A","name":"x"}`},
			{"POST", "/v1/end-users?on_conflict=merge", byID, `{"external_id":"a","name":"Bea"}`},
			{"POST", byID + "/associate", byID, ""},
			{"PUT", sensitive, byID, `{"a":"b"}`},
			{"PATCH", sensitive, byID, `{"a":"c"}`},
			{"PATCH", group, group, `{"name":"B"}`},
			{"POST", group + "/rotate", group, `{}`},
			{"DELETE", byID, byID, ""},
			{"DELETE", byExternal, byID, ""},
			{"DELETE", group, group, ""},
		} {
			old := oldUser
			if r.of == group {
				old = oldGroup
			}
			for _, p := range preconditions() {
				now := version(r.of)
				option := p.with(now, old)
				read := 200
				switch {
				case !p.ofIt && p.name == "If-Match":
					read = 412
				case !p.ofIt:
					read = 304
				}
				for _, method := range []string{"GET", "HEAD"} {
					if a := s.do(t, method, r.of, "", option).want(t, read); read == 304 && a.Header.Get("ETag") != now {
						t.Errorf("304 has ETag %s, want %s", a.Header.Get("ETag"), now)
					}
				}
				if !p.ofIt {
					s.do(t, r.method, r.path, r.body, option).wantCode(t, 412, "precondition-failed")
					if got := version(r.of); got != now {
						t.Errorf("%s with %s: %q, which is refused, wrote", r.method, p.name, p.values)
					}
				} else if r.method != "DELETE" {
					if a := s.do(t, r.method, r.path, r.body, option); a.Status/100 != 2 {
						t.Errorf("%s %s with %s: %q: %d %s", r.method, r.path, p.name, p.values, a.Status, a.Body)
					}
				}
			}
		}
		now := version(byID)
		s.do(t, "DELETE", byID, "", with("If-Match", now), with("If-None-Match", now)).wantCode(t, 412, "precondition-failed")
		s.do(t, "DELETE", byID, "", with("If-Match", now), with("If-None-Match", oldUser)).want(t, 204)
		s.do(t, "DELETE", group, "", with("If-Match", "*")).want(t, 204)
	})
}

// TestPreconditionsOfNothing: if a user or group does not exist, requests that would create
// it obey them, and others are answered as if they had none (section 13.2.1).
func TestPreconditionsOfNothing(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, `{"external_id":"other"}`)
		for i, p := range preconditions() {
			option := p.with(tagOf(u.Version), `"old"`)
			want := 412
			if p.ofNil {
				want = 201
			}
			id := string(rune('a' + i))
			s.do(t, "PUT", "/v1/end-users/by-external-id/put-"+id, `{}`, option).want(t, want)
			for _, query := range []string{"return", "merge", "fail"} {
				s.do(t, "POST", "/v1/end-users?on_conflict="+query, `{"external_id":"`+query+id+`"}`, option).want(t, want)
			}
			s.do(t, "POST", "/v1/end-users", `{}`, option).want(t, want)
			s.do(t, "POST", "/v1/groups", `{"external_id":"`+id+`"}`, option).want(t, want)
			for _, r := range [][3]string{
				{"GET", "/v1/end-users/none", ""},
				{"PATCH", "/v1/end-users/none", `{}`},
				{"DELETE", "/v1/end-users/none", ""},
				{"POST", "/v1/end-users/none/associate", ""},
				{"PUT", "/v1/sensitive/none", `{}`},
				{"GET", "/v1/groups/none", ""},
				{"DELETE", "/v1/groups/none", ""},
			} {
				s.do(t, r[0], r[1], r[2], option).wantCode(t, 404, "not-found")
			}
			s.do(t, "PATCH", "/v1/end-users/none", `{"name":1}`, option).wantCode(t, 400, "invalid")
			s.do(t, "GET", "/v1/end-users?limit=1", "", option).want(t, 200) // has no version
			s.do(t, "POST", "/v1/end-users?on_conflict=fail", `{"external_id":"other"}`, option).wantCode(t, 409, "conflict")
		}
	})
}
