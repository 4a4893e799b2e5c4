package logs

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
)

// Access returns a handler that logs each request that next answers, unless -access-log is
// off. A line has no personal data: no path, no query, no address, and of the credential the
// name alone. Probes that succeed are left out, since there are several a minute.
func (f *Flags) Access(log *slog.Logger, next http.Handler) http.Handler {
	if f.AccessLog != "on" {
		return next
	}
	return &access{log, next}
}

type access struct {
	log  *slog.Logger
	next http.Handler
}

// ServeHTTP implements http.Handler.
func (a *access) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, info := httpapi.Observe(r.Context())
	counted := &writer{ResponseWriter: w}
	began := time.Now()
	// Also after a panic, by which a handler ends a connection.
	defer func() { a.write(r, info, counted, time.Since(began)) }()
	a.next.ServeHTTP(counted, r.WithContext(ctx))
}

// write writes the line of a request.
func (a *access) write(r *http.Request, info *httpapi.RequestInfo, w *writer, took time.Duration) {
	route, probe := info.Route, false
	switch r.URL.Path {
	case "/livez", "/readyz", "/healthz":
		route, probe = r.URL.Path, true
	case "/", "/docs", "/llms.txt":
		route = r.URL.Path
	}
	if probe && w.status < http.StatusBadRequest && w.status > 0 {
		return
	}
	status, code := w.status, info.Code
	if status >= http.StatusInternalServerError && errors.Is(r.Context().Err(), context.Canceled) {
		status, code = 0, "" // the client has left: nobody got the answer, and the server has not failed
	}
	attrs := [...]slog.Attr{
		slog.String("request_id", w.Header().Get("X-Request-Id")),
		slog.String("method", method(r.Method)),
		slog.String("family", info.Family),
		slog.String("route", route),
		slog.Int("status", status), // 0: cut off before it began
		slog.String("code", code),
		slog.Int64("bytes", w.bytes),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("credential", credential(info.Principal.Credential)),
	}
	kept := attrs[:0]
	for _, at := range attrs {
		if at.Value.Kind() != slog.KindString || at.Value.String() != "" {
			kept = append(kept, at)
		}
	}
	a.log.LogAttrs(r.Context(), slog.LevelInfo, "request", kept...)
}

// credential returns a name of a key. One that has none is named by 64 bits of its hash, by
// which somebody who reads the log could find a key that people can remember. The first 16 are
// enough to tell keys apart.
func credential(name string) string {
	const unnamed, shown = 16, 4
	if _, err := hex.DecodeString(name); err == nil && len(name) == unnamed {
		return name[:shown]
	}
	return name
}

// method returns a method of a request, which a client can choose freely.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "_OTHER"
}

// writer counts what is answered.
type writer struct {
	http.ResponseWriter

	status int
	bytes  int64
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // the others come before an answer
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}
