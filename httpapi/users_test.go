package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/store"
)

// onBackends runs a test over each store that needs no server.
func onBackends(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	apitest.Embedded(t, func(t *testing.T, st store.Store) { test(t, newServer(t, st, nil)) })
}

const everything = `{"external_id":"CRM-7","name":"Ann Lee","first_name":"Ann","last_name":"Lee","email":"Ann@Example.com",
	"avatar":"https://example.com/a.png","language":"de-AT","metadata":{"plan":"pro","seats":12,"on":true,"deep":{"a":[1,{"b":null}]}},
	"linked_accounts":[{"type":"github","id":"1"},{"type":"x","id":"a:b"}],"groups":["g1","g2"]}`

func TestCreateShowsEverything(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		a := s.do(t, "POST", "/v1/end-users", everything).want(t, 201)
		u := a.user(t)
		p := func(s string) *string { return &s }
		want := user{
			ID: u.ID, ExternalID: p("CRM-7"), TenantID: "acme", Environment: "Customer", Name: p("Ann Lee"),
			FirstName: p("Ann"), LastName: p("Lee"), Email: p("Ann@Example.com"), Avatar: p("https://example.com/a.png"),
			Language: p("de-AT"), Metadata: []byte(`{"deep":{"a":[1,{"b":null}]},"on":true,"plan":"pro","seats":12}`),
			LinkedAccounts: []enduser.Account{{Type: "github", ID: "1"}, {Type: "x", ID: "a:b"}}, Groups: []string{"g1", "g2"},
			SystemProperties: []byte(`{}`), CreatedBy: p("crm"), UpdatedBy: p("crm"),
			CreatedAt: u.CreatedAt, UpdatedAt: u.CreatedAt, AddedAt: u.CreatedAt, Revision: u.Revision, Version: u.Version,
		}
		if diff := cmp.Diff(want, u); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", u.CreatedAt); err != nil {
			t.Error(err)
		}
		if u.ID == "" || u.Revision < 1 {
			t.Errorf("ID %q, revision %d", u.ID, u.Revision)
		}
		if got, want := a.Header.Get("Location"), "/v1/end-users/"+u.ID; got != want {
			t.Errorf("Location %q, want %q", got, want)
		}
		if got, want := a.Header.Get("ETag"), tagOf(u.Version); got != want {
			t.Errorf("ETag %s, want %s", got, want)
		}
		read := s.do(t, "GET", "/v1/end-users/"+u.ID, "").want(t, 200)
		if read.Body != a.Body {
			t.Errorf("GET shows %s, want %s", read.Body, a.Body)
		}
	})
}

func TestCreateShowsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	a := s.do(t, "POST", "/v1/end-users", `{}`).want(t, 201)
	for _, member := range []string{
		`"external_id":null`, `"name":null`, `"first_name":null`, `"last_name":null`, `"email":null`, `"avatar":null`,
		`"language":null`, `"metadata":{}`, `"linked_accounts":[]`, `"groups":[]`, `"system_properties":{}`, `"expires_at":null`,
	} {
		if !strings.Contains(a.Body, member) {
			t.Errorf("no %s in %s", member, a.Body)
		}
	}
	if s.create(t, `{}`).ID == a.user(t).ID {
		t.Error("two users without anything are one")
	}
}

