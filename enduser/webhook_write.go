package enduser

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Create makes a new webhook with a new signing secret, and returns both. The secret is text
// that begins with "whsec_", as Standard Webhooks say. No call shows it again. The webhook gets
// the events of changes that are made after Create has returned; some that are made meanwhile
// may be among them.
//
// An environment can have 50 webhooks; one more is ErrInvalid, with [CodeCount]. Create returns
// ErrNoKeyring without a Keyring. There is no webhook yet for conditions: [IfExists] and
// [IfVersion] fail.
//
// With ErrUnknown it also returns the secret, and the webhook without Version: they are right
// if the write happened.
func (h Webhooks) Create(ctx context.Context, s WebhookSpec, conds ...Condition) (Webhook, string, error) {
	w, err := h.t.writerFor(ctx, request{kind: kindWebhook, call: "create", webhookSpec: &s, shows: true})
	defer w.end()
	if err != nil {
		return w.replaySecret(ctx, err)
	}
	made, secret, err := w.createWebhook(ctx, s, conds)
	if err = w.confirm(ctx, err); err != nil && !errors.Is(err, ErrUnknown) {
		return w.replaySecret(ctx, err)
	}
	return made, secret, err
}

// createWebhook writes a new webhook. With ErrUnknown it also returns the webhook and its secret.
func (w *writer) createWebhook(ctx context.Context, s WebhookSpec, conds conditions) (Webhook, string, error) {
	h := Webhook{
		ID: w.m.newID(), Tenant: w.Tenant.name, Environment: w.env,
		CreatedBy: w.actor, UpdatedBy: w.actor, CreatedAt: w.now, UpdatedAt: w.now,
	}
	e := WebhookEdit{s.URL, s.Description, s.Events, s.Format, s.Disabled, s.Headers}
	e.change(&h, w.now)
	err := w.m.validateWebhook(&Webhook{}, &h, s.Headers)
	if err == nil {
		err = cmp.Or(conds.ofNothing(ifUser), conds.ofNothing(ifGroup))
	}
	if err == nil {
		_, err = w.setHeaders(ctx, &h, s.Headers)
	}
	var text string
	if err == nil {
		var secret webhookSecret
		secret, text, err = w.newWebhookSecret(ctx, h.ID)
		h.secrets = []webhookSecret{secret}
	}
	if err != nil {
		return Webhook{}, "", err
	}
	turn := webhookTurn{webhook: h.ID}
	if turn.position, err = w.Latest(ctx); err != nil {
		return Webhook{}, "", err
	}
	turn.wake(&h, w.now)
	first, err := turn.op()
	if err != nil {
		return Webhook{}, "", err
	}
	if err = w.addWebhook(ctx, &h, first); err != nil && !errors.Is(err, ErrUnknown) {
		return Webhook{}, "", err
	}
	return h, text, err
}

// addWebhook writes a new webhook, and what must be written with it.
func (w *writer) addWebhook(ctx context.Context, h *Webhook, first ...store.Op) (err error) {
	for range maxAttempts {
		var slot store.Key
		if slot, err = w.freeSlot(ctx); err != nil {
			return err
		}
		done, applyErr := w.apply(ctx, store.Ops(append(first, store.Create(w.webhookOver(store.Record{
			ID: h.ID, Kind: kindWebhook, Unique: []store.Key{slot},
		}, h, nil), nil))...))
		switch err = applyErr; {
		case lost(err): // its ID is in use: NewID has returned it before, or somebody has imported it
			return translate("create", err)
		case err == nil && done.taken == nil:
			h.Version, h.Revision = w.written(done.revision), int64(done.revision)
			return nil
		case err == nil:
			err = ErrContended // somebody took the slot: try another
		case !errors.Is(err, ErrCorrupt): // a damaged webhook may hold the slot
			return err
		}
	}
	return err
}

