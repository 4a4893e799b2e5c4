package otelrollbook

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rollbook-go/rollbook/store"
)

// Spans returns a store that makes a span of every read and write that belongs to a trace, such as
// those of a request that [Telemetry.Handler] reports. The system is as for [Telemetry.Store].
// Sweeps and deliveries, which belong to no trace, have no spans, and neither have waits for
// changes. Spans returns the store itself if there are no spans to be made.
func (t *Telemetry) Spans(st store.Store, system string) store.Store {
	if t.tracer == nil {
		return st
	}
	return &spans{st, t.tracer, semconv.DBSystemNameKey.String(system)}
}

// spans is a store whose calls are spans.
type spans struct {
	store.Store

	tracer trace.Tracer
	system attribute.KeyValue
}

// Unwrap shows the optional interfaces of the store.
func (s *spans) Unwrap() store.Store { return s.Store }

// spanned makes a call within a span of its own.
func spanned[T any](ctx context.Context, s *spans, method string, call func(context.Context) (T, error)) (T, error) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return call(ctx)
	}
	ctx, span := s.tracer.Start(ctx, "store."+method, trace.WithAttributes(s.system, methodKey.String(method)))
	defer span.End()
	result, err := call(ctx)
	if err != nil {
		kind := errorType(err)
		span.SetAttributes(semconv.ErrorTypeKey.String(kind))
		if !expected(err) {
			span.SetStatus(codes.Error, kind) // the error itself may name a record
		}
	}
	return result, err
}

// expected reports whether an error is an answer that callers expect.
func expected(err error) bool {
	for _, known := range []error{store.ErrNotFound, store.ErrStale, store.ErrTaken, store.ErrTrimmed} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// Get implements store.Store, and so do the methods below.
func (s *spans) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return spanned(ctx, s, "Get", func(ctx context.Context) (store.Record, error) { return s.Store.Get(ctx, tenant, key) })
}

func (s *spans) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	return spanned(ctx, s, "Apply", func(ctx context.Context) (store.Revision, error) { return s.Store.Apply(ctx, tenant, b) })
}

func (s *spans) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return spanned(ctx, s, "List", func(ctx context.Context) (store.Page, error) { return s.Store.List(ctx, tenant, q) })
}

func (s *spans) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return spanned(ctx, s, "Changes", func(ctx context.Context) (store.ChangePage, error) { return s.Store.Changes(ctx, tenant, q) })
}

func (s *spans) Trim(ctx context.Context, tenant string, through store.Revision) error {
	_, err := spanned(ctx, s, "Trim", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.Store.Trim(ctx, tenant, through)
	})
	return err
}

func (s *spans) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return spanned(ctx, s, "Due", func(ctx context.Context) (store.DuePage, error) { return s.Store.Due(ctx, q) })
}

func (s *spans) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return spanned(ctx, s, "Tenants", func(ctx context.Context) (store.TenantPage, error) { return s.Store.Tenants(ctx, q) })
}
