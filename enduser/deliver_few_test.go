package enduser_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A webhook that selects few changes of very many gets them at once: nothing waits for the next
// time at which somebody looks at it.
func TestDeliverFewOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeliveries(memory.New(nil))
		h := d.hook(t, "group.created")
		d.run(t, nil)
		sleep(time.Second)
		for range 12_000 { // more than two rounds read
			d.user(t)
		}
		g := made(d.acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "g"}))(t)
		sleep(5 * time.Second)
		if got := d.all(); len(got) != 1 || got[0].Event.ID != g.ID {
			t.Errorf("%d events have arrived", len(got))
		}
		if at := d.state(t, h).Position; at != must(d.acme.Latest(t.Context()))(t) {
			t.Error("the webhook is behind")
		}
	})
}
