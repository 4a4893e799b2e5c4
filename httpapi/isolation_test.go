package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestIsolation names what acme has, in every place where a request can name something, with
// the credentials of another tenant and of acme's other environment.
func TestIsolation(t *testing.T) {
	t.Parallel()
	native.Isolation(t, func(tb testing.TB, w *apitest.World) (routes []apitest.Route) {
		tb.Helper()
		s := &server{native.New(tb, w, httpapi.Options{}), w.Users}
		victim, team := s.create(tb, everything), s.createGroup(tb, everyGroup)
		s.do(tb, "PUT", "/v1/sensitive/"+victim.ID, `{"a":"b"}`).want(tb, 204)
		etag, groupTag := tagOf(s.do(tb, "GET", "/v1/end-users/"+victim.ID, "").user(tb).Version), tagOf(team.Version)
		cursor, groupCursor := *s.list(tb, "limit=1").Paging.Cursors.After, *s.listGroups(tb, "limit=1").Paging.Cursors.After
		feed := s.feed(tb, "").Cursor
		ask := func(method, path, body string, options ...apitest.Option) {
			routes = append(routes, apitest.Route{Method: method, Path: path, Body: body, Options: options})
		}
		const users, external, groups = "/v1/end-users/", "/v1/end-users/by-external-id/", "/v1/groups/"
		for _, condition := range []apitest.Option{
			func(*http.Request) {}, with("If-Match", etag, groupTag), with("If-Match", "*"), with("If-None-Match", etag, groupTag),
			func(r *http.Request) {
				for name, value := range map[string]string{"X-Tenant-Id": "acme", "X-Forwarded-Host": "acme", "X-Environment": "Customer"} {
					r.Header.Set(name, value)
				}
			},
		} {
			for _, user := range []string{users + victim.ID, external + "CRM-7", external + victim.ID, users + "CRM-7"} {
				ask("GET", user, "", condition)
				ask("PATCH", user, `{"name":"x"}`, condition)
				ask("PATCH", user, `{}`, condition)
				ask("DELETE", user, "", condition)
			}
			ask("POST", users+victim.ID+"/associate", "", condition)
			for _, body := range []string{`{"a":"x"}`, `{}`, `{"b":[]}`} {
				ask("PUT", "/v1/sensitive/"+victim.ID, body, condition)
				ask("PATCH", "/v1/sensitive/"+victim.ID, body, condition)
			}
			for _, group := range []string{groups + team.ID, groups + "team-7", groups + team.Token} {
				ask("GET", group, "", condition)
				ask("PATCH", group, `{"name":"x"}`, condition)
				ask("DELETE", group, "", condition)
				for _, body := range []string{`{}`, `{"overlap_seconds":60}`, `{"current_token":"` + team.Token + `"}`} {
					ask("POST", group+"/rotate", body, condition)
				}
			}
		}
		for _, query := range []string{
			"external_id=crm-7", "email=ann@example.com", "account_type=github&account_id=1", "name=ann", "group=g1",
			"external_id=crm-7&name=ann", "after=" + cursor, "before=" + cursor, "tenant=acme", "tenant_id=acme", "environment=Customer",
		} {
			ask("GET", "/v1/end-users?"+query, "")
		}
		for _, query := range []string{"external_id=team-7", "after=" + groupCursor, "before=" + groupCursor} {
			ask("GET", "/v1/groups?"+query, "")
		}
		ask("GET", "/v1/changes?after="+feed, "")
		ask("GET", "/v1/changes?order=desc&before="+feed, "")
		// External IDs, accounts and addresses are unique within a tenant's environment.
		for _, mode := range []string{"fail", "merge", "return"} {
			ask("POST", "/v1/end-users?on_conflict="+mode, everything)
		}
		ask("POST", "/v1/end-users", `{"id":"`+victim.ID+`"}`)
		ask("POST", "/v1/end-users", `{"tenant_id":"acme"}`)
		ask("PUT", external+"third", `{"environment":"Customer"}`)
		ask("PUT", external+"CRM-7", `{"name":"x"}`)
		ask("POST", "/v1/groups", everyGroup)
		for _, path := range []string{"/v1/end-users", "/v1/groups", "/v1/changes"} {
			ask("GET", path, "")
		}
		return routes
	})
}

// TestOthersTokens: the token of another tenant's group is treated as unknown.
func TestOthersTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	theirs, mine := s.createGroup(t, everyGroup), s.createGroup(t, everyGroup, as(apitest.Other))
	for _, token := range []string{theirs.Token, "nobodys"} {
		s.do(t, "POST", "/v1/groups/"+mine.ID+"/rotate", `{"current_token":"`+token+`"}`, as(apitest.Other)).wantCode(t, 409, "stale-token")
	}
	if _, err := s.users.Tenant("other").Groups().Authenticate(t.Context(), theirs.Token); err == nil {
		t.Error("it is accepted")
	}
}
