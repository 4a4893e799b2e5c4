package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Idle webhooks cost a store one read a second, and no writes but the alarm.
func TestDeliverIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &counted{Store: memory.New(nil)}
		d := newDeliveries(st)
		const hooks = 10
		for range hooks {
			d.hook(t)
		}
		d.run(t, nil)
		d.user(t)
		sleep(time.Minute)
		st.take()
		sleep(time.Hour)
		calls := st.take()
		if n := calls["Apply"]; n < 5*hooks || n > 7*hooks {
			t.Errorf("%d writes in an hour for %d webhooks", n, hooks)
		}
		if n := calls["Due"]; n > 3600*12/10 {
			t.Errorf("%d calls of Due in an hour", n)
		}
		if n := calls["Changes"] + calls["Get"] + calls["List"]; n > 800 {
			t.Errorf("%v in an hour", calls)
		}
	})
}

// A write makes the same calls, of the same size, with webhooks as without.
func TestDeliverCostsWritersNothing(t *testing.T) {
	var calls []string
	for _, hooks := range []int{0, 10} {
		st := &counted{Store: memory.New(nil)}
		d := newDeliveries(st)
		for range hooks {
			d.hook(t)
		}
		st.take()
		u := d.user(t)
		d.change(t, u)
		must(d.acme.Update(context.Background(), enduser.ByID(u), func(*enduser.Edit) error { return nil }))(t)
		if err := d.acme.Delete(context.Background(), enduser.ByID(u)); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, fmt.Sprint(st.take()))
	}
	if calls[0] != calls[1] {
		t.Errorf("calls %s without webhooks, %s with them", calls[0], calls[1])
	}
}

func TestDeliverInTransaction(t *testing.T) {
	d := newDeliveries(inTransaction{memory.New(nil)})
	wantErr(t, "inside", d.users.Deliver(t.Context(), d, nil), enduser.ErrInTransaction)
}

type inTransaction struct{ store.Store }

func (inTransaction) Joined() {}

// Records that cannot be read stop nobody else, and are named in the log.
func TestDeliverPassesDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		st := memory.New(nil)
		var text strings.Builder
		d := newDeliveries(st)
		d.users = enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1")), NewID: counter("u"), Logger: slog.New(slog.NewTextHandler(&text, nil))})
		d.acme = d.users.Tenant("acme")
		good, newer, corrupt, unsealed, turnless := d.hook(t), d.hook(t), d.hook(t), d.hook(t), d.hook(t)
		spoil := func(id, from, to string) {
			r := must(st.Get(ctx, "acme", store.ID(id)))(t)
			next := r
			next.Data = []byte(strings.Replace(string(r.Data), from, to, 1))
			if string(next.Data) == string(r.Data) {
				t.Fatalf("nothing to replace in %s", r.Data)
			}
			must(st.Apply(ctx, "acme", store.Ops(store.Replace(r, next, nil))))(t)
		}
		spoil(newer.ID+"/turn", `"r":1`, `"r":2`)
		spoil(corrupt.ID, `{`, `[`)
		spoil(unsealed.ID, `"secrets":[{"sealed":"`, `"secrets":[{"sealed":"AQJrMgAA`)
		spoil(turnless.ID+"/turn", `{`, ``)
		d.run(t, nil)
		u := d.user(t)
		sleep(10 * time.Minute)
		d.checkAll(t, good, d.all(), true)
		for _, h := range []enduser.Webhook{newer, corrupt, unsealed, turnless} {
			if n := strings.Count(text.String(), "id="+h.ID+" "); n < 5 || n > 12 {
				t.Errorf("%s is named %d times in 10 minutes", h.ID, n)
			}
		}
		if strings.Contains(text.String(), "example.com") || u == "" {
			t.Error("the log has an URL")
		}
	})
}

// A store that fails for a while, or loses answers, loses no event.
func TestDeliverOutlivesFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultstore.Store{Store: memory.New(nil)}
		d := newDeliveries(st.Store)
		h := d.hook(t)
		d.users = enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1"))})
		d.run(t, nil)
		for i := range 200 {
			d.user(t)
			switch i % 50 {
			case 10:
				st.Fail(errors.Join(store.ErrUnavailable, errors.New("down")))
			case 20:
				st.Fail(nil)
			case 30:
				st.Lost.Store(true)
			case 40:
				st.Lost.Store(false)
			}
			sleep(time.Second)
		}
		sleep(time.Hour)
		d.checkAll(t, h, d.all(), false)
	})
}

// When the context ends, attempts that are under way are given up, and what was answered is
// kept: the next one goes on without a repeat, at once.
func TestDeliverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeliveries(memory.New(nil))
		h := d.hook(t)
		const slow = "u12" // the IDs count, and the webhook has the first
		taking(d.receiver, func(a *enduser.Delivery) time.Duration {
			if a.Event.ID == slow {
				return 10 * time.Second
			}
			return 0
		})
		stop := d.run(t, nil)
		for range 20 {
			d.user(t)
		}
		sleep(time.Second)
		stop()
		got := d.all()
		if len(got) != 19 {
			t.Errorf("%d events before the end", len(got))
		}
		d.run(t, nil)
		sleep(15 * time.Second)
		again := d.all()
		if len(again) < 1 || len(again) > 10 || again[len(again)-1].Event.ID != slow && len(again) == 1 {
			t.Errorf("%d events after it", len(again))
		}
		d.checkAll(t, h, append(got, again...), false)
	})
}
