package contract_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	ctx := openapi3.WithValidationOptions(t.Context(), openapi3.IsOpenAPI31OrLater(), openapi3.EnableSchemaPatternValidation(), openapi3.EnableSchemaFormatValidation())
	if err := c.document.Validate(ctx); err != nil {
		t.Fatal(err)
	}
	if c.document.OpenAPI != "3.1.0" {
		t.Errorf("version %s", c.document.OpenAPI)
	}
	ids := map[string]bool{}
	for path, item := range c.document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.OperationID == "" || ids[operation.OperationID] || operation.Summary == "" {
				t.Errorf("%s %s: operation %q", method, path, operation.OperationID)
			}
			ids[operation.OperationID] = true
		}
	}
}

const everything = `{"external_id":"CRM-7","name":"Ann Lee","first_name":"Ann","last_name":"Lee","email":"Ann@example.com",
	"avatar":"https://example.com/a.png","language":"de-AT","metadata":{"plan":"pro","seats":12,"deep":{"a":[1,null]}},
	"linked_accounts":[{"type":"github","id":"1"}],"groups":["g1","g2"]}`

const (
	users = "/v1/end-users"
	byID  = "/v1/end-users/by-external-id/"
)

// TestEveryAnswer provokes every documented answer of every operation, and no other.
func TestEveryAnswer(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	openapi3filter.RegisterBodyDecoder("application/merge-patch+json", openapi3filter.JSONBodyDecoder)

	c.do(t, "GET", "/openapi.json", "", 200)
	c.do(t, "GET", "/healthz", "", 200)
	c.do(t, "GET", "/v1/changes", "", 200) // of nothing
	c.do(t, "GET", users, "", 200)

	user, provisional, etag := c.oneUser(t)
	external := c.byExternalID(t)
	c.many(t, strings.TrimPrefix(user, users+"/"), etag)
	c.unreadable(t)
	sensitive := strings.Replace(user, users, "/v1/sensitive", 1)
	c.sensitive(t, sensitive, etag)
	group, team := c.groups(t)
	webhook := c.webhooks(t)

	for _, r := range [][2]string{
		{"POST", users},
		{"POST", many},
		{"PATCH", user},
		{"PUT", byID + "x"},
		{"PATCH", external},
		{"PUT", sensitive},
		{"PATCH", sensitive},
		{"POST", groups},
		{"PATCH", group},
		{"POST", group + "/rotate"},
		{"POST", webhooks},
		{"PATCH", webhook},
		{"POST", webhook + "/rotate"},
		{"POST", webhook + "/redeliver"},
		{"POST", webhook + "/redelivery"},
	} {
		c.do(t, r[0], r[1], `{}`, 415, header{"Content-Type": "text/plain"})
		c.do(t, r[0], r[1], strings.Repeat(" ", 1<<20)+`{}`, 413)
	}

	c.do(t, "GET", "/v1/changes?limit=2", "", 200)
	c.do(t, "GET", "/v1/changes?limit=1000&wait=1", "", 200)
	c.do(t, "GET", "/v1/changes?order=desc&limit=2", "", 200)
	c.do(t, "GET", "/v1/changes?from=now", "", 200)
	c.do(t, "GET", "/v1/changes?since=2026-01-28T10:43:43Z", "", 200)
	c.do(t, "GET", "/v1/changes?after=x", "", 400)
	c.do(t, "GET", "/v1/changes?wait=31", "", 400)

	c.do(t, "DELETE", team, "", 412, header{"If-Match": etag})
	c.do(t, "DELETE", team, "", 204)
	c.do(t, "DELETE", team, "", 404)
	c.do(t, "DELETE", groups+"/%00", "", 400)
	c.do(t, "DELETE", provisional, "", 412, header{"If-Match": etag})
	c.do(t, "DELETE", provisional, "", 204)
	c.do(t, "DELETE", provisional, "", 404)
	c.do(t, "DELETE", users+"/%00", "", 400)

	for _, r := range [][3]string{
		{"POST", users, `{}`},
		{"POST", bulk, `[]`},
		{"POST", many, `{"refs":[]}`},
		{"GET", users, ""},
		{"GET", user, ""},
		{"PATCH", user, `{}`},
		{"DELETE", user, ""},
		{"POST", user + "/associate", ""},
		{"PUT", byID + "x", `{}`},
		{"GET", external, ""},
		{"PATCH", external, `{}`},
		{"DELETE", external, ""},
		{"PUT", sensitive, `{}`},
		{"PATCH", sensitive, `{}`},
		{"POST", groups, `{"external_id":"x"}`},
		{"GET", groups, ""},
		{"GET", group, ""},
		{"PATCH", group, `{}`},
		{"DELETE", group, ""},
		{"POST", group + "/rotate", `{}`},
		{"POST", webhooks, `{}`},
		{"GET", webhooks, ""},
		{"GET", webhook, ""},
		{"PATCH", webhook, `{}`},
		{"DELETE", webhook, ""},
		{"POST", webhook + "/rotate", `{}`},
		{"GET", webhook + "/state", ""},
		{"GET", webhook + "/attempts", ""},
		{"GET", webhook + "/dead-letters", ""},
		{"POST", webhook + "/test", ""},
		{"POST", webhook + "/redeliver", `{}`},
		{"GET", webhook + "/redelivery", ""},
		{"POST", webhook + "/redelivery", `{}`},
		{"DELETE", webhook + "/redelivery", ""},
		{"GET", "/v1/changes", ""},
	} {
		c.do(t, r[0], r[1], r[2], 401, header{"Authorization": "Bearer wrong-key"})
		c.withHook(func() error { return httpapi.ErrForbidden }, func() { c.do(t, r[0], r[1], r[2], 403) })
		c.withHook(func() error { return errors.New("down") }, func() { c.do(t, r[0], r[1], r[2], 503) })
		c.withHook(func() error { panic("hook") }, func() { c.do(t, r[0], r[1], r[2], 500) }) //nolint:forbidigo // what the plumbing has to survive
		c.rates.Store(true)
		c.do(t, r[0], r[1], r[2], 429)
		c.rates.Store(false)
	}

	c.keyed(t)
	c.trimmed(t, webhook)
	c.do(t, "DELETE", webhook, "", 412, header{"If-Match": etag})
	c.do(t, "DELETE", webhook, "", 204)

	var missing []string
	for _, item := range c.document.Paths.Map() {
		for _, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if name := operation.OperationID + " " + status; !c.seen[name] {
					missing = append(missing, name)
				}
			}
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("documented, and never seen: %q\nseen: %q", missing, slices.Sorted(maps.Keys(c.seen)))
	}
}

