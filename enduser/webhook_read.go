package enduser

import (
	"context"
	"iter"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Get returns a webhook. It returns ErrNotFound if there is none, and an [UnreadableError] if
// it is unreadable.
func (h Webhooks) Get(ctx context.Context, id string) (Webhook, error) {
	c, err := h.t.begin()
	if err != nil {
		return Webhook{}, err
	}
	_, found, err := h.t.getWebhook(ctx, c.name, id)
	return found, err
}

// getWebhook returns a webhook and its record. With an *UnreadableError it returns the record
// alone, if the store can read it.
func (t Tenant) getWebhook(ctx context.Context, name, id string) (store.Record, Webhook, error) {
	r, err := t.findWebhook(ctx, name, id)
	if err != nil {
		return store.Record{}, Webhook{}, err
	}
	h, err := t.decodeWebhook(&r)
	return r, h, err
}

// findWebhook returns the record of a webhook.
func (t Tenant) findWebhook(ctx context.Context, name, id string) (store.Record, error) {
	key, err := GroupByID(id).key() // the same rules for IDs
	if err != nil {
		return store.Record{}, err
	}
	r, err := t.m.store.Get(ctx, name, key)
	if err == nil && r.Kind != kindWebhook {
		return store.Record{}, ErrNotFound
	}
	return r, translate("get", err)
}

// All returns an iterator over all webhooks, oldest first, as [Tenant.All] does over users.
// There are at most 50.
func (h Webhooks) All(ctx context.Context) iter.Seq2[Webhook, error] {
	return func(yield func(Webhook, error) bool) {
		c, err := h.t.begin()
		if err != nil {
			yield(Webhook{}, err)
			return
		}
		each(ctx, h.t.m.store, c.name, store.Query{Kind: kindWebhook}, func(r *store.Record, w *Webhook) (in bool, err error) {
			*w, err = h.t.decodeWebhook(r)
			return err == nil, err
		}, yield)
	}
}

// State returns how far the deliveries to a webhook are. It returns ErrNotFound if there is no
// such webhook.
func (h Webhooks) State(ctx context.Context, id string) (WebhookState, error) {
	c, err := h.t.begin()
	if err != nil {
		return WebhookState{}, err
	}
	if _, err := h.t.findWebhook(ctx, c.name, id); err != nil {
		return WebhookState{}, err
	}
	turn, err := h.t.readTurn(ctx, c.name, id)
	if err != nil {
		return WebhookState{}, err
	}
	q := deadLetters(id)
	dead, err := store.Count(ctx, h.t.m.store, c.name, store.CountQuery{Kind: q.Kind, Match: q.Match, Cap: maxCount})
	return WebhookState{
		Position: turn.position, Failures: turn.failures, FailingSince: turn.failingSince, LastSuccess: turn.lastSuccess,
		RetryAt: turn.retryAt, GappedAt: turn.gappedAt, Parked: len(turn.parked), Queued: len(turn.queue),
		DeadLetters: dead.N, Redelivery: turn.redelivery,
	}, translate("count", err)
}

// Attempts returns the last attempts of a webhook, the newest first. The last 200 are kept.
func (h Webhooks) Attempts(ctx context.Context, id string) ([]Attempt, error) {
	c, err := h.t.begin()
	if err != nil {
		return nil, err
	}
	if _, err := h.t.findWebhook(ctx, c.name, id); err != nil {
		return nil, err
	}
	log, err := h.t.readLog(ctx, c.name, id)
	slices.Reverse(log.attempts)
	return log.attempts, err
}

// DeadLetterQuery selects a page of dead letters, the oldest first. Its fields are those of
// [Query].
type DeadLetterQuery struct {
	Desc          bool
	Limit         int
	After, Before Cursor
}

// DeadLetterPage is a part of a list of dead letters; see [Page].
type DeadLetterPage struct {
	DeadLetters    []DeadLetter
	Next, Previous Cursor
	Unreadable     []string
}

// DeadLetters returns a page of the dead letters of a webhook, with the promises of
// [Tenant.List].
func (h Webhooks) DeadLetters(ctx context.Context, id string, q DeadLetterQuery) (DeadLetterPage, error) {
	c, err := h.t.begin()
	if err != nil {
		return DeadLetterPage{}, err
	}
	s := span{
		name: c.name, scope: scopeOf("dead letters", c.name, id, strconv.FormatBool(q.Desc)),
		desc: q.Desc, limit: q.Limit, after: q.After, before: q.Before,
	}
	var v violations
	s.check(&v)
	if err := v.err(); err != nil {
		return DeadLetterPage{}, err
	}
	if err := s.own(false); err != nil {
		return DeadLetterPage{}, err
	}
	if _, err := h.t.findWebhook(ctx, c.name, id); err != nil {
		return DeadLetterPage{}, err
	}
	found, err := list(ctx, h.t.m.store, s, deadLetters(id), func(r *store.Record, d *DeadLetter) (bool, error) {
		err := decodeDead(r, d)
		return err == nil, err
	})
	return DeadLetterPage{found.items, found.next, found.previous, found.unreadable}, err
}
