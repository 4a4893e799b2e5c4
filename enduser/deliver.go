package enduser

import (
	"context"
	"time"

	"github.com/rollbook-go/rollbook/internal/redact"
)

// ChangeDisabled is the type of a change that is noted when [Manager.Deliver] disables a webhook.
const ChangeDisabled ChangeType = "disabled"

// Event is something that happened in a tenant's environment, as it is sent to webhooks.
type Event struct {
	Type string    // "end_user.created"; see [EventTypes]
	Time time.Time // when it happened

	Tenant      string
	Environment Environment

	// Position, Revision, Kind, ID, Actor, Fields and ExternalID are those of the [Change].
	// A ping has none.
	Position   Position
	Revision   int64
	Kind       string
	ID         string
	Actor      string
	Fields     []string
	ExternalID string

	// User or Group is what changed, as it was read for this attempt. Nil if it does not
	// exist any more, or is unreadable.
	User  *User
	Group *Group
}

// Delivery is one attempt to deliver an event to a webhook.
type Delivery struct {
	// ID identifies the event to the receiver: the webhook-id. It is the same in all attempts
	// and redeliveries, and to all webhooks.
	ID      string
	Attempt int // from 1
	Webhook Webhook
	Event   Event

	headers redact.Secret[map[string]string]
	secrets redact.Secret[[]string]
}

// Headers returns the webhook's headers, by their canonical names.
func (d *Delivery) Headers() map[string]string {
	if h := redact.Reveal(d.headers); h != nil {
		return *h
	}
	return nil
}

// Secrets returns the secrets with which the request is to be signed, the newest first: two
// while a rotation lasts.
func (d *Delivery) Secrets() []string {
	if s := redact.Reveal(d.secrets); s != nil {
		return *s
	}
	return nil
}

// Open sets what Headers and Secrets return. It is for tests of a [Sender]: deliveries of
// [Manager.Deliver] have both.
func (d *Delivery) Open(headers map[string]string, secrets ...string) {
	d.headers, d.secrets = redact.New(headers), redact.New(secrets)
}

// Sender sends events to webhooks. It must be safe for concurrent use. Package
// enduser/webhook has one for HTTP.
type Sender interface {
	// Send makes one attempt, within the context's deadline.
	Send(ctx context.Context, d *Delivery) Result
}

// Result is what became of an attempt.
type Result struct {
	Status     int           // of the answer; 0 if there was none. 200 to 299 is success, 410 disables the webhook.
	Fault      string        // why there was no answer, in few fixed words: "timeout", "refused address"
	RetryAfter time.Duration // what the answer asked for; 0: nothing
	Took       time.Duration
}

// DeliverOptions are the settings of [Manager.Deliver]. The zero value is ready to use.
type DeliverOptions struct {
	// Endpoints is how many webhooks are worked on at a time; 0 means 16.
	Endpoints int

	// Rate is how many attempts Deliver begins in a second, at all webhooks together, so that
	// catching up leaves room for those who write. It is at least Endpoints; zero means 1,000.
	Rate int

	// Poll is how often Deliver looks for webhooks that are due: new ones, attempts that have
	// failed, those of a process that died. Zero means 1 s. It is woken for new changes.
	Poll time.Duration

	// Disabled is called after the Manager has disabled a webhook. It must be fast.
	Disabled func(context.Context, Webhook)
}
