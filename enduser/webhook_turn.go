package enduser

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindWebhookTurn is the kind of the records that say how far the deliveries to a webhook are.
const kindWebhookTurn = "webhook-turn"

// webhookTurnKind describes these records. They are no sweep's: being due means that somebody
// has to deliver.
func webhookTurnKind() kind { return kind{name: kindWebhookTurn, member: isTurnMember} }

// webhookTurn is how far the deliveries to a webhook are. Whoever delivers writes it after each
// round, with the log and the dead letters in the same batch. People's calls write it too, when
// they ask for something; they leave owner and position alone, and due while there is an owner. So an owner
// that has lost a compare-and-set, and still is the owner, applies its results to the record as
// it is now.
type webhookTurn struct {
	webhook string       // the ID
	record  store.Record // Revision 0: there is none

	// due is when somebody has to look at the webhook: zero if it is disabled, the end of the
	// lease while there is an owner, the next attempt while something failed, else some minutes
	// away in case that no wake-up came.
	due   time.Time
	owner string // who delivers until due; "": nobody

	position     Position // the last change that was looked at; zero: start from now
	parked       []parkedObject
	failures     int // since the last success
	failingSince time.Time
	lastSuccess  time.Time
	step         int       // in the schedule of the back-off of the whole webhook; 0: none
	retryAt      time.Time // set during the back-off
	gappedAt     time.Time
	forgivenAt   time.Time // by a person: what was under way then, or failed before, does not count
	queue        []queuedEvent
	redelivery   *Redelivery
}

// parkedObject is a user, group or webhook with an event that failed. The changes that
// follow it are in the feed.
type parkedObject struct {
	kind, id string
	at       Position // of the change that was attempted last
	until    Position // of its last change that the scan has passed; zero: none
	attempts int      // so far; 0: the one at the position is done, those behind it are next
	next     time.Time
	since    time.Time
}

// queuedEvent is an event that somebody asked for.
type queuedEvent struct {
	eventID     string
	at          Position // of the change that is delivered again; zero: a ping
	requestedAt time.Time
}

// maxQueued is how many events can be asked for at a time.
const maxQueued = 20

func webhookTurnID(webhook string) string { return webhook + "/turn" }

// readTurn returns the turn of a webhook. If there is none, it is one that starts from now.
func (t Tenant) readTurn(ctx context.Context, name, webhook string) (webhookTurn, error) {
	r, err := t.m.store.Get(ctx, name, store.ID(webhookTurnID(webhook)))
	if errors.Is(err, store.ErrNotFound) {
		return webhookTurn{webhook: webhook}, nil
	}
	if err != nil {
		return webhookTurn{}, translate("get", err)
	}
	return decodeTurn(&r)
}

// turn is readTurn for a call that writes. In place of a damaged turn it returns one that
// starts from now, with gappedAt set.
func (w *writer) turn(ctx context.Context, webhook string) (webhookTurn, error) {
	t, err := w.readTurn(ctx, w.name, webhook)
	if !errors.Is(err, ErrCorrupt) {
		return t, err
	}
	// No batch can create the ID that it removes.
	_, err = w.m.store.Apply(ctx, w.name, store.Ops(store.Remove(webhookTurnID(webhook), kindWebhookTurn, nil)))
	return webhookTurn{webhook: webhook, gappedAt: w.now}, translate("delete", err)
}

// op returns the write of the turn. It returns ErrNewer if the record must not be overwritten.
func (w *webhookTurn) op() (store.Op, error) {
	next := store.Record{ID: webhookTurnID(w.webhook), Kind: kindWebhookTurn, Due: w.due}
	if w.record.Revision == 0 {
		next.Data = w.encode(nil)
		return store.Create(next, nil), nil
	}
	from, err := webhookTurnKind().carry(&w.record)
	next.Unique, next.Index, next.Data = from.unique, from.index, w.encode(from.members)
	return store.Replace(w.record, next, nil), err
}

// isTurnMember reports whether encode writes a member.
func isTurnMember(name string) bool {
	switch name {
	case "owner", "position", "parked", "failures", "failing_since", "last_success", "step", "retry_at", "gapped_at",
		"forgiven_at", "queue", "redelivery":
		return true
	}
	return false
}

func (w *webhookTurn) encode(members []byte) []byte {
	b := make([]byte, 0, 256+128*len(w.parked)+len(members))
	b = appendVersions(b)
	b = appendText(b, "owner", w.owner)
	b = appendText(b, "position", w.position.String())
	if len(w.parked) > 0 {
		b = jsontext.AppendList(appendName(b, "parked"), w.parked, appendParked)
	}
	b = appendInt(b, "failures", int64(w.failures))
	b = appendTime(b, "failing_since", w.failingSince)
	b = appendTime(b, "last_success", w.lastSuccess)
	b = appendInt(b, "step", int64(w.step))
	b = appendTime(b, "retry_at", w.retryAt)
	b = appendTime(b, "gapped_at", w.gappedAt)
	b = appendTime(b, "forgiven_at", w.forgivenAt)
	if len(w.queue) > 0 {
		b = jsontext.AppendList(appendName(b, "queue"), w.queue, func(b []byte, q queuedEvent) []byte {
			b = jsontext.AppendString(append(b, `{"id":`...), q.eventID)
			b = appendText(b, "at", q.at.String())
			return append(appendTime(b, "requested_at", q.requestedAt), '}')
		})
	}
	if r := w.redelivery; r != nil {
		b = jsontext.AppendString(append(appendName(b, "redelivery"), `{"through":`...), r.Through.String())
		b = appendText(b, "position", r.Position.String())
		b = appendTime(b, "requested_at", r.RequestedAt)
		b = appendInt(b, "sent", int64(r.Sent))
		b = appendInt(b, "attempts", int64(r.attempts))
		b = append(appendTime(b, "next", r.next), '}')
	}
	return append(append(b, members...), '}')
}

