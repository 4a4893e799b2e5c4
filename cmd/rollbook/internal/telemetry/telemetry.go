// Package telemetry has the metrics of the server: their flags, and the address at which
// Prometheus finds them.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/logs"
	"github.com/rollbook-go/rollbook/otelrollbook"
)

// Flags are the flags of the metrics. The command serve embeds them.
type Flags struct {
	MetricsAddr    string `placeholder:"ADDR" help:"Address of /metrics, for Prometheus, and of another /livez, such as 127.0.0.1:9464; they need no key. By default there are no metrics."`
	MetricsTenants string `default:"off" enum:"on,off" help:"Count requests by tenant, by name for the first 100 of them: on or off."`
}

// Metrics are what the server reports.
type Metrics struct {
	*otelrollbook.Telemetry

	web  *http.Server // nil: there is no address
	done chan struct{}
}

// Open listens on -metrics-addr and serves /metrics there until Close. Without the flag nothing
// is reported, and nothing costs anything. The address is said in the log.
func (f *Flags) Open(ctx context.Context, log *slog.Logger) (*Metrics, error) {
	m, opts := new(Metrics), &otelrollbook.Options{Tenants: f.MetricsTenants == "on"}
	if f.MetricsAddr == "" {
		var err error
		m.Telemetry, err = otelrollbook.New(nil)
		return m, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.MetricsAddr)
	if err != nil {
		err = fmt.Errorf("-metrics-addr: %w", err)
		if _, wrong := errors.AsType[*net.AddrError](err); wrong {
			err = cli.Exit(cli.Usage, err)
		}
		return nil, err
	}
	page, err := m.page(opts, log)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	m.serve(listener, page, log)
	log.Info("metrics", slog.String("url", "http://"+listener.Addr().String()+"/metrics"))
	return m, nil
}

// page makes the metrics, and returns the handler that shows them.
func (m *Metrics) page(opts *otelrollbook.Options, log *slog.Logger) (http.Handler, error) {
	all := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(all), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := all.Register(c); err != nil {
			return nil, err
		}
	}
	opts.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	m.Telemetry, err = otelrollbook.New(opts)
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4,
	}), err
}

// serve serves the page, and /livez: clients that take every connection of the other address must
// not make the process seem dead.
func (m *Metrics) serve(l net.Listener, page http.Handler, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", page)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"live"}`)
	})
	m.web = &http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: logs.Web(log),
	}
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		if err := m.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", slog.Any("error", err))
		}
	}()
}

// Close stops serving.
func (m *Metrics) Close() error {
	if m.web == nil {
		return nil
	}
	err := m.web.Close()
	<-m.done
	return err
}

// System returns what a store of -store keeps its records in, as OpenTelemetry calls it.
func System(flag string) string {
	scheme, _, _ := strings.Cut(flag, ":")
	switch {
	case strings.HasPrefix(scheme, "postgres"):
		return "postgresql"
	case strings.HasPrefix(scheme, "redis"):
		return "redis"
	}
	return scheme // sqlite, memory
}
