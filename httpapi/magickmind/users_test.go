package magickmind_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestWhatIsShownIsNoChange: clients send back what they were shown. That changes
// nothing, whoever made the user and under whatever limits.
func TestWhatIsShownIsNoChange(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		acme := s.Users.Tenant("acme")
		for what, tt := range map[string]struct {
			policy enduser.Policy
			spec   enduser.Spec
			name   string // that is shown
		}{
			"no name":          {spec: enduser.Spec{}, name: ""},
			"a name":           {spec: enduser.Spec{Name: "Ann", ExternalID: "Ann-1"}, name: "Ann"},
			"a name beside":    {spec: enduser.Spec{Name: "Ann", FirstName: "Anna", LastName: "Lee"}, name: "Ann"},
			"first and last":   {spec: enduser.Spec{FirstName: "Ann", LastName: "Lee", ExternalID: "ann-2"}, name: "Ann Lee"},
			"last":             {spec: enduser.Spec{LastName: "Lee"}, name: "Lee"},
			"a longer name":    {policy: enduser.Policy{MaxName: 400}, spec: enduser.Spec{Name: strings.Repeat("a", 400)}, name: strings.Repeat("a", 400)},
			"long parts":       {spec: enduser.Spec{FirstName: strings.Repeat("a", 256), LastName: strings.Repeat("b", 256)}, name: strings.Repeat("a", 256) + " " + strings.Repeat("b", 256)},
			"provisional":      {spec: enduser.Spec{Name: "Bea", ExternalID: "bea", ExpiresIn: time.Hour}, name: "Bea"},
			"an e-mail, quiet": {spec: enduser.Spec{Email: "ann@example.com"}, name: ""},
		} {
			made, err := acme.With(tt.policy).Create(t.Context(), tt.spec)
			if err != nil {
				t.Fatal(what, err)
			}
			path := users + "/" + made.ID
			shown := s.do(t, "GET", path, "").want(t, 200)
			if got := shown.user(t).Name; got != tt.name {
				t.Errorf("%s: shown as %q", what, got)
			}
			bodies := []string{shown.Body, `{}`}
			if tt.name == "" {
				bodies = append(bodies, `{"name":""}`, `{"name":null}`)
			}
			for _, body := range bodies {
				again := s.do(t, "PUT", path, body).want(t, 200)
				if again.Body != shown.Body || again.Header.Get("ETag") != shown.Header.Get("ETag") {
					t.Errorf("%s: %s made of %s\n%s", what, body, shown.Body, again.Body)
				}
			}
			now, err := acme.Get(t.Context(), enduser.ByID(made.ID))
			if err != nil || now.Version != made.Version || now.Name != made.Name || now.FirstName != made.FirstName {
				t.Errorf("%s: %+v, %v", what, now, err)
			}
			for _, body := range []string{`{"name":" "}`, `{"name":"\u3000"}`} {
				s.do(t, "PUT", path, body).wantFault(t, "name", enduser.CodeRequired)
			}
			if tt.name != "" {
				s.do(t, "PUT", path, `{"name":""}`).wantFault(t, "name", enduser.CodeRequired)
				s.do(t, "PUT", path, `{"name":null}`).wantFault(t, "name", enduser.CodeRequired)
			}
			// A name of its own takes the place of the two that stand for it.
			if named := s.do(t, "PUT", path, `{"name":"Named"}`).want(t, 200).user(t); named.Name != "Named" {
				t.Errorf("%s: named %+v", what, named)
			}
		}
	})
}

// TestDerivedNamesAreFound: the name filter finds the name that is shown.
func TestDerivedNamesAreFound(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		if _, err := s.Users.Tenant("acme").Create(t.Context(), enduser.Spec{FirstName: "Ann", LastName: "Lee"}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ann", "lee", "Lee Ann", "Ann Lee"} {
			if got := s.list(t, "name="+url.QueryEscape(name)).names(); len(got) != 1 || got[0] != "Ann Lee" {
				t.Errorf("%s finds %q", name, got)
			}
		}
	})
}

