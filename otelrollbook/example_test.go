package otelrollbook_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/otelrollbook"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A registry with everything observed. The reader of a real program sends the metrics somewhere,
// such as go.opentelemetry.io/otel/exporters/prometheus.
func ExampleNew() {
	reader := sdkmetric.NewManualReader()
	telemetry, err := otelrollbook.New(&otelrollbook.Options{
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	})
	if err != nil {
		log.Fatal(err)
	}
	st := memory.New(&memory.Options{Observer: telemetry.Store("memory")})
	users := enduser.New(st, &enduser.Options{Observer: telemetry.Users()})
	auth := func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{Tenant: "acme"}, nil }
	api, err := httpapi.New(users, auth, nil)
	if err != nil {
		log.Fatal(err)
	}
	send(telemetry.Handler(api), "GET", "/v1/end-users/nobody", "")

	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		log.Fatal(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name == "rollbook.problems" {
			data, _ := m.Data.(metricdata.Sum[int64])
			fmt.Println(m.Name, data.DataPoints[0].Value)
		}
	}
	// Output: rollbook.problems 1
}
