package contract_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

const webhooks = "/v1/webhooks"

const everyWebhook = `{"url":"https://example.com/hook","description":"CRM","events":["end_user.*","group.deleted"],
	"format":"native","headers":{"X-Api-Key":"secret"},"enabled":true}`

// sender is where events go in this test.
type sender chan enduser.Delivery

// Send implements enduser.Sender.
func (s sender) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	select {
	case s <- *d:
	case <-ctx.Done():
	}
	return enduser.Result{Status: 503}
}

// webhooks provokes all answers of webhooks but those of DELETE. It returns the path of one.
func (c *contract) webhooks(t *testing.T) string {
	t.Helper()
	c.do(t, "GET", webhooks, "", 200)
	w := c.do(t, "POST", webhooks, everyWebhook, 201)
	webhook, etag := w.Header().Get("Location"), w.Header().Get("ETag")
	c.do(t, "POST", webhooks, `{"url":"https://example.com","format":"ada"}`, 201)
	c.do(t, "POST", webhooks, `{"url":"http://ann@example.com","events":["x"],"headers":{"Host":"x"}}`, 400)
	c.do(t, "POST", webhooks, `{}`, 400)
	c.do(t, "POST", webhooks, everyWebhook, 412, header{"If-Match": "*"})
	c.withoutKeyring(t, "POST", webhooks, everyWebhook)
	c.do(t, "GET", webhooks, "", 200)
	c.do(t, "GET", webhooks+"?limit=1", "", 400)

	c.do(t, "GET", webhook, "", 200)
	c.do(t, "GET", webhook, "", 304, header{"If-None-Match": etag})
	c.do(t, "GET", webhook, "", 412, header{"If-Match": `"x"`})
	c.do(t, "GET", webhooks+"/%00", "", 400)
	c.do(t, "PATCH", webhook, `{"description":null,"events":null,"format":null,"headers":{"X-Api-Key":null,"X-New":"x"}}`, 200)
	c.do(t, "PATCH", webhook, `{"events":["group.*"]}`, 200, header{"Content-Type": "application/merge-patch+json"})
	c.do(t, "PATCH", webhook, `{"url":null,"id":"x"}`, 400)
	c.do(t, "PATCH", webhook, `{}`, 412, header{"If-Match": etag})
	c.withoutKeyring(t, "PATCH", webhook, `{"headers":{"X-New":"y"}}`)

	rotate := webhook + "/rotate"
	c.do(t, "POST", rotate, `{}`, 200)
	c.do(t, "POST", rotate, `{"overlap_seconds":60}`, 200)
	c.do(t, "POST", rotate, `{"overlap_seconds":-1}`, 400)
	c.do(t, "POST", rotate, `{}`, 412, header{"If-Match": etag})
	c.withoutKeyring(t, "POST", rotate, `{}`)

	c.deliveries(t, webhook)
	for _, r := range [][3]string{
		{"GET", "", ""},
		{"PATCH", "", `{}`},
		{"POST", "/rotate", `{}`},
		{"GET", "/state", ""},
		{"GET", "/attempts", ""},
		{"GET", "/dead-letters", ""},
		{"POST", "/test", ""},
		{"POST", "/redeliver", `{"event_id":"msg_x"}`},
		{"GET", "/redelivery?since=2026-01-28T10:43:43Z", ""},
		{"POST", "/redelivery", `{"after":"` + c.cursor(t, "/v1/changes") + `"}`},
		{"DELETE", "/redelivery", ""},
		{"DELETE", "", ""},
	} {
		c.do(t, r[0], webhooks+"/unknown"+r[1], r[2], 404)
		if r[0] != "GET" || r[1] != "" {
			c.do(t, r[0], webhooks+"/%00"+r[1], r[2], 400)
		}
	}
	return webhook
}

// deliveries provokes the answers about what is sent to a webhook.
func (c *contract) deliveries(t *testing.T, webhook string) {
	t.Helper()
	origin := c.cursor(t, "/v1/changes")
	c.do(t, "GET", webhook+"/state", "", 200)
	c.do(t, "GET", webhook+"/attempts", "", 200)
	c.do(t, "GET", webhook+"/attempts?limit=1", "", 400)
	c.do(t, "GET", webhook+"/dead-letters?limit=1&order=desc", "", 200)
	c.do(t, "GET", webhook+"/dead-letters?after=x", "", 400)

	ctx, cancel := context.WithCancel(t.Context())
	sent, done := make(sender), make(chan error)
	go func() { done <- c.users.Deliver(ctx, sent, nil) }()
	var test struct {
		EventID string `json:"event_id"`
	}
	if err := json.Unmarshal(c.do(t, "POST", webhook+"/test", "", 202).Body.Bytes(), &test); err != nil {
		t.Fatal(err)
	}
	if d := <-sent; d.ID != test.EventID {
		t.Errorf("%s was sent, not %s", d.ID, test.EventID)
	}
	event := c.failed(t, sent)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	c.do(t, "GET", webhook+"/attempts", "", 200)
	c.do(t, "POST", webhook+"/redeliver", `{"event_id":"`+event+`"}`, 202)
	c.do(t, "POST", webhook+"/redeliver", `{"event_id":""}`, 400)
	c.do(t, "POST", webhook+"/test", "a=b", 415, header{"Content-Type": "application/x-www-form-urlencoded"})

	c.do(t, "GET", webhook+"/redelivery?since=2026-01-28T10:43:43Z", "", 200)
	c.do(t, "GET", webhook+"/redelivery", "", 400)
	c.do(t, "POST", webhook+"/redelivery", `{"after":"`+origin+`"}`, 202)
	c.do(t, "POST", webhook+"/redelivery", `{"after":"x"}`, 400)
	c.do(t, "GET", webhook+"/state", "", 200)
	c.do(t, "DELETE", webhook+"/redelivery", "", 204)

	c.do(t, "PATCH", webhook, `{"enabled":false}`, 200)
	c.do(t, "POST", webhook+"/test", "", 409)
	c.do(t, "POST", webhook+"/redeliver", `{"event_id":"`+event+`"}`, 409)
	c.do(t, "POST", webhook+"/redelivery", `{"after":"`+origin+`"}`, 409)
	c.do(t, "PATCH", webhook, `{"enabled":true}`, 200)
}

// failed makes a change, and returns the ID of its event when an attempt to send it has
// failed.
func (c *contract) failed(t *testing.T, sent sender) string {
	t.Helper()
	c.do(t, "POST", groups, `{"external_id":"sent"}`, 201)
	d := <-sent
	for {
		attempts, err := c.users.Tenant("acme").Webhooks().Attempts(t.Context(), d.Webhook.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range attempts {
			if a.EventID == d.ID {
				return d.ID
			}
		}
		<-time.After(time.Millisecond)
	}
}