// TestConflictsKeepTheUser: the vendor's client takes a 409 as that the user is there, so
// it does not vanish.
func TestConflictsKeepTheUser(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		acme := s.Users.Tenant("acme")
		u, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "ann", ExpiresIn: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		other := s.create(t, `{"name":"Other"}`)
		s.do(t, "PUT", users+"/"+other.ID, `{"external_id":"ann"}`).want(t, 409)
		if now, err := acme.Get(t.Context(), enduser.ByID(u.ID)); err != nil || now.ExpiresAt.IsZero() {
			t.Errorf("a PUT of another kept %+v, %v", now, err)
		}
		s.do(t, "POST", users, `{"name":"Ann","external_id":"ANN"}`, as(apitest.Reader)).want(t, 403)
		s.do(t, "POST", users, `{"name":"Ann","external_id":"ANN"}`).want(t, 409)
		s.Clock.Advance(25 * time.Hour)
		now, err := acme.Get(t.Context(), enduser.ByID(u.ID))
		if err != nil || !now.ExpiresAt.IsZero() || now.Name != "" {
			t.Errorf("got %+v, %v", now, err)
		}
		again := s.do(t, "POST", users, `{"name":"Ann","external_id":"ANN"}`).want(t, 409)
		if !strings.HasSuffix(again.problem(t).Error.Detail, " "+u.ID) {
			t.Errorf("got %s", again.Body)
		}
	})
}

// TestConflictsKeepWithARight: who may not associate users keeps none by a create.
func TestConflictsKeepWithARight(t *testing.T) {
	t.Parallel()
	asked := 0
	s := newServer(t, nil, &magickmind.Options{Options: httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			if a.Name != "associateEndUser" {
				return nil
			}
			asked++
			return httpapi.ErrForbidden
		},
	}})
	u, err := s.Users.Tenant("acme").Create(t.Context(), enduser.Spec{ExternalID: "ann", ExpiresIn: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s.create(t, `{"name":"Bea","external_id":"bea"}`)
	s.do(t, "POST", users, `{"name":"B","external_id":"bea"}`).want(t, 409) // which is nobody's to keep
	if asked != 0 {
		t.Errorf("asked %d times about a user who stays", asked)
	}
	s.do(t, "POST", users, `{"name":"A","external_id":"ann"}`).want(t, 409)
	if now, err := s.Users.Tenant("acme").Get(t.Context(), enduser.ByID(u.ID)); err != nil || now.ExpiresAt.IsZero() || asked != 1 {
		t.Errorf("asked %d times; got %+v, %v", asked, now, err)
	}
}

// TestConflictsShowWhatMayBeSeen: who may make users and not see them does not learn who
// has an external ID.
func TestConflictsShowWhatMayBeSeen(t *testing.T) {
	t.Parallel()
	var refusal error
	asked := map[httpapi.Action]bool{}
	s := newServer(t, nil, &magickmind.Options{Options: httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			asked[a] = true
			if a.Name == "getEndUser" {
				return refusal
			}
			return nil
		},
	}})
	u := s.create(t, `{"name":"Ann","external_id":"ann"}`)
	other := s.create(t, `{"name":"Other"}`)
	for _, refusal = range []error{nil, httpapi.ErrForbidden, errors.New("on fire")} {
		clear(asked)
		for method, path := range map[string]string{"POST": users, "PUT": users + "/" + other.ID} {
			a := s.do(t, method, path, `{"name":"B","external_id":"ann"}`).want(t, 409)
			if got := strings.Contains(a.Body, u.ID); got != (refusal == nil) {
				t.Errorf("%v: %s", refusal, a.Body)
			}
		}
		if !asked[httpapi.Action{Name: "getEndUser"}] {
			t.Errorf("asked %v", asked)
		}
	}
}