func appendParked(b []byte, p parkedObject) []byte {
	b = jsontext.AppendString(append(b, `{"kind":`...), p.kind)
	b = appendText(b, "id", p.id)
	b = appendText(b, "at", p.at.String())
	b = appendText(b, "until", p.until.String())
	b = appendInt(b, "attempts", int64(p.attempts))
	b = appendTime(b, "next", p.next)
	return append(appendTime(b, "since", p.since), '}')
}

// decodeTurn reads the turn in a record. The error is an *UnreadableError.
func decodeTurn(r *store.Record) (webhookTurn, error) {
	w := webhookTurn{webhook: r.ID[:max(0, len(r.ID)-len(webhookTurnID("")))], record: *r, due: r.Due}
	p := jsontext.NewScanner(string(r.Data))
	var v versions
	err := p.Object(func(name string) (err error) {
		switch name {
		case "owner":
			w.owner, err = p.String()
		case "position":
			w.position, err = scanPosition(&p)
		case "parked":
			err = p.Array(func() error { return w.scanParked(&p) })
		case "failures":
			w.failures, err = scanCount(&p)
		case "failing_since":
			w.failingSince, err = scanTime(&p)
		case "last_success":
			w.lastSuccess, err = scanTime(&p)
		case "step":
			w.step, err = scanCount(&p)
		case "retry_at":
			w.retryAt, err = scanTime(&p)
		case "gapped_at":
			w.gappedAt, err = scanTime(&p)
		case "forgiven_at":
			w.forgivenAt, err = scanTime(&p)
		case "queue":
			err = p.Array(func() error { return w.scanQueued(&p) })
		case "redelivery":
			w.redelivery = new(Redelivery)
			err = w.redelivery.scan(&p)
		default:
			err = v.other(&p, name)
		}
		return err
	})
	if err = v.end(&p, err); err != nil {
		return webhookTurn{}, unreadable(kindWebhookTurn, r.ID, err)
	}
	return w, nil
}

func (w *webhookTurn) scanParked(p *jsontext.Scanner) error {
	var o parkedObject
	err := p.Object(func(name string) (err error) {
		switch name {
		case "kind":
			o.kind, err = p.String()
		case "id":
			o.id, err = p.String()
		case "at":
			o.at, err = scanPosition(p)
		case "until":
			o.until, err = scanPosition(p)
		case "attempts":
			o.attempts, err = scanCount(p)
		case "since":
			o.since, err = scanTime(p)
		case "next":
			o.next, err = scanTime(p)
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && (o.kind == "" || o.id == "" || o.at.IsZero()) {
		err = errors.New("a parked object is incomplete")
	}
	w.parked = append(w.parked, o)
	return err
}

func (w *webhookTurn) scanQueued(p *jsontext.Scanner) error {
	var q queuedEvent
	err := p.Object(func(name string) (err error) {
		switch name {
		case "id":
			q.eventID, err = p.String()
		case "at":
			q.at, err = scanPosition(p)
		case "requested_at":
			q.requestedAt, err = scanTime(p)
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && q.eventID == "" {
		err = errors.New("a queued event is incomplete")
	}
	w.queue = append(w.queue, q)
	return err
}

func (r *Redelivery) scan(p *jsontext.Scanner) error {
	err := p.Object(func(name string) (err error) {
		switch name {
		case "position":
			r.Position, err = scanPosition(p)
		case "through":
			r.Through, err = scanPosition(p)
		case "requested_at":
			r.RequestedAt, err = scanTime(p)
		case "sent":
			r.Sent, err = scanCount(p)
		case "attempts":
			r.attempts, err = scanCount(p)
		case "next":
			r.next, err = scanTime(p)
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && (r.Position.IsZero() || r.Through.IsZero()) {
		err = errors.New("a redelivery is incomplete")
	}
	return err
}

// scanPosition reads a position. Of which feed it is shows when it is used.
func scanPosition(p *jsontext.Scanner) (Position, error) {
	text, err := p.String()
	if err != nil {
		return Position{}, err
	}
	at, err := ParsePosition(text)
	if err != nil {
		err = errors.New("a text is no position") // and no ErrInvalid of the caller's
	}
	return at, err
}

// scanCount reads a number that is not negative.
func scanCount(p *jsontext.Scanner) (int, error) {
	n, err := p.Int()
	if err == nil && (n < 0 || n > 1<<31-1) {
		err = errors.New("a number is out of range")
	}
	return int(n), err
}
