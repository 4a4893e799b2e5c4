package httpapi_test

import (
	"context"
	"errors"
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
		h, _, err := acme.Webhooks().Create(tb.Context(), enduser.WebhookSpec{URL: "https://example.com"})
		if err != nil {
			tb.Fatal(err)
		}
		webhook := "/v1/webhooks/" + h.ID
		position, err := acme.Latest(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		if _, _, err := acme.Groups().Ensure(tb.Context(), enduser.GroupSpec{ExternalID: "sent"}); err != nil {
			tb.Fatal(err)
		}
		event := attempted(tb, w.Users, acme.Webhooks(), h.ID)
		const users, external, groups = "/v1/end-users", "/v1/end-users/by-external-id/kept", "/v1/groups"
		return []apitest.Route{
			{Action: "createEndUser", Write: true, Method: "POST", Path: users, Body: `{}`, Query: true},
			{Action: "listEndUsers", Method: "GET", Path: users, Query: true},
			{Action: "bulkEndUsers", Write: true, NoKey: true, Method: "POST", Path: users + ":bulk", Body: `{"external_id":"new"}`, Query: true, Rows: true},
			{Action: "getEndUsers", Method: "POST", Path: users + ":get", Body: `{"refs":[{"external_id":"kept"}]}`},
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
			{Action: "createWebhook", Write: true, Method: "POST", Path: "/v1/webhooks", Body: `{"url":"https://example.com"}`},
			{Action: "listWebhooks", Method: "GET", Path: "/v1/webhooks", Query: true},
			{Action: "getWebhook", Method: "GET", Path: webhook},
			{Action: "updateWebhook", Write: true, Method: "PATCH", Path: webhook, Body: `{"description":"A"}`},
			{Action: "deleteWebhook", Write: true, Method: "DELETE", Path: webhook},
			{Action: "rotateWebhookSecret", Write: true, Method: "POST", Path: webhook + "/rotate", Body: `{}`, Empty: true},
			{Action: "getWebhookState", Method: "GET", Path: webhook + "/state", Query: true},
			{Action: "listWebhookAttempts", Method: "GET", Path: webhook + "/attempts", Query: true},
			{Action: "listDeadLetters", Method: "GET", Path: webhook + "/dead-letters", Query: true},
			{Action: "testWebhook", Write: true, NoKey: true, Method: "POST", Path: webhook + "/test"},
			{Action: "redeliverEvent", Write: true, NoKey: true, Method: "POST", Path: webhook + "/redeliver", Body: `{"event_id":"` + event + `"}`},
			{Action: "countRedelivery", Method: "GET", Path: webhook + "/redelivery?since=2026-01-28T10:43:43Z"},
			{Action: "startRedelivery", Write: true, NoKey: true, Method: "POST", Path: webhook + "/redelivery", Body: `{"after":"` + position.String() + `"}`},
			{Action: "stopRedelivery", Write: true, NoKey: true, Method: "DELETE", Path: webhook + "/redelivery"},
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
	Keys:   true,
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	native.Idempotency(t)
}

// attempted has a first attempt made to deliver to a webhook, and returns the event's ID.
func attempted(tb testing.TB, users *enduser.Manager, webhooks enduser.Webhooks, id string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- users.Deliver(ctx, refusing{}, nil) }()
	for ctx.Err() == nil {
		attempts, err := webhooks.Attempts(tb.Context(), id)
		if err != nil {
			tb.Fatal(err)
		}
		if len(attempts) > 0 {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				tb.Error(err)
			}
			return attempts[0].EventID
		}
		<-time.After(time.Millisecond)
	}
	tb.Fatal("nothing was attempted")
	return ""
}

// refusing is a sender to endpoints that refuse everything.
type refusing struct{}

func (refusing) Send(context.Context, *enduser.Delivery) enduser.Result {
	return enduser.Result{Status: http.StatusTeapot}
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	native.Hostile(t)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	native.Access(t)
}
