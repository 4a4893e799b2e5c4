package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// metrics is what /metrics shows: the value of each series.
type metrics map[string]float64

// scrape reads the metrics of a server, whose address is in its log.
func scrape(t *testing.T, s *started) metrics {
	t.Helper()
	found := regexp.MustCompile(`msg=metrics url=(http://127\.0\.0\.1:\d+/metrics)`).FindStringSubmatch(s.log.String())
	if found == nil {
		t.Fatalf("the log does not say where the metrics are:\n%s", s.log)
	}
	a, err := http.Get(found[1])
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("/metrics: %d %v", a.StatusCode, err)
	}
	m := make(metrics)
	for line := range strings.Lines(string(text)) {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		if m[line[:at]], err = strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// since returns the series of some metrics that have changed, and by how much. A series that was
// not there was 0.
func (m metrics) since(before metrics, names ...string) metrics {
	changed := make(metrics)
	for series, value := range m {
		for _, name := range names {
			if (series == name || strings.HasPrefix(series, name+"{")) && value != before[series] {
				changed[series] = value - before[series]
			}
		}
	}
	return changed
}

// wantMetrics waits until the metrics have changed as they should. They are counted after the
// answer was sent.
func wantMetrics(t *testing.T, s *started, before metrics, names []string, want metrics) {
	t.Helper()
	var diff string
	defer func() {
		if diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}()
	redistest.Until(t, "the metrics count what was done", func() bool {
		diff = gocmp.Diff(want, scrape(t, s).since(before, names...))
		return diff == ""
	})
}

// TestMetrics: /metrics counts exactly what a known load does. Nothing else changes it, and it has
// nothing of the users.
func TestMetrics(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(keys, []byte("[[key]]\nsecret = 'a-key-of-acme'\ntenant = 'acme'\n"+
		"[[key]]\nsecret = 'a-slow-key-of-umbrella'\ntenant = 'umbrella'\nrates = ['2/h']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "-store", "sqlite:"+filepath.Join(t.TempDir(), "users.db"), "-keys", keys, "-webhooks", "off", "-retain", "off",
		"-metrics-addr", "127.0.0.1:0", "-metrics-tenants", "on")
	before := scrape(t, s)
	for _, test := range []struct {
		method, path, key, body string
		status, times           int
	}{
		{"POST", "/v1/end-users", "a-key-of-acme", `{"external_id":"crm-%d","email":"ann-%[1]d@example.com"}`, 201, 5},
		{"GET", "/v1/end-users/by-external-id/crm-1", "a-key-of-acme", "", 200, 3},
		{"GET", "/v1/end-users/by-external-id/nobody", "a-key-of-acme", "", 404, 2},
		{"POST", "/v1/end-users", "a-key-of-acme", `{"email":1}`, 400, 1},
		{"GET", "/v1/end-users", "no-key-of-anybody", "", 401, 4},
		{"GET", "/v1/changes", "a-slow-key-of-umbrella", "", 200, 2},
		{"GET", "/v1/changes", "a-slow-key-of-umbrella", "", 429, 3},
		{"GET", "/ada/v2/nothing", "a-key-of-acme", "", 404, 1},
		{"GET", "/livez", "", "", 200, 2},
		{"GET", "/docs", "", "", 200, 1},
		{"GET", "/console/users?q=ann-1", "", "", 200, 1}, // leads to the page that asks for a key
	} {
		for i := range test.times {
			body := test.body
			if strings.Contains(body, "%d") {
				body = fmt.Sprintf(body, i)
			}
			if a, err := send(http.DefaultClient, test.method, s.url+test.path, test.key, body); err != nil || a.status != test.status {
				t.Errorf("%s %s: %d %s %v", test.method, test.path, a.status, a.body, err)
			}
		}
	}
	const got, posted = `http_server_request_duration_seconds_count{http_request_method="GET",`, `http_server_request_duration_seconds_count{http_request_method="POST",`
	const native, end = `rollbook_family="native",`, `url_scheme="http"}`
	wantMetrics(t, s, before, []string{
		"http_server_request_duration_seconds_count", "http_server_active_requests",
		"rollbook_problems_total", "rollbook_tenant_requests_total",
	}, metrics{
		posted + `http_response_status_code="201",http_route="/v1/end-users",` + native + end:                           5,
		posted + `http_response_status_code="400",http_route="/v1/end-users",` + native + end:                           1,
		got + `http_response_status_code="200",http_route="/v1/end-users/by-external-id/{external_id}",` + native + end: 3,
		got + `http_response_status_code="404",http_route="/v1/end-users/by-external-id/{external_id}",` + native + end: 2,
		got + `http_response_status_code="401",http_route="/v1/end-users",` + native + end:                              4,
		got + `http_response_status_code="200",http_route="/v1/changes",` + native + end:                                2,
		got + `http_response_status_code="429",http_route="/v1/changes",` + native + end:                                3,
		got + `http_response_status_code="404",rollbook_family="ada",` + end:                                            1,
		got + `http_response_status_code="200",http_route="/livez",` + end:                                              2,
		got + `http_response_status_code="200",http_route="/docs",` + end:                                               1,
		got + `http_response_status_code="303",http_route="/users",rollbook_family="console",` + end:                    1,
		got + `http_response_status_code="200",http_route="/sign-in",rollbook_family="console",` + end:                  1,
		`rollbook_problems_total{rollbook_family="native",rollbook_problem_code="invalid"}`:                             1,
		`rollbook_problems_total{rollbook_family="native",rollbook_problem_code="not-found"}`:                           2,
		`rollbook_problems_total{rollbook_family="native",rollbook_problem_code="unauthorized"}`:                        4,
		`rollbook_problems_total{rollbook_family="native",rollbook_problem_code="rate-limited"}`:                        3,
		`rollbook_problems_total{rollbook_family="ada",rollbook_problem_code="not-found"}`:                              1,
		`rollbook_tenant_requests_total{http_response_status_code="201",rollbook_tenant="acme"}`:                        5,
		`rollbook_tenant_requests_total{http_response_status_code="200",rollbook_tenant="acme"}`:                        3,
		`rollbook_tenant_requests_total{http_response_status_code="404",rollbook_tenant="acme"}`:                        2,
		`rollbook_tenant_requests_total{http_response_status_code="400",rollbook_tenant="acme"}`:                        1,
		`rollbook_tenant_requests_total{http_response_status_code="200",rollbook_tenant="umbrella"}`:                    2,
		`rollbook_tenant_requests_total{http_response_status_code="429",rollbook_tenant="umbrella"}`:                    3,
	})
	const apply, changes, get = `rollbook_store_method="Apply"}`, `rollbook_store_method="Changes"}`, `rollbook_store_method="Get"}`
	const sqlite = `{db_system_name="sqlite",`
	after := scrape(t, s)
	calls := metrics{
		"rollbook_store_call_duration_seconds_count" + sqlite + apply:                           5,
		"rollbook_store_items_total" + sqlite + apply:                                           5,
		"rollbook_store_queue_length_count" + sqlite + apply:                                    5,
		"rollbook_store_group_size_sum" + sqlite[:len(sqlite)-1] + "}":                          5,
		"rollbook_store_call_duration_seconds_count" + sqlite + changes:                         2,
		"rollbook_store_call_duration_seconds_count" + sqlite + get:                             3,
		"rollbook_store_call_duration_seconds_count" + sqlite + `error_type="not_found",` + get: 2,
		"rollbook_store_unknown_outcomes_total" + sqlite[:len(sqlite)-1] + "}":                  0,
	}
	for series, want := range calls {
		value, ok := after[series]
		if value -= before[series]; !ok || value != want {
			t.Errorf("%s: %v, want %v", series, value, want)
		}
	}
	for series := range after {
		for _, personal := range []string{"crm-", "ann-", "key-of", "@"} {
			if strings.Contains(series, personal) {
				t.Errorf("%q is in %s", personal, series)
			}
		}
	}
	if _, ok := after["go_goroutines"]; !ok {
		t.Error("nothing is said of the process")
	}
	if err := s.end(); err != nil {
		t.Error(err)
	}
}

// TestMetricsOfDeliveries: what becomes of webhooks is counted, and the sweeps are.
func TestMetricsOfDeliveries(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
		}
	}))
	defer receiver.Close()
	s := start(t, "-store", "memory:", keyFlag, "-webhook-insecure", "-metrics-addr", "127.0.0.1:0")
	before := scrape(t, s)
	for _, path := range []string{"/good", "/gone"} {
		if a, err := send(http.DefaultClient, "POST", s.url+"/v1/webhooks", testKey, `{"url":"`+receiver.URL+path+`","events":["end_user.*"]}`); err != nil || a.status != 201 {
			t.Fatalf("%d %s %v", a.status, a.body, err)
		}
	}
	if a, err := send(http.DefaultClient, "POST", s.url+"/v1/end-users", testKey, `{"external_id":"crm-7"}`); err != nil || a.status != 201 {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	wantMetrics(t, s, before, []string{
		"rollbook_webhook_attempt_duration_seconds_count", "rollbook_webhook_lag_seconds_count",
		"rollbook_webhook_dead_letters_total", "rollbook_webhook_disabled_total",
	}, metrics{
		`rollbook_webhook_attempt_duration_seconds_count{rollbook_webhook_result="delivered"}`: 1,
		`rollbook_webhook_attempt_duration_seconds_count{rollbook_webhook_result="4xx"}`:       1,
		`rollbook_webhook_lag_seconds_count{rollbook_webhook_result="delivered"}`:              1,
		`rollbook_webhook_lag_seconds_count{rollbook_webhook_result="4xx"}`:                    1,
		`rollbook_webhook_disabled_total{rollbook_webhook_reason="gone"}`:                      1,
	})
	redistest.Until(t, "a sweep is counted", func() bool {
		m := scrape(t, s)
		_, lag := m["rollbook_sweep_lag_seconds"]
		return m["rollbook_sweep_duration_seconds_count"] > 0 && lag
	})
}

// TestMetricsAddrTaken: the start names the flag, and makes no file.
func TestMetricsAddrTaken(t *testing.T) {
	t.Chdir(t.TempDir())
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	status, out, log := run(t, "serve", "-addr", "127.0.0.1:0", "-metrics-addr", strings.TrimPrefix(taken.URL, "http://"))
	if status != 1 || out != "" || !strings.Contains(log, "-metrics-addr: ") || strings.Count(log, "\n") != 1 {
		t.Errorf("%d %q %q", status, out, log)
	}
	if left := files(t); len(left) > 0 {
		t.Errorf("the folder has %q", left)
	}
}
