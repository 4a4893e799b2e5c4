package enduser_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A receiver is down for a day, and the secret is rotated meanwhile: nothing is lost, everything
// comes in its order, once, and every attempt has the secrets of its own time. The webhook as a
// whole backed off: there were few attempts.
func TestDeliverAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		h, secret, err := d.acme.Webhooks().Create(ctx, enduser.WebhookSpec{URL: "https://example.com/hook"})
		if err != nil {
			t.Fatal(err)
		}
		d.run(t, nil)
		down, until := true, time.Time{}
		newer := ""
		answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
			want := []string{secret}
			switch now := time.Now(); {
			case newer != "" && now.Before(until):
				want = []string{newer, secret}
			case newer != "":
				want = []string{newer}
			}
			if !slices.Equal(a.Secrets(), want) {
				t.Errorf("after %v an attempt has %d secrets, want %d", time.Since(epoch), len(a.Secrets()), len(want))
			}
			if down {
				return enduser.Result{Fault: "no connection"}
			}
			return answer(204)
		})
		var users []string
		for i := range 24 * 60 {
			if i%10 == 0 && len(users) < 40 {
				users = append(users, d.user(t))
			} else {
				d.change(t, users[i%len(users)])
			}
			if i == 600 {
				_, next, err := d.acme.Webhooks().Rotate(ctx, h.ID, 6*time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				d.set(func() { newer, until = next, time.Now().Add(6*time.Hour) })
			}
			<-time.After(time.Minute)
		}
		got := d.all()
		if len(got) > 60 {
			t.Errorf("%d attempts while the endpoint was dead", len(got))
		}
		if s := d.state(t, h); s.RetryAt.IsZero() || s.Parked > 20 || s.FailingSince.IsZero() || s.Failures != len(got) {
			t.Errorf("state %+v after %d attempts", s, len(got))
		}
		d.set(func() { down = false })
		sleep(12 * time.Hour)
		d.checkAll(t, h, append(got, d.all()...), true)
		if s := d.state(t, h); s.Parked != 0 || s.Failures != 0 || !s.RetryAt.IsZero() || s.DeadLetters != 0 || !s.GappedAt.IsZero() {
			t.Errorf("state %+v", s)
		}
	})
}

// However many changes a dead endpoint misses, it costs a turn, a log and no more, and everything
// arrives when it comes back.
func TestDeliverDeadEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		d := newDeliveries(st)
		h := d.hook(t)
		d.run(t, nil)
		dead := true
		answering(d.receiver, func(*enduser.Delivery) enduser.Result {
			if dead {
				return answer(503)
			}
			return answer(200)
		})
		var users []string
		for i := range size.Pick(t, 20_000, 20_000, 1_000_000) {
			if len(users) < 1000 {
				users = append(users, d.user(t))
			} else {
				d.change(t, users[i%len(users)])
			}
			if i%100 == 0 {
				<-time.After(time.Second)
			}
		}
		sleep(time.Second)
		records := 0
		for _, kind := range []string{"webhook", "webhook-turn", "webhook-log", "webhook-dead"} {
			records += len(must(st.List(t.Context(), "acme", store.Query{Kind: kind}))(t).Records)
		}
		if records != 3 {
			t.Errorf("%d records", records)
		}
		got := d.all()
		if len(got) > 40 {
			t.Errorf("%d attempts", len(got))
		}
		d.set(func() { dead = false })
		sleep(6 * time.Hour)
		d.checkAll(t, h, append(got, d.all()...), true)
	})
}

// Some users at whose events the endpoint fails do not stop the others, in a busy tenant and in
// a quiet one.
func TestDeliverPoisonedUsers(t *testing.T) {
	for _, poisoned := range []int{1, 2, 9, 12, 19} {
		t.Run(fmt.Sprint(poisoned), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDeliveries(memory.New(nil))
				d.hook(t)
				d.run(t, nil)
				bad := make(map[string]bool)
				answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
					if bad[a.Event.ID] {
						return answer(500)
					}
					return answer(200)
				})
				d.mu.Lock()
				for range poisoned {
					bad[d.user(t)] = true
				}
				d.mu.Unlock()
				sleep(time.Second)
				good := d.user(t)
				sleep(30 * time.Second) // a probe, if the webhook backs off
				slow := 0
				for i := range 48 {
					for id := range bad {
						d.change(t, id)
						d.change(t, id)
					}
					d.change(t, good)
					if i%8 == 0 {
						<-time.After(3 * time.Hour) // it is quiet
					}
					sleep(time.Minute)
				}
				n := 0
				for _, a := range d.all() {
					if !bad[a.Event.ID] {
						n++
						if a.at.Sub(a.Event.Time) > time.Second {
							slow++
						}
					}
				}
				if n != 49 || slow > 2 {
					t.Errorf("%d events of another user arrived, %d of them late", n, slow)
				}
			})
		})
	}
}

