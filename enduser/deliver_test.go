package enduser_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// What a webhook selects arrives once, soon after the change, with the user as it is; what was
// before the webhook, or is not selected, does not.
func TestDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d := newDeliveries(memory.New(nil))
		d.user(t)
		all, few := d.hook(t), d.hook(t, "end_user.deleted", "group.*")
		stop := d.run(t, nil)
		sleep(time.Minute)
		if got := d.texts(); len(got) > 0 {
			t.Errorf("before any change: %v", got)
		}

		begin := time.Now()
		u := d.user(t)
		sleep(time.Second)
		got := d.all()
		if len(got) != 1 || got[0].Webhook.ID != all.ID || got[0].at.Sub(begin) > 200*time.Millisecond {
			t.Fatalf("after %v: %+v", got[0].at.Sub(begin), got)
		}
		e, latest := got[0].Event, must(d.acme.Latest(ctx))(t)
		if e.Type != "end_user.created" || e.ID != u || e.Kind != "user" || e.Tenant != "acme" || e.Actor != "ann" || e.User == nil ||
			e.User.ID != u || e.Position != latest || !e.Time.Equal(begin) || e.Revision != e.User.Revision {
			t.Errorf("the event %+v", e)
		}
		if got[0].Attempt != 1 || len(got[0].Secrets()) != 1 || got[0].ID == "" {
			t.Errorf("the delivery %+v", got[0].Delivery)
		}

		stop() // or the first of these might be sent before the last is made
		d.change(t, u)
		g := made(d.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"}))(t)
		if err := d.acme.Delete(ctx, enduser.ByID(u)); err != nil {
			t.Fatal(err)
		}
		d.run(t, nil)
		sleep(time.Second)
		var ofFew, ofAll []string
		for _, a := range d.all() {
			text := a.Event.Type + " " + a.Event.ID
			if a.Webhook.ID == few.ID {
				ofFew = append(ofFew, text)
			} else {
				ofAll = append(ofAll, text)
			}
			if a.Event.ID == u && a.Event.User != nil {
				t.Error("a user that is gone is shown")
			}
			if a.Event.ID == g.ID && (a.Event.Group == nil || a.Event.Group.ExternalID != "g") {
				t.Errorf("the group %+v", a.Event.Group)
			}
		}
		diff(t, "few", sorted(ofFew), sorted([]string{"end_user.deleted " + u, "group.created " + g.ID}))
		diff(t, "all", sorted(ofAll), sorted([]string{"end_user.updated " + u, "group.created " + g.ID, "end_user.deleted " + u}))
		for _, h := range []enduser.Webhook{all, few} {
			s := d.state(t, h)
			if s.Position != must(d.acme.Latest(ctx))(t) || s.Failures != 0 || s.LastSuccess.IsZero() {
				t.Errorf("state %+v", s)
			}
		}
		attempts := must(d.acme.Webhooks().Attempts(ctx, all.ID))(t)
		if len(attempts) != 4 || attempts[3].EventID != got[0].ID || attempts[3].Status != 200 || attempts[3].Number != 1 {
			t.Errorf("attempts %+v", attempts)
		}
		sleep(24 * time.Hour)
		if got := d.texts(); len(got) > 0 {
			t.Errorf("again: %v", got)
		}
	})
}

// An event that fails is attempted eight times over more than a day, and then is a dead letter.
// Its user's later events follow in their order, those of others do not wait.
func TestDeliverRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		d.run(t, nil)
		bad, good := d.user(t), d.user(t)
		sleep(time.Second)
		d.all()
		var first int64 // the receiver's lock guards it: it may come before change returns
		answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
			if first == 0 {
				first = a.Event.Revision
			}
			if a.Event.Revision == first {
				return answer(500)
			}
			return answer(200)
		})
		d.change(t, bad)
		begin := time.Now()
		var revisions []int64
		for range 30 {
			revisions = append(revisions, d.change(t, bad).Revision)
			d.change(t, good)
			sleep(time.Hour)
		}
		var attempts []time.Duration
		var others, after []int64
		last := begin
		for _, a := range d.all() {
			switch {
			case a.Event.ID == good:
				if a.at.Sub(a.Event.Time) > 2*time.Second {
					t.Errorf("another user waited %v", a.at.Sub(a.Event.Time))
				}
				others = append(others, a.Event.Revision)
			case a.Event.Revision == first:
				if len(after) > 0 {
					t.Error("out of order")
				}
				if a.Attempt != len(attempts)+1 {
					t.Errorf("attempt %d is called %d", len(attempts)+1, a.Attempt)
				}
				attempts = append(attempts, a.at.Sub(last))
				last = a.at
			default:
				after = append(after, a.Event.Revision)
			}
		}
		want := []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour}
		if len(attempts) != len(want) {
			t.Fatalf("attempts after %v", attempts)
		}
		for i := range want {
			if low, high := want[i]-want[i]/10, want[i]+want[i]/10+1200*time.Millisecond; attempts[i] < low || attempts[i] > high {
				t.Errorf("attempt %d after %v, want %v", i+1, attempts[i], want[i])
			}
		}
		diff(t, "what followed", after, revisions)
		if len(others) != 30 {
			t.Errorf("%d of another user", len(others))
		}
		letters := must(d.acme.Webhooks().DeadLetters(context.Background(), h.ID, enduser.DeadLetterQuery{}))(t).DeadLetters
		if len(letters) != 1 || letters[0].ID != bad || letters[0].Attempts != 8 || letters[0].Status != 500 {
			t.Errorf("dead letters %+v", letters)
		}
		if s := d.state(t, h); s.Parked != 0 || s.DeadLetters != 1 {
			t.Errorf("state %+v", s)
		}
	})
}
