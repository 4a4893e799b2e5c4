package enduser

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
)

// EventPing is the type of the event that [Webhooks.Ping] sends.
const EventPing = "webhook.ping"

// EventTypes returns the types of events that a webhook can select. It gets [EventPing] without
// selecting it.
func EventTypes() []string {
	return []string{
		"end_user.created", "end_user.updated", "end_user.associated", "end_user.deleted", "end_user.expired",
		"group.created", "group.updated", "group.deleted",
		"webhook.disabled",
	}
}

// eventType returns the type of a change's event. Of an entry that cannot be read it is only
// known that something changed.
func eventType(c *Change) string {
	object, what := c.Kind, c.Type
	if object == kindUser {
		object = "end_user"
	}
	if what == ChangeUnreadable {
		what = ChangeUpdated
	}
	return object + "." + string(what)
}

// eventID returns the ID of a change's event: the webhook-id. It is the same in every attempt and
// redelivery, and to every webhook. It is a digest of the position and not of the revision: if
// the store goes back in time, new changes have revisions that receivers have seen already, and
// would be dropped as repeats.
func eventID(name string, at Position) string {
	b := binary.AppendUvarint(nil, uint64(len(name)))
	sum := sha256.Sum256(append(append(b, name...), at.String()...))
	return eventIDPrefix + base64.RawURLEncoding.EncodeToString(sum[:eventIDBytes])
}

// newEventID returns the ID of an event that no change has caused.
func newEventID() string {
	var b [eventIDBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return eventIDPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

const (
	eventIDPrefix = "msg_" // of Standard Webhooks
	eventIDBytes  = 16
)

// selects reports whether a change is sent to the webhook.
func (w *Webhook) selects(c *Change) bool {
	if w.Format == FormatAda && !isOfAda(c) {
		return false
	}
	event := eventType(c)
	object, _, _ := strings.Cut(event, ".")
	return len(w.Events) == 0 || slices.Contains(w.Events, event) || slices.Contains(w.Events, object+".*")
}

// isOfAda reports whether Ada has an event for a change: a user was created, or something in
// its profile was changed that Ada does not set by itself. An update that names no fields may
// have changed anything.
func isOfAda(c *Change) bool {
	switch event := eventType(c); {
	case event == "end_user.created":
		return true
	case event != "end_user.updated":
		return false
	}
	return len(c.Fields) == 0 || slices.ContainsFunc(c.Fields, func(field string) bool {
		switch field {
		case "external_id", "name", "first_name", "last_name", "email", "avatar", "language", "metadata":
			return true
		case "metadata.ip_address", "metadata.user_agent", "metadata.browser", "metadata.device",
			"metadata.last_answer_id", "metadata.channel_status":
			return false
		}
		return strings.HasPrefix(field, "metadata.")
	})
}
