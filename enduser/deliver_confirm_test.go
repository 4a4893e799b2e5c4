package enduser_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// unconfirmed is a store that knows whether something was read since it last confirmed.
type unconfirmed struct {
	store.Store
	read atomic.Bool
}

func (u *unconfirmed) Unwrap() store.Store { return u.Store }

func (u *unconfirmed) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	u.read.Store(true)
	return u.Store.Get(ctx, tenant, key)
}

func (u *unconfirmed) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	u.read.Store(true)
	return u.Store.Changes(ctx, tenant, q)
}

func (u *unconfirmed) Confirm(context.Context, string) error {
	u.read.Store(false)
	return nil
}

// Nothing is sent that the store could still lose: neither a change, also one that was attempted
// before, nor the user as it is by now.
func TestDeliverConfirms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unconfirmed{Store: memory.New(nil)}
		d := newDeliveries(u)
		d.hook(t)
		sent := 0
		answering(d.receiver, func(*enduser.Delivery) enduser.Result {
			if sent++; u.read.Load() {
				t.Error("something was sent that is not confirmed")
			}
			return answer(500)
		})
		d.run(t, nil)
		d.user(t)
		sleep(30 * time.Hour)
		if sent != 8 {
			t.Errorf("%d attempts", sent)
		}
	})
}
