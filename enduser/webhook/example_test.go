package webhook_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The receiver is in the same program, so the options of development allow private addresses
// and http.
func Example() {
	var random [32]byte
	_, _ = rand.Read(random[:])
	key, err := enduser.NewKey("2026-11", random)
	if err != nil {
		log.Fatal(err)
	}
	users := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key), InsecureWebhooks: true})
	acme := users.Tenant("acme")

	secrets := make(chan string, 1)
	received := make(chan string)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var event struct {
			Type string
			Data struct{ User struct{ Name string } }
		}
		err := errors.Join(webhook.Verify(r.Header, body, <-secrets), json.Unmarshal(body, &event))
		received <- fmt.Sprintln(event.Type, event.Data.User.Name, err)
	}))
	defer receiver.Close()

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	_, secret, err := acme.Webhooks().Create(ctx, enduser.WebhookSpec{URL: receiver.URL, Events: []string{"end_user.*"}})
	if err != nil {
		log.Fatal(err)
	}
	secrets <- secret

	deliverer := webhook.New(users, &webhook.Options{AllowPrivate: true, AllowHTTP: true})
	go func() { _ = deliverer.Run(ctx) }() // returns the context's error

	if _, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-7", Name: "Ada Lovelace"}); err != nil {
		log.Fatal(err)
	}
	fmt.Print(<-received)
	// Output: end_user.created Ada Lovelace <nil>
}

// A receiver reads the body, verifies it, and answers before it does anything that takes long.
// While a secret is being rotated it gives both.
func ExampleVerify() {
	const secret, old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "" //nolint:gosec // published
	handler := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		secrets := []string{secret}
		if old != "" {
			secrets = append(secrets, old)
		}
		switch err := webhook.Verify(r.Header, body, secrets...); {
		case errors.Is(err, webhook.ErrSecret):
			http.Error(w, "not configured", http.StatusInternalServerError)
		case err != nil:
			http.Error(w, "not verified", http.StatusUnauthorized)
		default:
			fmt.Println(string(body)) // a queue, by the webhook-id
		}
	}

	request := httptest.NewRequest(http.MethodPost, "/hook", nil)
	answer := httptest.NewRecorder()
	handler(answer, request)
	fmt.Println(answer.Code)

	signed := sign(secret, "msg_1", `{"type":"webhook.ping"}`)
	answer = httptest.NewRecorder()
	handler(answer, signed)
	fmt.Println(answer.Code)
	// Output:
	// 401
	// {"type":"webhook.ping"}
	// 200
}

// A host that sends some events elsewhere gives [enduser.Manager.Deliver] a Sender of its own.
func ExampleDeliverer_Sender() {
	users := enduser.New(memory.New(nil), nil)
	var sender enduser.Sender = audited{webhook.New(users, nil).Sender()}

	d := &enduser.Delivery{ID: "msg_1", Webhook: enduser.Webhook{ID: "w1", URL: "https://127.0.0.1/"}, Event: enduser.Event{Type: enduser.EventPing}}
	d.Open(nil, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	sender.Send(context.Background(), d)
	// Output: webhook.ping to webhook w1 - 0 refused address
}

type audited struct{ enduser.Sender }

func (a audited) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	result := a.Sender.Send(ctx, d)
	fmt.Println(d.Event.Type, "to", d.Webhook, "-", result.Status, result.Fault)
	return result
}

// sign returns a request as a sender signs it.
func sign(secret, id, body string) *http.Request {
	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		log.Fatal(err)
	}
	now := time.Now()
	signature, err := key.Sign(id, now, []byte(body))
	if err != nil {
		log.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
	request.Header.Set("webhook-signature", signature)
	return request
}
