package enduser_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Pings and single redeliveries are sent at once and once, also while the webhook as a whole
// backs off. A dead letter that is delivered is one no more.
func TestDeliverAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		hooks := d.acme.Webhooks()
		d.run(t, nil)
		dead := true
		answering(d.receiver, func(*enduser.Delivery) enduser.Result {
			if dead {
				return answer(500)
			}
			return answer(200)
		})
		bad := d.user(t)
		sleep(30 * time.Hour)
		lost := d.all()
		if len(lost) != 8 || d.state(t, h).DeadLetters != 1 {
			t.Fatalf("%d attempts, state %+v", len(lost), d.state(t, h))
		}
		for range 30 {
			d.user(t)
		}
		sleep(10 * time.Minute)
		d.all()
		if d.state(t, h).RetryAt.IsZero() {
			t.Fatal("the webhook does not back off")
		}
		ping := must(hooks.Ping(ctx, h.ID))(t)
		sleep(3 * time.Second)
		if got := d.all(); len(got) != 1 || got[0].ID != ping || got[0].Event.Type != enduser.EventPing {
			t.Errorf("a ping: %+v", got)
		}
		d.set(func() { dead = false })
		if err := hooks.Redeliver(ctx, h.ID, lost[0].ID); err != nil {
			t.Fatal(err)
		}
		sleep(3 * time.Second)
		got := d.all()
		if len(got) != 31 || got[0].ID != lost[0].ID || got[0].Event.ID != bad {
			t.Errorf("a redelivery: %d events, first %+v", len(got), got[0])
		}
		if s := d.state(t, h); s.DeadLetters != 0 || s.Queued != 0 || s.Parked != 0 {
			t.Errorf("state %+v", s)
		}
		d.checkAll(t, h, got, true)
	})
}

// A redelivery sends everything again, in its order, while new events pass it. It can be stopped.
func TestDeliverSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		hooks := d.acme.Webhooks()
		d.run(t, nil)
		from := time.Now().Add(10 * time.Minute)
		var users []string
		for i := range 1000 {
			if i < 50 {
				users = append(users, d.user(t))
			} else {
				d.change(t, users[i%50])
			}
			<-time.After(10 * time.Second)
		}
		sleep(time.Second)
		d.checkAll(t, h, d.all(), true)

		fails := 0
		answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
			if a.Event.ID == users[7] && fails < 2 {
				fails++
				return answer(500)
			}
			return answer(200)
		})
		count, at, err := hooks.CountSince(ctx, h.ID, from)
		if err != nil {
			t.Fatal(err)
		}
		if err := hooks.RedeliverSince(ctx, h.ID, at); err != nil {
			t.Fatal(err)
		}
		sleep(time.Hour)
		again := d.all()
		distinct := make(map[string]bool)
		var revisions []int64
		for _, a := range again {
			distinct[a.ID] = distinct[a.ID] || a.accepted
			if a.Event.ID == users[7] && a.accepted {
				revisions = append(revisions, a.Event.Revision)
			}
		}
		if len(distinct) != count.N || !slices.IsSorted(revisions) {
			t.Errorf("%d were announced, %d sent; of one: %v", count.N, len(distinct), revisions)
		}
		for id, accepted := range distinct {
			if !accepted {
				t.Errorf("%s was not accepted", id)
			}
		}
		if s := d.state(t, h); s.Redelivery != nil || s.Parked != 0 {
			t.Errorf("state %+v", s)
		}

		// A slow one, which is stopped.
		d.set(func() { d.takes = func(*enduser.Delivery) time.Duration { return 5 * time.Second } })
		if err := hooks.RedeliverSince(ctx, h.ID, at); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		u := d.user(t)
		sleep(time.Minute)
		if !slices.ContainsFunc(d.all(), func(a delivered) bool { return a.Event.ID == u && a.at.Sub(a.Event.Time) < 50*time.Second }) {
			t.Error("a new event waits for the redelivery")
		}
		if s := d.state(t, h); s.Redelivery == nil || s.Redelivery.Sent == 0 {
			t.Errorf("state %+v", s)
		}
		if err := hooks.StopRedelivery(ctx, h.ID); err != nil {
			t.Fatal(err)
		}
		sleep(time.Minute)
		d.all()
		sleep(time.Hour)
		if n := len(d.all()); n > 0 || d.state(t, h).Redelivery != nil {
			t.Errorf("%d after the end", n)
		}
	})
}

