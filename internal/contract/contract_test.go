package contract_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The credentials of the tests.
const (
	key       = "acme-key-0001"
	readerKey = "reader-key-0001"
)

// contract is the document that a handler serves, the handler, and what was seen
// of the one in the other.
type contract struct {
	document *openapi3.T
	handler  http.Handler
	bare     http.Handler // over the same store, without a keyring
	hasty    http.Handler // over the same store, without time to read
	store    store.Store
	users    *enduser.Manager
	hook     atomic.Pointer[func() error] // of Authorize
	rates    atomic.Bool                  // whether the limiter refuses
	seen     map[string]bool              // "operationId status"
}

func newContract(t *testing.T) *contract {
	t.Helper()
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		key:       {Tenant: "acme", Actor: "crm"},
		readerKey: {Tenant: "acme", ReadOnly: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	sealing, err := enduser.NewKey("k1", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	st := memory.New(nil)
	schema := func(string) enduser.Schema { return enduser.Schema{IndexedMetadata: []string{"plan"}} }
	c := &contract{
		users: enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(sealing), Schema: schema}), store: st, seen: map[string]bool{},
	}
	options := &httpapi.Options{
		Limiter: c,
		Rates:   []httpapi.Rate{{Requests: 10, Per: time.Second}},
		Authorize: func(_ context.Context, p httpapi.Principal, a httpapi.Action) error {
			if hook := c.hook.Load(); hook != nil {
				return (*hook)()
			}
			if p.ReadOnly && a.Write {
				return httpapi.ErrForbidden
			}
			return nil
		},
	}
	if c.handler, err = httpapi.New(c.users, tokens.Authenticate, options); err != nil {
		t.Fatal(err)
	}
	if c.bare, err = httpapi.New(enduser.New(st, nil), tokens.Authenticate, options); err != nil {
		t.Fatal(err)
	}
	options.ReadFor = time.Nanosecond
	if c.hasty, err = httpapi.New(c.users, tokens.Authenticate, options); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("GET /openapi.json: %d", w.Code)
	}
	if c.document, err = openapi3.NewLoader().LoadFromData(w.Body.Bytes()); err != nil {
		t.Fatal(err)
	}
	return c
}

// Allow implements httpapi.Limiter.
func (c *contract) Allow(_ context.Context, _ string, rates []httpapi.Rate) (httpapi.Decision, error) {
	return httpapi.Decision{Allowed: !c.rates.Load(), Wait: time.Second, Limit: rates[0], Remaining: 3, Reset: time.Second}, nil
}

// route returns what the document has for a request: the path without wildcards
// that fits, else the one with them.
func (c *contract) route(method, path string) (*routers.Route, map[string]string) {
	var found *routers.Route
	var params map[string]string
	parts := strings.Split(path, "/")
	for template, item := range c.document.Paths.Map() {
		operation := item.Operations()[method]
		names := strings.Split(template, "/")
		if operation == nil || len(names) != len(parts) {
			continue
		}
		values := map[string]string{}
		fits := true
		for i, name := range names {
			if strings.HasPrefix(name, "{") {
				value, err := url.PathUnescape(parts[i])
				fits = fits && err == nil && value != ""
				values[strings.Trim(name, "{}")] = value
			} else if name != parts[i] {
				fits = false
			}
		}
		if fits && (found == nil || len(values) < len(params)) {
			found = &routers.Route{Spec: c.document, Path: template, PathItem: item, Method: method, Operation: operation}
			params = values
		}
	}
	return found, params
}

type header map[string]string

// do sends a request and holds what comes back to the document, and the request
// as well if it was accepted.
func (c *contract) do(t *testing.T, method, target, body string, want int, headers ...header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		for name, value := range header {
			r.Header.Set(name, value)
		}
	}
	copied := r.Clone(t.Context())
	copied.Body = io.NopCloser(strings.NewReader(body))
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	if w.Code != want {
		t.Fatalf("%s %s: got %d, want %d: %s", method, target, w.Code, want, w.Body)
	}
	route, params := c.route(method, copied.URL.EscapedPath())
	if route == nil {
		t.Fatalf("%s %s is not in the document", method, target)
	}
	c.seen[route.Operation.OperationID+" "+strconv.Itoa(w.Code)] = true

	input := &openapi3filter.RequestValidationInput{
		Request: copied, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true, RejectWhenRequestBodyNotSpecified: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	if w.Code < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s is accepted, and not by the document: %v", method, target, err)
		}
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: w.Code, Header: w.Header(), Options: input.Options,
		Body: io.NopCloser(strings.NewReader(w.Body.String())),
	}
	if err := openapi3filter.ValidateResponse(t.Context(), response); err != nil {
		t.Errorf("%s %s: %d is not as documented: %v\n%s", method, target, w.Code, err, w.Body)
	}
	documented := route.Operation.Responses.Status(w.Code)
	if documented == nil {
		return w
	}
	for name := range w.Header() {
		if name == "Content-Type" || name == "Content-Length" {
			continue
		}
		found := false
		for known := range documented.Value.Headers {
			found = found || strings.EqualFold(known, name)
		}
		if !found {
			t.Errorf("%s %s: %d has %s, which is not documented", method, target, w.Code, name)
		}
	}
	return w
}

