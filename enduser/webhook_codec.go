package enduser

import (
	"encoding/base64"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindWebhook is the kind of the records that hold webhooks.
const kindWebhook = "webhook"

// keyWebhookSlot is the kind of the unique key of which there are as many as an environment
// can have webhooks. Each webhook holds one.
const keyWebhookSlot = "webhook_slot"

// webhookKind describes the records that hold webhooks: what people have configured.
func webhookKind() kind {
	return kind{
		name: kindWebhook, member: isWebhookMember, key: webhookRecordKey, overdue: (*writer).overdueWebhook,
		sealed: Tenant.sealedInWebhook, reseal: resealWebhook,
	}
}

func webhookRecordKey(kind string) (field string, own bool) { return "", kind == keyWebhookSlot }

// overdueWebhook returns the write that takes an expired secret from a webhook.
func (w *writer) overdueWebhook(r *store.Record) ([]store.Op, error) {
	h, err := w.decodeWebhook(r)
	if err != nil || !h.forget(w.now) {
		return nil, err
	}
	kept, err := w.rewriteWebhook(*r, &h)
	return []store.Op{store.Replace(*r, kept, nil)}, err
}

// rewriteWebhook returns the record of h that replaces r, the record of an earlier state. It
// keeps what a newer program has added. It returns ErrNewer if r must not be overwritten.
func (w *writer) rewriteWebhook(r store.Record, h *Webhook) (store.Record, error) {
	from, err := webhookKind().carry(&r)
	if err != nil {
		return store.Record{}, err
	}
	return w.webhookOver(r, h, from.members), nil
}

// webhookOver returns r with the body of h. The keys of r stay: the slot is for life.
func (w *writer) webhookOver(r store.Record, h *Webhook, members []byte) store.Record {
	r.Due, r.Data = h.due(), encodeWebhook(h, w.stamp, members)
	return r
}

// isWebhookMember reports whether encodeWebhook writes a member.
func isWebhookMember(name string) bool {
	switch name {
	case "url", "description", "events", "format", "headers", "secrets", "disabled", "disabled_reason", "disabled_at",
		"created_by", "updated_by", "created_at", "updated_at", "stamp":
		return true
	}
	return false
}

// encodeWebhook returns the body of h; see encodeUser.
func encodeWebhook(h *Webhook, s stamp, members []byte) []byte {
	b := make([]byte, 0, 512+len(members))
	b = appendVersions(b)
	b = appendText(b, "url", h.URL)
	b = appendText(b, "description", h.Description)
	if len(h.Events) > 0 {
		b = jsontext.AppendList(appendName(b, "events"), h.Events, jsontext.AppendString)
	}
	b = appendText(b, "format", string(h.Format))
	if len(h.headers) > 0 {
		b = jsontext.AppendList(appendName(b, "headers"), h.headers, func(b []byte, h webhookHeader) []byte {
			b = jsontext.AppendString(append(b, `{"name":`...), h.name)
			return append(appendSealed(b, "sealed", h.sealed), '}')
		})
	}
	b = jsontext.AppendList(appendName(b, "secrets"), h.secrets, func(b []byte, s webhookSecret) []byte {
		b = jsontext.AppendString(append(b, `{"sealed":`...), base64.RawStdEncoding.EncodeToString(s.sealed))
		return append(appendTime(b, "until", s.until), '}')
	})
	b = appendFlag(b, "disabled", h.Disabled)
	b = appendText(b, "disabled_reason", h.DisabledReason)
	b = appendTime(b, "disabled_at", h.DisabledAt)
	b = appendText(b, "created_by", h.CreatedBy)
	b = appendText(b, "updated_by", h.UpdatedBy)
	b = appendTime(b, "created_at", h.CreatedAt)
	b = appendTime(b, "updated_at", h.UpdatedAt)
	b = appendStamp(b, s)
	return append(append(b, members...), '}')
}

// decodeWebhook reads the webhook in a record. The error is an *UnreadableError.
func (t Tenant) decodeWebhook(r *store.Record) (Webhook, error) {
	h := Webhook{ID: r.ID, Tenant: t.name, Environment: t.env, Revision: int64(r.Revision)}
	s, err := h.scan(string(r.Data))
	if err != nil {
		return Webhook{}, unreadable(kindWebhook, r.ID, err)
	}
	h.Version = versionOf(r, s)
	return h, nil
}

func (w *Webhook) scan(body string) (s stamp, err error) {
	p := jsontext.NewScanner(body)
	var v versions
	err = p.Object(func(name string) (err error) {
		switch name {
		case "url":
			w.URL, err = p.String()
		case "description":
			w.Description, err = p.String()
		case "events":
			err = p.Array(func() error {
				event, err := p.String()
				w.Events = append(w.Events, event)
				return err
			})
		case "format":
			var text string
			text, err = p.String()
			w.Format = WebhookFormat(text)
		case "headers":
			err = p.Array(func() error { return w.scanHeader(&p) })
		case "secrets":
			err = p.Array(func() error { return w.scanSecret(&p) })
		case "disabled":
			w.Disabled, err = p.Bool()
		case "disabled_reason":
			w.DisabledReason, err = p.String()
		case "disabled_at":
			w.DisabledAt, err = scanTime(&p)
		case "created_by":
			w.CreatedBy, err = p.String()
		case "updated_by":
			w.UpdatedBy, err = p.String()
		case "created_at":
			w.CreatedAt, err = scanTime(&p)
		case "updated_at":
			w.UpdatedAt, err = scanTime(&p)
		case "stamp":
			s, err = scanStamp(&p)
		default:
			err = v.other(&p, name)
		}
		return err
	})
	err = v.end(&p, err)
	w.setSecrets(w.secrets)
	if err == nil && (w.URL == "" || len(w.secrets) == 0) {
		err = errors.New("the webhook is incomplete")
	}
	return s, err
}

func (w *Webhook) scanHeader(p *jsontext.Scanner) error {
	var h webhookHeader
	err := p.Object(func(name string) (err error) {
		switch name {
		case "name":
			h.name, err = p.String()
		case "sealed":
			h.sealed, err = scanSealed(p)
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && (h.name == "" || h.sealed == nil) {
		err = errors.New("a header is incomplete")
	}
	w.headers, w.HeaderNames = append(w.headers, h), append(w.HeaderNames, h.name)
	return err
}

func (w *Webhook) scanSecret(p *jsontext.Scanner) error {
	var s webhookSecret
	err := p.Object(func(name string) (err error) {
		switch name {
		case "until":
			s.until, err = scanTime(p)
		case "sealed":
			s.sealed, err = scanSealed(p)
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && s.sealed == nil {
		err = errors.New("a secret is incomplete")
	}
	w.secrets = append(w.secrets, s)
	return err
}

// forget drops the secrets that were rotated out and whose deadline has passed, and reports
// whether there were any. The current one has no deadline.
func (w *Webhook) forget(now time.Time) bool {
	live := w.live(now)
	dropped := len(live) < len(w.secrets)
	w.setSecrets(live)
	return dropped
}

// setSecrets gives a webhook its secrets, and shows when the second one ends.
func (w *Webhook) setSecrets(all []webhookSecret) {
	w.secrets = all
	w.OldSecretUntil = w.due()
}

// live returns the secrets with which an event is signed now.
func (w *Webhook) live(now time.Time) []webhookSecret {
	var live []webhookSecret
	for i, s := range w.secrets {
		if i == 0 || !over(s.until, MaxOverlap, now) {
			live = append(live, s)
		}
	}
	return live
}

// due returns when the secret that was rotated out stops being used.
func (w *Webhook) due() time.Time {
	if len(w.secrets) < 2 {
		return time.Time{}
	}
	return w.secrets[1].until
}