// A ping while attempts are under way makes no other repeat.
func TestDeliverAskedForMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		d.run(t, nil)
		d.set(func() { d.takes = func(*enduser.Delivery) time.Duration { return 10 * time.Second } })
		for range 20 {
			d.user(t)
			must(d.acme.Webhooks().Ping(ctx, h.ID))(t)
			must(d.acme.Webhooks().Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Description += "x"; return nil }))(t)
			<-time.After(3 * time.Second)
		}
		// Disabled while attempts are under way: what they did is kept.
		d.user(t)
		<-time.After(2 * time.Second)
		must(d.acme.Webhooks().Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Disabled = true; return nil }))(t)
		<-time.After(time.Hour)
		must(d.acme.Webhooks().Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Disabled = false; return nil }))(t)
		sleep(10 * time.Minute)
		pings, got := 0, d.all()
		for _, a := range got {
			if a.Event.Type == enduser.EventPing {
				pings++
			}
		}
		if pings != 20 {
			t.Errorf("%d pings", pings)
		}
		d.checkAll(t, h, got, true)
	})
}

// If the feed was trimmed before events were delivered, or the store went back in time, the
// webhook says that it has a gap, and goes on with what there is.
func TestDeliverGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		down := true
		answering(d.receiver, func(*enduser.Delivery) enduser.Result {
			if down {
				return answer(500)
			}
			return answer(200)
		})
		stop := d.run(t, nil)
		parked := d.user(t)
		sleep(time.Second)
		stop()
		for range 10 {
			d.change(t, parked)
			d.user(t)
		}
		if err := d.acme.TrimChanges(ctx, must(d.acme.Latest(ctx))(t)); err != nil {
			t.Fatal(err)
		}
		d.change(t, parked)
		last := d.user(t)
		d.all()
		d.set(func() { down = false })
		d.run(t, nil)
		sleep(time.Minute)
		if s := d.state(t, h); s.GappedAt.IsZero() || s.Parked != 0 || s.Position != must(d.acme.Latest(ctx))(t) {
			t.Errorf("state %+v", s)
		}
		d.checkAll(t, h, d.all(), true)
		d.user(t)
		sleep(time.Second)
		if got := d.texts(); len(got) != 1 {
			t.Errorf("after %s: %v", last, got)
		}
	})
}

func TestDeliverLostHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		stop := d.run(t, nil)
		for range 10 {
			d.user(t)
		}
		sleep(time.Second)
		stop()
		d.all()
		// The records of webhooks of one history, the users of another.
		other := newDeliveries(memory.New(nil))
		other.users = enduser.New(other.store, &enduser.Options{NewID: counter("o"), Keyring: enduser.NewKeyring(testKey("k1"))})
		other.acme = other.users.Tenant("acme")
		for _, kind := range []string{"webhook", "webhook-turn"} {
			for _, r := range must(d.store.List(ctx, "acme", store.Query{Kind: kind}))(t).Records {
				must(other.store.Apply(ctx, "acme", store.Ops(store.Create(r, nil))))(t)
			}
		}
		for range 15 {
			other.user(t)
		}
		other.run(t, nil)
		sleep(time.Hour)
		if s := other.state(t, h); s.GappedAt.IsZero() || s.Position != must(other.acme.Latest(ctx))(t) {
			t.Errorf("state %+v", s)
		}
		other.checkAll(t, h, other.all(), true)
	})
}
