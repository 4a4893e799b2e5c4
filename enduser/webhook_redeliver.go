package enduser

import (
	"context"
	"time"
)

// Ping sends a webhook an event of type [EventPing], and returns the event's ID as soon as it
// waits to be sent: it is sent by [Manager.Deliver], at once and once only.
// [Webhooks.Attempts] shows what became of it.
//
// It returns ErrDisabled if the webhook is disabled, and ErrInvalid, with [CodeCount], if 20
// pings and redeliveries wait already.
func (h Webhooks) Ping(ctx context.Context, id string) (eventID string, err error) { return "", nil }

// Redeliver sends a webhook an event again, as Ping sends a ping. The event must be among the
// [Webhooks.Attempts] or the [Webhooks.DeadLetters], else Redeliver returns ErrNotFound. A dead
// letter that is delivered is deleted. The event shows the user as it is now.
func (h Webhooks) Redeliver(ctx context.Context, id, eventID string) error { return nil }

// CountSince counts the events that [Webhooks.RedeliverSince] would send again: those of
// changes at a time or later that the webhook has passed. It reads at most 10,000 changes. The
// position is where to begin; see [Tenant.PositionAt] for how exact it is. It returns ErrTrimmed
// if changes of that time were trimmed.
func (h Webhooks) CountSince(ctx context.Context, id string, at time.Time) (Count, Position, error) {
	return Count{}, Position{}, nil
}

// RedeliverSince sends a webhook again all events that it selects and has passed, from the
// change that follows a position on. It takes the place of a redelivery that is under way. New
// events do not wait for it. Each event is sent once, whatever the answer.
//
// It returns ErrDisabled if the webhook is disabled, and ErrTrimmed if changes after the
// position were trimmed.
func (h Webhooks) RedeliverSince(ctx context.Context, id string, from Position) error { return nil }

// StopRedelivery ends a redelivery that is under way. It changes nothing if there is none.
func (h Webhooks) StopRedelivery(ctx context.Context, id string) error { return nil }
