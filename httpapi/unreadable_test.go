package httpapi_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// rewrite changes the body of a record below the Manager.
func rewrite(tb testing.TB, st store.Store, id string, change func(body string) string) {
	tb.Helper()
	old, err := st.Get(tb.Context(), "acme", store.ID(id))
	if err != nil {
		tb.Fatal(err)
	}
	r := old
	r.Data = []byte(change(string(old.Data)))
	if bytes.Equal(r.Data, old.Data) {
		tb.Fatalf("the body stays %s", r.Data)
	}
	if _, err := st.Apply(tb.Context(), "acme", store.Ops(store.Replace(old, r, nil))); err != nil {
		tb.Fatal(err)
	}
}

// TestUnreadable: a record that is damaged or newer than the server has its own error, can be
// deleted, and stands in the way of no other record.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	damage := func(string) string { return "\x00" }
	newer := func(body string) string { return strings.Replace(body, `"r":1`, `"r":2`, 1) }
	for name, tt := range map[string]struct {
		change func(string) string
		status int
		code   string
	}{"damaged": {damage, 500, "corrupt"}, "newer": {newer, 503, "newer"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apitest.Embedded(t, func(t *testing.T, st store.Store) {
				log := new(bytes.Buffer)
				s := newServer(t, st, &httpapi.Options{Logger: slog.New(slog.NewJSONHandler(log, nil))})
				u, g := s.create(t, `{"external_id":"a","email":"canary@example.com"}`), s.createGroup(t, `{"external_id":"a"}`)
				s.create(t, `{"external_id":"b"}`)
				rewrite(t, st, u.ID, tt.change)
				rewrite(t, st, g.ID, tt.change)
				log.Reset()

				if p := s.list(t, "limit=1"); strings.Join(p.names(), " ") != "b" || p.Paging.HasMore {
					t.Errorf("the list is %+v", p)
				}
				if n := strings.Count(log.String(), u.ID); n != 1 || !strings.Contains(log.String(), `"WARN"`) {
					t.Errorf("the log names the user %d times: %s", n, log)
				}
				if p := s.listGroups(t, ""); len(p.Data) != 0 || p.Paging.HasMore {
					t.Errorf("the list of groups is %+v", p)
				}
				for _, r := range [][3]string{
					{"GET", "/v1/end-users/" + u.ID, ""},
					{"GET", "/v1/end-users/by-external-id/a", ""},
					{"PATCH", "/v1/end-users/" + u.ID, `{"name":"x"}`},
					{"PUT", "/v1/end-users/by-external-id/a", `{"name":"x"}`},
					{"POST", "/v1/end-users", `{"external_id":"a"}`},
					{"POST", "/v1/end-users/" + u.ID + "/associate", ""},
					{"PUT", "/v1/sensitive/" + u.ID, `{"a":"b"}`},
					{"GET", "/v1/groups/" + g.ID, ""},
					{"PATCH", "/v1/groups/" + g.ID, `{"name":"x"}`},
					{"POST", "/v1/groups/" + g.ID + "/rotate", `{}`},
				} {
					a := s.do(t, r[0], r[1], r[2])
					if a.wantCode(t, tt.status, tt.code); strings.Contains(a.Body, "canary") {
						t.Errorf("%s %s: %s", r[0], r[1], a.Body)
					}
				}
				stale := with("If-Match", tagOf(u.Version))
				s.do(t, "DELETE", "/v1/end-users/"+u.ID, "", stale).wantCode(t, 412, "precondition-failed")
				s.do(t, "DELETE", "/v1/groups/"+g.ID, "", stale).wantCode(t, 412, "precondition-failed")
				s.do(t, "DELETE", "/v1/end-users/"+u.ID, "", with("If-Match", "*")).want(t, 204)
				s.do(t, "DELETE", "/v1/groups/"+g.ID, "").want(t, 204)
				s.do(t, "GET", "/v1/end-users/"+u.ID, "").wantCode(t, 404, "not-found")
				s.create(t, `{"external_id":"A"}`)
				s.createGroup(t, `{"external_id":"A"}`)
			})
		})
	}
}

// TestNewerToWrite: a record that only a newer server may write can be read and deleted.
func TestNewerToWrite(t *testing.T) {
	t.Parallel()
	apitest.Embedded(t, func(t *testing.T, st store.Store) {
		s := newServer(t, st, nil)
		u, g := s.create(t, `{"external_id":"a"}`), s.createGroup(t, `{"external_id":"a"}`)
		newer := func(body string) string { return strings.Replace(body, `"w":1`, `"w":2`, 1) }
		rewrite(t, st, u.ID, newer)
		rewrite(t, st, g.ID, newer)
		if p := s.list(t, ""); len(p.Data) != 1 {
			t.Errorf("the list is %+v", p)
		}
		s.do(t, "GET", "/v1/end-users/"+u.ID, "").want(t, 200)
		s.do(t, "GET", "/v1/groups/"+g.ID, "").want(t, 200)
		s.do(t, "PATCH", "/v1/end-users/"+u.ID, `{}`).want(t, 200)
		for _, r := range [][3]string{
			{"PATCH", "/v1/end-users/" + u.ID, `{"name":"x"}`},
			{"PUT", "/v1/end-users/by-external-id/a", `{"name":"x"}`},
			{"PATCH", "/v1/groups/" + g.ID, `{"name":"x"}`},
			{"POST", "/v1/groups/" + g.ID + "/rotate", `{}`},
		} {
			s.do(t, r[0], r[1], r[2]).wantCode(t, 503, "newer")
		}
		s.do(t, "DELETE", "/v1/end-users/"+u.ID, "").want(t, 204)
		s.do(t, "DELETE", "/v1/groups/"+g.ID, "").want(t, 204)
	})
}
