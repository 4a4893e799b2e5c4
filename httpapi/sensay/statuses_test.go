package sensay_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// statuses are those that the documents have for each operation. Left out are
//
//   - 404 of the operations on me: who acts as nobody is 401;
//   - 415 of a delete, which has no body that could be of another type.
func statuses() map[string][]int {
	return map[string][]int{
		"create":    {200, 400, 401, 403, 409, 413, 415, 429, 500, 503},
		"get":       {200, 400, 401, 404, 429, 500, 503},
		"me":        {200, 400, 401, 429, 500, 503},
		"update me": {200, 400, 401, 403, 409, 413, 415, 429, 500, 503},
		"delete me": {204, 400, 401, 403, 429, 500, 503},
		"elsewhere": {404, 405},
	}
}

// everything calls all operations, those on me as a user.
func (c *client) everything(id string) map[string]error {
	admin, me := c.acting("", ""), c.acting(id, "")
	_, create := admin.create(userRequest{})
	_, get := admin.get(id)
	_, self := me.me()
	_, update := me.updateMe(userRequest{ID: &id, Name: new("B")})
	return map[string]error{"create": create, "get": get, "me": self, "update me": update, "delete me": me.deleteMe()}
}

// always is a Limiter that allows nothing.
type always struct{}

func (always) Allow(context.Context, string, []httpapi.Rate) (httpapi.Decision, error) {
	return httpapi.Decision{Wait: 30 * time.Second}, nil
}

// TestClientStatuses meets every documented status of every operation.
func TestClientStatuses(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := &apitest.Faulty{Store: open(t)}
		w := apitest.NewWorld(t, st)
		c := newClient(t, w, httpapi.Options{})
		must(c.create(userRequest{ID: new("ann")}))(t)
		for operation, err := range c.everything("ann") {
			if err != nil {
				t.Errorf("%s: %v", operation, err)
			}
		}
		must(c.create(userRequest{
			ID: new("ann"), Email: new("ann@example.com"), LinkedAccounts: &[]linkedAccount{{"ann", "discord"}},
		}))(t)
		c.conflicts(t)
		c.badRequests(t)

		for _, secret := range []string{"", "nobody's"} {
			for operation, err := range c.as(secret).everything("ann") {
				refused(t, operation, err, 401)
			}
		}
		for operation, err := range c.as(apitest.Reader).everything("ann") {
			if operation == "get" || operation == "me" {
				if err != nil {
					t.Errorf("a reader: %s: %v", operation, err)
				}
				continue
			}
			refused(t, operation, err, 403)
		}
		for what, client := range map[string]*client{"another tenant": c.as(apitest.Other), "another environment": c.as(apitest.Testing), "nobody": c} {
			id := "ann"
			if client == c {
				id = "nobody"
			}
			for operation, err := range client.everything(id) {
				switch operation {
				case "create":
				case "get":
					refused(t, what+": get", err, 404)
				default:
					refused(t, what+": "+operation, err, 401)
				}
			}
		}
		for operation, err := range map[string]error{"no user": c.deleteMe(), "a type alone": c.acting("", "discord").deleteMe()} {
			refused(t, operation, err, 401)
		}
		for _, path := range []string{"/v1/users/me/usage", "/v1/nowhere"} {
			refused(t, path, c.acting("ann", "").call("elsewhere", http.MethodGet, path, nil, nil, 0), 404)
		}
		for _, method := range []string{http.MethodGet, http.MethodDelete} { // there is no list
			e := refused(t, method, c.call("elsewhere", method, "/v1/users", nil, nil, 0), 405)
			if e.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		}

		unwell := func(o httpapi.Options, status int) {
			t.Helper()
			other := newClient(t, w, o)
			other.ledger = c.ledger
			for operation, err := range other.everything("ann") {
				e := refused(t, operation, err, status)
				if retry := e.header.Get("Retry-After"); status == 429 && retry != "30" {
					t.Errorf("%s: 429 with Retry-After %q", operation, retry)
				}
			}
		}
		unwell(httpapi.Options{Limiter: always{}, Rates: []httpapi.Rate{{Requests: 1, Per: time.Minute}}}, 429)
		gone := errors.New("the disk is gone")
		st.Fail(gone)
		unwell(httpapi.Options{}, 503)
		st.Panics.Store(true)
		unwell(httpapi.Options{}, 500)
		c.ledger.Check(t, statuses())
	})
}

