package telemetry

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/otelrollbook"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// shown returns what /metrics shows after everything that can be reported was reported.
func shown(t *testing.T) string {
	t.Helper()
	m := new(Metrics)
	page, err := m.page(&otelrollbook.Options{Tenants: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	st := m.Store("sqlite")
	for _, err := range []error{nil, store.ErrUnknown} {
		st.Call(store.CallInfo{Method: "Apply", Took: time.Second, Items: 1, Damaged: 1, Err: err})
		st.Group(store.GroupInfo{Calls: 1, Took: time.Second, Err: err})
	}
	st.Retry(store.RetryInfo{Err: store.ErrUnavailable})
	users := m.Users()
	users.Sweep(enduser.SweepInfo{Took: time.Second, Users: 1})
	users.Attempt(enduser.AttemptInfo{Lag: time.Second, Succeeded: true})
	users.DeadLetter(enduser.DeadLetterInfo{})
	users.Disabled(enduser.DisabledInfo{Reason: enduser.DisabledGone})
	auth := func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{Tenant: "acme"}, nil }
	api, err := httpapi.New(enduser.New(memory.New(nil), nil), auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Handler(api).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/end-users/nobody", nil))
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// TestDashboard: every metric and label that the dashboard and the alerts of docs/operate.md name
// exists, and the dashboard shows every metric of Rollbook's.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("../../../../deploy/grafana/rollbook.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	page := shown(t)
	names, labels := map[string]bool{}, map[string]bool{"job": true, "instance": true} // these two are Prometheus' own
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") {
			names[line[:strings.IndexAny(line, "{ ")]] = true
		}
		for _, label := range regexp.MustCompile(`[{,]([a-z_]+)="`).FindAllStringSubmatch(line, -1) {
			labels[label[1]] = true
		}
	}
	exprs, err := expressions(b)
	if err != nil || len(exprs) < 40 {
		t.Fatalf("%d expressions, %v", len(exprs), err)
	}
	alerts := alerts(string(doc))
	if len(alerts) < 8 {
		t.Fatalf("%d alerts", len(alerts))
	}
	used := make(map[string]bool)
	for i, expr := range append(exprs, alerts...) {
		got, by := named(expr)
		if len(got) == 0 {
			t.Errorf("names no metric: %s", expr)
		}
		for _, name := range got {
			used[name] = used[name] || i < len(exprs)
			if !names[name] {
				t.Errorf("there is no metric %s", name)
			}
		}
		for _, label := range by {
			if !labels[label] {
				t.Errorf("there is no label %q: %s", label, expr)
			}
		}
	}
	for _, declared := range regexp.MustCompile(`(?m)^# TYPE ((?:rollbook|http)_\w+)`).FindAllStringSubmatch(page, -1) {
		if !slices.ContainsFunc([]string{"", "_count", "_sum", "_bucket"}, func(suffix string) bool { return used[declared[1]+suffix] }) {
			t.Errorf("the dashboard does not show %s", declared[1])
		}
	}
}

// TestDashboardNotices: a name that is wrong is found.
func TestDashboardNotices(t *testing.T) {
	names, labels := named(`topk(10, sum by (le, rollbook_x) (rate(rollbook_wrong_total{job=~"$job",error_typ!="a{b"}[$__rate_interval]))) or vector(0)`)
	if !slices.Equal(names, []string{"rollbook_wrong_total"}) || !slices.Equal(labels, []string{"le", "rollbook_x", "job", "error_typ"}) {
		t.Errorf("%q %q", names, labels)
	}
}

// expressions returns the queries of a dashboard, those of its variables included.
func expressions(dashboard []byte) ([]string, error) {
	var d struct {
		Title, UID string
		Panels     []struct{ Targets []struct{ Expr string } }
		Templating struct {
			List []struct {
				Type  string
				Query json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(dashboard, &d); err != nil || d.Title == "" || d.UID == "" {
		return nil, errors.Join(err, errors.New("it has no title, or no UID"))
	}
	var all []string
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			all = append(all, t.Expr)
		}
	}
	for _, v := range d.Templating.List {
		var q struct{ Query string }
		if v.Type != "query" {
			continue
		}
		if err := json.Unmarshal(v.Query, &q); err != nil {
			return nil, err
		}
		all = append(all, q.Query)
	}
	return all, nil
}

// alerts returns the queries in the blocks of PromQL of a page.
func alerts(page string) (all []string) {
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			if !strings.HasPrefix(line, "#") {
				all = append(all, line)
			}
		}
	}
	return all
}

// named returns the metrics and the labels that a query names.
func named(expr string) (names, labels []string) {
	expr = regexp.MustCompile(`"[^"]*"|\[[^]]*\]`).ReplaceAllString(expr, "") // values, intervals
	expr = regexp.MustCompile(`by \(([^)]*)\)`).ReplaceAllStringFunc(expr, func(by string) string {
		labels = append(labels, regexp.MustCompile(`\w+`).FindAllString(by[len("by ("):], -1)...)
		return ""
	})
	expr = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllStringFunc(expr, func(in string) string {
		for _, m := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)`).FindAllStringSubmatch(in, -1) {
			labels = append(labels, m[1])
		}
		return ""
	})
	for _, word := range regexp.MustCompile(`[a-z]+_\w+`).FindAllString(expr, -1) {
		if !strings.HasPrefix(word, "histogram_quantile") && !strings.HasPrefix(word, "label_values") {
			names = append(names, word)
		}
	}
	return names, labels
}

// TestOff: without an address nothing is reported.
func TestOff(t *testing.T) {
	m, err := (&Flags{MetricsTenants: "on"}).Open(t.Context(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Store("sqlite") != nil || m.Users() != nil {
		t.Error("something is observed")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func TestSystem(t *testing.T) {
	for flag, want := range map[string]string{
		"sqlite:rollbook.db": "sqlite", "memory:": "memory", "postgres://h/d": "postgresql", "postgresql://h/d": "postgresql",
		"redis://h": "redis", "rediss://h": "redis", "redis+sentinel://h": "redis",
	} {
		if got := System(flag); got != want {
			t.Errorf("%s: %s", flag, got)
		}
	}
}
