package enduser

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

const (
	webhookSecretPrefix = "whsec_" // of Standard Webhooks
	webhookSecretBytes  = 32
)

// newWebhookSecret makes a signing secret, and returns it as it is stored and as text.
func (w *writer) newWebhookSecret(ctx context.Context, webhook string) (webhookSecret, string, error) {
	var b [webhookSecretBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	text := webhookSecretPrefix + base64.StdEncoding.EncodeToString(b[:])
	w.made(text)
	sealed, err := w.m.seal(ctx, text, webhookPlace(w.name, webhook, "secret"))
	return webhookSecret{sealed: sealed}, text, err
}

func webhookPlace(tenant, webhook, field string) place {
	return place{tenant: tenant, record: webhook, field: field}
}

// headerField returns the field that a header is sealed for.
func headerField(name string) string { return "headers." + name }

// setHeaders gives a webhook the headers of a spec or edit, and reports whether that changes
// it. A value that is set anew is a change: nobody knows what it was.
func (w *writer) setHeaders(ctx context.Context, h *Webhook, headers map[string]Secret) (changed bool, err error) {
	for name, value := range headers {
		name = textproto.CanonicalMIMEHeaderKey(name)
		i, found := slices.BinarySearchFunc(h.headers, name, func(h webhookHeader, name string) int {
			return strings.Compare(h.name, name)
		})
		if found {
			h.headers = slices.Delete(h.headers, i, i+1)
		}
		changed = changed || found || !value.IsNull()
		if value.IsNull() {
			continue
		}
		text, _ := value.reveal().Str()
		sealed, err := w.m.seal(ctx, text, webhookPlace(w.name, h.ID, headerField(name)))
		if err != nil {
			return false, err
		}
		h.headers = slices.Insert(h.headers, i, webhookHeader{name, sealed})
	}
	if len(h.headers) > maxWebhookHeaders {
		return false, invalidField(Field{Name: headersField}, CodeCount, fmt.Sprintf("must be at most %d", maxWebhookHeaders))
	}
	h.HeaderNames = nil
	for _, header := range h.headers {
		h.HeaderNames = append(h.HeaderNames, header.name)
	}
	return changed, nil
}

// openWebhook returns the headers and the live secrets of a webhook, for a delivery.
func (t Tenant) openWebhook(
	ctx context.Context, name string, h *Webhook, now time.Time,
) (headers map[string]string, secrets []string, err error) {
	headers = make(map[string]string, len(h.headers))
	for _, header := range h.headers {
		value, err := t.m.open(ctx, header.sealed, webhookPlace(name, h.ID, headerField(header.name)))
		if err != nil {
			return nil, nil, err
		}
		headers[header.name] = value
	}
	for _, s := range h.live(now) {
		secret, err := t.m.open(ctx, s.sealed, webhookPlace(name, h.ID, "secret"))
		if err != nil {
			return nil, nil, err
		}
		secrets = append(secrets, secret)
	}
	return headers, secrets, nil
}

// sealedTexts calls fn with every sealed text of a webhook and the field that it is for.
func (w *Webhook) sealedTexts(fn func(field string, sealed *[]byte) error) error {
	for i := range w.secrets {
		if err := fn("secret", &w.secrets[i].sealed); err != nil {
			return err
		}
	}
	for i := range w.headers {
		if err := fn(headerField(w.headers[i].name), &w.headers[i].sealed); err != nil {
			return err
		}
	}
	return nil
}

func (t Tenant) sealedInWebhook(r *store.Record) ([][]byte, error) {
	h, err := t.decodeWebhook(r)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	err = h.sealedTexts(func(_ string, sealed *[]byte) error {
		all = append(all, *sealed)
		return nil
	})
	return all, err
}

// resealWebhook returns a webhook's record with its secrets and headers under the key for new
// secrets, nil if they all are under it already.
func resealWebhook(ctx context.Context, w *writer, r *store.Record) (*store.Record, error) {
	h, err := w.decodeWebhook(r)
	if err != nil {
		return nil, err
	}
	changed := false
	err = h.sealedTexts(func(field string, sealed *[]byte) error {
		at := webhookPlace(w.name, h.ID, field)
		text, err := w.m.open(ctx, *sealed, at)
		if err != nil {
			return err
		}
		again, err := w.m.seal(ctx, text, at)
		if err == nil && !sameKey(again, *sealed) {
			*sealed, changed = again, true
		}
		return err
	})
	if err != nil || !changed {
		return nil, err
	}
	next, err := w.rewriteWebhook(*r, &h)
	return &next, err
}
