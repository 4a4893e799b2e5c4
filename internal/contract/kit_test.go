package contract_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The credentials of the tests.
const (
	key       = "acme-key-0001"
	readerKey = "reader-key-0001"
)

// contract is a handler and the document that it serves. It records which documented answers
// were seen.
type contract struct {
	document *openapi3.T
	handler  http.Handler
	bare     http.Handler // over the same store, without a keyring
	hasty    http.Handler // over the same store, without time to read
	store    store.Store
	faults   *faultstore.Store // the same
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
	st := &faultstore.Store{Store: memory.New(nil)}
	schema := func(string) enduser.Schema { return enduser.Schema{IndexedMetadata: []string{"plan"}} }
	c := &contract{
		users: enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(sealing), Schema: schema}), store: st, faults: st, seen: map[string]bool{},
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
func (c *contract) Allow(_ context.Context, _ string, _ int, rates []httpapi.Rate) (httpapi.Decision, error) {
	return httpapi.Decision{Allowed: !c.rates.Load(), Wait: time.Second, Limit: rates[0], Remaining: 3, Reset: time.Second}, nil
}

// route returns the document's route for a request. A path without wildcards goes before
// one with them.
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

// do sends a request. It compares the answer with the document, and the request, too, if it
// was accepted.
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

// withoutKeyring is do with the handler that has no keyring, which refuses.
func (c *contract) withoutKeyring(t *testing.T, method, target, body string) {
	t.Helper()
	c.ask(t, c.bare, method, target, body, 501)
}

// ask is do with another handler.
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

// cursor returns the cursor behind the first item of a list or of the feed.
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
