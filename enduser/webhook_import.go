package enduser

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// WebhookImport is a webhook that comes from another place, without its secrets; see
// [Webhooks.Import].
type WebhookImport struct {
	ID string // that the webhook keeps, in the form of [Import].ID; empty: a new one is made

	URL         string // the other fields as in [WebhookSpec]
	Description string
	Events      []string
	Format      WebhookFormat

	CreatedAt, UpdatedAt time.Time // as in [Import]
	CreatedBy, UpdatedBy string
}

// Import makes a webhook that comes from another place. It is disabled, and has no headers and a
// signing secret that nobody knows. To use it, give it a secret by [Webhooks.Rotate], set its
// headers, and enable it: then it gets what happens from that moment on. A webhook that exists
// stays as it is.
//
// It returns ErrConflict if the ID is that of another record, and otherwise the errors of
// [Webhooks.Create]. With an ID it can be repeated safely after any error.
func (h Webhooks) Import(ctx context.Context, in WebhookImport) (made Webhook, outcome Outcome, err error) {
	w, err := h.t.writer()
	if err == nil && in.ID != "" {
		err = w.policy.checkImportedID(in.ID)
	}
	if err != nil {
		return Webhook{}, 0, err
	}
	err = w.settle(ctx, func() (string, error) {
		made, outcome, err = w.importWebhook(ctx, &in)
		return made.ID, err
	})
	if err = w.confirm(ctx, err); err != nil {
		return Webhook{}, 0, err
	}
	return made, outcome, nil
}

func (w *writer) importWebhook(ctx context.Context, in *WebhookImport) (Webhook, Outcome, error) {
	h := Webhook{
		ID: in.ID, Tenant: w.Tenant.name, Environment: w.env,
		CreatedBy: w.actor, UpdatedBy: w.actor, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if in.ID == "" {
		h.ID = w.m.newID()
	}
	switch r, err := w.m.store.Get(ctx, w.name, store.ID(h.ID)); {
	case err == nil && r.Kind != kindWebhook:
		return Webhook{}, 0, &ConflictError{Kind: r.Kind, Field: "id", HolderID: r.ID}
	case err == nil:
		there, err := w.decodeWebhook(&r)
		return there, Unchanged, err
	case !errors.Is(err, store.ErrNotFound):
		return Webhook{}, 0, translate("get", err)
	}
	e := WebhookEdit{URL: in.URL, Description: in.Description, Events: in.Events, Format: in.Format, Disabled: true}
	e.change(&h, w.now)
	var v violations
	w.origin(&v, "created", in.CreatedAt, in.CreatedBy, &h.CreatedAt, &h.CreatedBy)
	w.origin(&v, "updated", in.UpdatedAt, in.UpdatedBy, &h.UpdatedAt, &h.UpdatedBy)
	err := v.with(w.m.validateWebhook(&Webhook{}, &h, nil))
	if err == nil {
		var secret webhookSecret
		secret, _, err = w.newWebhookSecret(ctx, h.ID)
		h.secrets = []webhookSecret{secret}
	}
	if err == nil {
		err = w.addWebhook(ctx, &h)
	}
	return h, Created, err
}
