package otelrollbook

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rollbook-go/rollbook/enduser"
)

// Users returns the observer of a Manager. It returns nil if there are no metrics.
func (t *Telemetry) Users() *enduser.Observer {
	m := t.metrics
	if m == nil {
		return nil
	}
	ctx := context.Background()
	failed := newSet(semconv.ErrorTypeOther)
	m.swept.Add(ctx, 0)
	m.dead.Add(ctx, 0)
	for _, reason := range []string{enduser.DisabledFailing, enduser.DisabledGone} {
		m.disabled.Add(ctx, 0, newSet(reasonKey.String(reason)).add...)
	}
	return &enduser.Observer{
		Sweep: func(s enduser.SweepInfo) {
			if s.Err != nil {
				m.sweeps.Record(ctx, s.Took.Seconds(), failed.record...)
			} else {
				m.sweeps.Record(ctx, s.Took.Seconds())
			}
			m.swept.Add(ctx, int64(s.Users))
			m.late.Record(ctx, s.Lag.Seconds())
			m.unreadable.Record(ctx, int64(s.Unreadable))
		},
		Attempt: func(a enduser.AttemptInfo) {
			s := m.results.of(result(m.result(&a)))
			m.attempts.Record(ctx, a.Took.Seconds(), s.record...)
			if a.Lag > 0 && !a.Redelivery {
				m.lag.Record(ctx, a.Lag.Seconds(), s.record...)
			}
		},
		DeadLetter: func(enduser.DeadLetterInfo) { m.dead.Add(ctx, 1) },
		Disabled: func(d enduser.DisabledInfo) {
			m.disabled.Add(ctx, 1, newSet(reasonKey.String(d.Reason)).add...)
		},
	}
}

// result returns what became of an attempt, in one of few words: endpoints choose their statuses.
func (m *metrics) result(a *enduser.AttemptInfo) string {
	switch {
	case a.Succeeded:
		return "delivered"
	case a.Fault != "":
		return m.faults.shown(a.Fault)
	case a.Status >= 300 && a.Status < 600:
		return [...]string{"3xx", "4xx", "5xx"}[a.Status/100-3]
	default:
		return other
	}
}

type result string

func (r result) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{resultKey.String(string(r))}
}
