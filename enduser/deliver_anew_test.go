package enduser_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A webhook gets another URL, other headers, or is enabled again, while an attempt at the old
// endpoint is on its way. How that ends does not count any more: the new endpoint is tried at
// once, and an answer 410 of the old one does not disable it.
func TestDeliverAnewDuringAnAttempt(t *testing.T) {
	const fixed = "https://example.com/fixed"
	edit := func(fn func(*enduser.WebhookEdit)) func(t *testing.T, d *deliveries, id string) {
		return func(t *testing.T, d *deliveries, id string) {
			must(d.acme.Webhooks().Update(t.Context(), id, func(e *enduser.WebhookEdit) error { fn(e); return nil }))(t)
		}
	}
	url := edit(func(e *enduser.WebhookEdit) { e.URL = fixed })
	disable := edit(func(e *enduser.WebhookEdit) { e.Disabled = true })
	enable := edit(func(e *enduser.WebhookEdit) { e.Disabled = false })
	for name, fix := range map[string]func(t *testing.T, d *deliveries, id string){
		"URL":     url,
		"headers": edit(func(e *enduser.WebhookEdit) { e.SetHeader("Authorization", enduser.NewSecret(enduser.String("new"))) }),
		"enabled": func(t *testing.T, d *deliveries, id string) { disable(t, d, id); enable(t, d, id) },
	} {
		for _, status := range []int{500, 410} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDeliveries(memory.New(nil))
					h := d.hook(t)
					fixed := false
					taking(d.receiver, func(*enduser.Delivery) time.Duration {
						if fixed {
							return 0
						}
						return 10 * time.Second
					})
					answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
						if a.Webhook.Revision == h.Revision {
							return enduser.Result{Status: 503, RetryAfter: 5 * time.Hour}
						}
						return answer(200)
					})
					for range 15 {
						d.user(t)
					}
					d.run(t, nil)
					sleep(time.Minute)
					if s := d.state(t, h); !s.RetryAt.After(time.Now().Add(time.Hour)) {
						t.Fatalf("state %+v", s)
					}
					answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
						if a.Webhook.Revision == h.Revision {
							return enduser.Result{Status: status, RetryAfter: 5 * time.Hour}
						}
						return answer(200)
					})
					must(d.acme.Webhooks().Ping(t.Context(), h.ID))(t)
					sleep(5 * time.Second)
					fix(t, d, h.ID)
					d.set(func() { fixed = true })
					d.all()
					sleep(30 * time.Second)
					if s := d.state(t, h); s.Parked != 0 || s.Failures != 0 || !s.RetryAt.IsZero() {
						t.Errorf("state %+v", s)
					}
					if w := must(d.acme.Webhooks().Get(t.Context(), h.ID))(t); w.Disabled {
						t.Error("the webhook is disabled")
					}
				})
			})
		}
	}
}
