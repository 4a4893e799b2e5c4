package magickmind_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// statuses are those that the documents have for each operation. Left out are
//
//   - 502, which is a gateway's and not this handler's;
//   - 429 and 503 of refresh, of which no document speaks, and 403 and 404 of login
//     and refresh, which ask for no right and name no record.
func statuses() map[string][]int {
	return map[string][]int{
		"create":    {201, 400, 401, 403, 409, 413, 415, 429, 500, 503},
		"get":       {200, 401, 403, 404, 429, 500, 503},
		"list":      {200, 400, 401, 403, 429, 500, 503},
		"update":    {200, 400, 401, 403, 404, 409, 413, 415, 429, 500, 503},
		"delete":    {204, 401, 403, 404, 429, 500, 503},
		"login":     {200, 400, 413, 415, 429},
		"refresh":   {200, 400, 413, 415},
		"elsewhere": {404, 405},
	}
}

// everything calls each operation that needs a credential.
func (c *client) everything(id string) map[string]error {
	_, create := c.create(createRequest{Name: value("A")})
	_, get := c.get(id)
	_, list := c.list(listQuery{})
	_, update := c.update(id, updateRequest{Name: value("B")})
	return map[string]error{"create": create, "get": get, "list": list, "update": update, "delete": c.delete(id)}
}

// TestClientStatuses meets every documented status of every operation.
func TestClientStatuses(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := &apitest.Faulty{Store: open(t)}
		w := apitest.NewWorld(t, st)
		c := newClient(t, w, &magickmind.Options{Login: accounts{}})
		id := must(c.create(createRequest{value("Ann"), value("taken")}))(t).ID
		must(c.get(id))(t)
		must(c.list(listQuery{}))(t)
		must(c.update(id, updateRequest{}))(t)
		if err := c.delete(must(c.create(createRequest{Name: value("Bea")}))(t).ID); err != nil {
			t.Error(err)
		}
		must(c.login(loginRequest{"crm@example.com", "correct horse"}))(t)
		must(c.refresh(refreshRequest{"refresh-0001"}))(t)

		c.badRequests(t, id)
		c.conflicts(t, id)
		c.badBodies(t, id)

		for _, token := range []string{"", "nobody's"} {
			for operation, err := range c.as(token).everything(id) {
				refused(t, operation, err, 401)
			}
		}
		for operation, err := range c.as(apitest.Reader).everything(id) {
			if operation == "get" || operation == "list" {
				if err != nil {
					t.Errorf("a reader: %s: %v", operation, err)
				}
				continue
			}
			refused(t, operation, err, 403)
		}
		for _, token := range []string{apitest.Other, apitest.Testing} {
			for operation, err := range c.as(token).everything(id) {
				if operation != "create" && operation != "list" {
					refused(t, "another tenant's "+operation, err, 404)
				}
			}
		}
		nobody := strings.Repeat("0", 24)
		for operation, err := range c.everything(nobody) {
			if operation != "create" && operation != "list" {
				refused(t, operation, err, 404)
			}
		}
		refused(t, "another path", c.call("elsewhere", http.MethodGet, "/v1/nowhere", nil, nil, 0), 404)
		e := refused(t, "another method", c.call("elsewhere", http.MethodPatch, "/v1/end-users", nil, nil, 0), 405)
		if e.header.Get("Allow") == "" {
			t.Error("405 without Allow")
		}

		c.withOptions(t, w, &magickmind.Options{Options: httpapi.Options{
			Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error { return httpapi.ErrForbidden },
		}}, id, 403)
		c.withOptions(t, w, &magickmind.Options{Options: httpapi.Options{
			Limiter: always{}, Rates: []httpapi.Rate{{Requests: 1, Per: time.Hour}},
		}}, id, 429)
		st.Fail(errors.New("the disk is gone"))
		c.withOptions(t, w, nil, id, 503)
		st.Panics.Store(true)
		c.withOptions(t, w, nil, id, 500)
		c.ledger.Check(t, statuses())
	})
}

// withOptions checks that a handler with these options answers everything with one
// status.
func (c *client) withOptions(t *testing.T, w *apitest.World, o *magickmind.Options, id string, status int) {
	t.Helper()
	other := newClient(t, w, o)
	other.ledger = c.ledger
	for operation, err := range other.everything(id) {
		e := refused(t, operation, err, status)
		if retry := e.header.Get("Retry-After"); status == 429 && retry != "30" {
			t.Errorf("%s: 429 with Retry-After %q", operation, retry)
		}
	}
}

