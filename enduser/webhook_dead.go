package enduser

import (
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindWebhookDead is the kind of the records that hold dead letters.
const kindWebhookDead = "webhook-dead"

const (
	deadLetterTTL  = 30 * 24 * time.Hour
	maxDeadLetters = 1000 // of a webhook
)

// termWebhook is the kind of the index term by which the dead letters of a webhook are listed.
const termWebhook = "webhook"

func webhookDeadKind() kind {
	return kind{
		name: kindWebhookDead, member: isDeadMember, ttl: deadLetterTTL,
		key:     func(kind string) (string, bool) { return "", kind == termWebhook },
		overdue: (*writer).overdueDead,
	}
}

func (w *writer) overdueDead(r *store.Record) ([]store.Op, error) {
	return []store.Op{store.Delete(*r, nil)}, nil
}

// webhookDeadID returns the ID of the record of a dead letter.
func webhookDeadID(webhook, event string) string { return webhook + "/dead/" + event }

// deadLetters selects the records of the dead letters of a webhook, the oldest first.
func deadLetters(webhook string) store.Query {
	return store.Query{Kind: kindWebhookDead, Match: []store.Key{{Kind: termWebhook, Value: webhook}}}
}

// record returns the record of a new dead letter.
func (d *DeadLetter) record() store.Record {
	return store.Record{
		ID: webhookDeadID(d.webhook, d.EventID), Kind: kindWebhookDead, Due: d.At.Add(deadLetterTTL),
		Index: []store.Key{{Kind: termWebhook, Value: d.webhook}}, Data: d.encode(),
	}
}

func isDeadMember(name string) bool {
	switch name {
	case "webhook", "event_id", "event", "kind", "id", "position", "attempts", "status", "fault", "at":
		return true
	}
	return false
}

func (d *DeadLetter) encode() []byte {
	b := appendVersions(make([]byte, 0, 256))
	b = appendText(b, "webhook", d.webhook)
	b = appendText(b, "event_id", d.EventID)
	b = appendText(b, "event", d.Event)
	b = appendText(b, "kind", d.Kind)
	b = appendText(b, "id", d.ID)
	b = appendText(b, "position", d.Position.String())
	b = appendInt(b, "attempts", int64(d.Attempts))
	b = appendOutcome(b, d.Status, d.Fault)
	return append(appendTime(b, "at", d.At), '}')
}

// decodeDead reads the dead letter in a record. The error is an *UnreadableError.
func decodeDead(r *store.Record, d *DeadLetter) error {
	p := jsontext.NewScanner(string(r.Data))
	var v versions
	err := p.Object(func(name string) (err error) {
		switch name {
		case "webhook":
			d.webhook, err = p.String()
		case "event_id":
			d.EventID, err = p.String()
		case "event":
			d.Event, err = p.String()
		case "kind":
			d.Kind, err = p.String()
		case "id":
			d.ID, err = p.String()
		case "position":
			d.Position, err = scanPosition(&p)
		case "attempts":
			d.Attempts, err = scanCount(&p)
		case "status":
			d.Status, err = scanCount(&p)
		case "fault":
			d.Fault, err = p.String()
		case "at":
			d.At, err = scanTime(&p)
		default:
			err = v.other(&p, name)
		}
		return err
	})
	err = v.end(&p, err)
	if err == nil && (d.webhook == "" || d.EventID == "" || d.Position.IsZero()) {
		err = errors.New("the dead letter is incomplete")
	}
	if err != nil {
		return unreadable(kindWebhookDead, r.ID, err)
	}
	return nil
}
