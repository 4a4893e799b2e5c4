package delivery

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestBroken: every rule of the ledger is broken by a Sender that has one mistake.
func TestBroken(t *testing.T) {
	t.Parallel()
	sent := enduser.Result{Status: 204}
	var held *enduser.Delivery
	for fault, broken := range map[string]func(good enduser.Sender, n int64) sends{
		"": func(good enduser.Sender, _ int64) sends { return good.Send },
		"lost": func(good enduser.Sender, n int64) sends {
			if n == 7 {
				return func(context.Context, *enduser.Delivery) enduser.Result { return sent }
			}
			return good.Send
		},
		"repeated": func(good enduser.Sender, n int64) sends {
			return func(ctx context.Context, d *enduser.Delivery) enduser.Result {
				if n == 7 {
					good.Send(ctx, d)
				}
				return good.Send(ctx, d)
			}
		},
		"another id": func(good enduser.Sender, n int64) sends {
			return func(ctx context.Context, d *enduser.Delivery) enduser.Result {
				if n == 7 {
					again := *d
					again.ID += "2"
					good.Send(ctx, &again)
				}
				return good.Send(ctx, d)
			}
		},
		"one id of two events": func(good enduser.Sender, _ int64) sends {
			return func(ctx context.Context, d *enduser.Delivery) enduser.Result {
				d.ID = "msg_1"
				return good.Send(ctx, d)
			}
		},
		"not committed": func(good enduser.Sender, n int64) sends {
			return func(ctx context.Context, d *enduser.Delivery) enduser.Result {
				if n == 7 {
					early := *d
					early.Event.Revision++
					good.Send(ctx, &early)
				}
				return good.Send(ctx, d)
			}
		},
		"order": func(good enduser.Sender, n int64) sends {
			return func(ctx context.Context, d *enduser.Delivery) enduser.Result {
				switch n {
				case 1:
					held = d
					return sent
				case 10:
					good.Send(ctx, d)
					return good.Send(ctx, held)
				}
				return good.Send(ctx, d)
			}
		},
		"signature": func(good enduser.Sender, n int64) sends {
			return func(ctx context.Context, d *enduser.Delivery) enduser.Result {
				if n == 7 {
					d.Open(nil, "whsec_"+strings.Repeat("A", 42)+"E=")
				}
				return good.Send(ctx, d)
			}
		},
		"time": func(good enduser.Sender, n int64) sends {
			if n == 7 {
				late := enduser.New(memory.New(nil), options(func() time.Time { return time.Now().Add(-2 * time.Hour) }))
				return webhook.New(late, insecure()).Sender().Send
			}
			return good.Send
		},
	} {
		w := newWorld(t, inMemory())
		h := w.hook(t, path(0))
		var n atomic.Int64
		w.deliver(t, func(good enduser.Sender) enduser.Sender {
			return sends(func(ctx context.Context, d *enduser.Delivery) enduser.Result { return broken(good, n.Add(1))(ctx, d) })
		})
		// One user, so that there is an order.
		for i := range 12 {
			if _, _, err := w.acme.Upsert(t.Context(), enduser.Spec{ExternalID: "crm-1", Name: strings.Repeat("x", i+1)}); err != nil {
				t.Fatal(err)
			}
		}
		w.settle(t, h)
		w.ledger.read(t, w.acme)
		wrong := w.ledger.check(w.all(), rules{hook: path(0), once: true, clock: []time.Duration{0}})
		found := false
		for _, f := range wrong {
			found = found || strings.HasPrefix(f, fault+":")
		}
		if fault == "" && len(wrong) > 0 || fault != "" && !found {
			t.Errorf("a sender that breaks %q: %q", fault, wrong)
		}
	}
}
