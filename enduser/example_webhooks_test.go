package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

func ExampleWebhooks_Create() {
	ctx := context.Background()
	users, _ := exampleKeeper()
	acme := users.Tenant("acme")

	h, secret, err := acme.Webhooks().Create(ctx, enduser.WebhookSpec{
		URL:     "https://crm.example.com/hook",
		Events:  []string{"end_user.created", "group.*"},
		Headers: map[string]enduser.Secret{"Authorization": enduser.NewSecret(enduser.String("Bearer xyz"))},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h, h.HeaderNames, secret[:6])
	_, _, err = acme.Webhooks().Create(ctx, enduser.WebhookSpec{URL: "http://crm.example.com", Events: []string{"user.born"}})
	fmt.Println(err)
	// Output:
	// webhook id-1 [Authorization] whsec_
	// enduser: invalid: url: must be an https URL; events[0]: must be a type of event, or end_user.*, group.* or webhook.*
}

// exampleHook is a Manager with a webhook of acme's.
func exampleHook() (*enduser.Manager, enduser.Webhooks, enduser.Webhook) {
	users, _ := exampleKeeper()
	hooks := users.Tenant("acme").Webhooks()
	h, _, err := hooks.Create(context.Background(), enduser.WebhookSpec{URL: "https://crm.example.com/hook"})
	if err != nil {
		log.Fatal(err)
	}
	return users, hooks, h
}

func ExampleWebhooks_Update() {
	ctx := context.Background()
	_, hooks, h := exampleHook()

	h, err := hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error {
		e.Description = "the CRM"
		e.Events = []string{"end_user.*"}
		e.SetHeader("X-Api-Key", enduser.NewSecret(enduser.String("xyz")))
		return nil
	}, enduser.IfVersion(h.Version))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.Description, h.Events, h.HeaderNames)
	for h, err := range hooks.All(ctx) {
		fmt.Println(h.ID, err)
	}
	// Output:
	// the CRM [end_user.*] [X-Api-Key]
	// id-1 <nil>
}

// For a day, events are signed with the old secret and the new one.
func ExampleWebhooks_Rotate() {
	ctx := context.Background()
	_, hooks, h := exampleHook()

	h, secret, err := hooks.Rotate(ctx, h.ID, 24*time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h, len(secret))
	// Output:
	// webhook id-1 50
}

func ExampleWebhooks_Delete() {
	ctx := context.Background()
	_, hooks, h := exampleHook()

	fmt.Println(hooks.Delete(ctx, h.ID))
	_, err := hooks.Get(ctx, h.ID)
	fmt.Println(errors.Is(err, enduser.ErrNotFound))
	// Output:
	// <nil>
	// true
}

// What is asked for waits until somebody delivers.
func ExampleWebhooks_Ping() {
	ctx := context.Background()
	_, hooks, h := exampleHook()

	if _, err := hooks.Ping(ctx, h.ID); err != nil {
		log.Fatal(err)
	}
	state, err := hooks.State(ctx, h.ID)
	fmt.Println(state.Queued, err)
	// Output:
	// 1 <nil>
}

// An event is delivered again by the ID that its attempts and dead letters have.
func ExampleWebhooks_Redeliver() {
	ctx := context.Background()
	_, hooks, h := exampleHook()

	for after := (enduser.Cursor{}); ; {
		page, err := hooks.DeadLetters(ctx, h.ID, enduser.DeadLetterQuery{After: after})
		if err != nil {
			log.Fatal(err)
		}
		for _, d := range page.DeadLetters {
			fmt.Println(d.Event, hooks.Redeliver(ctx, h.ID, d.EventID))
		}
		if after = page.Next; after.IsZero() {
			break
		}
	}
	fmt.Println(errors.Is(hooks.Redeliver(ctx, h.ID, "msg_unknown"), enduser.ErrNotFound))
	// Output:
	// true
}

// The number is known before anything is sent.
func ExampleWebhooks_RedeliverSince() {
	ctx := context.Background()
	users, hooks, h := exampleHook()

	count, from, err := hooks.CountSince(ctx, h.ID, users.Now().Add(-time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(count.N, count.Exact)
	if count.N < 1000 {
		fmt.Println(hooks.RedeliverSince(ctx, h.ID, from))
	}
	fmt.Println(hooks.StopRedelivery(ctx, h.ID))
	// Output:
	// 0 true
	// <nil>
	// <nil>
}

func ExampleEventTypes() {
	for _, event := range enduser.EventTypes() {
		fmt.Println(event)
	}
	// Output:
	// end_user.created
	// end_user.updated
	// end_user.associated
	// end_user.deleted
	// end_user.expired
	// group.created
	// group.updated
	// group.deleted
	// webhook.disabled
}
