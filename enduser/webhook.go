package enduser

import (
	"log/slog"
	"slices"
	"time"
)

// Webhook is an endpoint of a tenant's environment to which its events are delivered: an URL,
// and what is sent there. [Manager.Deliver] delivers, by a [Sender]. A webhook gets every
// event that it selects at least once, those of one user in their order, from the moment of
// its creation on.
//
// What happens to the deliveries is no part of the webhook and does not change its Version;
// see [Webhooks.State].
type Webhook struct {
	ID          string // made by the Manager
	Tenant      string
	Environment Environment

	URL         string
	Description string

	// Events are the types of events that are sent, as in [WebhookSpec]; none means all.
	Events []string
	Format WebhookFormat

	// HeaderNames are the names of the headers that every request has, sorted. Their
	// values are never shown.
	HeaderNames []string

	// OldSecretUntil is the deadline of the secret that [Webhooks.Rotate] has rotated out: events
	// are signed with two secrets before it, and with one from then on. Zero: there is one secret.
	OldSecretUntil time.Time

	// Disabled: nothing is sent. DisabledReason is empty if a person disabled the webhook,
	// else why the Manager did: [DisabledGone] or [DisabledFailing]. Enabling it again goes on
	// where it stopped.
	Disabled       bool
	DisabledReason string
	DisabledAt     time.Time

	CreatedBy, UpdatedBy string    // the actors; see [Tenant.As]
	CreatedAt, UpdatedAt time.Time // UTC, whole milliseconds

	// Version identifies this state of the webhook, and Revision grows with every write, as
	// those of a [User] do.
	Version  Version
	Revision int64

	headers []webhookHeader // sorted by name
	secrets []webhookSecret // the current one first
}

// webhookHeader is a header as it is stored.
type webhookHeader struct {
	name   string // canonical: "X-Api-Key"
	sealed []byte
}

// webhookSecret is a signing secret as it is stored.
type webhookSecret struct {
	sealed []byte
	until  time.Time // of one that was rotated out: its deadline
}

// The reasons for which the Manager disables a webhook.
const (
	DisabledGone    = "gone"    // the endpoint answered 410
	DisabledFailing = "failing" // no attempt succeeded for seven days
)

// WebhookFormat is the shape of the events that are sent to a webhook.
type WebhookFormat string

// The formats.
const (
	// FormatNative shows users and groups as the routes of package httpapi do.
	FormatNative WebhookFormat = ""

	// FormatAda shows users as Ada does. It has the events that Ada has: "end_user.created",
	// and "end_user.updated" if more has changed than system properties and the metadata that
	// Ada sets by itself.
	FormatAda WebhookFormat = "ada"
)

// WebhookSpec describes a new webhook.
type WebhookSpec struct {
	// URL is an absolute https URL of at most 2,048 bytes, without user information and
	// fragment. It may be http if [Options].InsecureWebhooks is set. Where it leads to is
	// for the [Sender] to check, at every delivery.
	URL string

	Description string // at most 256 characters

	// Events selects what is sent: types of events such as "end_user.created", or all of
	// an object's: "end_user.*", "group.*", "webhook.*". None means all. [EventTypes] lists
	// them.
	Events []string

	Format WebhookFormat

	// Headers are sent with every event: at most 10, each of at most 4 KiB. The
	// secrets must be strings. They cannot be headers that HTTP, the body or the signature
	// needs: Host, Connection, Content-*, Webhook-* and others.
	Headers map[string]Secret

	Disabled bool
}

// WebhookEdit is a webhook that a function given to [Webhooks.Update] changes.
type WebhookEdit struct {
	URL         string
	Description string
	Events      []string
	Format      WebhookFormat
	Disabled    bool

	headers map[string]Secret
}

// SetHeader sets a header, or removes it if the secret is null; see [WebhookSpec].
func (e *WebhookEdit) SetHeader(name string, value Secret) {
	if e.headers == nil {
		e.headers = make(map[string]Secret)
	}
	e.headers[name] = value
}

// WebhookState says how far the deliveries to a webhook are.
type WebhookState struct {
	// Position is where the webhook is in the change feed: every selected change up to it was
	// delivered, waits for another attempt, or is a dead letter.
	Position Position

	// Failures is how many attempts failed since the last success, FailingSince when the
	// first of them did.
	Failures     int
	FailingSince time.Time
	LastSuccess  time.Time

	// RetryAt is set while the webhook as a whole waits after too many failures: nothing is
	// sent before it.
	RetryAt time.Time

	// GappedAt is when the webhook last lost events: the feed was trimmed before they were
	// delivered, or the store went back in time.
	GappedAt time.Time

	// Parked is how many users and groups have an event that waits for another attempt. What
	// happened to them since waits behind it.
	Parked int

	Queued      int // pings and single redeliveries that wait
	DeadLetters int // see [Webhooks.DeadLetters]

	Redelivery *Redelivery // nil: none is under way
}

// Redelivery is a run that delivers again what was delivered before; see
// [Webhooks.RedeliverSince].
type Redelivery struct {
	RequestedAt time.Time
	Position    Position // what follows is still to be sent
	Through     Position // the last change of the run
	Sent        int      // events so far

	attempts int       // of the event that is to be sent next
	next     time.Time // when
}

// Attempt is one attempt to deliver an event.
type Attempt struct {
	EventID string // the webhook-id: the same in all attempts
	Event   string // the event's type
	Kind    string // of what changed: "user", "group" or "webhook"; "" of a ping
	ID      string // its ID
	Number  int    // of the attempt, from 1

	At     time.Time // when it began
	Took   time.Duration
	Status int    // of the answer; 0 if there was none
	Fault  string // why there was none, in few fixed words
	Next   time.Time

	Redelivery bool // asked for by Redeliver or RedeliverSince

	position Position // zero of a ping
}

// DeadLetter is an event whose attempts have all failed. It is kept for 30 days, and there are
// at most 1,000 of a webhook: the oldest ones go.
type DeadLetter struct {
	EventID  string
	Event    string
	Kind, ID string   // of what changed
	Position Position // of the change in the feed
	Attempts int
	Status   int // of the last answer; 0 if there was none
	Fault    string
	At       time.Time // of the last attempt

	webhook string
}

// LogValue implements [slog.LogValuer].
func (w Webhook) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", w.ID), slog.String("tenant", w.Tenant), slog.Int64("revision", w.Revision),
	)
}

// String returns "webhook" and the ID, and nothing else of the webhook: an URL may have a
// secret in it.
func (w Webhook) String() string { return "webhook " + w.ID }

// Clone returns a copy that shares nothing with w.
func (w Webhook) Clone() Webhook {
	w.Events, w.HeaderNames = slices.Clone(w.Events), slices.Clone(w.HeaderNames)
	w.headers, w.secrets = slices.Clone(w.headers), slices.Clone(w.secrets)
	return w
}

// Webhooks is a handle on the webhooks of one environment of one tenant; [Tenant.Webhooks]
// makes it. It is a small value, safe for concurrent use.
type Webhooks struct{ t Tenant }

// Webhooks returns the handle on the webhooks of the tenant's environment. Its writes are
// stamped with the actor of t.
func (t Tenant) Webhooks() Webhooks { return Webhooks{t} }