func TestOnConflict(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		first := s.create(t, `{"external_id":"crm-7","name":"Ann","metadata":{"a":1}}`)
		const again = `{"external_id":"CRM-7","name":"Bea","metadata":{"b":2}}`

		for _, query := range []string{"", "?on_conflict=", "?on_conflict=return"} {
			a := s.do(t, "POST", "/v1/end-users"+query, again).want(t, 200)
			if u := a.user(t); u.ID != first.ID || *u.Name != "Ann" || u.Revision != first.Revision {
				t.Errorf("%s changed the user: %s", query, a.Body)
			}
			if a.Header.Get("Location") != "" || a.Header.Get("ETag") == "" {
				t.Errorf("200 has Location %q, ETag %q", a.Header.Get("Location"), a.Header.Get("ETag"))
			}
		}
		p := s.do(t, "POST", "/v1/end-users?on_conflict=fail", again).wantCode(t, 409, "conflict")
		if p.Field != "external_id" || p.HolderID != first.ID {
			t.Errorf("conflict %+v", p)
		}
		merged := s.do(t, "POST", "/v1/end-users?on_conflict=merge", again).want(t, 200).user(t)
		if *merged.Name != "Bea" || string(merged.Metadata) != `{"a":1,"b":2}` || *merged.ExternalID != "crm-7" || merged.Revision <= first.Revision {
			t.Errorf("merged: %+v", merged)
		}
		if same := s.do(t, "POST", "/v1/end-users?on_conflict=merge", again).want(t, 200).user(t); same.Revision != merged.Revision {
			t.Errorf("a merge that changes nothing made revision %d of %d", same.Revision, merged.Revision)
		}
		for _, mode := range []string{"return", "merge", "fail"} {
			s.do(t, "POST", "/v1/end-users?on_conflict="+mode, `{"external_id":"new-`+mode+`"}`).want(t, 201)
		}
		s.do(t, "POST", "/v1/end-users", again, with("If-None-Match", "*")).wantCode(t, 412, "precondition-failed")
		s.do(t, "POST", "/v1/end-users?on_conflict=merge", `{"external_id":"crm-8"}`, with("If-None-Match", "*")).want(t, 201)
	})
}

func TestAccountsConflict(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		holder := s.create(t, `{"external_id":"a","linked_accounts":[{"type":"github","id":"1"}]}`)
		other := s.create(t, `{"external_id":"b"}`)
		const account = `"linked_accounts":[{"type":"github","id":"1"}]`
		for _, r := range [][3]string{
			{"POST", "/v1/end-users", `{"external_id":"c",` + account + `}`},
			{"POST", "/v1/end-users?on_conflict=fail", `{` + account + `}`},
			{"POST", "/v1/end-users?on_conflict=merge", `{"external_id":"b",` + account + `}`},
			{"PUT", "/v1/end-users/by-external-id/b", `{` + account + `}`},
			{"PATCH", "/v1/end-users/" + other.ID, `{` + account + `}`},
		} {
			p := s.do(t, r[0], r[1], r[2]).wantCode(t, 409, "conflict")
			if p.Field != "linked_accounts" || p.HolderID != holder.ID {
				t.Errorf("%s %s: conflict %+v", r[0], r[1], p)
			}
		}
		p := s.do(t, "PATCH", "/v1/end-users/"+other.ID, `{"external_id":"A"}`).wantCode(t, 409, "conflict")
		if p.Field != "external_id" || p.HolderID != holder.ID {
			t.Errorf("conflict %+v", p)
		}
		if u := s.do(t, "POST", "/v1/end-users", `{`+account+`}`).want(t, 200).user(t); u.ID != holder.ID {
			t.Errorf("an account without external ID identifies %s, want %s", u.ID, holder.ID)
		}
		if u := s.do(t, "GET", "/v1/end-users/"+other.ID, "").want(t, 200).user(t); u.Revision != other.Revision {
			t.Error("a refused write changed the user")
		}
	})
}

// TestCreateAtOnce: one of many clients creates the user, whatever case they write it in.
func TestCreateAtOnce(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		ids := map[string]bool{}
		created := 0
		for _, a := range atonce.Collect(64, func(i int) answer {
			id := []byte("same-user")
			for bit := range 4 {
				if i>>bit&1 == 1 {
					id[bit] -= 'a' - 'A'
				}
			}
			return s.do(t, "POST", "/v1/end-users", `{"external_id":"`+string(id)+`"}`)
		}) {
			if a.Status == 201 {
				created++
			} else {
				a.want(t, 200)
			}
			ids[a.user(t).ID] = true
		}
		if created != 1 || len(ids) != 1 {
			t.Errorf("%d creations of %d users", created, len(ids))
		}
	})
}

