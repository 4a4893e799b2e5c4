package browser

import (
	"net/http"
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

// troubles makes a webhook that has lost events, and one with an event whose attempts have all failed,
// which takes more than a day.
func (w *world) troubles() {
	w.tb.Helper()
	ctx := w.tb.Context()
	leaves := func() {
		u, err := w.acme.Create(ctx, enduser.Spec{Name: "Somebody who left"})
		if err == nil {
			err = w.acme.Delete(ctx, enduser.ByID(u.ID))
		}
		if err != nil {
			w.tb.Fatal(err)
		}
	}
	w.hook(enduser.WebhookSpec{URL: "https://lake.harbour.example/in", Description: "Data lake", Events: []string{"end_user.deleted"}})
	leaves()
	latest, err := w.acme.Latest(ctx)
	if err == nil {
		err = w.acme.TrimChanges(ctx, latest) // before the webhook has got them
	}
	if err != nil {
		w.tb.Fatal(err)
	}
	h := w.hook(enduser.WebhookSpec{URL: "https://warehouse.harbour.example/events", Description: "Warehouse", Events: []string{"end_user.deleted"}})
	w.receiver.answers("warehouse.harbour.example", 0)
	leaves()
	stop := w.deliver()
	defer stop()
	until(w.tb, "all attempts have failed", func() bool {
		if next := w.next(h); next.After(w.clock.Now()) {
			w.clock.Set(next)
		}
		return w.state(h).DeadLetters > 0
	})
	w.receiver.answers("warehouse.harbour.example", http.StatusNoContent)
	leaves()
	until(w.tb, "it is well again", func() bool { return w.state(h).Failures == 0 })
}

func (w *world) state(h enduser.Webhook) enduser.WebhookState {
	w.tb.Helper()
	s, err := w.acme.Webhooks().State(w.tb.Context(), h.ID)
	if err != nil {
		w.tb.Fatal(err)
	}
	return s
}

// settle has webhooks delivered from now on. It waits until the webhooks that are well have got
// everything, and the one that answers 410 is disabled.
func (w *world) settle() {
	w.tb.Helper()
	w.sends.Do(func() { w.tb.Cleanup(w.deliver()) })
	until(w.tb, "everything is delivered", func() bool {
		latest, err := w.acme.Latest(w.tb.Context())
		if err != nil {
			w.tb.Fatal(err)
		}
		for h, err := range w.acme.Webhooks().All(w.tb.Context()) {
			if err != nil {
				w.tb.Fatal(err)
			}
			if !h.Disabled && w.state(h).Position != latest {
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
		next = w.next(h)
		return next.IsZero() || next.After(w.clock.Now())
	})
	return next
}

// next returns when the first of the next attempts of a webhook is due: zero if none is.
func (w *world) next(h enduser.Webhook) (next time.Time) {
	w.tb.Helper()
	all, err := w.acme.Webhooks().Attempts(w.tb.Context(), h.ID)
	if err != nil {
		w.tb.Fatal(err)
	}
	seen := make(map[string]bool) // the newest attempt of each event comes first
	for _, a := range all {
		if !seen[a.EventID] && !a.Next.IsZero() && (next.IsZero() || a.Next.Before(next)) {
			next = a.Next
		}
		seen[a.EventID] = true
	}
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
