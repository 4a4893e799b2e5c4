package otelrollbook_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/otelrollbook"
)

// rig is a Telemetry whose reports a test reads.
type rig struct {
	*otelrollbook.Telemetry
	reader *sdkmetric.ManualReader
	spans  *tracetest.InMemoryExporter
}

func newRig(tb testing.TB, o otelrollbook.Options) *rig {
	tb.Helper()
	r := &rig{reader: sdkmetric.NewManualReader(), spans: tracetest.NewInMemoryExporter()}
	o.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	o.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(r.spans))
	var err error
	if r.Telemetry, err = otelrollbook.New(&o); err != nil {
		tb.Fatal(err)
	}
	return r
}

// read returns every point as "name{key=value,…}" with its value: of a histogram, how many values
// it has.
func (r *rig) read(tb testing.TB) map[string]float64 {
	tb.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(tb.Context(), &all); err != nil {
		tb.Fatal(err)
	}
	points := make(map[string]float64)
	put := func(name string, set attribute.Set, value float64) {
		var attrs []string
		for _, kv := range set.ToSlice() {
			attrs = append(attrs, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
		}
		slices.Sort(attrs)
		points[name+"{"+strings.Join(attrs, ",")+"}"] += value
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					put(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					put(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					put(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					put(m.Name, p.Attributes, float64(p.Count))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					put(m.Name, p.Attributes, float64(p.Count))
				}
			default:
				tb.Fatalf("%s has %T", m.Name, data)
			}
		}
	}
	return points
}

// only returns the points of one metric, without its name.
func only(points map[string]float64, name string) map[string]float64 {
	found := make(map[string]float64)
	for point, value := range points {
		if attrs, ok := strings.CutPrefix(point, name+"{"); ok {
			found["{"+attrs] = value
		}
	}
	return found
}

const key = "a-key-of-acme"

// tokens are the credentials of the tests: one of acme.
func tokens(tb testing.TB) httpapi.Authenticator {
	tb.Helper()
	t, err := httpapi.NewTokens(map[string]httpapi.Principal{key: {Tenant: "acme", Actor: "ann@acme.example"}})
	if err != nil {
		tb.Fatal(err)
	}
	return t.Authenticate
}

// send sends a request with the key, and returns the status.
func send(h http.Handler, method, target, body string) int {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("X-Api-Key", key)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
