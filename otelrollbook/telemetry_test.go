package otelrollbook_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"

	"github.com/rollbook-go/rollbook/otelrollbook"
)

var errRefused = errors.New("refused")

// refusing is a provider that makes no gauges.
type refusing struct{ noop.MeterProvider }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return noGauges{} }

type noGauges struct{ noop.Meter }

func (noGauges) Int64Gauge(string, ...metric.Int64GaugeOption) (metric.Int64Gauge, error) {
	return nil, errRefused
}

func TestRefusedInstrument(t *testing.T) {
	t.Parallel()
	if made, err := otelrollbook.New(&otelrollbook.Options{MeterProvider: refusing{}}); !errors.Is(err, errRefused) || made != nil {
		t.Errorf("%v, %v", made, err)
	}
}

// TestPropagator: the program says which headers name the trace of the caller.
func TestPropagator(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{Propagator: propagation.Baggage{}})
	one := httptest.NewRequest(http.MethodGet, "/", nil)
	one.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), one)
	if spans := r.spans.GetSpans(); len(spans) != 1 || spans[0].Parent.IsValid() {
		t.Errorf("%+v", spans)
	}
}

// TestFirstStatus: the status that the client gets is the one that counts.
func TestFirstStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	send(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusInternalServerError)
	})), http.MethodGet, "/", "")
	if n := only(r.read(t), "http.server.request.duration")["{http.request.method=GET,http.response.status_code=202,url.scheme=http}"]; n != 1 {
		t.Errorf("reported %v times as 202", n)
	}
}
