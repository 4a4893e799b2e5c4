package otelrollbook

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rollbook-go/rollbook/httpapi"
)

// Handler returns a handler that reports the requests that next answers. It belongs around
// everything that a server answers, other handlers of the host's included; of these it knows the
// route only if next is a [http.ServeMux]. It calls no store. Without spans it costs three
// allocations and about a microsecond a request.
func (t *Telemetry) Handler(next http.Handler) http.Handler {
	if t.metrics == nil && t.tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.serve(next, w, r) })
}

func (t *Telemetry) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	began := time.Now() //nolint:forbidigo // how long a request takes is not in any record
	now := begun{method: method(r.Method), scheme: scheme(r)}
	ctx := r.Context()
	var span trace.Span
	if t.tracer != nil {
		ctx, span = t.begin(ctx, r, now)
	}
	observed, info := httpapi.Observe(ctx)
	a := answer{ResponseWriter: w}
	r = r.WithContext(observed)
	if t.metrics != nil {
		t.metrics.active.Add(ctx, 1, t.metrics.begun.of(now).add...)
	}
	aborted := true
	defer func() { // also of a handler that panics, which is not stopped
		key := request{begun: now, family: info.Family, route: route(info, r), status: a.ended(aborted), code: info.Code}
		if key.failed() && errors.Is(ctx.Err(), context.Canceled) {
			key.status, key.code = 0, "" // the client has left: nobody got the answer
		}
		if t.metrics != nil {
			t.metrics.report(ctx, key, time.Since(began))
			t.metrics.reportTenant(ctx, t.tenants, info, key.status)
			t.metrics.active.Add(ctx, -1, t.metrics.begun.of(now).add...) // when it is counted
		}
		if span != nil {
			t.end(span, key, info)
		}
	}()
	next.ServeHTTP(&a, r)
	aborted = false
}

// report reports a request that has ended.
func (m *metrics) report(ctx context.Context, key request, took time.Duration) {
	if key.code != "" {
		m.problems.Add(ctx, 1, m.refused.of(problem{key.family, key.code}).add...)
	}
	if key.status < http.StatusInternalServerError {
		key.code = "" // the code is an error.type of failures of the server alone
	}
	m.duration.Record(ctx, took.Seconds(), m.requests.of(key).record...)
}

func (m *metrics) reportTenant(ctx context.Context, tenants *names, info *httpapi.RequestInfo, status int) {
	if tenants != nil && info.Principal.Tenant != "" {
		m.tenants.Add(ctx, 1, m.byTenant.of(ofTenant{tenants.shown(info.Principal.Tenant), status}).add...)
	}
}

// begin begins the span of a request, within the trace of the caller.
func (t *Telemetry) begin(ctx context.Context, r *http.Request, now begun) (context.Context, trace.Span) {
	ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	attrs := append(now.attributes(), semconv.NetworkProtocolVersion(strconv.Itoa(r.ProtoMajor)))
	if r.ProtoMajor == 1 {
		attrs[len(attrs)-1] = semconv.NetworkProtocolVersion("1." + strconv.Itoa(r.ProtoMinor))
	}
	return t.tracer.Start(ctx, now.method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
}

// end ends the span of a request.
func (t *Telemetry) end(span trace.Span, key request, info *httpapi.RequestInfo) {
	if key.route != "" {
		span.SetName(key.method + " " + key.route)
	}
	attrs := key.attributes()
	if key.code != "" {
		attrs = append(attrs, codeKey.String(key.code))
	}
	if info.Action.Name != "" {
		attrs = append(attrs, actionKey.String(info.Action.Name))
	}
	if t.tenants != nil && info.Principal.Tenant != "" {
		attrs = append(attrs, tenantKey.String(t.tenants.shown(info.Principal.Tenant)))
	}
	span.SetAttributes(attrs...)
	if key.failed() {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// begun is what is known of a request when it begins.
type begun struct{ method, scheme string }

func (b begun) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(b.method), semconv.URLScheme(b.scheme)}
}

// request is what is known of a request when it has ended.
type request struct {
	begun

	family, route string
	status        int    // 0: the handler has panicked before it answered, or the client has left
	code          string // of the problem
}

// failed reports whether the server has failed, and not the client.
func (k request) failed() bool { return k.status == 0 || k.status >= http.StatusInternalServerError }

func (k request) attributes() []attribute.KeyValue {
	attrs := k.begun.attributes()
	if k.family != "" {
		attrs = append(attrs, familyKey.String(k.family))
	}
	if k.route != "" {
		attrs = append(attrs, semconv.HTTPRoute(k.route))
	}
	if k.status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(k.status))
	}
	switch {
	case k.status == 0:
		attrs = append(attrs, semconv.ErrorTypeKey.String("aborted"))
	case k.failed() && k.code != "":
		attrs = append(attrs, semconv.ErrorTypeKey.String(k.code))
	case k.failed():
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(k.status)))
	}
	return attrs
}

// problem is the attributes of problems that were answered.
type problem struct{ family, code string }

func (p problem) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{familyKey.String(p.family), codeKey.String(p.code)}
}

// ofTenant is the attributes of a tenant's requests.
type ofTenant struct {
	tenant string
	status int
}

func (o ofTenant) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{tenantKey.String(o.tenant), semconv.HTTPResponseStatusCode(o.status)}
}

// method returns a request's method, "_OTHER" if it is none that the conventions know: clients
// can invent any number of them.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodHead, http.MethodOptions, http.MethodConnect, http.MethodTrace, "QUERY":
		return m
	}
	return "_OTHER"
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// route returns the route of a request, "" if it is unknown.
func route(info *httpapi.RequestInfo, r *http.Request) string {
	if info.Family != "" {
		return info.Route
	}
	_, path, ok := strings.Cut(r.Pattern, " ")
	if !ok {
		path = r.Pattern
	}
	return strings.TrimSuffix(path, "/{$}")
}

// answer is a ResponseWriter that remembers the status.
type answer struct {
	http.ResponseWriter

	status int
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush implements http.Flusher, for handlers of the host's that ask for it.
func (a *answer) Flush() {
	a.written()
	_ = http.NewResponseController(a.ResponseWriter).Flush() // it may not be able to
}

// Hijack implements http.Hijacker, likewise.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil && a.status == 0 {
		a.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.written()
	return a.ResponseWriter.Write(b)
}

func (a *answer) written() {
	if a.status == 0 {
		a.status = http.StatusOK
	}
}

// ended returns the status of an answer that has ended. A handler that writes nothing answers 200,
// unless it panics.
func (a *answer) ended(aborted bool) int {
	if !aborted {
		a.written()
	}
	return a.status
}
