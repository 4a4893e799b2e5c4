package ada_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// family is this family for the tests that all families have. Each route is there with
// and without the slash at its end.
var family = apitest.Family{
	New: func(tb testing.TB, w *apitest.World, o httpapi.Options) http.Handler {
		tb.Helper()
		return newHandler(tb, w.Users, w.Auth, within(o))
	},
	Routes: func(tb testing.TB, w *apitest.World) (routes []apitest.Route) {
		tb.Helper()
		u, err := w.Users.Tenant("acme").Create(tb.Context(), enduser.Spec{ExternalID: "kept", ExpiresIn: enduser.ProvisionalTTL})
		if err != nil {
			tb.Fatal(err)
		}
		conversation := `{"channel_id":"c","end_user_id":"` + u.ID + `"}`
		for _, r := range []apitest.Route{
			{Action: "createEndUser", Write: true, Method: "POST", Path: users, Body: `{}`, Empty: true},
			{Action: "listEndUsers", Method: "GET", Path: users, Query: true},
			{Action: "listEndUsers", Method: "GET", Path: users + "?external_id=kept", Query: true},
			{Action: "getEndUser", Method: "GET", Path: users + u.ID},
			{Action: "updateEndUser", Write: true, Method: "PATCH", Path: users + u.ID, Body: `{"profile":{"first_name":"A"}}`},
			{Action: "associateEndUser", Write: true, Method: "POST", Path: conversations, Body: conversation},
			{Action: "associateEndUser", Write: true, Method: "POST", Path: conversations, Body: `{"channel_id":"c"}`},
		} {
			path, query, _ := strings.Cut(r.Path, "?")
			bare := strings.TrimSuffix(path, "/")
			for _, path := range []string{bare, bare + "/"} {
				if r.Path = path; query != "" {
					r.Path += "?" + query
				}
				routes = append(routes, r)
			}
		}
		return routes
	},
	Problem: func(tb testing.TB, a apitest.Answer, code string) {
		tb.Helper()
		if a.Status == http.StatusBadRequest {
			code = "validation_error"
		}
		if p := (answer{a}).problem(tb); p.Type != strings.ReplaceAll(code, "-", "_") {
			tb.Errorf("%d has type %s, want %s", a.Status, p.Type, code)
		}
	},
	Scheme: "Bearer ",
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

// TestIsolation names another tenant's, or another environment's, user in every place
// where a request can name one, and takes what is unique.
func TestIsolation(t *testing.T) {
	t.Parallel()
	family.Isolation(t, func(tb testing.TB, w *apitest.World) (more []apitest.Route) {
		tb.Helper()
		s := &server{w, newHandler(tb, w.Users, w.Auth, nil)}
		const secret = `"sensitive_metadata":{"fields":{"token":"s3cret"}}`
		victim := s.create(tb, `{"external_id":"CRM-7","profile":{"first_name":"Ann",`+secret+`}}`)
		plain := s.create(tb, `{}`) // its own ID is among the external IDs
		etag := s.do(tb, "GET", users+victim.ID, "").Header.Get("ETag")
		cursor := cursorOf(tb, s.list(tb, users+"?limit=1"))
		add := func(method, path, body string, options ...option) {
			more = append(more, apitest.Route{Method: method, Path: path, Body: body, Options: options})
		}
		for _, headers := range [][]option{
			nil,
			{with("If-Match", etag)},
			{with("If-Match", "*")},
			{with("If-None-Match", etag)},
			{with("X-Tenant-Id", "acme"), with("X-Forwarded-Host", "acme"), with("X-Environment", "Customer")},
		} {
			for _, id := range []string{victim.ID, plain.ID, "CRM-7"} { // the last is nobody's ID
				add("GET", users+id, "", headers...)
				for _, body := range []string{
					`{}`, `{"profile":`, `{"external_id":"","profile":{}}`, `{"profile":{}}`, `{"profile":{"email":"no"}}`,
					`{"external_id":null,"profile":{}}`, `{"external_id":"crm-7","profile":{}}`, `{"profile":{"metadata":null}}`,
					`{"profile":{"sensitive_metadata":null}}`, `{"profile":{` + secret + `}}`, `{"end_user_id":"` + id + `","profile":{}}`,
				} {
					add("PATCH", users+id, body, headers...)
				}
				add("POST", conversations, `{"channel_id":"c","end_user_id":"`+id+`"}`, headers...)
				add("GET", users+"?external_id="+id, "", headers...)
			}
		}
		for _, query := range []string{"cursor=" + cursor, "limit=1&cursor=" + cursor, "tenant=acme", "environment=Customer", "access_token=" + apitest.Acme} {
			add("GET", users+"?"+query, "")
		}
		for _, id := range []string{"CRM-7", victim.ID, plain.ID} { // a user of the attacker's own
			add("POST", users, `{"external_id":"`+id+`","end_user_id":"`+victim.ID+`","tenant_id":"acme","environment":"Customer"}`)
			add("GET", users+"?external_id="+id, "")
		}
		add("GET", users+"?limit=100", "")
		return more
	})
}
