package console_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// hook makes a webhook of a tenant.
func hook(tb testing.TB, tenant enduser.Tenant, s enduser.WebhookSpec) string {
	tb.Helper()
	if s.URL == "" {
		s.URL = "https://example.com/hook"
	}
	h, _, err := tenant.Webhooks().Create(tb.Context(), s)
	ok(tb, err)
	return h.ID
}

// sender answers attempts.
type sender func(*enduser.Delivery) enduser.Result

func (s sender) Send(_ context.Context, d *enduser.Delivery) enduser.Result { return s(d) }

func always(r enduser.Result) sender {
	return func(*enduser.Delivery) enduser.Result { return r }
}

// deliver delivers what is due, in a bubble of synctest.
func (d *desk) deliver(s sender) {
	d.Helper()
	ctx, end := context.WithCancel(d.Context())
	done := make(chan error)
	go func() { done <- d.users.Deliver(ctx, s, nil) }()
	time.Sleep(5 * time.Second) //nolint:forbidigo // time of the bubble
	synctest.Wait()
	end()
	if err := <-done; !errors.Is(err, context.Canceled) {
		d.Fatal(err)
	}
}
