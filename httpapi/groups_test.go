package httpapi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
)

const everyGroup = `{"external_id":"Team-7","name":"Team","metadata":{"region":"eu","deep":{"a":[1,null]}}}`

func TestCreateGroup(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		a := s.do(t, "POST", "/v1/groups", everyGroup).want(t, 201)
		g := a.group(t)
		p := func(s string) *string { return &s }
		want := group{
			ID: g.ID, ExternalID: "Team-7", Number: g.Number, TenantID: "acme", Environment: "Customer", Name: p("Team"),
			Metadata: []byte(`{"deep":{"a":[1,null]},"region":"eu"}`), System: []byte(`{}`),
			CreatedBy: p("crm"), UpdatedBy: p("crm"), CreatedAt: g.CreatedAt, UpdatedAt: g.CreatedAt,
			AddedAt: g.CreatedAt, Revision: g.Revision, Version: g.Version, Token: g.Token,
		}
		if diff := cmp.Diff(want, g); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", g.CreatedAt); err != nil {
			t.Error(err)
		}
		if len(g.Token) != 64 || g.Number < 1 || g.Revision < 1 {
			t.Errorf("token of %d characters, number %d, revision %d", len(g.Token), g.Number, g.Revision)
		}
		if got, want := a.Header.Get("Location"), "/v1/groups/"+g.ID; got != want {
			t.Errorf("Location %q, want %q", got, want)
		}
		if got, want := a.Header.Get("ETag"), tagOf(g.Version); got != want {
			t.Errorf("ETag %s, want %s", got, want)
		}
		if got := a.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("an answer with a token has Cache-Control %q", got)
		}
		read := s.do(t, "GET", "/v1/groups/"+g.ID, "").want(t, 200)
		if want := strings.Replace(a.Body, `,"token":"`+g.Token+`"`, "", 1); read.Body != want {
			t.Errorf("GET shows %s, want %s", read.Body, want)
		}
		found, err := s.users.Tenant("acme").Groups().Authenticate(t.Context(), g.Token)
		if err != nil || found.ID != g.ID {
			t.Errorf("the token is that of %v, %v", found, err)
		}

		bare := s.do(t, "POST", "/v1/groups", `{"external_id":"bare"}`).want(t, 201)
		for _, member := range []string{`"name":null`, `"metadata":{}`, `"system_properties":{}`} {
			if !strings.Contains(bare.Body, member) {
				t.Errorf("no %s in %s", member, bare.Body)
			}
		}
	})
}

func TestGroupConflict(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		g := s.createGroup(t, everyGroup)
		before := s.do(t, "GET", "/v1/groups/"+g.ID, "").Body
		a := s.do(t, "POST", "/v1/groups", `{"external_id":"Team-7","name":"Other"}`)
		p := a.wantCode(t, 409, "conflict")
		if p.Field != "external_id" || p.HolderID != g.ID || strings.Contains(p.Title+p.Detail, "user") {
			t.Errorf("conflict %+v", p)
		}
		if got := s.do(t, "GET", "/v1/groups/"+g.ID, "").Body; got != before {
			t.Errorf("a refused create made of the group %s", got)
		}
		// Users have their own name space.
		s.create(t, `{"external_id":"Team-7"}`)
		s.do(t, "DELETE", "/v1/groups/"+g.ID, "").want(t, 204)
		if again := s.createGroup(t, everyGroup); again.ID == g.ID || again.Number == g.Number || again.Token == g.Token {
			t.Errorf("a new group is the old one: %+v", again)
		}
	})
}

// TestCreateGroupAtOnce: one of many clients creates the group and gets its token.
func TestCreateGroupAtOnce(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		answers := atonce.Collect(32, func(i int) answer {
			return s.do(t, "POST", "/v1/groups", `{"external_id":"`+[]string{"é", "e\u0301"}[i%2]+`"}`)
		})
		statuses := map[int]int{}
		for _, a := range answers {
			statuses[a.Status]++
		}
		if diff := cmp.Diff(map[int]int{201: 1, 409: 31}, statuses); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
	})
}

func TestGetGroup(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	g := s.createGroup(t, everyGroup)
	u := s.create(t, `{}`)
	path := "/v1/groups/" + g.ID
	etag := s.do(t, "GET", path, "").want(t, 200).Header.Get("ETag")
	if a := s.do(t, "GET", path, "", with("If-None-Match", etag)).want(t, 304); a.Header.Get("ETag") != etag {
		t.Errorf("304 has ETag %s", a.Header.Get("ETag"))
	}
	s.do(t, "GET", path, "", with("If-None-Match", `"1000000"`)).want(t, 200)
	s.do(t, "HEAD", path, "").want(t, 200)
	for _, id := range []string{"unknown", "Team-7", u.ID, g.Token} {
		s.do(t, "GET", "/v1/groups/"+id, "").wantCode(t, 404, "not-found")
	}
	s.do(t, "GET", "/v1/end-users/"+g.ID, "").wantCode(t, 404, "not-found")
}