// conflicts: IDs and e-mail addresses are one user's in any case, accounts as they are.
func (c *client) conflicts(t *testing.T) {
	t.Helper()
	must(c.create(userRequest{ID: new("bea"), LinkedAccounts: &[]linkedAccount{{"ANN", "discord"}, {"ann", "embed"}}}))(t)
	prints := make(map[string]bool)
	for code, sent := range map[string]userRequest{
		"USER_EXISTS":           {ID: new("ANN")},
		"EMAIL_EXISTS":          {Email: new(" Ann@EXAMPLE.com ")},
		"LINKED_ACCOUNT_EXISTS": {LinkedAccounts: &[]linkedAccount{{"free", "embed"}, {"ann", "discord"}}},
	} {
		for range 2 {
			_, err := c.create(sent)
			e := refused(t, "create", err, 409)
			prints["create "+e.Fingerprint] = true
			if e.ErrorCode != code || len(e.Fingerprint) != 32 {
				t.Errorf("create: %s with fingerprint %q, want %s", e.ErrorCode, e.Fingerprint, code)
			}
		}
		if sent.ID == nil {
			sent.ID = new("bea")
		}
		_, err := c.acting("bea", "").updateMe(sent)
		e := refused(t, "update", err, 409)
		prints["update "+e.Fingerprint] = true
		if e.ErrorCode != code {
			t.Errorf("update: %s, want %s", e.ErrorCode, code)
		}
	}
	if len(prints) != 6 {
		t.Errorf("%d fingerprints of 6 errors", len(prints))
	}
	must(c.as(apitest.Testing).create(userRequest{ID: new("bea"), Email: new("ann@example.com")}))(t)
}

// badRequests are what neither create nor update allow.
func (c *client) badRequests(t *testing.T) {
	t.Helper()
	me := c.acting("ann", "")
	for _, body := range []string{
		`{`, `[]`, `{}{}`, `{"id":7}`, `{"id":""}`, `{"id":"me"}`, `{"id":null}`, `{"id":"ann","plan":1}`, `{"id":"ann","ID":"ann"}`,
		`{"id":"ann","name":"Zoë"}`, `{"id":"ann","name":"` + strings.Repeat("n", 51) + `"}`, `{"id":"ann","name":null}`,
		`{"id":"ann","email":"nobody"}`, `{"id":"ann","email":null}`, `{"id":"ann","linkedAccounts":null}`, `{"id":"ann","linkedAccounts":{}}`,
		`{"id":"ann","linkedAccounts":[{"accountID":"a"}]}`, `{"id":"ann","linkedAccounts":[{"accountType":"embed"}]}`,
		`{"id":"ann","linkedAccounts":[{"accountID":"a","accountType":"slack"}]}`,
		`{"id":"ann","linkedAccounts":[{"accountID":"a","accountType":"embed","x":1}]}`,
	} {
		_, err := c.create(strings.NewReader(body))
		refused(t, "create "+body, err, 400)
		_, err = me.updateMe(strings.NewReader(body))
		refused(t, "update "+body, err, 400)
	}
	_, err := me.updateMe(strings.NewReader(`{"name":"A"}`))
	refused(t, "update without an id", err, 400)
	for operation, err := range c.with(func(c *client) { c.version = "yesterday" }).everything("ann") {
		refused(t, operation+" of no version", err, 400)
	}
	large := `{"id":"ann","name":"` + strings.Repeat("x", 1<<20) + `"}`
	for status, change := range map[int]func(c *client){
		413: func(*client) {}, 415: func(c *client) { c.kind, c.coding = "text/plain", "" },
	} {
		_, err = c.with(change).create(strings.NewReader(large))
		refused(t, "create", err, status)
		_, err = me.with(change).updateMe(strings.NewReader(large))
		refused(t, "update", err, status)
	}
	for coding, status := range map[string]int{"gzip": 413, "br": 415} {
		_, err = c.with(func(c *client) { c.coding = coding }).create(strings.NewReader(large))
		refused(t, "create in "+coding, err, status)
	}
}
