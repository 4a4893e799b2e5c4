package enduser

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindWebhookLog is the kind of the records with the last attempts of a webhook.
const kindWebhookLog = "webhook-log"

func webhookLogKind() kind {
	return kind{name: kindWebhookLog, member: func(name string) bool { return name == "attempts" }}
}

// maxLogged is how many attempts of a webhook are kept.
const maxLogged = 200

func webhookLogID(webhook string) string { return webhook + "/log" }

// webhookLog are the last attempts of a webhook, the oldest first.
type webhookLog struct {
	webhook  string
	record   store.Record // Revision 0: there is none
	attempts []Attempt
}

// readLog returns the log of a webhook, an empty one if there is none.
func (t Tenant) readLog(ctx context.Context, name, webhook string) (webhookLog, error) {
	l := webhookLog{webhook: webhook}
	r, err := t.m.store.Get(ctx, name, store.ID(webhookLogID(webhook)))
	if errors.Is(err, store.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return l, translate("get", err)
	}
	l.record = r
	return l, l.scan()
}

// add appends attempts, and drops the oldest ones.
func (l *webhookLog) add(attempts ...Attempt) {
	l.attempts = append(l.attempts, attempts...)
	l.attempts = l.attempts[max(0, len(l.attempts)-maxLogged):]
}

// op returns the write of the log. It returns ErrNewer if the record must not be overwritten.
func (l *webhookLog) op() (store.Op, error) {
	next := store.Record{ID: webhookLogID(l.webhook), Kind: kindWebhookLog}
	if l.record.Revision == 0 {
		next.Data = l.encode(nil)
		return store.Create(next, nil), nil
	}
	from, err := webhookLogKind().carry(&l.record)
	next.Unique, next.Index, next.Data = from.unique, from.index, l.encode(from.members)
	return store.Replace(l.record, next, nil), err
}

func (l *webhookLog) encode(members []byte) []byte {
	b := make([]byte, 0, 64+192*len(l.attempts)+len(members))
	b = jsontext.AppendList(appendName(appendVersions(b), "attempts"), l.attempts, appendAttempt)
	return append(append(b, members...), '}')
}

func appendAttempt(b []byte, a Attempt) []byte {
	b = jsontext.AppendString(append(b, `{"event_id":`...), a.EventID)
	b = appendText(b, "event", a.Event)
	b = appendText(b, "kind", a.Kind)
	b = appendText(b, "id", a.ID)
	b = appendText(b, "position", a.position.String())
	b = appendInt(b, "number", int64(a.Number))
	b = appendTime(b, "at", a.At)
	b = appendInt(b, "took", min(max(a.Took.Milliseconds(), 0), maxTook.Milliseconds()))
	b = appendOutcome(b, a.Status, a.Fault)
	b = appendTime(b, "next", a.Next)
	return append(appendFlag(b, "redelivery", a.Redelivery), '}')
}

const (
	maxFault = 64 // bytes
	maxTook  = time.Hour
)

// appendOutcome writes what a Sender has said. That is cut to what can be read again, and to a
// size with which the log always fits: a Sender may be anybody's.
func appendOutcome(b []byte, status int, fault string) []byte {
	b = appendInt(b, "status", int64(min(max(status, 0), math.MaxInt16)))
	return appendText(b, "fault", strings.ToValidUTF8(fault[:min(len(fault), maxFault)], ""))
}

// scan reads the record's attempts. The error is an *UnreadableError.
func (l *webhookLog) scan() error {
	p := jsontext.NewScanner(string(l.record.Data))
	var v versions
	err := p.Object(func(name string) error {
		if name == "attempts" {
			return p.Array(func() error { return l.scanAttempt(&p) })
		}
		return v.other(&p, name)
	})
	if err = v.end(&p, err); err != nil {
		return unreadable(kindWebhookLog, l.record.ID, err)
	}
	return nil
}

func (l *webhookLog) scanAttempt(p *jsontext.Scanner) error {
	var a Attempt
	err := p.Object(func(name string) (err error) {
		switch name {
		case "event_id":
			a.EventID, err = p.String()
		case "event":
			a.Event, err = p.String()
		case "kind":
			a.Kind, err = p.String()
		case "id":
			a.ID, err = p.String()
		case "position":
			a.position, err = scanPosition(p)
		case "number":
			a.Number, err = scanCount(p)
		case "at":
			a.At, err = scanTime(p)
		case "took":
			var ms int
			ms, err = scanCount(p)
			a.Took = time.Duration(ms) * time.Millisecond
		case "status":
			a.Status, err = scanCount(p)
		case "fault":
			a.Fault, err = p.String()
		case "next":
			a.Next, err = scanTime(p)
		case "redelivery":
			a.Redelivery, err = p.Bool()
		default:
			_, err = p.Raw()
		}
		return err
	})
	if err == nil && a.EventID == "" {
		err = errors.New("an attempt is incomplete")
	}
	l.attempts = append(l.attempts, a)
	return err
}
