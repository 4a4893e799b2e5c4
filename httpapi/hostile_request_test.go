package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"a/b"}`)
	tests := []struct {
		method, path string
		want         int
	}{
		{"GET", "/v1/end-users/%00", 400},
		{"GET", "/v1/end-users/%ff", 400},
		{"PATCH", "/v1/end-users/%00", 400},
		{"DELETE", "/v1/end-users/%ff", 400},
		{"POST", "/v1/end-users/%00/associate", 400},
		{"PUT", "/v1/end-users/by-external-id/%00", 400},
		{"PUT", "/v1/end-users/by-external-id/%ff", 400},
		{"GET", "/v1/end-users/" + strings.Repeat("a", 10_000), 400},
		{"GET", "/v1/end-users/a%2Fb", 404}, // an external ID is not an ID
		{"GET", "/v1/end-users/" + u.ID + "/", 404},
		{"GET", "/v1/end-users/" + u.ID + "%2F", 404},
		{"GET", "/v1/end-users/unknown", 404},
		{"GET", "/", 404},
		{"GET", "/v1/end-users/", 404},
		{"PUT", "/v1/end-users", 405},
		{"PATCH", "/v1/end-users", 405},
		{"DELETE", "/v1/end-users", 405},
		{"POST", "/v1/end-users/" + u.ID, 405},
		{"PUT", "/v1/end-users/" + u.ID, 405},
		{"GET", "/v1/end-users/" + u.ID + "/associate", 405},
		{"POST", "/v1/changes", 405},
		{"POST", "/openapi.json", 405},
		{"DELETE", "/healthz", 405},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path[:min(len(tt.path), 60)], func(t *testing.T) {
			body := ""
			if tt.method == "PATCH" || tt.method == "PUT" {
				body = "{}"
			}
			a := s.do(t, tt.method, tt.path, body).want(t, tt.want)
			if allow := a.Header.Get("Allow"); (tt.want == 405) != (allow != "") {
				t.Errorf("Allow is %q", allow)
			}
		})
	}
	for _, path := range []string{"/v1/../v1/end-users/" + u.ID, "//v1/end-users/" + u.ID, "/v1//end-users"} {
		a := s.do(t, "GET", "http://example.com"+path, "")
		if a.Status == 200 || a.Status >= 500 {
			t.Errorf("%s is answered with %d", path, a.Status)
		}
	}
}

// TestCredentials: only one credential in Authorization: Bearer counts. Package family tests
// what can be wrong with that header.
func TestCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	elsewhere := func(r *http.Request) {
		r.Header.Del("Authorization")
		for _, name := range []string{"Proxy-Authorization", "X-Api-Key", "Cookie"} {
			r.Header.Set(name, "Bearer "+apitest.Acme)
		}
		r.URL.RawQuery = "access_token=" + apitest.Acme
	}
	s.do(t, "GET", "/v1/end-users", "", elsewhere).wantCode(t, 401, "unauthorized")
	same := with("X-Request-Id", "same")
	first := s.do(t, "GET", "/v1/changes", "", with("Authorization"), same).want(t, 401)
	for _, credential := range []string{"Bearer wrong-key-0001", "Basic YTpi", "Bearer " + apitest.Acme[:8], "Bearer " + strings.Repeat("a", 5000)} {
		if a := s.do(t, "GET", "/v1/changes", "", with("Authorization", credential), same); a.Body != first.Body {
			t.Errorf("%q tells them apart: %s", credential, a.Body)
		}
	}
	victim := s.create(t, `{"external_id":"victim"}`, as(apitest.Other))
	s.do(t, "GET", "/v1/end-users/"+victim.ID, "", func(r *http.Request) {
		r.Host = "other.example.com"
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-User", "X-Tenant", "X-Tenant-Id", "Tenant", "Forwarded", "X-Original-Url", "X-Http-Method-Override", "X-Actor", "X-Environment"} {
			r.Header.Set(name, "other")
		}
	}).wantCode(t, 404, "not-found")
}

// TestBodiesOfRoutes: PATCH accepts merge patches, and no route accepts gzip. GET ignores a
// body; a POST that needs none refuses one that is not JSON.
func TestBodiesOfRoutes(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u, g := s.create(t, `{"external_id":"a"}`), s.createGroup(t, `{"external_id":"a"}`)
	patch := with("Content-Type", "application/merge-patch+json")
	for path, status := range map[string]int{"/v1/end-users/" + u.ID: 200, "/v1/end-users/by-external-id/a": 200, "/v1/sensitive/" + u.ID: 204, "/v1/groups/" + g.ID: 200} {
		s.do(t, "PATCH", path, `{}`, patch).want(t, status)
		s.do(t, "PATCH", path, `{}`, with("Content-Encoding", "gzip")).want(t, 415)
		if got := s.do(t, "OPTIONS", path, "").want(t, 405).Header.Get("Accept-Patch"); got != "application/json, application/merge-patch+json" {
			t.Errorf("405 of %s has Accept-Patch %q", path, got)
		}
	}
	s.do(t, "POST", "/v1/end-users", `{}`, patch).want(t, 415)
	s.do(t, "GET", "/v1/end-users", `{"limit":`).want(t, 200)
	s.do(t, "POST", "/v1/end-users/"+u.ID+"/associate", `nonsense`, with("Content-Type")).want(t, 415)
	s.do(t, "POST", "/v1/end-users", strings.Repeat(" ", 1<<20-2)+"{}").want(t, 201) // the standard limit
	s.do(t, "POST", "/v1/end-users", strings.Repeat(" ", 1<<20-1)+"{}").want(t, 413)
}

func TestHostileQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, tt := range []struct{ query, parameter string }{
		{"limit=0", "limit"},
		{"limit=201", "limit"},
		{"order=random", "order"},
		{"account=github:1", "account"},
		{"account_type=github", "account_id"},
		{"account_id=1", "account_type"},
		{"account_type=github&account_id=", "account_id"},
		{"added_before=2026-01-28", "added_before"},
		{"expiring_before=0001-01-01T00:00:00Z", "expiring_before"},
		{"expiring_before=2026-01-28T10:43:43Z&order=desc", "expiring_before"},
		{"expiring_before=2026-01-28T10:43:43Z&before=x", "expiring_before"},
		{"after=x&before=y", "before"},
		{"unknown=1", "unknown"},
		{"tenant=other", "tenant"},
		{"name=a&name=b", "name"},
		{"external_id=%00", "external_id"},
		{"external_id=+", "external_id"},
		{"external_id=a%3Cb", "external_id"},
		{"external_id=" + strings.Repeat("a", 256), "external_id"},
		{"email=not-an-address", "email"},
		{"email=+", "email"},
		{"name=+", "name"},
		{"group=+", "group"},
		{"group=a%00", "group"},
		{"account_type=github&account_id=a%00b", "account_id"},
		{"account_type=&account_id=1", "account_type"},
		{"external_id=%ff", "external_id"},
		{"metadata.plan=pro", "metadata"}, // not indexed
	} {
		t.Run(tt.query, func(t *testing.T) {
			p := s.do(t, "GET", "/v1/end-users?"+tt.query, "").wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Parameter != tt.parameter || p.Errors[0].Pointer != "" {
				t.Errorf("got %+v", p.Errors)
			}
		})
	}
	for _, query := range []string{"wait=31", "wait=-1", "limit=1001", "limit=0", "after=a&after=a", "x=1"} {
		s.do(t, "GET", "/v1/changes?"+query, "").wantCode(t, 400, "invalid")
	}
	for _, query := range []string{"on_conflict=replace", "on_conflict=FAIL", "x=1", "on_conflict=fail&on_conflict=fail"} {
		s.do(t, "POST", "/v1/end-users?"+query, "{}").wantCode(t, 400, "invalid")
	}
	for _, query := range []string{"limit=", "order=", "after=", "before=", "name=", "email=", "account_type=&account_id=", "added_after=", "added_before=", "expiring_before=", "external_id=", "group=", "metadata.x="} {
		s.do(t, "GET", "/v1/end-users?"+query, "").want(t, 200)
	}
}