// freeSlot returns a free one of the slots of the environment. It is drawn at random, so that
// webhooks which are created at the same time seldom want the same.
func (w *writer) freeSlot(ctx context.Context) (store.Key, error) {
	taken := make(map[store.Key]bool)
	var lost failures
	err := w.m.eachRecord(ctx, w.name, store.Query{Kind: kindWebhook}, 1, &lost, func(r *store.Record) error {
		for _, key := range r.Unique {
			taken[key] = true
		}
		return nil
	})
	if err != nil {
		return store.Key{}, err
	}
	var free []store.Key
	for i := range maxWebhooks {
		if slot := (store.Key{Kind: keyWebhookSlot, Value: strconv.Itoa(i + 1)}); !taken[slot] {
			free = append(free, slot)
		}
	}
	if len(free) == 0 {
		return store.Key{}, invalidField(Field{Name: "webhooks"}, CodeCount, fmt.Sprintf("must be at most %d in an environment", maxWebhooks))
	}
	return free[rand.IntN(len(free))], nil //nolint:gosec // spreads load
}

// Update changes a webhook by a function, as [Tenant.Update] does with users. A webhook that is
// enabled again, or gets another URL or other headers, is tried at once, and its failures are
// forgotten.
//
// It returns ErrNoKeyring if fn sets a header and the Manager has no Keyring.
func (h Webhooks) Update(ctx context.Context, id string, fn func(*WebhookEdit) error, conds ...Condition) (Webhook, error) {
	w, err := h.t.writerFor(ctx, request{kind: kindWebhook, call: "update", webhook: id})
	defer w.end()
	if err != nil {
		return w.replayWebhook(ctx, err)
	}
	changed, err := w.changeWebhook(ctx, id, conds, func(old, h *Webhook) (bool, error) {
		e := WebhookEdit{URL: h.URL, Description: h.Description, Events: h.Events, Format: h.Format, Disabled: h.Disabled}
		if err := fn(&e); err != nil {
			return false, err
		}
		e.change(h, w.now)
		if err := w.m.validateWebhook(old, h, e.headers); err != nil {
			return false, err
		}
		headers, err := w.setHeaders(ctx, h, e.headers)
		return headers || !h.sameSettings(old), err
	})
	if err = w.confirm(ctx, err); err != nil {
		return w.replayWebhook(ctx, err)
	}
	return changed, nil
}

// change gives a webhook what an edit says, but for the headers.
func (e *WebhookEdit) change(h *Webhook, now time.Time) {
	h.URL, h.Description, h.Format = e.URL, e.Description, e.Format
	if h.Events = slices.Clone(e.Events); len(h.Events) == 0 { // the caller may keep them
		h.Events = nil
	}
	if e.Disabled != h.Disabled {
		h.Disabled, h.DisabledReason, h.DisabledAt = e.Disabled, "", time.Time{}
		if e.Disabled {
			h.DisabledAt = now
		}
	}
}

// sameSettings reports whether two states of a webhook differ in nothing that an edit changes,
// but for the headers.
func (w *Webhook) sameSettings(old *Webhook) bool {
	return w.URL == old.URL && w.Description == old.Description && w.Format == old.Format &&
		w.Disabled == old.Disabled && slices.Equal(w.Events, old.Events)
}

// Rotate gives a webhook a new signing secret, if the conditions hold, and returns both. Until
// overlap has passed, at most [MaxOverlap], events are signed with the old secret too. With a
// zero overlap they no longer are. A secret that an earlier call has rotated out is not used
// any more in any case: there are at most two.
//
// It returns ErrNoKeyring without a Keyring. With ErrUnknown it also returns the secret, and the
// webhook without Version: they are right if the write happened.
func (h Webhooks) Rotate(ctx context.Context, id string, overlap time.Duration, conds ...Condition) (Webhook, string, error) {
	w, err := h.t.writerFor(ctx, request{kind: kindWebhook, call: "rotate", webhook: id, overlap: overlap, shows: true})
	defer w.end()
	if err == nil && (overlap < 0 || overlap > MaxOverlap) {
		err = invalidField(Field{Name: "overlap"}, CodeValue, "must be between 0 and 30 days")
	}
	if err != nil {
		return w.replaySecret(ctx, err)
	}
	var text string
	rotated, err := w.changeWebhook(ctx, id, conds, func(old, h *Webhook) (_ bool, err error) {
		var secret webhookSecret
		secret, text, err = w.newWebhookSecret(ctx, h.ID)
		h.secrets = []webhookSecret{secret}
		if overlap > 0 {
			h.secrets = append(h.secrets, webhookSecret{old.secrets[0].sealed, wholeMillis(w.now.Add(overlap))})
		}
		return true, err
	})
	if err = w.confirm(ctx, err); err != nil && !errors.Is(err, ErrUnknown) {
		return w.replaySecret(ctx, err)
	}
	return rotated, text, err
}

