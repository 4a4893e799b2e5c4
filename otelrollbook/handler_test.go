package otelrollbook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/otelrollbook"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{Tenants: true})
	faults := &faultstore.Store{Store: memory.New(nil)}
	native, err := httpapi.New(enduser.New(faults, nil), tokens(t), &httpapi.Options{Rates: []httpapi.Rate{{Requests: 6, Per: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", native)
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	h := r.Handler(mux)
	for _, test := range []struct {
		method, target, body string
		status, times        int
	}{
		{"POST", "/v1/end-users", `{"external_id":"crm-7"}`, 201, 1},
		{"GET", "/v1/end-users/by-external-id/crm-7", "", 200, 3},
		{"GET", "/v1/end-users/nobody", "", 404, 1},
		{"GET", "/v1/nothing", "", 404, 2},
		{"INVENTED", "/v1/end-users", "", 405, 1},
		{"GET", "/livez", "", 200, 1},
		{"GET", "/broken", "", 502, 1},
	} {
		for range test.times {
			if status := send(h, test.method, test.target, test.body); status != test.status {
				t.Errorf("%s %s: %d", test.method, test.target, status)
			}
		}
	}
	faults.Fail(errors.New("the disk is gone"))
	if status := send(h, "GET", "/v1/changes", ""); status != 503 {
		t.Errorf("of a broken store: %d", status)
	}
	if status := send(h, "GET", "/v1/changes", ""); status != 429 {
		t.Errorf("over the rate: %d", status)
	}

	points := r.read(t)
	const get, post = "http.request.method=GET,", "http.request.method=POST,"
	const http, ours = "url.scheme=http}", "rollbook.family=native,url.scheme=http}"
	for name, want := range map[string]map[string]float64{
		"http.server.request.duration": {
			"{" + post + "http.response.status_code=201,http.route=/v1/end-users," + ours:                             1,
			"{" + get + "http.response.status_code=200,http.route=/v1/end-users/by-external-id/{external_id}," + ours: 3,
			"{" + get + "http.response.status_code=404,http.route=/v1/end-users/{id}," + ours:                         1,
			"{" + get + "http.response.status_code=404," + ours:                                                       2,
			"{http.request.method=_OTHER,http.response.status_code=405," + ours:                                       1,
			"{" + get + "http.response.status_code=200,http.route=/livez," + http:                                     1,
			"{error.type=502," + get + "http.response.status_code=502,http.route=/broken," + http:                     1,
			"{error.type=unavailable," + get + "http.response.status_code=503,http.route=/v1/changes," + ours:         1,
			"{" + get + "http.response.status_code=429,http.route=/v1/changes," + ours:                                1,
		},
		"http.server.active_requests": {"{" + get + http: 0, "{" + post + http: 0, "{http.request.method=_OTHER," + http: 0},
		"rollbook.problems": {
			"{rollbook.family=native,rollbook.problem.code=not-found}":          3,
			"{rollbook.family=native,rollbook.problem.code=method-not-allowed}": 1,
			"{rollbook.family=native,rollbook.problem.code=unavailable}":        1,
			"{rollbook.family=native,rollbook.problem.code=rate-limited}":       1,
		},
		"rollbook.tenant.requests": {
			"{http.response.status_code=201,rollbook.tenant=acme}": 1,
			"{http.response.status_code=200,rollbook.tenant=acme}": 3,
			"{http.response.status_code=404,rollbook.tenant=acme}": 1,
			"{http.response.status_code=503,rollbook.tenant=acme}": 1,
			"{http.response.status_code=429,rollbook.tenant=acme}": 1,
		},
	} {
		if diff := cmp.Diff(want, only(points, name)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// TestFamilies: the families of routes are told apart, wherever they are mounted.
func TestFamilies(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	secret, err := enduser.NewKey("k1", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	users, auth := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(secret)}), tokens(t)
	mux := http.NewServeMux()
	mount := func(name string, h http.Handler, err error) {
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, h))
	}
	h, err := httpapi.New(users, auth, nil)
	mount("native", h, err)
	h, err = ada.New(users, auth, nil)
	mount("ada", h, err)
	h, err = explo.New(users, auth, nil)
	mount("explo", h, err)
	h, err = sensay.New(users, auth, nil)
	mount("sensay", h, err)
	h, err = magickmind.New(users, auth, nil)
	mount("magickmind", h, err)
	want := make(map[string]float64)
	for _, name := range []string{"native", "ada", "explo", "sensay", "magickmind"} {
		send(r.Handler(mux), "GET", "/"+name+"/nothing/here", "")
		want["{rollbook.family="+name+",rollbook.problem.code=not-found}"] = 1
	}
	if diff := cmp.Diff(want, only(r.read(t), "rollbook.problems")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	send(r.Handler(mux), "GET", "/native/v1/changes", "")
	if diff := cmp.Diff(map[string]float64{
		"{http.request.method=GET,http.response.status_code=200,http.route=/v1/changes,rollbook.family=native,url.scheme=http}": 1,
		"{http.request.method=GET,http.response.status_code=404,rollbook.family=native,url.scheme=http}":                        1,
	}, ofFamily(only(r.read(t), "http.server.request.duration"), "native")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func ofFamily(points map[string]float64, family string) map[string]float64 {
	found := make(map[string]float64)
	for attrs, value := range points {
		if strings.Contains(attrs, "rollbook.family="+family+",") {
			found[attrs] = value
		}
	}
	return found
}

func TestSpans(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{Tenants: true})
	faults := &faultstore.Store{Store: memory.New(nil)}
	native, err := httpapi.New(enduser.New(faults, nil), tokens(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Handler(native)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	one := httptest.NewRequest(http.MethodGet, "/v1/end-users/ann@example.com?x=secret", nil)
	one.Header.Set("Authorization", "Bearer "+key)
	one.Header.Set("Traceparent", parent)
	h.ServeHTTP(httptest.NewRecorder(), one)
	faults.Fail(errors.New("the disk of ann@example.com is gone"))
	send(h, "POST", "/v1/end-users", `{"external_id":"crm-7"}`)
	spans := r.spans.GetSpans()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	if s := spans[0]; s.Name != "GET /v1/end-users/{id}" || s.Status.Code != codes.Unset ||
		s.SpanContext.TraceID().String() != parent[3:35] || s.Parent.SpanID().String() != parent[36:52] {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]string{
		"http.request.method=GET", "url.scheme=http", "network.protocol.version=1.1",
		"rollbook.family=native", "http.route=/v1/end-users/{id}", "http.response.status_code=404",
		"rollbook.problem.code=not-found", "rollbook.action=getEndUser", "rollbook.tenant=acme",
	}, attributesOf(spans[0])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := spans[1]; s.Name != "POST /v1/end-users" || s.Status.Code != codes.Error || !strings.Contains(fmt.Sprint(attributesOf(s)), "error.type=unavailable") {
		t.Errorf("%+v", s)
	}
	for _, s := range spans {
		if text := fmt.Sprint(s.Name, attributesOf(s), s.Status, s.Events); strings.Contains(text, "ann") || strings.Contains(text, "crm-7") || strings.Contains(text, "secret") {
			t.Errorf("has what is a user's: %s", text)
		}
	}
}

func attributesOf(s tracetest.SpanStub) []string {
	var attrs []string
	for _, kv := range s.Attributes {
		attrs = append(attrs, string(kv.Key)+"="+kv.Value.String())
	}
	return attrs
}

// TestSpansAlone: a program may want spans and no metrics.
func TestSpansAlone(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	traces, err := otelrollbook.New(&otelrollbook.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	if err != nil {
		t.Fatal(err)
	}
	if traces.Store("sqlite") != nil || traces.Users() != nil {
		t.Error("something is counted")
	}
	send(traces.Handler(http.NewServeMux()), "GET", "/", "")
	if got := spans.GetSpans(); len(got) != 1 || got[0].Name != "GET" {
		t.Errorf("%v", got)
	}
}

// TestPanic: a request of a handler that panics is reported, and the panic goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	h := r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler) //nolint:forbidigo // the way in which a handler ends a connection
	}))
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very same value
				t.Errorf("recovered %v", v)
			}
		}()
		send(h, "GET", "/", "")
	}()
	points := r.read(t)
	if diff := cmp.Diff(map[string]float64{"{error.type=aborted,http.request.method=GET,url.scheme=http}": 1}, only(points, "http.server.request.duration")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]float64{"{http.request.method=GET,url.scheme=http}": 0}, only(points, "http.server.active_requests")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAnswers: the writer that handlers get is as good as the server's.
func TestAnswers(t *testing.T) {
	t.Parallel()
	rig, flushed := newRig(t, otelrollbook.Options{}), make(chan struct{})
	server := httptest.NewServer(rig.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := errors.Join(c.SetWriteDeadline(time.Now().Add(time.Minute)), c.SetReadDeadline(time.Time{}), c.EnableFullDuplex()); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("a"))
		f, ok := w.(http.Flusher)
		if !ok {
			t.Error("is no Flusher")
			return
		}
		f.Flush()
		select {
		case <-flushed:
		case <-r.Context().Done():
		}
	})))
	defer server.Close()
	server.Client().Timeout = time.Minute // if it is not flushed
	a, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	close(flushed) // the answer came before the handler has returned
	if err := a.Body.Close(); err != nil {
		t.Error(err)
	}
	server.Close() // waits for the handler
	if a.StatusCode != http.StatusAccepted {
		t.Errorf("status %d", a.StatusCode)
	}
	if n := only(rig.read(t), "http.server.request.duration")["{http.request.method=GET,http.response.status_code=202,url.scheme=http}"]; n != 1 {
		t.Errorf("reported %v times as 202", n)
	}
}

