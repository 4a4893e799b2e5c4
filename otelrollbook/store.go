package otelrollbook

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rollbook-go/rollbook/store"
)

// Store returns the observer of a store. The system is what it keeps its records in, one of the
// values of db.system.name: "sqlite", "redis", "postgresql"; "memory" for package store/memory.
// It returns nil if there are no metrics.
func (t *Telemetry) Store(system string) *store.Observer {
	m := t.metrics
	if m == nil {
		return nil
	}
	ctx := context.Background()
	own := newSet(semconv.DBSystemNameKey.String(system))
	m.unknown.Add(ctx, 0, own.add...)
	m.damaged.Add(ctx, 0, own.add...)
	m.retries.Add(ctx, 0, own.add...)
	return &store.Observer{
		Call: func(c store.CallInfo) {
			s := m.stores.of(storeCall{system, c.Method})
			failed := s
			if c.Err != nil {
				failed = m.errors.of(storeError{system, c.Method, errorType(c.Err)})
			}
			m.calls.Record(ctx, c.Took.Seconds(), failed.record...)
			if c.Items > 0 {
				m.items.Add(ctx, int64(c.Items), s.add...)
			}
			if queues(c.Method) {
				m.queue.Record(ctx, int64(c.Queued), s.record...)
			}
			if c.Damaged > 0 {
				m.damaged.Add(ctx, int64(c.Damaged), own.add...)
			}
			if errors.Is(c.Err, store.ErrUnknown) {
				m.unknown.Add(ctx, 1, own.add...)
			}
		},
		Group: func(g store.GroupInfo) {
			failed := own
			if g.Err != nil {
				failed = m.errors.of(storeError{system, "", errorType(g.Err)})
			}
			m.groups.Record(ctx, int64(g.Calls), own.record...)
			m.groupsTook.Record(ctx, g.Took.Seconds(), failed.record...)
		},
		Retry: func(r store.RetryInfo) {
			m.retries.Add(ctx, 1, m.errors.of(storeError{system, "", errorType(r.Err)}).add...)
		},
	}
}

// queues reports whether calls of a method wait for a writer.
func queues(method string) bool {
	switch method {
	case "Apply", "Import", "Drop", "Trim":
		return true
	}
	return false
}

// storeCall is the attributes of calls of a method.
type storeCall struct{ system, method string }

func (c storeCall) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{semconv.DBSystemNameKey.String(c.system), methodKey.String(c.method)}
}

// storeError is the attributes of calls that failed; without a method, of groups and attempts.
type storeError struct{ system, method, kind string }

func (c storeError) attributes() []attribute.KeyValue {
	attrs := []attribute.KeyValue{semconv.DBSystemNameKey.String(c.system), semconv.ErrorTypeKey.String(c.kind)}
	if c.method != "" {
		attrs = append(attrs, methodKey.String(c.method))
	}
	return attrs
}

// errorType returns a word for an error of a store.
func errorType(err error) string {
	for _, known := range []struct {
		err  error
		word string
	}{
		{store.ErrUnknown, "unknown"}, // before what has caused it
		{store.ErrNotFound, "not_found"},
		{store.ErrStale, "stale"},
		{store.ErrTaken, "taken"},
		{store.ErrTrimmed, "trimmed"},
		{store.ErrInvalid, "invalid"},
		{store.ErrDamaged, "damaged"},
		{store.ErrAborted, "aborted"},
		{store.ErrInTransaction, "in_transaction"},
		{context.Canceled, "canceled"},
		{context.DeadlineExceeded, "deadline_exceeded"},
		{store.ErrUnavailable, "unavailable"},
	} {
		if errors.Is(err, known.err) {
			return known.word
		}
	}
	return "_OTHER"
}