// badRequests are those that are well formed and say what is not allowed.
func (c *client) badRequests(t *testing.T, id string) {
	t.Helper()
	for _, tt := range []struct{ body, field string }{
		{`{}`, "name"},
		{`{"name":null}`, "name"},
		{`{"name":" \t"}`, "name"},
		{`{"name":7}`, "name"},
		{`{"name":"A","external_id":7}`, "external_id"},
		{`{"name":"A","external_id":"a<b"}`, "external_id"},
		{`{"name":"A","external_id":"` + strings.Repeat("x", 256) + `"}`, "external_id"},
	} {
		_, err := c.create(strings.NewReader(tt.body))
		refused(t, "create "+tt.body, err, 400).blames(t, tt.body, tt.field)
		if tt.body == `{}` {
			continue
		}
		_, err = c.update(id, strings.NewReader(tt.body))
		refused(t, "update "+tt.body, err, 400).blames(t, tt.body, tt.field)
	}
	for field, q := range map[string]string{
		"limit": "limit=0", "limit ": "limit=101", "limit  ": "limit=ten",
		"Limit": "Limit=0", "Limit ": "Limit=-1",
		"order": "order=up", "cursor": "cursor=nothing",
	} {
		var page endUsers
		err := c.call("list", http.MethodGet, "/v1/end-users?"+q, nil, &page, 200)
		refused(t, "list "+q, err, 400).blames(t, q, strings.TrimSpace(field))
	}
	for _, body := range []loginRequest{{"crm@example.com", "wrong"}, {"nobody@example.com", "correct horse"}} {
		_, err := c.login(body)
		refused(t, "login", err, 400)
	}
	_, err := c.refresh(refreshRequest{"wrong"})
	refused(t, "refresh", err, 400)
}

// conflicts: an external ID is one user's, in any case, and the error says whose.
func (c *client) conflicts(t *testing.T, id string) {
	t.Helper()
	_, err := c.create(createRequest{value("Bea"), value("TAKEN")})
	e := refused(t, "create", err, 409)
	e.blames(t, "create", "external_id")
	if !strings.Contains(e.Detail, id) {
		t.Errorf("the detail %q does not name the holder", e.Detail)
	}
	other := must(c.create(createRequest{Name: value("Bea")}))(t)
	_, err = c.update(other.ID, updateRequest{ExternalID: value("Taken")})
	refused(t, "update", err, 409).blames(t, "update", "external_id")
	// the same in another environment, and for another tenant
	must(c.as(apitest.Testing).create(createRequest{value("Bea"), value("taken")}))(t)
	must(c.as(apitest.Other).create(createRequest{value("Bea"), value("taken")}))(t)
}

// badBodies are no JSON, too large, or of another type.
func (c *client) badBodies(t *testing.T, id string) {
	t.Helper()
	plain := *c
	plain.kind = "text/plain"
	utf := *c
	utf.kind = "application/json; charset=utf-8"
	for operation, call := range map[string]func(c *client, body any) error{
		"create":  func(c *client, body any) error { _, err := c.create(body); return err },
		"update":  func(c *client, body any) error { _, err := c.update(id, body); return err },
		"login":   func(c *client, body any) error { _, err := c.login(body); return err },
		"refresh": func(c *client, body any) error { _, err := c.refresh(body); return err },
	} {
		refused(t, operation, call(c, strings.NewReader(`{"name":"A"`)), 400)
		refused(t, operation, call(c, strings.NewReader(`{"name":"A"}{}`)), 400)
		refused(t, operation, call(c, strings.NewReader(`[]`)), 400)
		large := `{"name":"A","x":"` + strings.Repeat("x", 1<<20) + `"}`
		refused(t, operation, call(c, strings.NewReader(large)), 413)
		refused(t, operation, call(&plain, strings.NewReader(`{"name":"A"}`)), 415)
	}
	_, err := utf.update(id, updateRequest{Name: value("Änn")})
	if err != nil {
		t.Errorf("charset=utf-8: %v", err)
	}
	// one e-mail address may not try for ever
	limited := false
	for range 50 {
		var e *apiError
		if _, err := c.login(loginRequest{"guesser@example.com", "wrong"}); errors.As(err, &e) && e.Status == 429 {
			limited = e.header.Get("Retry-After") != ""
			break
		}
	}
	if !limited {
		t.Error("logins are not limited")
	}
}
