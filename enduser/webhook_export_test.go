package enduser

import (
	"context"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// SetAttempts writes what a webhook's deliveries leave behind: attempts, and the dead letters of
// those without another one. The attempts are at the positions of changes, in their order.
func (h Webhooks) SetAttempts(ctx context.Context, id string, changes []Change, attempts ...Attempt) error {
	w, err := h.t.writer()
	if err != nil {
		return err
	}
	log, err := h.t.readLog(ctx, w.name, id)
	if err != nil {
		return err
	}
	var ops []store.Op
	for i := range attempts {
		a := &attempts[i]
		a.position = changes[i].Position
		a.EventID, a.Event, a.Kind, a.ID = eventID(w.name, a.position), eventType(&changes[i]), changes[i].Kind, changes[i].ID
		if a.Next.IsZero() && (a.Status < 200 || a.Status > 299) {
			d := DeadLetter{
				EventID: a.EventID, Event: a.Event, Kind: a.Kind, ID: a.ID, Position: a.position, Attempts: a.Number,
				Status: a.Status, Fault: a.Fault, At: a.At, webhook: id,
			}
			ops = append(ops, store.Create(d.record(), nil))
		}
	}
	log.add(attempts...)
	op, err := log.op()
	if err != nil {
		return err
	}
	_, err = w.apply(ctx, store.Ops(append(ops, op)...))
	return err
}

// Turn is what a test sees of a webhook's turn.
type Turn struct {
	Due    time.Time
	Owner  string
	Queue  []string
	Failed int
	Next   []time.Time // of the parked objects
}

// SetTurn moves a webhook's position, and makes it one of an owner who has a lease and of so many
// failures, with a parked user.
func (h Webhooks) SetTurn(ctx context.Context, id string, at Position, owner string, failures int, due time.Time) error {
	w, err := h.t.writer()
	if err != nil {
		return err
	}
	turn, err := w.turn(ctx, id)
	if err != nil {
		return err
	}
	turn.position, turn.owner, turn.failures, turn.due, turn.step, turn.retryAt = at, owner, failures, due, 2, due
	turn.parked = []parkedObject{{kind: kindUser, id: "parked", at: at, next: due, since: w.now}}
	op, err := turn.op()
	if err != nil {
		return err
	}
	_, err = w.apply(ctx, store.Ops(op))
	return err
}

// Turn returns a webhook's turn.
func (h Webhooks) Turn(ctx context.Context, id string) (Turn, error) {
	c, err := h.t.begin()
	if err != nil {
		return Turn{}, err
	}
	turn, err := h.t.readTurn(ctx, c.name, id)
	shown := Turn{Due: turn.due, Owner: turn.owner, Failed: turn.failures}
	for _, q := range turn.queue {
		shown.Queue = append(shown.Queue, q.eventID)
	}
	for _, p := range turn.parked {
		shown.Next = append(shown.Next, p.next)
	}
	return shown, err
}

// Open returns what a delivery to a webhook has.
func (h Webhooks) Open(ctx context.Context, w Webhook) (headers map[string]string, secrets []string, err error) {
	c, err := h.t.begin()
	if err != nil {
		return nil, nil, err
	}
	return h.t.openWebhook(ctx, c.name, &w, h.t.m.millis())
}
