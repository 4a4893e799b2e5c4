package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// native is the family of this package.
var native = apitest.Family{
	New: func(tb testing.TB, w *apitest.World, o httpapi.Options) http.Handler {
		tb.Helper()
		h, err := httpapi.New(w.Users, w.Auth, &o)
		if err != nil {
			tb.Fatal(err)
		}
		return h
	},
	Routes: func(tb testing.TB, w *apitest.World) []apitest.Route {
		tb.Helper()
		acme := w.Users.Tenant("acme")
		u, err := acme.Create(tb.Context(), enduser.Spec{ExternalID: "kept", ExpiresIn: time.Hour})
		if err != nil {
			tb.Fatal(err)
		}
		g, _, err := acme.Groups().Create(tb.Context(), enduser.GroupSpec{ExternalID: "kept"})
		if err != nil {
			tb.Fatal(err)
		}
		const users, external, groups = "/v1/end-users", "/v1/end-users/by-external-id/kept", "/v1/groups"
		return []apitest.Route{
			{Action: "createEndUser", Write: true, Method: "POST", Path: users, Body: `{}`, Query: true},
			{Action: "listEndUsers", Method: "GET", Path: users, Query: true},
			{Action: "getEndUser", Method: "GET", Path: users + "/" + u.ID},
			{Action: "updateEndUser", Write: true, Method: "PATCH", Path: users + "/" + u.ID, Body: `{"name":"A"}`},
			{Action: "deleteEndUser", Write: true, Method: "DELETE", Path: users + "/" + u.ID},
			{Action: "associateEndUser", Write: true, Method: "POST", Path: users + "/" + u.ID + "/associate"},
			{Action: "upsertEndUser", Write: true, Method: "PUT", Path: external, Body: `{"name":"A"}`},
			{Action: "getEndUser", Method: "GET", Path: external},
			{Action: "updateEndUser", Write: true, Method: "PATCH", Path: external, Body: `{"name":"A"}`},
			{Action: "deleteEndUser", Write: true, Method: "DELETE", Path: external},
			{Action: "replaceSensitive", Write: true, Method: "PUT", Path: "/v1/sensitive/" + u.ID, Body: `{"a":"b"}`},
			{Action: "updateSensitive", Write: true, Method: "PATCH", Path: "/v1/sensitive/" + u.ID, Body: `{"a":"b"}`},
			{Action: "createGroup", Write: true, Method: "POST", Path: groups, Body: `{"external_id":"new"}`},
			{Action: "listGroups", Method: "GET", Path: groups, Query: true},
			{Action: "getGroup", Method: "GET", Path: groups + "/" + g.ID},
			{Action: "updateGroup", Write: true, Method: "PATCH", Path: groups + "/" + g.ID, Body: `{"name":"A"}`},
			{Action: "deleteGroup", Write: true, Method: "DELETE", Path: groups + "/" + g.ID},
			{Action: "rotateGroupToken", Write: true, Method: "POST", Path: groups + "/" + g.ID + "/rotate", Body: `{}`, Empty: true},
			{Action: "listChanges", Method: "GET", Path: "/v1/changes", Query: true},
			{Method: "GET", Path: "/healthz", Public: true},
			{Method: "GET", Path: "/openapi.json", Public: true},
		}
	},
	Problem: func(tb testing.TB, a apitest.Answer, code string) {
		tb.Helper()
		got := answer{a}
		got.check(tb, "")
		got.wantCode(tb, a.Status, code)
	},
	Scheme: "Bearer ",
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	native.Hostile(t)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	native.Access(t)
}