// TestClientLeaves: a failure that is due to a client who has left is not counted as one of the
// server's, which somebody would be called for.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusNoContent} {
		ctx, leave := context.WithCancel(t.Context())
		r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			leave()
			w.WriteHeader(status)
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	}
	if diff := cmp.Diff(map[string]float64{
		"{error.type=aborted,http.request.method=GET,url.scheme=http}":            1,
		"{http.request.method=GET,http.response.status_code=204,url.scheme=http}": 1,
	}, only(r.read(t), "http.server.request.duration")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestHijack: handlers of the host's can take the connection over.
func TestHijack(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	done := make(chan struct{})
	h := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	if a, err := server.Client().Post(server.URL, "", nil); err == nil { // a POST is not sent again
		_ = a.Body.Close()
		t.Errorf("answered with %d", a.StatusCode)
	}
	<-done
	if n := only(r.read(t), "http.server.request.duration")["{http.request.method=POST,http.response.status_code=101,url.scheme=http}"]; n != 1 {
		t.Errorf("reported %v times", n)
	}
}

// TestManyTenants: however many there are, a hundred are named.
func TestManyTenants(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{Tenants: true})
	auth := func(r *http.Request, _ string) (httpapi.Principal, error) {
		return httpapi.Principal{Tenant: r.Header.Get("Tenant")}, nil
	}
	native, err := httpapi.New(enduser.New(memory.New(nil), nil), auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Handler(native)
	for i := range 250 {
		one := httptest.NewRequest(http.MethodGet, "/v1/changes", nil)
		one.Header.Set("Tenant", fmt.Sprintf("tenant-%d", i))
		h.ServeHTTP(httptest.NewRecorder(), one)
	}
	points := only(r.read(t), "rollbook.tenant.requests")
	if n := points["{http.response.status_code=200,rollbook.tenant=other}"]; len(points) != 101 || n != 150 {
		t.Errorf("%d series, %v requests of others", len(points), n)
	}
}

// TestNothing: without providers nothing is reported, and nothing costs anything.
func TestNothing(t *testing.T) {
	t.Parallel()
	nothing, err := otelrollbook.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if nothing.Store("sqlite") != nil || nothing.Users() != nil || nothing.Handler(mux) != http.Handler(mux) {
		t.Error("something is observed")
	}
}
