package explo_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// within returns options with these of all families.
func within(o httpapi.Options) *explo.Options { return &explo.Options{Options: o} }

// family is this family for the tests that all families have. Each route is there with
// and without the slash at its end.
var family = apitest.Family{
	New: func(tb testing.TB, w *apitest.World, o httpapi.Options) http.Handler {
		tb.Helper()
		return newHandler(tb, w, within(o))
	},
	Routes: func(tb testing.TB, w *apitest.World) []apitest.Route {
		tb.Helper()
		_, token, err := w.Users.Tenant("acme").Groups().Create(tb.Context(), enduser.GroupSpec{ExternalID: "kept"})
		if err != nil {
			tb.Fatal(err)
		}
		return withSlashes(append(routes(token, "kept"),
			apitest.Route{Action: "createGroup", Method: "GET", Path: "/api/user", Body: `{"user_group_id":"new"}`},
			apitest.Route{Action: "createGroup", Method: "POST", Path: "/api/create_user_group", Body: `{"user_group_id":"new"}`},
			apitest.Route{Action: "deleteGroup", Method: "DELETE", Path: "/api/user", Body: `{"user_group_id":"kept"}`},
		))
	},
	Problem: func(tb testing.TB, a apitest.Answer, code string) {
		tb.Helper()
		got := answer{a}
		got.check(tb)
		if r := got.reply(tb); r.Code != code {
			tb.Errorf("%d has code %s, want %s", a.Status, r.Code, code)
		}
	},
	Scheme: "Token ",
}

// routes are all routes, each with a body that has the token of a group or its ID.
func routes(token, id string) []apitest.Route {
	byToken, byID := `{"current_token":"`+token+`"}`, `{"user_group_id":"`+id+`","name":"New"}`
	return []apitest.Route{
		{Action: "rotateGroupToken", Method: "POST", Path: "/api/user", Body: byToken},
		{Action: "updateGroup", Method: "PUT", Path: "/api/user", Body: byID},
		{Action: "deleteGroup", Method: "DELETE", Path: "/api/user", Body: byToken},
		{Action: "rotateGroupToken", Method: "POST", Path: "/api/refresh_user_group_token", Body: byToken},
		{Action: "updateGroup", Method: "POST", Path: "/api/update_user_group", Body: byID},
		{Action: "deleteGroup", Method: "DELETE", Path: "/api/delete_user_group", Body: byToken},
	}
}

// withSlashes returns routes in both spellings; all of them write.
func withSlashes(routes []apitest.Route) (all []apitest.Route) {
	for _, r := range routes {
		r.Write = true
		for _, slash := range []string{"", "/"} {
			r.Path = strings.TrimSuffix(r.Path, "/") + slash
			all = append(all, r)
		}
	}
	return all
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	family.Hostile(t)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	family.Access(t)
}

func TestIdempotencyKeysAreIgnored(t *testing.T) {
	t.Parallel()
	family.Idempotency(t)
}

// TestIsolation names another tenant's, or another environment's, group in every place
// where a request can name one, and takes what is unique.
func TestIsolation(t *testing.T) {
	t.Parallel()
	family.Isolation(t, func(tb testing.TB, w *apitest.World) (more []apitest.Route) {
		tb.Helper()
		s := &server{w, newHandler(tb, w, nil)}
		victim := s.create(tb, "victim")
		stored, err := s.Users.Tenant("acme").Groups().Get(tb.Context(), enduser.GroupByExternalID("victim"))
		if err != nil {
			tb.Fatal(err)
		}
		for _, headers := range [][]option{
			nil,
			{with("If-Match", "*")},
			{with("If-Match", `"`+stored.Version.String()+`"`)},
			{with("X-Tenant-Id", "acme"), with("X-Environment", "Customer"), with("X-Forwarded-Host", "acme")},
		} {
			var all []apitest.Route
			for _, ids := range [][2]string{{victim.Token, "victim"}, {"victim", stored.ID}, {"victim", victim.Token}} {
				all = append(all, routes(ids[0], ids[1])...)
				for _, body := range []string{
					`{"user_group_id":"` + ids[1] + `"}`,
					`{"current_token":"` + ids[0] + `","user_group_id":"` + ids[1] + `"}`,
				} {
					all = append(all, apitest.Route{Method: "DELETE", Path: "/api/user", Body: body})
				}
			}
			for _, r := range withSlashes(all) {
				r.Options = headers
				more = append(more, r)
			}
		}
		// The victim's ID makes a group of the attacker's own.
		const mine, named = `{"user_group_id":"victim"}`, `{"user_group_id":"victim","name":"x"}`
		return append(more,
			apitest.Route{Method: "GET", Path: "/api/user", Body: mine},
			apitest.Route{Method: "PUT", Path: "/api/user", Body: named},
			apitest.Route{Method: "DELETE", Path: "/api/user", Body: `{"current_token":"` + victim.Token + `","user_group_id":"victim"}`},
			apitest.Route{Method: "DELETE", Path: "/api/user", Body: mine},
			apitest.Route{Method: "POST", Path: "/api/create_user_group", Body: mine},
		)
	})
}