func TestUpdateGroup(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		g := s.createGroup(t, everyGroup)
		path := "/v1/groups/" + g.ID
		patch := func(body string, options ...option) group {
			t.Helper()
			a := s.do(t, "PATCH", path, body, options...).want(t, 200)
			got := a.group(t)
			if want := tagOf(got.Version); a.Header.Get("ETag") != want {
				t.Errorf("ETag %s, want %s", a.Header.Get("ETag"), want)
			}
			return got
		}
		same := patch(`{}`)
		if same.Revision != g.Revision {
			t.Error("a patch of nothing made a revision")
		}
		if patch(`{"name":"Team","metadata":{}}`).Revision != g.Revision {
			t.Error("a patch that changes nothing made a revision")
		}
		next := patch(`{"name":"New","metadata":{"deep":{"b":2},"region":null,"x":9007199254740993}}`,
			with("Content-Type", "application/merge-patch+json"), with("If-Match", tagOf(g.Version)))
		if *next.Name != "New" || string(next.Metadata) != `{"deep":{"a":[1,null],"b":2},"x":9007199254740993}` ||
			next.Revision <= g.Revision {
			t.Errorf("patched: %+v", next)
		}
		s.do(t, "PATCH", path, `{"name":"x"}`, with("If-Match", tagOf(g.Version))).wantCode(t, 412, "precondition-failed")
		cleared := patch(`{"name":null,"metadata":null}`)
		if cleared.Name != nil || string(cleared.Metadata) != `{}` {
			t.Errorf("cleared: %+v", cleared)
		}
		if cleared.ExternalID != g.ExternalID || cleared.Number != g.Number || cleared.CreatedAt != g.CreatedAt {
			t.Errorf("a patch changed what never changes: %+v", cleared)
		}
		if _, err := s.users.Tenant("acme").Groups().Authenticate(t.Context(), g.Token); err != nil {
			t.Errorf("a patch changed the token: %v", err)
		}
		for _, id := range []string{"Team-7", "TEAM-7", "other"} {
			p := s.do(t, "PATCH", path, `{"external_id":"`+id+`","name":"x"}`).wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "/external_id" || p.Errors[0].Code != "read_only" {
				t.Errorf("external_id %s: %+v", id, p.Errors)
			}
		}
		s.do(t, "PATCH", "/v1/groups/unknown", `{}`).wantCode(t, 404, "not-found")
	})
}

func TestDeleteGroup(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		g := s.createGroup(t, everyGroup)
		u := s.create(t, `{"groups":["team-7"]}`)
		path := "/v1/groups/" + g.ID
		s.do(t, "DELETE", path, "", with("If-Match", `"1000000"`)).wantCode(t, 412, "precondition-failed")
		s.do(t, "DELETE", path, "", with("If-Match", tagOf(g.Version))).want(t, 204)
		for _, method := range []string{"GET", "DELETE"} {
			s.do(t, method, path, "").wantCode(t, 404, "not-found")
		}
		s.do(t, "POST", path+"/rotate", `{}`).wantCode(t, 404, "not-found")
		s.do(t, "POST", path+"/rotate", `{"current_token":"`+g.Token+`"}`).wantCode(t, 404, "not-found")
		if _, err := s.users.Tenant("acme").Groups().Authenticate(t.Context(), g.Token); !errors.Is(err, enduser.ErrNotFound) {
			t.Errorf("the token of a deleted group: %v", err)
		}
		if got := s.do(t, "GET", "/v1/end-users/"+u.ID, "").want(t, 200).user(t); !slices.Equal(got.Groups, []string{"team-7"}) {
			t.Errorf("the group's user is now in %v", got.Groups)
		}
	})
}

// TestGroupChanges: the feed names groups as such, and their fields.
func TestGroupChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	g := s.createGroup(t, everyGroup)
	path := "/v1/groups/" + g.ID
	s.do(t, "PATCH", path, `{"name":"Secret","metadata":{"region":"secret"}}`).want(t, 200)
	s.do(t, "POST", path+"/rotate", `{}`).want(t, 200)
	s.do(t, "DELETE", path, "").want(t, 204)
	var got []string
	for _, ch := range s.wholeFeed(t).Data {
		if ch.Kind != "group" || ch.ID != g.ID || *ch.Actor != "crm" {
			t.Errorf("change %+v", ch)
		}
		got = append(got, ch.Type+" "+strings.Join(ch.Fields, ","))
	}
	if diff := cmp.Diff([]string{"created ", "updated name,metadata.region", "updated token", "deleted "}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
