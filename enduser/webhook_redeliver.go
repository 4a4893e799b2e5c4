package enduser

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Ping sends a webhook an event of type [EventPing], and returns the event's ID as soon as it
// waits to be sent: it is sent by [Manager.Deliver], at once and once only.
// [Webhooks.Attempts] shows what became of it.
//
// It returns ErrDisabled if the webhook is disabled, and ErrInvalid, with [CodeCount], if 20
// pings and redeliveries wait already.
func (h Webhooks) Ping(ctx context.Context, id string) (eventID string, err error) {
	w, err := h.t.writer()
	if err != nil {
		return "", err
	}
	eventID = newEventID()
	err = w.request(ctx, id, func(t *webhookTurn) error {
		return t.enqueue(queuedEvent{eventID: eventID, requestedAt: w.now})
	})
	if err != nil {
		return "", err
	}
	return eventID, nil
}

// Redeliver sends a webhook an event again, as Ping sends a ping. The event must be among the
// [Webhooks.Attempts] or the [Webhooks.DeadLetters], else Redeliver returns ErrNotFound. A dead
// letter that is delivered is deleted. The event shows the user as it is now. If the event waits
// for another attempt, that is made at once.
func (h Webhooks) Redeliver(ctx context.Context, id, eventID string) error {
	w, err := h.t.writer()
	if err != nil {
		return err
	}
	return w.request(ctx, id, func(t *webhookTurn) error {
		at, err := w.sentAt(ctx, id, eventID)
		if err != nil {
			return err
		}
		return t.enqueue(queuedEvent{eventID: eventID, at: at, requestedAt: w.now})
	})
}

// sentAt returns the position of the change of an event that was sent to a webhook.
func (w *writer) sentAt(ctx context.Context, webhook, eventID string) (Position, error) {
	log, err := w.readLog(ctx, w.name, webhook)
	if err != nil {
		return Position{}, err
	}
	for _, a := range log.attempts {
		if a.EventID == eventID && !a.position.IsZero() {
			return a.position, nil
		}
	}
	if len(webhookDeadID(webhook, eventID)) > maxIDBytes || textFault(eventID) != "" {
		return Position{}, ErrNotFound
	}
	r, err := w.m.store.Get(ctx, w.name, store.ID(webhookDeadID(webhook, eventID)))
	if err != nil {
		return Position{}, translate("get", err)
	}
	var d DeadLetter
	err = decodeDead(&r, &d)
	return d.Position, err
}

// enqueue has an event sent.
func (w *webhookTurn) enqueue(q queuedEvent) error {
	if slices.ContainsFunc(w.queue, func(other queuedEvent) bool { return other.eventID == q.eventID }) {
		return nil
	}
	if len(w.queue) >= maxQueued {
		return invalidField(Field{Name: "queue"}, CodeCount, fmt.Sprintf("must be at most %d waiting", maxQueued))
	}
	w.queue = append(w.queue, q)
	return nil
}

// request has Deliver do something, if the webhook is enabled.
func (w *writer) request(ctx context.Context, id string, fn func(*webhookTurn) error) error {
	return w.changeTurn(ctx, id, func(h *Webhook, t *webhookTurn) error {
		if h.Disabled {
			return ErrDisabled
		}
		return fn(t)
	})
}

// changeTurn changes the turn of a webhook, and has somebody look at it.
func (w *writer) changeTurn(ctx context.Context, id string, fn func(*Webhook, *webhookTurn) error) error {
	return w.confirm(ctx, w.settle(ctx, func() (string, error) {
		_, h, err := w.getWebhook(ctx, w.name, id)
		if err != nil {
			return id, err
		}
		turn, err := w.turn(ctx, id)
		if err != nil {
			return id, err
		}
		if err := fn(&h, &turn); err != nil {
			return id, err
		}
		turn.wake(&h, w.now)
		op, err := turn.op()
		if err != nil {
			return id, err
		}
		_, err = w.apply(ctx, store.Ops(op))
		return id, err
	}))
}

// CountSince counts the events that [Webhooks.RedeliverSince] would send again: those of
// changes at a time or later that the webhook has passed. It reads at most 10,000 changes. The
// position is where to begin; see [Tenant.PositionAt] for how exact it is. It returns ErrTrimmed
// if changes of that time were trimmed.
func (h Webhooks) CountSince(ctx context.Context, id string, at time.Time) (Count, Position, error) {
	c, err := h.t.begin()
	if err != nil {
		return Count{}, Position{}, err
	}
	_, hook, err := h.t.getWebhook(ctx, c.name, id)
	if err != nil {
		return Count{}, Position{}, err
	}
	turn, err := h.t.readTurn(ctx, c.name, id)
	if err != nil {
		return Count{}, Position{}, err
	}
	from, err := h.t.PositionAt(ctx, at)
	if err != nil {
		return Count{}, Position{}, err
	}
	count, err := h.t.countSelected(ctx, &hook, from, turn.position)
	return count, from, err
}

// countSelected counts the changes after a position, through another one, that a webhook selects.
func (t Tenant) countSelected(ctx context.Context, h *Webhook, after, through Position) (Count, error) {
	var count Count
	for read := 0; ; {
		page, err := t.Changes(ctx, ChangeQuery{After: after, Limit: min(store.MaxLimit, maxCount-read)})
		if err != nil {
			return Count{}, err
		}
		for i := range page.Changes {
			if page.Changes[i].Position.revision > through.revision {
				return Count{count.N, true}, nil
			}
			if h.selects(&page.Changes[i]) {
				count.N++
			}
		}
		if read += len(page.Changes); !page.More || read >= maxCount {
			return Count{count.N, !page.More}, nil
		}
		after = page.Position
	}
}

// RedeliverSince sends a webhook again all events that it selects and has passed, from the
// change that follows a position on. It takes the place of a redelivery that is under way. New
// events do not wait for it. An event that fails is attempted as often as a new one.
//
// It returns ErrDisabled if the webhook is disabled, and ErrTrimmed if changes after the
// position were trimmed.
func (h Webhooks) RedeliverSince(ctx context.Context, id string, from Position) error {
	w, err := h.t.writer()
	if err != nil {
		return err
	}
	if from.IsZero() {
		return badPosition()
	}
	if _, err := w.Changes(ctx, ChangeQuery{After: from, Limit: 1}); err != nil {
		return err
	}
	return w.request(ctx, id, func(t *webhookTurn) error {
		t.redelivery = nil
		if from.revision < t.position.revision {
			t.redelivery = &Redelivery{RequestedAt: w.now, Position: from, Through: t.position}
		}
		return nil
	})
}

// StopRedelivery ends a redelivery that is under way, also that of a disabled webhook.
func (h Webhooks) StopRedelivery(ctx context.Context, id string) error {
	w, err := h.t.writer()
	if err != nil {
		return err
	}
	return w.changeTurn(ctx, id, func(_ *Webhook, t *webhookTurn) error {
		t.redelivery = nil
		return nil
	})
}
