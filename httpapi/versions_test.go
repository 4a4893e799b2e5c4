package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestLostHistory: a store that goes back in time gives the same revisions to the same users
// at the same time. Still, no entity tag and no cursor of the lost history is taken for one
// of the new history.
func TestLostHistory(t *testing.T) {
	t.Parallel()
	start := func() (*server, user, group) {
		ids := 0
		s := newServerOf(t, memory.New(nil), &enduser.Options{
			Keyring: keyring(t),
			Now:     func() time.Time { return time.Date(2026, 1, 28, 10, 43, 43, 0, time.UTC) },
			NewID: func() string {
				ids++
				return fmt.Sprintf("id-%d", ids)
			},
		}, auth(t), nil)
		u, g := s.create(t, `{"external_id":"a"}`), s.createGroup(t, `{"external_id":"g"}`)
		s.do(t, "PUT", "/v1/sensitive/"+u.ID, `{"a":"b"}`).want(t, 204)
		return s, s.do(t, "GET", "/v1/end-users/"+u.ID, "").want(t, 200).user(t), g
	}
	lost, oldUser, oldGroup := start()
	s, u, g := start()
	if u.ID != oldUser.ID || u.Revision != oldUser.Revision || g.ID != oldGroup.ID || g.Revision != oldGroup.Revision {
		t.Fatalf("the two histories differ: %+v and %+v", oldUser, u)
	}
	for _, r := range []struct{ method, path, body, tag string }{
		{"PATCH", "/v1/end-users/" + u.ID, `{"name":"x"}`, oldUser.Version},
		{"PATCH", "/v1/end-users/by-external-id/a", `{"name":"x"}`, oldUser.Version},
		{"PUT", "/v1/end-users/by-external-id/a", `{"name":"x"}`, oldUser.Version},
		{"POST", "/v1/end-users/" + u.ID + "/associate", "", oldUser.Version},
		{"PUT", "/v1/sensitive/" + u.ID, `{"a":"c"}`, oldUser.Version},
		{"PATCH", "/v1/sensitive/" + u.ID, `{"a":"c"}`, oldUser.Version},
		{"PATCH", "/v1/groups/" + g.ID, `{"name":"x"}`, oldGroup.Version},
		{"POST", "/v1/groups/" + g.ID + "/rotate", `{}`, oldGroup.Version},
		{"DELETE", "/v1/groups/" + g.ID, "", oldGroup.Version},
		{"DELETE", "/v1/end-users/by-external-id/a", "", oldUser.Version},
		{"DELETE", "/v1/end-users/" + u.ID, "", oldUser.Version},
	} {
		s.do(t, r.method, r.path, r.body, with("If-Match", tagOf(r.tag))).wantCode(t, 412, "precondition-failed")
	}
	s.do(t, "GET", "/v1/end-users/"+u.ID, "", with("If-None-Match", tagOf(oldUser.Version))).want(t, 200)
	s.do(t, "GET", "/v1/groups/"+g.ID, "", with("If-None-Match", tagOf(oldGroup.Version))).want(t, 200)
	s.do(t, "GET", "/v1/end-users/"+u.ID, "", with("If-None-Match", tagOf(u.Version))).want(t, 304)
	s.do(t, "PATCH", "/v1/groups/"+g.ID, `{}`, with("If-Match", tagOf(g.Version))).want(t, 200)
	for _, ch := range lost.wholeFeed(t).Data {
		s.do(t, "GET", "/v1/changes?after="+ch.Cursor, "").wantCode(t, 410, "trimmed")
	}
}

// TestByExternalID: a user can be reached by its external ID as by its ID.
func TestByExternalID(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, `{"external_id":"Team/Ann é"}`)
		for _, path := range []string{
			"/v1/end-users/by-external-id/Team%2FAnn%20%C3%A9", "/v1/end-users/by-external-id/team%2fann%20e%CC%81", "/v1/end-users/by-external-id/TEAM%2FANN%20%C3%89",
		} {
			byID := s.do(t, "GET", "/v1/end-users/"+u.ID, "").want(t, 200)
			a := s.do(t, "GET", path, "").want(t, 200)
			if a.Body != byID.Body || a.Header.Get("ETag") != byID.Header.Get("ETag") {
				t.Errorf("%s shows %s, want %s", path, a.Body, byID.Body)
			}
			s.do(t, "HEAD", path, "").want(t, 200)
			s.do(t, "GET", path, "", with("If-None-Match", a.Header.Get("ETag"))).want(t, 304)
			patched := s.do(t, "PATCH", path, `{"name":"`+path[20:40]+`"}`, with("If-Match", a.Header.Get("ETag"))).want(t, 200).user(t)
			if patched.ID != u.ID || patched.Name == nil {
				t.Errorf("patched %+v", patched)
			}
			s.do(t, "PATCH", path, `{"name":"y"}`, with("If-Match", a.Header.Get("ETag"))).wantCode(t, 412, "precondition-failed")
			s.do(t, "DELETE", path, "", with("If-Match", a.Header.Get("ETag"))).wantCode(t, 412, "precondition-failed")
			for _, key := range []string{apitest.Other, apitest.Testing} {
				s.do(t, "GET", path, "", as(key)).wantCode(t, 404, "not-found")
				s.do(t, "PATCH", path, `{"name":"x"}`, as(key)).wantCode(t, 404, "not-found")
				s.do(t, "DELETE", path, "", as(key)).wantCode(t, 404, "not-found")
			}
			s.do(t, "DELETE", path, "", as(apitest.Reader)).wantCode(t, 403, "forbidden")
		}
		renamed := s.do(t, "PATCH", "/v1/end-users/by-external-id/Team%2FAnn%20%C3%A9", `{"external_id":"b"}`).want(t, 200).user(t)
		if renamed.ID != u.ID || *renamed.ExternalID != "b" {
			t.Errorf("renamed %+v", renamed)
		}
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			body := map[string]string{"PATCH": `{}`}[method]
			for _, path := range []string{"Team%2FAnn%20%C3%A9", "Team/Ann", u.ID, "c"} {
				s.do(t, method, "/v1/end-users/by-external-id/"+path, body).wantCode(t, 404, "not-found")
			}
			for _, id := range []string{"%00", "%ff", strings.Repeat("a", 10_000)} {
				p := s.do(t, method, "/v1/end-users/by-external-id/"+id, body).wantCode(t, 400, "invalid")
				if len(p.Errors) != 1 || p.Errors[0].Parameter != "external_id" {
					t.Errorf("%s %.20s: %+v", method, id, p.Errors)
				}
			}
		}
		p := s.do(t, "PATCH", "/v1/end-users/by-external-id/b", `{"external_id":"<"}`).wantCode(t, 400, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Pointer != "/external_id" {
			t.Errorf("a member of the body: %+v", p.Errors)
		}
		p = s.do(t, "PUT", "/v1/end-users/by-external-id/%3C", `{"email":"x"}`).wantCode(t, 400, "invalid")
		if len(p.Errors) != 2 || p.Errors[0].Parameter != "external_id" || p.Errors[1].Pointer != "/email" {
			t.Errorf("the path and a member of the body: %+v", p.Errors)
		}
		if a := s.do(t, "POST", "/v1/end-users/by-external-id/b", ""); a.Status != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", a.Status)
		}
		s.do(t, "DELETE", "/v1/end-users/by-external-id/B", "").want(t, 204)
		s.do(t, "GET", "/v1/end-users/"+u.ID, "").wantCode(t, 404, "not-found")
	})
}
