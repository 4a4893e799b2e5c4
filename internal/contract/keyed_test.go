package contract_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
)

// keyed provokes the answers that only requests with an Idempotency-Key get.
func (c *contract) keyed(t *testing.T) {
	t.Helper()
	n := 0
	fresh := func() string { n++; return fmt.Sprint("keyed-", n) }
	newUser := func() string { return c.do(t, "POST", users, `{}`, 201).Header().Get("Location") }
	newGroup := func() string {
		return c.do(t, "POST", groups, `{"external_id":"`+fresh()+`"}`, 201).Header().Get("Location")
	}
	newWebhook := func() string {
		return c.do(t, "POST", webhooks, `{"url":"https://example.com"}`, 201).Header().Get("Location")
	}
	newExternal := func() string { c.do(t, "PUT", byID+fresh(), `{}`, 201); return byID + fmt.Sprint("keyed-", n) }
	for _, r := range []struct {
		method, target, body string
		status               int
	}{
		{"POST", users, `{"external_id":"once"}`, 201},
		{"PATCH", newUser(), `{"name":"A"}`, 200},
		{"DELETE", newUser(), "", 204},
		{"POST", newUser() + "/associate", "", 200},
		{"PUT", byID + fresh(), `{}`, 201},
		{"PUT", newExternal(), `{}`, 200},
		{"PATCH", newExternal(), `{}`, 200},
		{"DELETE", newExternal(), "", 204},
		{"PUT", strings.Replace(newUser(), users, "/v1/sensitive", 1), `{"a":"b"}`, 204},
		{"PATCH", strings.Replace(newUser(), users, "/v1/sensitive", 1), `{"a":"b"}`, 204},
		{"POST", groups, `{"external_id":"once"}`, 201},
		{"PATCH", newGroup(), `{}`, 200},
		{"DELETE", newGroup(), "", 204},
		{"POST", newGroup() + "/rotate", `{}`, 200},
		{"POST", webhooks, `{"url":"https://example.com"}`, 201},
		{"PATCH", newWebhook(), `{}`, 200},
		{"DELETE", newWebhook(), "", 204},
		{"POST", newWebhook() + "/rotate", `{}`, 200},
	} {
		key := header{"Idempotency-Key": fresh()}
		c.meanwhile(func() { c.do(t, r.method, r.target, r.body, 409, key) })
		first := c.do(t, r.method, r.target, r.body, r.status, key)
		if again := c.do(t, r.method, r.target, r.body, r.status, key); again.Header().Get("Idempotent-Replayed") != "true" || again.Body.String() != first.Body.String() {
			t.Errorf("%s %s, again: %s", r.method, r.target, again.Body)
		}
		c.do(t, r.method, r.target, r.body, 422, key, header{"If-None-Match": `"x"`})
		c.do(t, r.method, r.target, r.body, 400, header{"Idempotency-Key": `"x`})
		made := first.Header().Get("Location")
		if made == "" {
			continue
		}
		var asked atomic.Int64
		c.withHook(func() error { // the route's own action is allowed, to see what it made is not
			if asked.Add(1) > 1 {
				return httpapi.ErrForbidden
			}
			return nil
		}, func() { c.do(t, r.method, r.target, r.body, 201, key) })
		c.do(t, "DELETE", made, "", 204)
		c.do(t, r.method, r.target, r.body, 201, key)
	}
	c.gone(t, newUser(), newUser())
}

// gone repeats requests about users that have been deleted since.
func (c *contract) gone(t *testing.T, user, other string) {
	t.Helper()
	key := header{"Idempotency-Key": "gone"}
	sensitive := strings.Replace(other, users, "/v1/sensitive", 1)
	c.do(t, "PATCH", user, `{"name":"A"}`, 200, key)
	c.do(t, "PUT", sensitive, `{"a":"b"}`, 204, header{"Idempotency-Key": "gone, too"})
	c.do(t, "DELETE", user, "", 204)
	c.do(t, "DELETE", other, "", 204)
	if w := c.do(t, "PATCH", user, `{"name":"A"}`, 200, key); !strings.Contains(w.Body.String(), `"deleted":true`) {
		t.Errorf("a user that is gone: %s", w.Body)
	}
	c.do(t, "PUT", sensitive, `{"a":"b"}`, 204, header{"Idempotency-Key": "gone, too"})
}

// meanwhile has f called in the middle of the next request that reads the store.
func (c *contract) meanwhile(f func()) {
	var once atomic.Bool
	c.faults.OnGet = func() error {
		if once.CompareAndSwap(false, true) {
			f()
		}
		return nil
	}
}
