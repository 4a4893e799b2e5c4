package httpapi

import (
	"cmp"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// nativeFormat is the text of [enduser.FormatNative].
const nativeFormat = "native"

func appendWebhook(b []byte, w *enduser.Webhook) []byte {
	b = jsontext.AppendString(append(b, `{"id":`...), w.ID)
	b = jsontext.AppendString(append(b, `,"tenant_id":`...), w.Tenant)
	b = jsontext.AppendString(append(b, `,"environment":`...), string(w.Environment))
	b = jsontext.AppendString(append(b, `,"url":`...), w.URL)
	b = jsontext.AppendOptional(append(b, `,"description":`...), w.Description)
	b = jsontext.AppendList(append(b, `,"events":`...), w.Events, jsontext.AppendString)
	b = jsontext.AppendString(append(b, `,"format":`...), cmp.Or(string(w.Format), nativeFormat))
	b = jsontext.AppendList(append(b, `,"header_names":`...), w.HeaderNames, jsontext.AppendString)
	b = rest.AppendBool(append(b, `,"enabled":`...), !w.Disabled)
	b = jsontext.AppendOptional(append(b, `,"disabled_reason":`...), w.DisabledReason)
	b = jsontext.AppendTime(append(b, `,"disabled_at":`...), w.DisabledAt)
	b = jsontext.AppendOptional(append(b, `,"created_by":`...), w.CreatedBy)
	b = jsontext.AppendOptional(append(b, `,"updated_by":`...), w.UpdatedBy)
	b = jsontext.AppendTime(append(b, `,"created_at":`...), w.CreatedAt)
	b = jsontext.AppendTime(append(b, `,"updated_at":`...), w.UpdatedAt)
	b = strconv.AppendInt(append(b, `,"revision":`...), w.Revision, 10)
	b = jsontext.AppendString(append(b, `,"version":`...), w.Version.String())
	return append(b, '}')
}

// appendNewWebhook writes a webhook and its secret, for the answers that show it.
func appendNewWebhook(b []byte, w *enduser.Webhook, secret string) []byte {
	b = appendWebhook(b, w)
	b = append(b[:len(b)-1], `,"secret":`...) // one more member
	return append(jsontext.AppendString(b, secret), '}')
}

func appendWebhooks(b []byte, all []enduser.Webhook) []byte {
	b = jsontext.AppendList(append(b, `{"data":`...), all, func(b []byte, w enduser.Webhook) []byte {
		return appendWebhook(b, &w)
	})
	return append(b, '}')
}

func appendWebhookState(b []byte, s *enduser.WebhookState) []byte {
	b = jsontext.AppendString(append(b, `{"cursor":`...), s.Position.String())
	b = strconv.AppendInt(append(b, `,"failures":`...), int64(s.Failures), 10)
	b = jsontext.AppendTime(append(b, `,"failing_since":`...), s.FailingSince)
	b = jsontext.AppendTime(append(b, `,"last_success":`...), s.LastSuccess)
	b = jsontext.AppendTime(append(b, `,"retry_at":`...), s.RetryAt)
	b = jsontext.AppendTime(append(b, `,"gapped_at":`...), s.GappedAt)
	b = strconv.AppendInt(append(b, `,"parked":`...), int64(s.Parked), 10)
	b = strconv.AppendInt(append(b, `,"queued":`...), int64(s.Queued), 10)
	b = strconv.AppendInt(append(b, `,"dead_letters":`...), int64(s.DeadLetters), 10)
	b = append(b, `,"redelivery":`...)
	if s.Redelivery == nil {
		return append(b, "null}"...)
	}
	b = jsontext.AppendTime(append(b, `{"requested_at":`...), s.Redelivery.RequestedAt)
	b = strconv.AppendInt(append(b, `,"sent":`...), int64(s.Redelivery.Sent), 10)
	b = jsontext.AppendString(append(b, `,"cursor":`...), s.Redelivery.Position.String())
	b = jsontext.AppendString(append(b, `,"through":`...), s.Redelivery.Through.String())
	return append(b, "}}"...)
}

func appendAttempts(b []byte, attempts []enduser.Attempt) []byte {
	b = jsontext.AppendList(append(b, `{"data":`...), attempts, func(b []byte, a enduser.Attempt) []byte {
		b = jsontext.AppendString(append(b, `{"event_id":`...), a.EventID)
		b = jsontext.AppendString(append(b, `,"event":`...), a.Event)
		b = jsontext.AppendOptional(append(b, `,"kind":`...), a.Kind)
		b = jsontext.AppendOptional(append(b, `,"id":`...), a.ID)
		b = strconv.AppendInt(append(b, `,"attempt":`...), int64(a.Number), 10)
		b = jsontext.AppendTime(append(b, `,"at":`...), a.At)
		b = strconv.AppendInt(append(b, `,"took_ms":`...), int64(a.Took/time.Millisecond), 10)
		b = appendStatus(append(b, `,"status":`...), a.Status)
		b = jsontext.AppendOptional(append(b, `,"fault":`...), a.Fault)
		b = jsontext.AppendTime(append(b, `,"next_at":`...), a.Next)
		b = rest.AppendBool(append(b, `,"redelivery":`...), a.Redelivery)
		return append(b, '}')
	})
	return append(b, '}')
}

// appendStatus writes the status of an answer, null if there was none.
func appendStatus(b []byte, status int) []byte {
	if status == 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(status), 10)
}