// A webhook that had no success for a week is disabled, the feed says so to another one, and a
// hook is called. Enabling it again goes on where it stopped.
func TestDeliverDisables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		dead, other := d.hook(t), d.hook(t, "webhook.*")
		broken := true
		answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
			if broken && a.Webhook.ID == dead.ID {
				return answer(500)
			}
			return answer(200)
		})
		var hooked []enduser.Webhook
		d.run(t, &enduser.DeliverOptions{Poll: time.Minute, Disabled: func(_ context.Context, h enduser.Webhook) {
			d.mu.Lock()
			defer d.mu.Unlock()
			hooked = append(hooked, h)
		}})
		disabled := func() []enduser.Webhook {
			d.mu.Lock()
			defer d.mu.Unlock()
			return hooked
		}
		begin := time.Now()
		for range 30 {
			d.user(t)
		}
		var got []delivered
		for len(disabled()) == 0 && time.Since(begin) < 9*24*time.Hour {
			sleep(time.Hour)
			d.user(t)
			got = append(got, d.all()...)
		}
		if since := time.Since(begin); since < 7*24*time.Hour || since > 8*24*time.Hour {
			t.Errorf("disabled after %v", since)
		}
		h := must(d.acme.Webhooks().Get(ctx, dead.ID))(t)
		if !h.Disabled || h.DisabledReason != enduser.DisabledFailing || h.DisabledAt.IsZero() || len(disabled()) != 1 || disabled()[0].ID != dead.ID {
			t.Errorf("the webhook %+v, hooks %v", h, disabled())
		}
		sleep(time.Hour)
		heard := false
		for _, a := range append(got, d.all()...) {
			heard = heard || a.Webhook.ID == other.ID && a.Event.Type == "webhook.disabled" && a.Event.ID == dead.ID
		}
		if !heard {
			t.Error("the other webhook has not heard of it")
		}
		d.user(t)
		sleep(24 * time.Hour)
		if n := len(d.all()); n > 0 {
			t.Errorf("%d attempts at a disabled webhook", n)
		}
		d.set(func() { broken = false })
		must(d.acme.Webhooks().Update(ctx, dead.ID, func(e *enduser.WebhookEdit) error { e.Disabled = false; return nil }))(t)
		sleep(time.Hour)
		d.checkAll(t, dead, append(got, d.all()...), true)
	})
}

// An answer 410 disables at once, and the event is sent again when the webhook is enabled.
func TestDeliverGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		d.run(t, nil)
		gone := true
		answering(d.receiver, func(*enduser.Delivery) enduser.Result {
			if gone {
				return answer(410)
			}
			return answer(200)
		})
		d.user(t)
		sleep(time.Second)
		got := must(d.acme.Webhooks().Get(ctx, h.ID))(t)
		if !got.Disabled || got.DisabledReason != enduser.DisabledGone {
			t.Errorf("the webhook %+v", got)
		}
		d.user(t)
		sleep(time.Hour)
		if n := len(d.all()); n != 1 {
			t.Errorf("%d attempts", n)
		}
		d.set(func() { gone = false })
		must(d.acme.Webhooks().Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Disabled = false; return nil }))(t)
		sleep(time.Minute)
		d.checkAll(t, h, d.all(), true)
	})
}

// Retry-After is obeyed, up to a day: by the whole webhook if the answer is 429 or 503, by the
// event alone otherwise.
func TestDeliverRetryAfter(t *testing.T) {
	for _, test := range []struct {
		status      int
		after, want time.Duration
		others      bool // do others wait too?
	}{
		{429, time.Hour, time.Hour, true},
		{503, 100 * time.Hour, 24 * time.Hour, true},
		{500, time.Hour, time.Hour, false},
		{500, time.Second, 4500 * time.Millisecond, false},
	} {
		t.Run(fmt.Sprint(test.status, test.after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDeliveries(memory.New(nil))
				d.hook(t)
				d.run(t, nil)
				u := ""
				tries := 0
				answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
					if a.Event.ID == u {
						if tries++; tries == 1 {
							return enduser.Result{Status: test.status, RetryAfter: test.after}
						}
					}
					return answer(200)
				})
				d.mu.Lock()
				u = d.user(t)
				d.mu.Unlock()
				sleep(time.Second)
				begin := time.Now()
				other := d.user(t)
				sleep(30 * time.Hour)
				for _, a := range d.all()[1:] {
					switch took := a.at.Sub(begin); {
					case a.Event.ID == u && (took < test.want-time.Second || took > test.want+8*time.Second):
						t.Errorf("again after %v, want %v", took, test.want)
					case a.Event.ID == other && (took > time.Second) != test.others:
						t.Errorf("another user's event after %v", took)
					}
				}
				if tries != 2 {
					t.Errorf("%d attempts", tries)
				}
			})
		})
	}
}