// oneUser provokes the answers about a user by its ID, and those of its list. It returns the
// paths of two users, and an old entity tag of the first.
func (c *contract) oneUser(t *testing.T) (user, provisional, etag string) {
	t.Helper()
	user = c.do(t, "POST", users, everything, 201).Header().Get("Location")
	c.do(t, "POST", users+"?on_conflict=return", everything, 200)
	c.do(t, "POST", users+"?on_conflict=merge", everything, 200)
	c.do(t, "POST", users+"?on_conflict=fail", everything, 409)
	c.do(t, "POST", users, everything, 412, header{"If-None-Match": "*"})
	c.do(t, "POST", users, `{}`, 201)
	provisional = c.do(t, "POST", users, `{"provisional":true}`, 201).Header().Get("Location")
	c.do(t, "POST", users, `{"expires_in":60}`, 201)
	c.do(t, "POST", users, `{"external_id":"","admin":1}`, 400)
	c.do(t, "POST", users, `{`, 400)
	c.do(t, "POST", users+"?on_conflict=x", `{}`, 400)

	for _, query := range []string{
		"?limit=1", "?limit=2&order=desc", "?external_id=crm-7", "?email=ann@example.com", "?account_type=github&account_id=1", "?name=ann", "?group=g1",
		"?metadata.plan=pro", "?added_after=2026-01-28T10:43:43Z&added_before=2096-01-28T10:43:43.5%2B01:00", "?expiring_before=2096-01-28T10:43:43Z",
	} {
		c.do(t, "GET", users+query, "", 200)
	}
	c.do(t, "GET", users+"?limit=0&order=x", "", 400)
	c.do(t, "GET", users+"?account_type=github&added_after=x", "", 400)
	c.do(t, "GET", users+"?after=x", "", 400)
	c.do(t, "GET", users+"?after=%zz", "", 400)

	etag = c.do(t, "GET", user, "", 200).Header().Get("ETag")
	c.do(t, "GET", user, "", 304, header{"If-None-Match": etag})
	c.do(t, "GET", user, "", 412, header{"If-Match": `"x"`})
	c.do(t, "GET", user, "", 400, header{"If-Match": "x"})
	c.do(t, "GET", users+"/unknown", "", 404)
	c.do(t, "GET", users+"/%00", "", 400)

	c.do(t, "PATCH", user, `{"name":"Bea","metadata":{"deep":null,"seats":9007199254740993}}`, 200)
	c.do(t, "PATCH", user, `{"email":null,"metadata":null,"linked_accounts":null,"groups":null}`, 200, header{"Content-Type": "application/merge-patch+json"})
	c.do(t, "PATCH", user, `{"id":"x","email":"x"}`, 400)
	c.do(t, "PATCH", user, `{}`, 412, header{"If-Match": etag})
	c.do(t, "PATCH", users+"/unknown", `{}`, 404)
	c.do(t, "PATCH", provisional, `{"external_id":"crm-7"}`, 409)

	c.do(t, "POST", provisional+"/associate", "", 412, header{"If-Match": etag})
	c.do(t, "POST", provisional+"/associate", "", 200)
	c.do(t, "POST", users+"/unknown/associate", "", 404)
	c.do(t, "POST", provisional+"/associate", "a=b", 415, header{"Content-Type": "application/x-www-form-urlencoded"})
	c.do(t, "POST", users+"/%00/associate", "", 400)
	return user, provisional, etag
}

