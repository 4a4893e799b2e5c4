package webhook

import (
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// bodyOf returns the body of a delivery, in the webhook's format.
func bodyOf(d *enduser.Delivery) []byte {
	if d.Webhook.Format == enduser.FormatAda {
		return ada(d)
	}
	return native(d)
}

// native returns the members that Standard Webhooks recommend. What concerns the change is in
// data, and below it the user or group as the native routes show it.
func native(d *enduser.Delivery) []byte {
	e := &d.Event
	b := jsontext.AppendString([]byte(`{"type":`), e.Type)
	b = jsontext.AppendTime(append(b, `,"timestamp":`...), e.Time)
	b = jsontext.AppendString(append(b, `,"data":{"id":`...), subject(d))
	if e.Revision == 0 { // of a ping
		b = append(b, `,"revision":null`...)
	} else {
		b = strconv.AppendInt(append(b, `,"revision":`...), e.Revision, 10)
	}
	b = jsontext.AppendList(append(b, `,"fields":`...), e.Fields, jsontext.AppendString)
	b = jsontext.AppendOptional(append(b, `,"actor":`...), e.Actor)
	b = jsontext.AppendOptional(append(b, `,"external_id":`...), e.ExternalID)
	b = jsontext.AppendString(append(b, `,"tenant_id":`...), d.Webhook.Tenant)
	b = jsontext.AppendString(append(b, `,"environment":`...), string(d.Webhook.Environment))
	b = jsontext.AppendOptional(append(b, `,"cursor":`...), e.Position.String())
	switch {
	case e.Kind == kindUser && e.User == nil:
		b = append(b, `,"user":null`...)
	case e.Kind == kindUser:
		b = userjson.Native(append(b, `,"user":`...), e.User)
	case e.Kind == kindGroup && e.Group == nil:
		b = append(b, `,"group":null`...)
	case e.Kind == kindGroup:
		b = userjson.Group(append(b, `,"group":`...), e.Group)
	}
	return append(b, `}}`...)
}

// The kinds of what changed that have a member of their own.
const (
	kindUser  = "user"
	kindGroup = "group"
)

// subject returns the ID of what an event is about: of a ping, the webhook's.
func subject(d *enduser.Delivery) string {
	if d.Event.ID == "" {
		return d.Webhook.ID
	}
	return d.Event.ID
}

// ada returns an event as Ada sends it: the end user is the data, and the tags repeat
// its ID. The Manager selects the events that Ada has. A ping has no user.
func ada(d *enduser.Delivery) []byte {
	e, version, tags := &d.Event, "", []string(nil)
	if e.Kind == kindUser {
		version, tags = "v1.", []string{e.ID}
	}
	b := jsontext.AppendString([]byte(`{"type":`), version+e.Type)
	b = appendAdaTime(append(b, `,"timestamp":`...), e.Time)
	b = append(b, `,"data":`...)
	if e.User == nil {
		b = append(b, `{}`...)
	} else {
		b = userjson.Ada(b, e.User)
	}
	b = jsontext.AppendList(append(b, `,"tags":`...), tags, jsontext.AppendString)
	return append(b, '}')
}

// appendAdaTime appends a time with the milliseconds that Ada's events have, by which
// receivers order them.
func appendAdaTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), "2006-01-02T15:04:05.000-07:00"), '"')
}
