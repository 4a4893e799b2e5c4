package otelrollbook_test

import (
	"context"
	"net/http"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/otelrollbook"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// sink is a ResponseWriter that allocates nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// measured returns a Telemetry with metrics, by the SDK that programs use, and labels of tenants.
func measured(tb testing.TB) *otelrollbook.Telemetry {
	tb.Helper()
	t, err := otelrollbook.New(&otelrollbook.Options{
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), Tenants: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// calls counts the calls of a store.
type calls struct{ n int }

func (c *calls) observer() *store.Observer {
	return &store.Observer{Call: func(store.CallInfo) { c.n++ }}
}

// bare returns a handler of the native routes, and how to call it without allocating.
func bare(tb testing.TB, c *calls) (h http.Handler, serve func(http.Handler)) {
	tb.Helper()
	h, err := httpapi.New(enduser.New(memory.New(&memory.Options{Observer: c.observer()}), nil), tokens(tb), nil)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/end-users/nobody", nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.RequestURI = r.URL.Path
	r.Header.Set("Authorization", "Bearer "+key)
	w := &sink{header: make(http.Header)}
	return h, func(h http.Handler) {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

// TestCost: the middleware makes at most four allocations a request, one that ends with a problem
// and of a tenant that is counted, and calls no store. Beside them are those of the handler.
func TestCost(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of the whole process
	if size.Race {
		t.Skip("under the race detector sync.Pool drops what it is given")
	}
	const runs = 500
	var c calls
	h, serve := bare(t, &c)
	without := testing.AllocsPerRun(runs, func() { serve(h) })
	calledBefore := c.n
	observed := measured(t).Handler(h)
	with := testing.AllocsPerRun(runs, func() { serve(observed) })
	t.Logf("%v allocations above %v", with-without, without)
	if with-without > 4 {
		t.Errorf("the middleware allocates %v times", with-without)
	}
	if c.n-calledBefore != calledBefore {
		t.Errorf("%d calls of the store without the middleware, %d with it", calledBefore, c.n-calledBefore)
	}
}

// BenchmarkHandler is the native handler without and with the middleware, and the middleware
// alone.
func BenchmarkHandler(b *testing.B) {
	h, serve := bare(b, new(calls))
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for name, h := range map[string]http.Handler{
		"bare": h, "observed": measured(b).Handler(h), "alone": measured(b).Handler(nothing),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				serve(h)
			}
		})
	}
}
