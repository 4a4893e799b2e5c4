package enduser

import (
	"context"
	"iter"
)

// Get returns a webhook. It returns ErrNotFound if there is none, and an [UnreadableError] if
// it is unreadable.
func (h Webhooks) Get(ctx context.Context, id string) (Webhook, error) { return Webhook{}, nil }

// All returns an iterator over all webhooks, oldest first, as [Tenant.All] does over users.
// There are at most 50.
func (h Webhooks) All(ctx context.Context) iter.Seq2[Webhook, error] { return nil }

// State returns how far the deliveries to a webhook are. It returns ErrNotFound if there is no
// such webhook.
func (h Webhooks) State(ctx context.Context, id string) (WebhookState, error) {
	return WebhookState{}, nil
}

// Attempts returns the last attempts of a webhook, the newest first. The last 200 are kept.
func (h Webhooks) Attempts(ctx context.Context, id string) ([]Attempt, error) { return nil, nil }

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
	return DeadLetterPage{}, nil
}