func appendDeadLetters(b []byte, page *enduser.DeadLetterPage) []byte {
	b = jsontext.AppendList(append(b, `{"data":`...), page.DeadLetters, func(b []byte, d enduser.DeadLetter) []byte {
		b = jsontext.AppendString(append(b, `{"event_id":`...), d.EventID)
		b = jsontext.AppendString(append(b, `,"event":`...), d.Event)
		b = jsontext.AppendString(append(b, `,"kind":`...), d.Kind)
		b = jsontext.AppendString(append(b, `,"id":`...), d.ID)
		b = jsontext.AppendString(append(b, `,"cursor":`...), d.Position.String())
		b = strconv.AppendInt(append(b, `,"attempts":`...), int64(d.Attempts), 10)
		b = appendStatus(append(b, `,"status":`...), d.Status)
		b = jsontext.AppendOptional(append(b, `,"fault":`...), d.Fault)
		b = jsontext.AppendTime(append(b, `,"at":`...), d.At)
		return append(b, '}')
	})
	return appendPaging(b, page.Next, page.Previous)
}

func appendEventID(b []byte, event string) []byte {
	return append(jsontext.AppendString(append(b, `{"event_id":`...), event), '}')
}

func appendRedeliveryCount(b []byte, n enduser.Count, from enduser.Position) []byte {
	b = strconv.AppendInt(append(b, `{"count":`...), int64(n.N), 10)
	b = rest.AppendBool(append(b, `,"exact":`...), n.Exact)
	b = jsontext.AppendString(append(b, `,"after":`...), from.String())
	return append(b, '}')
}

// webhookInput is the body of a request that writes a webhook.
type webhookInput struct {
	rest.Input

	url, description, format rest.Optional[string]
	events                   rest.Optional[[]string]
	enabled                  rest.Optional[bool]
	headers                  rest.Optional[map[string]enduser.Secret]
}

// readWebhook reads a body: a merge patch, where null clears, or a new webhook.
func readWebhook(body string, isPatch bool) (in webhookInput, err error) {
	in.NoNull = !isPatch
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error { return in.member(&p, name) }))
	for name, null := range map[string]bool{"url": in.url.Null, "enabled": in.enabled.Null, "headers": in.headers.Null} {
		in.RefuseNull(name, null && isPatch)
	}
	switch in.format.Value {
	case "", string(enduser.FormatAda):
	case nativeFormat:
		in.format.Value = string(enduser.FormatNative)
	default:
		in.Fault("format", enduser.CodeValue, "must be native or ada")
	}
	return in, err
}

