package otelrollbook

import (
	"fmt"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of the instrumentation.
const scope = "github.com/rollbook-go/rollbook/otelrollbook"

// Options are the settings of [New].
type Options struct {
	MeterProvider  metric.MeterProvider // nil: no metrics
	TracerProvider trace.TracerProvider // nil: no spans

	// Propagator finds the trace of the caller in the headers of a request. Nil: W3C Trace
	// Context.
	Propagator propagation.TextMapPropagator

	// Tenants counts requests by tenant, and names the tenant in spans: the first 100 that are
	// seen, and "other" for the rest. The names are as in httpapi.Principal.
	Tenants bool
}

// Telemetry reports what Rollbook does. It is safe for concurrent use.
type Telemetry struct {
	metrics    *metrics     // nil: none
	tracer     trace.Tracer // nil: none
	propagator propagation.TextMapPropagator
	tenants    *names // nil: not named
}

// New returns a Telemetry. It returns an error if the provider refuses an instrument. Nil options
// mean the zero Options, which report nothing.
func New(opts *Options) (*Telemetry, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	t := &Telemetry{propagator: o.Propagator}
	if o.MeterProvider != nil {
		m, err := newMetrics(o.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)))
		if err != nil {
			return nil, fmt.Errorf("otelrollbook: new: %w", err)
		}
		t.metrics = m
	}
	if o.TracerProvider != nil {
		t.tracer = o.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	}
	if t.propagator == nil {
		t.propagator = propagation.TraceContext{}
	}
	if o.Tenants {
		t.tenants = newNames(maxTenants)
	}
	return t, nil
}