func TestProvisional(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, nil)
		deadline := func(u user) time.Duration {
			t.Helper()
			if u.ExpiresAt == nil {
				return 0
			}
			at, err := time.Parse(time.RFC3339, *u.ExpiresAt)
			if err != nil {
				t.Fatal(err)
			}
			return time.Until(at)
		}
		day := s.create(t, `{"external_id":"day","provisional":true}`)
		if got := deadline(day); got != enduser.ProvisionalTTL {
			t.Errorf("provisional for %v", got)
		}
		minute := s.create(t, `{"external_id":"minute","expires_in":60}`)
		if got := deadline(minute); got != time.Minute {
			t.Errorf("expires in %v", got)
		}
		both := s.create(t, `{"external_id":"both","expires_in":60,"provisional":true}`)
		if got := deadline(both); got != time.Minute {
			t.Errorf("expires in %v", got)
		}
		if got := deadline(s.create(t, `{"provisional":false}`)); got != 0 {
			t.Errorf("not provisional, and expires in %v", got)
		}
		s.do(t, "POST", "/v1/end-users", `{"expires_in":60,"provisional":false}`).wantCode(t, 400, "invalid")
		s.do(t, "POST", "/v1/end-users", `{"expires_in":0}`).wantCode(t, 400, "invalid")
		for _, body := range []string{`{"provisional":true}`, `{"provisional":false}`, `{"expires_in":5}`, `{"expires_in":null}`} {
			s.do(t, "PATCH", "/v1/end-users/"+day.ID, body).wantCode(t, 400, "invalid")
		}

		kept := s.do(t, "POST", "/v1/end-users/"+both.ID+"/associate", "").want(t, 200).user(t)
		if kept.ExpiresAt != nil || kept.Revision <= both.Revision {
			t.Errorf("associated: %+v", kept)
		}
		if again := s.do(t, "POST", "/v1/end-users/"+both.ID+"/associate", "").want(t, 200).user(t); again.Revision != kept.Revision {
			t.Error("associating twice is a write")
		}

		time.Sleep(time.Minute) //nolint:forbidigo // time of the bubble
		for _, r := range [][2]string{{"GET", ""}, {"PATCH", ""}, {"DELETE", ""}, {"POST", "/associate"}} {
			s.do(t, r[0], "/v1/end-users/"+minute.ID+r[1], map[string]string{"PATCH": "{}"}[r[0]]).wantCode(t, 404, "not-found")
		}
		s.do(t, "GET", "/v1/end-users/"+both.ID, "").want(t, 200)
		s.do(t, "GET", "/v1/end-users/"+day.ID, "").want(t, 200)
		s.do(t, "POST", "/v1/end-users", `{"external_id":"minute"}`).want(t, 201)
	})
}

func TestPatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, patch string
		want        func(u *user)
	}{
		{"nothing", `{}`, nil},
		{"equal values", `{"name":"Ann Lee","metadata":{"plan":"pro"}}`, nil},
		{"a value", `{"name":"Bea"}`, func(u *user) { u.Name = new("Bea") }},
		{"null of text", `{"external_id":null,"name":null,"first_name":null,"last_name":null,"email":null,"avatar":null,"language":null}`, func(u *user) {
			u.ExternalID, u.Name, u.FirstName, u.LastName, u.Email, u.Avatar, u.Language = nil, nil, nil, nil, nil, nil, nil
		}},
		{"spelling of the external ID", `{"external_id":"crm-7"}`, func(u *user) { u.ExternalID = new("crm-7") }},
		{"a metadata key", `{"metadata":{"seats":13}}`, func(u *user) {
			u.Metadata = []byte(`{"deep":{"a":[1,{"b":null}]},"on":true,"plan":"pro","seats":13}`)
		}},
		{"null of a key", `{"metadata":{"seats":null,"never":null}}`, func(u *user) {
			u.Metadata = []byte(`{"deep":{"a":[1,{"b":null}]},"on":true,"plan":"pro"}`)
		}},
		{"nested", `{"metadata":{"deep":{"a":null,"c":{"d":1,"e":null}}}}`, func(u *user) {
			u.Metadata = []byte(`{"deep":{"c":{"d":1}},"on":true,"plan":"pro","seats":12}`)
		}},
		{"an array is replaced", `{"metadata":{"deep":{"a":[2]}}}`, func(u *user) {
			u.Metadata = []byte(`{"deep":{"a":[2]},"on":true,"plan":"pro","seats":12}`)
		}},
		{"an object instead of a value", `{"metadata":{"plan":{"name":"pro","x":null}}}`, func(u *user) {
			u.Metadata = []byte(`{"deep":{"a":[1,{"b":null}]},"on":true,"plan":{"name":"pro"},"seats":12}`)
		}},
		{"no metadata", `{"metadata":null}`, func(u *user) { u.Metadata = []byte(`{}`) }},
		{"empty metadata", `{"metadata":{}}`, nil},
		{"accounts", `{"linked_accounts":[{"type":"x","id":"a:b"}]}`, func(u *user) { u.LinkedAccounts = u.LinkedAccounts[1:] }},
		{"no accounts", `{"linked_accounts":null}`, func(u *user) { u.LinkedAccounts = []enduser.Account{} }},
		{"empty accounts", `{"linked_accounts":[]}`, func(u *user) { u.LinkedAccounts = []enduser.Account{} }},
		{"groups", `{"groups":["g3"]}`, func(u *user) { u.Groups = []string{"g3"} }},
		{"no groups", `{"groups":null}`, func(u *user) { u.Groups = []string{} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onBackends(t, func(t *testing.T, s *server) {
				before := s.create(t, everything)
				for _, media := range []string{"application/merge-patch+json", "application/json"} {
					a := s.do(t, "PATCH", "/v1/end-users/"+before.ID, tt.patch, with("Content-Type", media)).want(t, 200)
					got, want := a.user(t), before
					if tt.want != nil {
						tt.want(&want)
						if got.Revision <= before.Revision {
							t.Errorf("revision %d after %d", got.Revision, before.Revision)
						}
						want.Revision, want.Version, want.UpdatedAt = got.Revision, got.Version, got.UpdatedAt
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("patched (-want +got):\n%s", diff)
					}
					if a.Header.Get("ETag") != tagOf(got.Version) {
						t.Errorf("ETag %s of revision %d", a.Header.Get("ETag"), got.Revision)
					}
				}
			})
		})
	}
}

func TestPatchRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, everything)
	path := "/v1/end-users/" + u.ID
	s.do(t, "PATCH", path, `{"linked_accounts":[{"type":"a","id":"b"},{"type":"a","id":"b"}]}`).wantCode(t, 400, "invalid")
	s.do(t, "PATCH", path, `{"groups":["a","a"]}`).wantCode(t, 400, "invalid")
	s.do(t, "PATCH", "/v1/end-users/unknown", `{"name":"x"}`).wantCode(t, 404, "not-found")
	s.do(t, "DELETE", "/v1/end-users/unknown", "").wantCode(t, 404, "not-found")
	s.do(t, "POST", "/v1/end-users/unknown/associate", "").wantCode(t, 404, "not-found")

	p := s.do(t, "PATCH", path, `{"email":"x","language":"?","linked_accounts":[{"type":"","id":"a"}],"metadata":{"a/b~c":1,"":2}}`).wantCode(t, 400, "invalid")
	got := map[string]string{}
	for _, e := range p.Errors {
		got[e.Pointer] = e.Code
	}
	want := map[string]string{"/email": "invalid_format", "/language": "invalid_format", "/linked_accounts/0/type": "required", "/metadata": "required"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestRepetitions: a new user or a replaced list must not have an item twice. A merge does not
// add what a user has already, however often it is given.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const once = `{"external_id":"a","linked_accounts":[{"type":"a","id":"b"}],"groups":["g"]}`
	u := s.create(t, once)
	for _, body := range []string{
		`{"external_id":"a","linked_accounts":[{"type":"a","id":"b"},{"type":"a","id":"b"}]}`, `{"external_id":"a","groups":["g","g"]}`,
	} {
		s.do(t, "PATCH", "/v1/end-users/"+u.ID, body).wantCode(t, 400, "invalid")
		s.do(t, "POST", "/v1/end-users", strings.Replace(body, `"a"`, `"new"`, 1)).wantCode(t, 400, "invalid")
		for method, path := range map[string]string{"POST": "/v1/end-users?on_conflict=merge", "PUT": "/v1/end-users/by-external-id/a"} {
			if got := s.do(t, method, path, body).want(t, 200).user(t); got.Version != u.Version {
				t.Errorf("%s of %s merged %+v", method, body, got)
			}
		}
	}
	if again := s.do(t, "PUT", "/v1/end-users/by-external-id/a", once).want(t, 200).user(t); again.Revision != u.Revision {
		t.Errorf("merged %+v", again)
	}
}

