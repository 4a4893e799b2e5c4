package explo_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

var varying = regexp.MustCompile(`"request_id":"[^"]*"`)

// TestOthersGroupsAreMissing names another tenant's, or another environment's, group
// in every place where a request can name one. The answer is the one for a group that
// does not exist, and neither side changes.
func TestOthersGroupsAreMissing(t *testing.T) {
	t.Parallel()
	const missing = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	for backend, open := range map[string]func(testing.TB) store.Store{
		"memory": func(testing.TB) store.Store { return memory.New(nil) },
		"sqlite": apitest.SQLite,
	} {
		for name, attacker := range map[string]struct {
			key string
			in  func(*enduser.Manager) enduser.Tenant
		}{
			"tenant":      {apitest.Other, func(m *enduser.Manager) enduser.Tenant { return m.Tenant("other") }},
			"environment": {apitest.Testing, func(m *enduser.Manager) enduser.Tenant { return m.Tenant("acme").In(enduser.Testing) }},
		} {
			t.Run(backend+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, open(t), nil)
				victim := s.create(t, "victim")
				stored, err := s.acme().Groups().Get(t.Context(), enduser.GroupByExternalID("victim"))
				if err != nil {
					t.Fatal(err)
				}
				mine := s.create(t, "mine", as(attacker.key))
				before, own := apitest.StateOf(t, s.acme()), apitest.StateOf(t, attacker.in(s.users))

				cells := 0
				equal := func(r route, with, without string, options ...option) {
					t.Helper()
					cells++
					options = append(options, as(attacker.key))
					none := r
					none.body = strings.ReplaceAll(r.body, with, without)
					if none.body == r.body {
						t.Fatalf("%s does not name %s", r.body, with)
					}
					got, want := s.send(t, r, options...), s.send(t, none, options...)
					mask := func(a answer) string { return varying.ReplaceAllString(a.Body, "") }
					if got.Status < 400 || got.Status != want.Status || mask(got) != mask(want) {
						t.Errorf("%s %s: got %d %s\nwant %d %s", r.method, r.path, got.Status, got.Body, want.Status, want.Body)
					}
					got.Header.Del("X-Request-Id")
					want.Header.Del("X-Request-Id")
					if diff := cmp.Diff(want.Header, got.Header); diff != "" {
						t.Errorf("%s %s: headers differ:\n%s", r.method, r.path, diff)
					}
				}
				for _, options := range [][]option{
					nil,
					{with("If-Match", "*")},
					{with("If-Match", `"1"`)},
					{with("If-Match", `"0"`)},
					{with("X-Tenant-Id", "acme"), with("X-Environment", "Customer"), with("X-Forwarded-Host", "acme")},
				} {
					for _, r := range routes(victim.Token, "victim") {
						for _, slash := range []string{"", "/"} {
							r.path = strings.TrimSuffix(r.path, "/") + slash
							switch r.action {
							case "rotateGroupToken", "deleteGroup":
								equal(r, victim.Token, missing, options...)
							case "updateGroup":
								equal(r, "victim", "nobody", options...)
							}
						}
					}
					// The template's delete takes an ID, alone or beside a token.
					both := func(token, id string) route {
						return route{method: "DELETE", path: "/api/user", body: `{"current_token":"` + token + `","user_group_id":"` + id + `"}`}
					}
					equal(route{method: "DELETE", path: "/api/user", body: `{"user_group_id":"victim"}`}, "victim", "nobody", options...)
					equal(both(victim.Token, "victim"), victim.Token, missing, options...)
					equal(both(victim.Token, "mine"), victim.Token, missing, options...)
					equal(both(mine.Token, "victim"), "victim", "nobody", options...)
					equal(both(missing, "victim"), "victim", "nobody", options...)
					// What is of another kind names nothing.
					equal(route{method: "PUT", path: "/api/user", body: `{"user_group_id":"` + stored.ID + `"}`}, stored.ID, "nobody", options...)
					equal(route{method: "PUT", path: "/api/user", body: `{"user_group_id":"` + victim.Token + `"}`}, victim.Token, missing, options...)
					equal(route{method: "POST", path: "/api/user", body: `{"current_token":"victim"}`}, "victim", "nobody", options...)
				}
				if cells < 90 {
					t.Errorf("only %d cells were tried", cells)
				}
				if diff := cmp.Diff(own, apitest.StateOf(t, attacker.in(s.users))); diff != "" {
					t.Errorf("the attacker's groups changed:\n%s", diff)
				}

				// An ID is unique to a tenant's environment: taking the victim's makes a
				// group of the attacker's own, which nothing then confuses with it.
				for _, path := range []string{"/api/user", "/api/create_user_group/"} {
					method := map[bool]string{true: "GET", false: "POST"}[path == "/api/user"]
					taken := s.do(t, method, path, `{"user_group_id":"victim"}`, as(attacker.key))
					if g := taken.group(t); g.Token == victim.Token || string(g.Mapping) != "{}" || g.Name != "" {
						t.Errorf("%s %s shows the victim: %s", method, path, taken.Body)
					}
					s.do(t, "PUT", "/api/user", `{"user_group_id":"victim","name":"x"}`, as(attacker.key)).want(t, 200)
					s.do(t, "POST", "/api/user", `{"current_token":"`+taken.group(t).Token+`"}`, as(attacker.key)).want(t, 200)
					s.do(t, "DELETE", "/api/user", `{"user_group_id":"victim"}`, as(attacker.key)).want(t, 200)
				}
				if _, err := attacker.in(s.users).Groups().Authenticate(t.Context(), victim.Token); err == nil {
					t.Error("the victim's token is accepted elsewhere")
				}
				if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
					t.Errorf("the victim's groups changed:\n%s", diff)
				}
			})
		}
	}
}