// changeWebhook changes a webhook by a function, which reports whether it has changed h. With an
// error it returns the webhook as it would have become.
func (w *writer) changeWebhook(
	ctx context.Context, id string, conds conditions, fn func(old, h *Webhook) (bool, error),
) (h Webhook, err error) {
	err = w.settle(ctx, func() (string, error) {
		r, old, err := w.getWebhook(ctx, w.name, id)
		if err == nil {
			err = conds.ofWebhook(&old)
		}
		if err != nil {
			return id, err
		}
		h = old.Clone()
		if changed, err := fn(&old, &h); err != nil || !changed {
			return id, err
		}
		return id, w.replaceWebhook(ctx, &r, &old, &h)
	})
	return h, err
}

// replaceWebhook writes h over old, the state in record r, and its turn if that changes too. It
// returns the store's ErrStale if a record has changed.
func (w *writer) replaceWebhook(ctx context.Context, r *store.Record, old, h *Webhook) error {
	h.UpdatedBy, h.UpdatedAt = w.actor, later(w.now, old.UpdatedAt)
	h.forget(w.now) // which also shows when an old secret ends
	h.Version, h.Revision = Version{}, 0
	next, err := w.rewriteWebhook(*r, h)
	if err != nil {
		return err
	}
	ops := []store.Op{store.Replace(*r, next, nil)}
	if h.Disabled != old.Disabled || h.URL != old.URL || !h.sameHeaders(old) {
		turn, err := w.turn(ctx, h.ID)
		if err != nil {
			return err
		}
		if h.Disabled != old.Disabled {
			turn.owner = ""
		}
		if turn.position.IsZero() && old.Disabled && !h.Disabled { // imported: from now on
			if turn.position, err = w.Latest(ctx); err != nil {
				return err
			}
		}
		turn.forgive(w.now)
		turn.wake(h, w.now)
		op, err := turn.op()
		if err != nil {
			return err
		}
		ops = []store.Op{op, ops[0]}
	}
	done, err := w.apply(ctx, store.Ops(ops...))
	switch {
	case done.taken != nil: // a key of a newer program's
		return w.conflict(done.taken)
	case err == nil:
		h.Version, h.Revision = w.written(done.revision), int64(done.revision)
	}
	return err
}

// sameHeaders reports whether no header was set or removed between two states of a webhook.
func (w *Webhook) sameHeaders(old *Webhook) bool {
	return slices.EqualFunc(w.headers, old.headers, func(a, b webhookHeader) bool {
		return a.name == b.name && bytes.Equal(a.sealed, b.sealed)
	})
}

// forgive forgets the failures, so that everything is tried again at once.
func (w *webhookTurn) forgive(now time.Time) {
	w.forgivenAt = now
	w.failures, w.failingSince, w.step, w.retryAt = 0, time.Time{}, 0, time.Time{}
	for i := range w.parked {
		w.parked[i].next = now
	}
}

// wake has somebody look at the webhook: at once, or when its owner's lease ends.
func (w *webhookTurn) wake(h *Webhook, now time.Time) {
	switch {
	case h.Disabled:
		w.due, w.owner = time.Time{}, ""
	case w.owner == "":
		w.due = now
	}
}
