package httpapi_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var varying = regexp.MustCompile(`"(request_id|instance)":"[^"]*"`)

func (a answer) masked() string { return varying.ReplaceAllString(a.body, `"$1":""`) }

// TestOthersAreMissing asks every route for another tenant's, or another
// environment's, user or group in every place where a request can name one. The answer is
// the one for one that does not exist, and the victim's users, groups and feed stay
// as they are.
func TestOthersAreMissing(t *testing.T) {
	t.Parallel()
	const missing = "0123456789abcdef01234567"
	for name, attacker := range map[string]string{"tenant": otherKey, "environment": testingKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBackends(t, func(t *testing.T, s *server) {
				victim := s.create(t, everything)
				second := s.create(t, `{"external_id":"second","name":"Ann Lee"}`)
				s.create(t, `{"external_id":"third","name":"Ann Lee"}`)
				team := s.createGroup(t, everyGroup)
				s.createGroup(t, `{"external_id":"second"}`)
				s.do(t, "PUT", "/v1/sensitive/"+victim.ID, `{"a":"b"}`).want(t, 204)
				etag := s.do(t, "GET", "/v1/end-users/"+victim.ID, "").header.Get("ETag")
				cursor := *s.list(t, "limit=1").Paging.Cursors.After
				groupCursor := *s.listGroups(t, "limit=1").Paging.Cursors.After
				groupTag := s.do(t, "GET", "/v1/groups/"+team.ID, "").header.Get("ETag")
				groups := s.do(t, "GET", "/v1/groups", "").body
				feed := s.feed(t, "").Cursor
				before := s.do(t, "GET", "/v1/end-users", "").body
				changes := s.do(t, "GET", "/v1/changes", "").body
				mine := s.create(t, `{"external_id":"mine"}`, as(attacker))
				myTeam := s.createGroup(t, `{"external_id":"mine"}`, as(attacker))

				cells := 0
				equal := func(method, path, none, body string, options ...option) {
					t.Helper()
					cells++
					options = append(options, as(attacker))
					got, want := s.do(t, method, path, body, options...), s.do(t, method, none, body, options...)
					if got.status != want.status || got.masked() != want.masked() {
						t.Errorf("%s %s: got %d %s\nwant %d %s", method, path, got.status, got.body, want.status, want.body)
					}
					if method != "GET" && got.status < 400 {
						t.Errorf("%s %s: got %d", method, path, got.status)
					}
					got.header.Del("X-Request-Id")
					want.header.Del("X-Request-Id")
					got.header.Del("Content-Length") // of the instance
					want.header.Del("Content-Length")
					if diff := cmp.Diff(want.header, got.header); diff != "" {
						t.Errorf("%s %s: headers differ:\n%s", method, path, diff)
					}
				}
				for _, headers := range [][]option{
					nil,
					{with("If-Match", etag)},
					{with("If-Match", "*")},
					{with("If-None-Match", etag)},
					{with("X-Tenant-Id", "acme"), with("X-Forwarded-Host", "acme"), with("X-Environment", "Customer")},
				} {
					const users = "/v1/end-users/"
					equal("GET", users+victim.ID, users+missing, "", headers...)
					equal("PATCH", users+victim.ID, users+missing, `{"name":"x"}`, headers...)
					equal("PATCH", users+victim.ID, users+missing, `{}`, headers...)
					equal("DELETE", users+victim.ID, users+missing, "", headers...)
					equal("POST", users+victim.ID+"/associate", users+missing+"/associate", "", headers...)
					for _, body := range []string{`{"a":"x"}`, `{}`, `{"b":[]}`} {
						equal("PUT", "/v1/sensitive/"+victim.ID, "/v1/sensitive/"+missing, body, headers...)
						equal("PATCH", "/v1/sensitive/"+victim.ID, "/v1/sensitive/"+missing, body, headers...)
					}
					const external = users + "by-external-id/"
					for _, id := range []string{"CRM-7", "second", victim.ID} {
						equal("GET", external+id, external+missing, "", headers...)
						equal("PATCH", external+id, external+missing, `{"name":"x"}`, headers...)
						equal("DELETE", external+id, external+missing, "", headers...)
					}
					if headers != nil {
						continue
					}
					// External IDs are no IDs, whoever's they are.
					equal("GET", users+"CRM-7", users+missing, "")
					equal("DELETE", users+"second", users+missing, "")
				}
				for _, headers := range [][]option{
					nil, {with("If-Match", groupTag)}, {with("If-Match", "*")}, {with("If-None-Match", groupTag)},
				} {
					const groups = "/v1/groups/"
					equal("GET", groups+team.ID, groups+missing, "", headers...)
					equal("PATCH", groups+team.ID, groups+missing, `{"name":"x"}`, headers...)
					equal("PATCH", groups+team.ID, groups+missing, `{}`, headers...)
					equal("DELETE", groups+team.ID, groups+missing, "", headers...)
					equal("GET", groups+team.Token, groups+missing, "", headers...)
					for _, body := range []string{
						`{}`, `{"overlap_seconds":60}`, `{"current_token":"` + team.Token + `"}`, `{"current_token":"` + myTeam.Token + `"}`,
					} {
						equal("POST", groups+team.ID+"/rotate", groups+missing+"/rotate", body, headers...)
					}
				}
				// The victim's token is like nobody's for a group of one's own.
				for _, token := range []string{team.Token, missing} {
					cells++
					s.do(t, "POST", "/v1/groups/"+myTeam.ID+"/rotate", `{"current_token":"`+token+`"}`, as(attacker)).wantCode(t, 409, "stale-token")
				}
				equal("GET", "/v1/groups?external_id=team-7", "/v1/groups?external_id=nobody", "")
				equal("GET", "/v1/groups?after="+groupCursor, "/v1/groups?after=x", "")
				equal("GET", "/v1/groups?before="+groupCursor, "/v1/groups?before=x", "")
				for _, q := range [][2]string{
					{"external_id=crm-7", "external_id=nobody"},
					{"email=ann@example.com", "email=nobody@example.com"},
					{"account_type=github&account_id=1", "account_type=github&account_id=9"},
					{"name=ann", "name=nobody"},
					{"group=g1", "group=g9"},
					{"external_id=crm-7&name=ann", "external_id=nobody&name=nobody"},
				} {
					equal("GET", "/v1/end-users?"+q[0], "/v1/end-users?"+q[1], "")
					if n := len(s.list(t, q[0], as(attacker)).Data); n != 0 {
						t.Errorf("%s shows %d users", q[0], n)
					}
				}
				equal("GET", "/v1/end-users?after="+cursor, "/v1/end-users?after=x", "")
				equal("GET", "/v1/end-users?before="+cursor, "/v1/end-users?before=x", "")
				equal("GET", "/v1/changes?after="+feed, "/v1/changes?after=x", "")
				equal("GET", "/v1/changes?order=desc&before="+feed, "/v1/changes?order=desc&before=x", "")
				for _, query := range []string{"tenant=acme", "tenant_id=acme", "environment=Customer", "access_token=" + acmeKey} {
					equal("GET", "/v1/end-users?"+query, "/v1/end-users?"+query, "")
					s.do(t, "GET", "/v1/end-users?"+query, "", as(attacker)).want(t, 400)
				}
				for _, body := range []string{`{"id":"` + victim.ID + `"}`, `{"tenant_id":"acme"}`, `{"environment":"Customer"}`} {
					for _, r := range [][2]string{{"POST", "/v1/end-users"}, {"PUT", "/v1/end-users/by-external-id/new"}, {"PATCH", "/v1/end-users/" + mine.ID}, {"POST", "/v1/groups"}, {"PATCH", "/v1/groups/" + myTeam.ID}} {
						cells++
						s.do(t, r[0], r[1], body, as(attacker)).wantCode(t, 400, "invalid")
					}
				}

				// What is unique is unique to a tenant's environment: taking the
				// victim's names makes users of the attacker's own.
				for _, r := range []struct{ method, path, body string }{
					{"POST", "/v1/end-users?on_conflict=fail", `{"external_id":"second"}`},
					{"POST", "/v1/end-users?on_conflict=merge", everything},
					{"POST", "/v1/end-users?on_conflict=return", `{"external_id":"` + victim.ID + `"}`},
					{"PUT", "/v1/end-users/by-external-id/third", `{"name":"x"}`},
				} {
					cells++
					u := s.do(t, r.method, r.path, r.body, as(attacker)).want(t, http.StatusCreated).user(t)
					if u.ID == victim.ID || u.ID == second.ID {
						t.Errorf("%s %s reached the victim", r.method, r.path)
					}
				}
				cells++
				s.do(t, "PUT", "/v1/end-users/by-external-id/CRM-7", `{"name":"x"}`, as(attacker)).want(t, http.StatusOK)
				cells++
				if g := s.createGroup(t, everyGroup, as(attacker)); g.ID == team.ID || g.Token == team.Token {
					t.Error("a group of the attacker's is the victim's")
				}
				for _, g := range s.listGroups(t, "", as(attacker)).Data {
					if g.TenantID == team.TenantID && g.Environment == team.Environment {
						t.Errorf("the list shows the victim's %s", g.ID)
					}
				}
				for _, u := range s.list(t, "", as(attacker)).Data {
					if u.TenantID == victim.TenantID && u.Environment == victim.Environment {
						t.Errorf("the list shows the victim's %s", u.ID)
					}
				}
				for _, ch := range s.wholeFeed(t, as(attacker)).Data {
					if ch.ID == victim.ID || ch.ID == second.ID || ch.ID == team.ID {
						t.Errorf("the feed shows the victim's %s", ch.ID)
					}
				}

				if got := s.do(t, "GET", "/v1/end-users", "").body; got != before {
					t.Errorf("the victim's users changed:\n%s", cmp.Diff(before, got))
				}
				if got := s.do(t, "GET", "/v1/groups", "").body; got != groups {
					t.Errorf("the victim's groups changed:\n%s", cmp.Diff(groups, got))
				}
				if !s.accepts(t, team, team.Token) || s.sensitive(t, victim)["a"] != `"b"` {
					t.Error("the victim's secrets changed")
				}
				if got := s.do(t, "GET", "/v1/changes", "").body; got != changes {
					t.Errorf("the victim's feed changed:\n%s", cmp.Diff(changes, got))
				}
				if cells < 150 {
					t.Errorf("only %d cells were tried", cells)
				}
			})
		})
	}
}