// withoutKeyring is do, asking the handler that has no keyring.
func (c *contract) withoutKeyring(t *testing.T, method, target, body string, want int) {
	t.Helper()
	c.ask(t, c.bare, method, target, body, want)
}

// ask is do, asking another handler.
func (c *contract) ask(t *testing.T, other http.Handler, method, target, body string, want int) {
	t.Helper()
	usual := c.handler
	c.handler = other
	defer func() { c.handler = usual }()
	c.do(t, method, target, body, want)
}

// spoil gives the record with an ID another body.
func (c *contract) spoil(t *testing.T, id, body string) {
	t.Helper()
	old, err := c.store.Get(t.Context(), "acme", store.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := old
	spoilt.Data = []byte(body)
	if _, err := c.store.Apply(t.Context(), "acme", store.Ops(store.Replace(old, spoilt, nil))); err != nil {
		t.Fatal(err)
	}
}

// cursor returns where the first item of a list or of the feed ends.
func (c *contract) cursor(t *testing.T, path string) string {
	t.Helper()
	var page struct {
		Cursor string `json:"cursor"`
		Paging struct {
			Cursors struct {
				After string `json:"after"`
			} `json:"cursors"`
		} `json:"paging"`
	}
	if err := json.Unmarshal(c.do(t, "GET", path+"?limit=1", "", 200).Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	return page.Cursor + page.Paging.Cursors.After // it has one of them
}

func (c *contract) withHook(hook func() error, do func()) {
	c.hook.Store(&hook)
	defer c.hook.Store(nil)
	do()
}

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

// TestEveryAnswer provokes every answer that the document has for every operation,
// and no other.
func TestEveryAnswer(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	openapi3filter.RegisterBodyDecoder("application/merge-patch+json", openapi3filter.JSONBodyDecoder)
	const users, byID = "/v1/end-users", "/v1/end-users/by-external-id/"

	c.do(t, "GET", "/openapi.json", "", 200)
	c.do(t, "GET", "/healthz", "", 200)
	c.do(t, "GET", "/v1/changes", "", 200) // of nothing
	c.do(t, "GET", users, "", 200)

	w := c.do(t, "POST", users, everything, 201)
	user := w.Header().Get("Location")
	c.do(t, "POST", users+"?on_conflict=return", everything, 200)
	c.do(t, "POST", users+"?on_conflict=merge", everything, 200)
	c.do(t, "POST", users+"?on_conflict=fail", everything, 409)
	c.do(t, "POST", users, everything, 412, header{"If-None-Match": "*"})
	c.do(t, "POST", users, `{}`, 201)
	provisional := c.do(t, "POST", users, `{"provisional":true}`, 201).Header().Get("Location")
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

	etag := c.do(t, "GET", user, "", 200).Header().Get("ETag")
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

	c.do(t, "PUT", byID+"team%2Fann", everything[:1]+everything[len(`{"external_id":"CRM-7",`):], 201)
	c.do(t, "PUT", byID+"team%2Fann", `{"name":"x","email":null,"avatar":""}`, 200)
	c.do(t, "PUT", byID+"team%2Fann", `{"external_id":"other"}`, 400)
	c.do(t, "PUT", byID+"new", `{"linked_accounts":[{"type":"github","id":"1"}]}`, 409)
	c.do(t, "PUT", byID+"new", `{}`, 412, header{"If-Match": "*"})

	external := byID + "team%2Fann"
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

	sensitive := strings.Replace(user, users, "/v1/sensitive", 1)
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
		c.withoutKeyring(t, method, sensitive, `{"a":"b"}`, 501)
	}
	c.do(t, "PUT", sensitive, `{"a":null}`, 400)

	group, team := c.groups(t)

	for _, r := range [][2]string{
		{"POST", users},
		{"PATCH", user},
		{"PUT", byID + "x"},
		{"PATCH", external},
		{"PUT", sensitive},
		{"PATCH", sensitive},
		{"POST", groups},
		{"PATCH", group},
		{"POST", group + "/rotate"},
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
	c.do(t, "GET", "/v1/changes", "", 200)

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