func (in *webhookInput) member(p *jsontext.Scanner, name string) error {
	switch name {
	case "url":
		return rest.Member(&in.Input, p, name, &in.url, p.String)
	case "description":
		return rest.Nullable(&in.Input, p, name, &in.description, p.String)
	case "format":
		return rest.Member(&in.Input, p, name, &in.format, p.String)
	case "events":
		return rest.Nullable(&in.Input, p, name, &in.events, rest.Array(p, func(int) (string, error) { return p.String() }))
	case "enabled":
		return rest.Member(&in.Input, p, name, &in.enabled, p.Bool)
	case "headers":
		return rest.Member(&in.Input, p, name, &in.headers, func() (map[string]enduser.Secret, error) { return in.readHeaders(p) })
	case "id", "tenant_id", "environment", "header_names", "disabled_reason", "disabled_at", "created_by", "updated_by",
		"created_at", "updated_at", "revision", "version", "secret":
		in.Fault(name, enduser.CodeReadOnly, "is set by the server")
	default:
		return in.Unknown(p, name)
	}
	_, err := p.Raw()
	return err
}

// readHeaders reads an object of texts; null removes a header.
func (in *webhookInput) readHeaders(p *jsontext.Scanner) (map[string]enduser.Secret, error) {
	headers := make(map[string]enduser.Secret)
	err := p.Object(func(name string) error {
		if p.Kind() == jsontext.Null {
			if in.NoNull {
				in.FaultAt(rest.Path{Name: "headers", Key: name}, rest.CodeType, "must not be null")
			}
			headers[name] = enduser.NewSecret(enduser.Null)
			return p.Null()
		}
		value, err := p.String()
		headers[name] = enduser.NewSecret(enduser.String(value))
		return err
	})
	return headers, err
}

// spec returns the webhook that a create asks for.
func (in *webhookInput) spec() (enduser.WebhookSpec, error) {
	if !in.url.Given {
		in.Fault("url", enduser.CodeRequired, "must be given")
	}
	return enduser.WebhookSpec{
		URL: in.url.Value, Description: in.description.Value, Events: in.events.Value,
		Format: enduser.WebhookFormat(in.format.Value), Headers: in.headers.Value,
		Disabled: in.enabled.Given && !in.enabled.Value,
	}, in.Err()
}

// patch applies the body to a webhook as a merge patch (RFC 7396).
func (in *webhookInput) patch(e *enduser.WebhookEdit) error {
	in.url.Set(&e.URL)
	in.description.Set(&e.Description)
	in.events.Set(&e.Events)
	if in.format.Given {
		e.Format = enduser.WebhookFormat(in.format.Value)
	}
	if in.enabled.Given {
		e.Disabled = !in.enabled.Value
	}
	for name, value := range in.headers.Value {
		e.SetHeader(name, value)
	}
	return nil
}

// readOne reads a body that has one member.
func readOne[T any](body, name string, read func(p *jsontext.Scanner) (T, error)) (rest.Optional[T], error) {
	in := rest.Input{NoNull: true}
	var value rest.Optional[T]
	p := jsontext.NewScanner(body)
	err := in.End(&p, p.Object(func(member string) error {
		if member != name {
			return in.Unknown(&p, member)
		}
		return rest.Member(&in, &p, name, &value, func() (T, error) { return read(&p) })
	}))
	if err == nil {
		err = in.Err()
	}
	return value, err
}

// readRequired is readOne of a member that must be given.
func readRequired(body, name string) (string, error) {
	value, err := readOne(body, name, (*jsontext.Scanner).String)
	if err == nil && value.Value == "" {
		err = rest.Invalid(rest.Field{Path: rest.Path{Name: name}, Code: enduser.CodeRequired, Message: "must be given"})
	}
	return value.Value, err
}

// readSecretRotation returns the overlap in seconds.
func readSecretRotation(body string) (rest.Optional[int64], error) {
	const name = "overlap_seconds"
	in, err := readOne(body, name, (*jsontext.Scanner).Int)
	if err == nil && (in.Value < 0 || in.Value > int64(enduser.MaxOverlap.Seconds())) {
		err = rest.Invalid(rest.Field{Path: rest.Path{Name: name}, Code: enduser.CodeValue, Message: "must be between 0 and 2592000"})
	}
	return in, err
}

func readEventID(body string) (string, error) { return readRequired(body, "event_id") }

// readRedelivery returns where a redelivery begins.
func readRedelivery(body string) (enduser.Position, error) {
	after, err := readRequired(body, "after")
	if err != nil {
		return enduser.Position{}, err
	}
	return enduser.ParsePosition(after)
}