// byExternalID provokes the answers about a user by its external ID, and returns its path.
func (c *contract) byExternalID(t *testing.T) (external string) {
	t.Helper()
	c.do(t, "PUT", byID+"team%2Fann", everything[:1]+everything[len(`{"external_id":"CRM-7",`):], 201)
	c.do(t, "PUT", byID+"team%2Fann", `{"name":"x","email":null,"avatar":""}`, 200)
	c.do(t, "PUT", byID+"team%2Fann", `{"external_id":"other"}`, 400)
	c.do(t, "PUT", byID+"new", `{"linked_accounts":[{"type":"github","id":"1"}]}`, 409)
	c.do(t, "PUT", byID+"new", `{}`, 412, header{"If-Match": "*"})

	external = byID + "team%2Fann"
	etagOfExternal := c.do(t, "GET", external, "", 200).Header().Get("ETag")
	c.do(t, "GET", external, "", 304, header{"If-None-Match": etagOfExternal})
	c.do(t, "GET", external, "", 412, header{"If-None-Match": "W/\"x\"", "If-Match": "\"x\""})
	c.do(t, "GET", byID+"unknown", "", 404)
	c.do(t, "GET", byID+"%00", "", 400)
	c.do(t, "PATCH", external, `{"name":"y"}`, 200, header{"If-Match": etagOfExternal})
	c.do(t, "PATCH", external, `{"name":null}`, 200, header{"Content-Type": "application/merge-patch+json"})
	c.do(t, "PATCH", external, `{"external_id":"crm-7"}`, 409)
	c.do(t, "PATCH", external, `{"name":1}`, 400)
	c.do(t, "PATCH", external, `{}`, 412, header{"If-Match": etagOfExternal})
	c.do(t, "PATCH", byID+"unknown", `{}`, 404)
	c.do(t, "PUT", byID+"gone", `{}`, 201)
	c.do(t, "DELETE", byID+"gone", "", 412, header{"If-Match": etagOfExternal})
	c.do(t, "DELETE", byID+"gone", "", 204)
	c.do(t, "DELETE", byID+"gone", "", 404)
	c.do(t, "DELETE", byID+"%00", "", 400)
	return external
}

// unreadable provokes the answers about damaged and newer records, and those of reads that
// take too long.
func (c *contract) unreadable(t *testing.T) {
	t.Helper()
	spoilt := c.do(t, "POST", users, `{}`, 201).Header().Get("Location")
	for body, want := range map[string]int{`{`: 500, `{"r":1000,"w":1000}`: 503} {
		c.spoil(t, strings.TrimPrefix(spoilt, users+"/"), body)
		c.do(t, "GET", spoilt, "", want)
		c.do(t, "PATCH", spoilt, `{}`, want)
		c.do(t, "GET", users, "", 200)
	}
	c.do(t, "DELETE", spoilt, "", 204)

	for _, target := range []string{users, users + "?after=" + c.cursor(t, users), groups, "/v1/changes", "/v1/changes?after=" + c.cursor(t, "/v1/changes")} {
		c.ask(t, c.hasty, "GET", target, "", 503)
	}
}

// sensitive provokes the answers about a user's sensitive values, at their path.
func (c *contract) sensitive(t *testing.T, sensitive, etag string) {
	t.Helper()
	c.do(t, "PUT", sensitive, `{"a":"b","c_1":-1,"d-2":true}`, 204)
	c.do(t, "PATCH", sensitive, `{"a":null,"e":9007199254740993}`, 204)
	c.do(t, "PATCH", sensitive, `{}`, 204, header{"Content-Type": "application/merge-patch+json"})
	for _, method := range []string{"PUT", "PATCH"} {
		c.do(t, method, sensitive, `{"a":[],"b":{}}`, 400)
		c.do(t, method, sensitive, `{"a b":"x"}`, 400)
		c.do(t, method, sensitive, `{`, 400)
		c.do(t, method, sensitive, `{}`, 412, header{"If-Match": etag})
		c.do(t, method, "/v1/sensitive/unknown", `{}`, 404)
		c.do(t, method, "/v1/sensitive/%00", `{}`, 400)
		c.withoutKeyring(t, method, sensitive, `{"a":"b"}`)
	}
	c.do(t, "PUT", sensitive, `{"a":null}`, 400)
}

// trimmed provokes the answer to a cursor before the oldest change that is kept.
func (c *contract) trimmed(t *testing.T, webhook string) {
	t.Helper()
	acme := c.users.Tenant("acme")
	first, err := acme.Changes(t.Context(), enduser.ChangeQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	now, err := acme.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := acme.TrimChanges(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	c.do(t, "GET", "/v1/changes?after="+first.Position.String(), "", 410)
	c.do(t, "GET", webhook+"/redelivery?since=2026-01-28T10:43:43Z", "", 410)
	c.do(t, "POST", webhook+"/redelivery", `{"after":"`+first.Position.String()+`"}`, 410)
	c.do(t, "GET", "/v1/changes", "", 200)
}
