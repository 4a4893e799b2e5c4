package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store/memory"
)

func ExampleObserver() {
	users := enduser.New(memory.New(nil), &enduser.Options{
		Observer: &enduser.Observer{
			Sweep:      func(s enduser.SweepInfo) { fmt.Println("swept", s.Users, "users:", s.Err) },
			DeadLetter: func(d enduser.DeadLetterInfo) { fmt.Println("not delivered:", d.Event, d.Status, d.Fault) },
		},
	})
	_, _ = users.Sweep(context.Background()) // Run does so every 30 s
	// Output: swept 0 users: <nil>
}

func TestObserveSweep(t *testing.T) {
	t.Parallel()
	now := clock.At(epoch)
	faults := &faultstore.Store{Store: memory.New(nil)}
	var got []enduser.SweepInfo
	users := enduser.New(faults, &enduser.Options{Now: now.Now, Observer: &enduser.Observer{
		Sweep: func(s enduser.SweepInfo) { got = append(got, s) },
	}})
	acme := users.Tenant("acme")
	for _, in := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		must(acme.Create(t.Context(), enduser.Spec{ExpiresIn: in}))(t)
	}
	now.Advance(2 * time.Hour)
	must(users.Sweep(t.Context()))(t)
	must(users.Sweep(t.Context()))(t)
	broken := errors.New("the disk is gone")
	faults.Fail(broken)
	if _, err := users.Sweep(t.Context()); !errors.Is(err, broken) {
		t.Errorf("sweep: %v", err)
	}
	for i, want := range []enduser.SweepInfo{
		{Users: 2, Lag: 119 * time.Minute},
		{},
		{Err: broken},
	} {
		if got[i].Took <= 0 || !errors.Is(got[i].Err, want.Err) {
			t.Errorf("sweep %d: %+v", i, got[i])
		}
		got[i].Took, got[i].Err = 0, want.Err
		if got[i] != want {
			t.Errorf("sweep %d: %+v, want %+v", i, got[i], want)
		}
	}
}

func TestObserveDeliveries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var attempts []enduser.AttemptInfo
		var dead []enduser.DeadLetterInfo
		var disabled []enduser.DisabledInfo
		d := newDeliveries(memory.New(nil))
		d.users = enduser.New(d.store, &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1")), Observer: &enduser.Observer{
			Attempt:    func(a enduser.AttemptInfo) { mu.Lock(); defer mu.Unlock(); attempts = append(attempts, a) },
			DeadLetter: func(l enduser.DeadLetterInfo) { mu.Lock(); defer mu.Unlock(); dead = append(dead, l) },
			Disabled:   func(i enduser.DisabledInfo) { mu.Lock(); defer mu.Unlock(); disabled = append(disabled, i) },
		}})
		h := d.hook(t)
		d.run(t, nil)
		result := enduser.Result{Fault: "timeout", Took: time.Second}
		answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
			if a.Event.Type == enduser.EventPing {
				return answer(204)
			}
			return result
		})
		taking(d.receiver, func(*enduser.Delivery) time.Duration { return time.Second })
		d.user(t)
		sleep(40 * time.Hour)
		must(d.acme.Webhooks().Ping(t.Context(), h.ID))(t)
		sleep(time.Minute)
		d.set(func() { result = answer(410) })
		d.user(t)
		sleep(time.Minute)

		mu.Lock()
		defer mu.Unlock()
		if len(attempts) != 10 {
			t.Fatalf("%d attempts: %+v", len(attempts), attempts)
		}
		const created = "end_user.created"
		for i := range 8 {
			a := attempts[i]
			// The schedule is 5 s to 10 h, each a tenth more or less.
			least := []time.Duration{0, 4 * time.Second, 4 * time.Minute, 25 * time.Minute, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour, 24 * time.Hour}[i]
			if most := 2*least + time.Minute; a.Lag < least+time.Second || a.Lag > most {
				t.Errorf("attempt %d: %v after the change, want %v to %v", i, a.Lag, least, most)
			}
			a.Lag = 0
			if diff := cmp.Diff(enduser.AttemptInfo{Event: created, Number: i + 1, Took: time.Second, Fault: "timeout"}, a); diff != "" {
				t.Errorf("attempt %d: (-want +got)\n%s", i, diff)
			}
		}
		if diff := cmp.Diff(enduser.AttemptInfo{Event: enduser.EventPing, Number: 1, Succeeded: true, Status: 204}, attempts[8]); diff != "" {
			t.Errorf("the ping: (-want +got)\n%s", diff)
		}
		if a := attempts[9]; a.Status != 410 || a.Succeeded || a.Lag < time.Second || a.Lag > time.Minute {
			t.Errorf("the last attempt: %+v", a)
		}
		if diff := cmp.Diff([]enduser.DeadLetterInfo{{Event: created, Fault: "timeout"}}, dead); diff != "" {
			t.Errorf("dead letters: (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]enduser.DisabledInfo{{Reason: enduser.DisabledGone}}, disabled); diff != "" {
			t.Errorf("disabled webhooks: (-want +got)\n%s", diff)
		}
	})
}
