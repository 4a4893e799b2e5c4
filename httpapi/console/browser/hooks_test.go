package browser

import (
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// hook makes a webhook whose secret no page may show.
func (w *world) hook(s enduser.WebhookSpec) enduser.Webhook {
	w.tb.Helper()
	h, secret, err := w.acme.Webhooks().Create(w.tb.Context(), s)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.never(secret, "the secret of a webhook")
	return h
}

// hooks makes webhooks: one that is well, one that retries, one that answers 410, one that a person
// has disabled, one with two secrets and a header, and one on this machine.
func (w *world) hooks() {
	w.tb.Helper()
	const header = "Bearer header-canary-5c1f0e"
	w.never(header, "a header of a webhook")
	w.hook(enduser.WebhookSpec{URL: "https://crm.harbour.example/rollbook/events", Description: "Customer records", Events: []string{"end_user.*"}})
	w.hook(enduser.WebhookSpec{URL: w.billing, Description: "Billing"})
	rotated := w.hook(enduser.WebhookSpec{
		URL: "https://audit.harbour.example/v2/ingest", Description: "Audit log",
		Headers: map[string]enduser.Secret{"Authorization": enduser.NewSecret(enduser.String(header))},
	})
	w.hook(enduser.WebhookSpec{URL: "https://mail.harbour.example/hooks/users", Description: "Newsletter", Events: []string{"end_user.created", "end_user.deleted"}})
	w.hook(enduser.WebhookSpec{URL: "https://old.harbour.example/callback", Description: "Former shop"})
	w.hook(enduser.WebhookSpec{URL: "https://staging.harbour.example/hook", Description: "Staging", Disabled: true})
	_, secret, err := w.acme.Webhooks().Rotate(w.tb.Context(), rotated.ID, 30*24*time.Hour)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.never(secret, "the secret of a webhook")
}

// settle has webhooks delivered from now on. It waits until the webhooks that are well have got everything, and the one that answers 410
// is disabled.
func (w *world) settle() {
	w.tb.Helper()
	w.sends.Do(w.deliver)
	until(w.tb, "everything is delivered", func() bool {
		latest, err := w.acme.Latest(w.tb.Context())
		if err != nil {
			w.tb.Fatal(err)
		}
		for h, err := range w.acme.Webhooks().All(w.tb.Context()) {
			if err != nil {
				w.tb.Fatal(err)
			}
			s, err := w.acme.Webhooks().State(w.tb.Context(), h.ID)
			if err != nil {
				w.tb.Fatal(err)
			}
			if !h.Disabled && s.Position != latest {
				return false
			}
		}
		return true
	})
}

// tried waits until every attempt of the endpoint that fails is made that is due, and returns when
// the next one is: zero if none is.
func (w *world) tried() (next time.Time) {
	w.tb.Helper()
	w.settle()
	h := w.webhook("Newsletter")
	until(w.tb, "what is due is tried", func() bool {
		all, err := w.acme.Webhooks().Attempts(w.tb.Context(), h.ID)
		if err != nil {
			w.tb.Fatal(err)
		}
		next = time.Time{}
		seen := make(map[string]bool) // the newest attempt of each event comes first
		for _, a := range all {
			if !seen[a.EventID] && !a.Next.IsZero() && (next.IsZero() || a.Next.Before(next)) {
				next = a.Next
			}
			seen[a.EventID] = true
		}
		return next.IsZero() || next.After(w.clock.Now())
	})
	return next
}

// webhook returns the webhook with a description.
func (w *world) webhook(description string) enduser.Webhook {
	w.tb.Helper()
	for h, err := range w.acme.Webhooks().All(w.tb.Context()) {
		if err != nil {
			w.tb.Fatal(err)
		}
		if h.Description == description {
			return h
		}
	}
	w.tb.Fatalf("there is no webhook %q", description)
	return enduser.Webhook{}
}

// until waits until a condition of the world holds.
func until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	redistest.Until(tb, what, holds)
}
