package enduser_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// queue sends events to a queue of the host's instead of over HTTP.
type queue chan enduser.Delivery

func (q queue) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	select {
	case q <- *d:
		return enduser.Result{Status: 202}
	case <-ctx.Done():
		return enduser.Result{Fault: "timeout"}
	}
}

func ExampleManager_Deliver() {
	key, err := enduser.NewKey("2026-05", [32]byte{1}) // use 32 random bytes
	if err != nil {
		log.Fatal(err)
	}
	users := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key)})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	events := make(queue)
	go func() { _ = users.Deliver(ctx, events, nil) }() // in every process that may

	acme := users.Tenant("acme").As("ann")
	spec := enduser.WebhookSpec{URL: "https://acme.example/hook", Events: []string{"end_user.*"}}
	if _, _, err := acme.Webhooks().Create(ctx, spec); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := acme.Create(ctx, enduser.Spec{Name: "Bo"}); err != nil {
		fmt.Println(err)
		return
	}
	d := <-events
	fmt.Println(d.Event.Type, d.Event.User.Name, "by", d.Event.Actor, "to", d.Webhook.URL)
	// Output: end_user.created Bo by ann to https://acme.example/hook
}
