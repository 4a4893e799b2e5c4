package enduser_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// While a tenant is deleted, others deliver to its webhooks, sweep, trim and follow. None of them
// brings anything of it back, and no webhook hears of the deletion.
func TestDeleteTenantBesideDeliver(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, time.Second, 3 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			st := memory.New(nil)
			d := newDeliveries(st)
			d.hook(t)
			n := 0
			answering(d.receiver, func(*enduser.Delivery) enduser.Result {
				n++
				return answer([]int{200, 500}[n%2]) // so that there are parked users, and a log
			})
			taking(d.receiver, func(*enduser.Delivery) time.Duration { return 700 * time.Millisecond })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			sweeps := enduser.New(st, &enduser.Options{Retain: enduser.Retention{Changes: 10}, SweepEvery: time.Second})
			go sweeps.Run(ctx) //nolint:errcheck // it ends with the test
			for range 2 {
				d.run(t, nil)
			}
			var followed error
			go func() {
				for _, err := range d.acme.Follow(ctx, enduser.ChangeQuery{}) {
					followed = err
				}
			}()
			for range 100 {
				must(d.acme.Create(ctx, enduser.Spec{ExpiresIn: 2 * time.Second}))(t)
			}
			sleep(after)
			must(d.users.DeleteTenant(ctx, "acme", nil))(t)
			deleted := time.Now()
			isGone(t, st)
			sleep(2 * time.Hour)
			isGone(t, st)
			got := d.all()
			if slices.ContainsFunc(got, func(d delivered) bool { return d.at.After(deleted.Add(30 * time.Second)) }) {
				t.Error("events are sent long after the deletion")
			}
			if after < 2*time.Second && slices.ContainsFunc(got, func(d delivered) bool { return d.Event.Type != "end_user.created" }) {
				t.Error("events tell of the deletion")
			}
			if !errors.Is(followed, enduser.ErrTrimmed) {
				t.Errorf("a follower gets %v", followed)
			}
			h := d.hook(t) // of the tenant that is new
			u := d.user(t)
			began := time.Now()
			sleep(time.Minute)
			fresh := d.all()
			if len(fresh) == 0 || fresh[0].Webhook.ID != h.ID || fresh[0].Event.ID != u || fresh[0].at.Sub(began) > 5*time.Second {
				t.Errorf("the new tenant's webhook gets %d events", len(fresh))
			}
		})
	}
}
