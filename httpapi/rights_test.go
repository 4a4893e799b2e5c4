package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// rights has an Authorize that allows some actions and records its calls.
type rights struct {
	allowed []string
	asked   []string
	err     error // of what is not allowed
}

func (r *rights) authorize(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
	name := a.Name
	if a.Write {
		name += "!"
	}
	r.asked = append(r.asked, name)
	if slices.Contains(r.allowed, a.Name) {
		return nil
	}
	return r.err
}

// TestRightsOfWhatIsThere: a credential that may create users neither sees nor changes an
// existing one without the right to that, whichever route comes to it.
func TestRightsOfWhatIsThere(t *testing.T) {
	t.Parallel()
	const users, put = "/v1/end-users", "/v1/end-users/by-external-id/"
	const get, update, associate, create, upsert = "getEndUser", "updateEndUser", "associateEndUser", "createEndUser", "upsertEndUser"
	for _, tt := range []struct {
		name, method, path, body string
		needs                    []string // beside the route's own, if the user is there
	}{
		{"return", "POST", users, `{"external_id":"kept","name":"x"}`, []string{get}},
		{"return by account", "POST", users, `{"linked_accounts":[{"type":"a","id":"1"}]}`, []string{get}},
		{"merge", "POST", users + "?on_conflict=merge", `{"external_id":"kept","name":"x"}`, []string{update}},
		{"merge of nothing", "POST", users + "?on_conflict=merge", `{"external_id":"kept"}`, []string{update}},
		{"put", "PUT", put + "kept", `{"name":"x"}`, nil},
		{"return of a provisional one", "POST", users, `{"external_id":"trial"}`, []string{get, associate}},
		{"return as provisional", "POST", users, `{"external_id":"trial","provisional":true}`, []string{get}},
		{"merge of a provisional one", "POST", users + "?on_conflict=merge", `{"external_id":"trial"}`, []string{update, associate}},
		{"merge as provisional", "POST", users + "?on_conflict=merge", `{"external_id":"trial","provisional":true}`, []string{update}},
		{"put of a provisional one", "PUT", put + "trial", `{}`, []string{associate}},
		{"put as provisional", "PUT", put + "trial", `{"provisional":true}`, nil},
		{"a new one", "POST", users, `{"external_id":"new"}`, nil},
		{"a new one to merge", "POST", users + "?on_conflict=merge", `{"external_id":"newer"}`, nil},
		{"a new one to put", "PUT", put + "newest", `{}`, nil},
		{"one that is nobody", "POST", users, `{"name":"x"}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &rights{err: httpapi.ErrForbidden}
			s := newServer(t, nil, &httpapi.Options{Authorize: r.authorize})
			own := map[string]string{"POST": create, "PUT": upsert}[tt.method]
			r.allowed = []string{create}
			s.create(t, `{"external_id":"kept","linked_accounts":[{"type":"a","id":"1"}]}`)
			s.create(t, `{"external_id":"trial","provisional":true}`)
			for i := range tt.needs {
				r.allowed = append([]string{own, "deleteEndUser", "listEndUsers"}, tt.needs...)
				r.allowed = slices.DeleteFunc(r.allowed, func(a string) bool { return a == tt.needs[i] })
				before := apitest.StateOf(t, s.users.Tenant("acme"))
				s.do(t, tt.method, tt.path, tt.body).wantCode(t, 403, "forbidden")
				r.err = errors.New("down")
				s.do(t, tt.method, tt.path, tt.body).wantCode(t, 503, "unavailable")
				r.err = httpapi.ErrForbidden
				if diff := cmp.Diff(before, apitest.StateOf(t, s.users.Tenant("acme"))); diff != "" {
					t.Errorf("without %s something was written:\n%s", tt.needs[i], diff)
				}
			}
			r.allowed = append([]string{own}, tt.needs...)
			r.asked = nil
			want := []string{own + "!"}
			for _, action := range tt.needs {
				if action != get {
					action += "!"
				}
				want = append(want, action)
			}
			if a := s.do(t, tt.method, tt.path, tt.body); a.Status/100 != 2 {
				t.Errorf("with %v: %d %s", r.allowed, a.Status, a.Body)
			}
			if diff := cmp.Diff(want, r.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHoldersNeedARight: a conflict names the holder only to a credential that may read it.
func TestHoldersNeedARight(t *testing.T) {
	t.Parallel()
	r := &rights{err: httpapi.ErrForbidden}
	s := newServer(t, nil, &httpapi.Options{Authorize: r.authorize})
	write := []string{"createEndUser", "upsertEndUser", "updateEndUser", "createGroup", "associateEndUser"}
	r.allowed = append(write, "getEndUser", "getGroup")
	u := s.create(t, `{"external_id":"a","linked_accounts":[{"type":"x","id":"1"}]}`)
	other := s.create(t, `{"external_id":"b"}`)
	g := s.createGroup(t, `{"external_id":"g"}`)
	for _, tt := range []struct{ method, path, body, needs, holder string }{
		{"POST", "/v1/end-users?on_conflict=fail", `{"external_id":"a"}`, "getEndUser", u.ID},
		{"POST", "/v1/end-users", `{"external_id":"c","linked_accounts":[{"type":"x","id":"1"}]}`, "getEndUser", u.ID},
		{"PUT", "/v1/end-users/by-external-id/b", `{"linked_accounts":[{"type":"x","id":"1"}]}`, "getEndUser", u.ID},
		{"PATCH", "/v1/end-users/" + other.ID, `{"external_id":"A"}`, "getEndUser", u.ID},
		{"POST", "/v1/groups", `{"external_id":"g"}`, "getGroup", g.ID},
	} {
		r.allowed = write
		p := s.do(t, tt.method, tt.path, tt.body).wantCode(t, 409, "conflict")
		if p.HolderID != "" || p.Field == "" {
			t.Errorf("%s %s says %+v without the right to it", tt.method, tt.path, p)
		}
		r.allowed = append([]string{tt.needs}, write...)
		if p := s.do(t, tt.method, tt.path, tt.body).wantCode(t, 409, "conflict"); p.HolderID != tt.holder {
			t.Errorf("%s %s says %+v, want %s", tt.method, tt.path, p, tt.holder)
		}
	}
}

// TestConflictKeeps: a client takes 409 to mean that the user exists, so the user becomes
// permanent.
func TestConflictKeeps(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		trial := s.create(t, `{"external_id":"a","provisional":true}`)
		provisional := func() bool {
			return s.do(t, "GET", "/v1/end-users/"+trial.ID, "").want(t, 200).user(t).ExpiresAt != nil
		}
		s.do(t, "POST", "/v1/end-users?on_conflict=fail", `{"external_id":"a","provisional":true}`).wantCode(t, 409, "conflict")
		s.do(t, "POST", "/v1/end-users?on_conflict=fail", `{"external_id":"a"}`, with("If-None-Match", "*")).wantCode(t, 409, "conflict")
		if !provisional() {
			t.Error("it was made permanent by what was not to write")
		}
		s.do(t, "POST", "/v1/end-users?on_conflict=fail", `{"external_id":"a"}`).wantCode(t, 409, "conflict")
		if provisional() {
			t.Error("it is still provisional")
		}
	})
}

// TestCrossOrigin: with http.CrossOriginProtection in front, a browser that has the user's
// cookies writes nothing for another site; and no form writes without it, either.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	s := newServerOf(t, nil, nil, func(r *http.Request, _ string) (httpapi.Principal, error) {
		if c, err := r.Cookie("session"); err != nil || c.Value != "acme" {
			return httpapi.Principal{}, httpapi.ErrUnauthorized
		}
		return httpapi.Principal{Tenant: "acme"}, nil
	}, nil)
	cookie := with("Cookie", "session=acme")
	u := s.create(t, `{"external_id":"a","provisional":true}`, cookie)
	unprotected, protected := s.handler, http.NewCrossOriginProtection().Handler(s.handler)
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/v1/end-users", `{}`},
		{"POST", "/v1/end-users/" + u.ID + "/associate", ""},
		{"PATCH", "/v1/end-users/" + u.ID, `{}`},
		{"PUT", "/v1/end-users/by-external-id/a", `{}`},
		{"DELETE", "/v1/end-users/" + u.ID, ""},
		{"POST", "/v1/groups", `{"external_id":"x"}`},
	} {
		s.handler = unprotected
		for _, form := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"} {
			if r.method == "POST" { // the one method that forms have
				s.do(t, r.method, r.path, r.body, cookie, with("Content-Type", form)).want(t, 415)
			}
		}
		from := func(site string) *http.Request {
			q := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
			for name, value := range map[string]string{"Cookie": "session=acme", "Content-Type": "application/json", "Sec-Fetch-Site": site} {
				q.Header.Set(name, value)
			}
			return q
		}
		w := httptest.NewRecorder()
		protected.ServeHTTP(w, from("cross-site"))
		if w.Code != http.StatusForbidden {
			t.Errorf("%s %s from another site: %d", r.method, r.path, w.Code)
		}
		w = httptest.NewRecorder()
		protected.ServeHTTP(w, from("same-origin"))
		if w.Code/100 != 2 {
			t.Errorf("%s %s from the same origin: %d %s", r.method, r.path, w.Code, w.Body)
		}
	}
}
