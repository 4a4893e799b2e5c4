package enduser

import (
	"context"
	"time"
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
	return Webhook{}, "", nil
}

// Update changes a webhook by a function, as [Tenant.Update] does with users. A webhook that is
// enabled again, or gets another URL, is tried at once, and its failures are forgotten.
//
// It returns ErrNoKeyring if fn sets a header and the Manager has no Keyring.
func (h Webhooks) Update(ctx context.Context, id string, fn func(*WebhookEdit) error, conds ...Condition) (Webhook, error) {
	return Webhook{}, nil
}

// Rotate gives a webhook a new signing secret, if the conditions hold, and returns both. Until
// overlap has passed, at most [MaxOverlap], events are signed with the old secret too. With a
// zero overlap they no longer are. A secret that an earlier call has rotated out is not used
// any more in any case: there are at most two.
//
// It returns ErrNoKeyring without a Keyring. With ErrUnknown it also returns the secret, and the
// webhook without Version: they are right if the write happened.
func (h Webhooks) Rotate(ctx context.Context, id string, overlap time.Duration, conds ...Condition) (Webhook, string, error) {
	return Webhook{}, "", nil
}

// Delete deletes a webhook, if the conditions hold, with its state, attempts and dead letters.
// It returns ErrNotFound if there is none. It deletes unreadable webhooks as [Tenant.Delete]
// does unreadable users. An attempt that is on its way is not called back.
func (h Webhooks) Delete(ctx context.Context, id string, conds ...Condition) error { return nil }