func TestUpsert(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		const path = "/v1/end-users/by-external-id/Team%2FAnn%20%C3%A9"
		a := s.do(t, "PUT", path, `{"name":"Ann","groups":["a"]}`).want(t, 201)
		u := a.user(t)
		if *u.ExternalID != "Team/Ann é" {
			t.Errorf("external ID %q", *u.ExternalID)
		}
		if got, want := a.Header.Get("Location"), "/v1/end-users/"+u.ID; got != want {
			t.Errorf("Location %q, want %q", got, want)
		}
		merged := s.do(t, "PUT", path, `{"external_id":"team/ann e\u0301","first_name":"A","groups":["b"]}`).want(t, 200).user(t)
		if merged.ID != u.ID || *merged.Name != "Ann" || *merged.FirstName != "A" || len(merged.Groups) != 2 {
			t.Errorf("merged %+v", merged)
		}
		p := s.do(t, "PUT", path, `{"external_id":"other"}`).wantCode(t, 400, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Pointer != "/external_id" {
			t.Errorf("errors %+v", p.Errors)
		}
		s.do(t, "PUT", path, `{"external_id":null}`).wantCode(t, 400, "invalid")
		s.do(t, "PUT", path, `{"external_id":""}`).wantCode(t, 400, "invalid")
		s.do(t, "PUT", "/v1/end-users/by-external-id/"+strings.Repeat("a", 256), `{}`).wantCode(t, 400, "invalid")
		s.do(t, "PUT", "/v1/end-users/by-external-id/%20a", `{}`).wantCode(t, 400, "invalid")
		s.do(t, "PUT", "/v1/end-users/by-external-id/", `{}`).wantCode(t, 404, "not-found")
	})
}

// TestLostUpdates: of writers that all saw one version, one succeeds.
func TestLostUpdates(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, `{}`)
		statuses := map[int]int{}
		for _, a := range atonce.Collect(16, func(i int) answer {
			return s.do(t, "PATCH", "/v1/end-users/"+u.ID, fmt.Sprintf(`{"name":"n%d"}`, i), with("If-Match", tagOf(u.Version)))
		}) {
			statuses[a.Status]++
		}
		if diff := cmp.Diff(map[int]int{200: 1, 412: 15}, statuses); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
	})
}

func TestHead(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{}`)
	for _, path := range []string{"/v1/end-users/" + u.ID, "/v1/end-users", "/v1/changes", "/openapi.json", "/healthz", "/v1/end-users/unknown", "/unknown"} {
		get, head := s.do(t, "GET", path, "", with("X-Request-Id", "a")), s.do(t, "HEAD", path, "", with("X-Request-Id", "a"))
		if get.Status != head.Status {
			t.Errorf("%s: HEAD %d, GET %d", path, head.Status, get.Status)
		}
		if diff := cmp.Diff(get.Header, head.Header); diff != "" {
			t.Errorf("%s: headers of GET and HEAD differ:\n%s", path, diff)
		}
	}
	s.do(t, "HEAD", "/v1/end-users", "", with("Authorization")).want(t, 401)
}
