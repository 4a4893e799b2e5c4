package apitest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Scenario is one file: exchanges in their order, which begin with an empty store.
type Scenario struct {
	About     string     `json:"about"`  // what it shows
	Source    string     `json:"source"` // where that is promised
	Exchanges []Exchange `json:"exchanges"`
}

// Exchange is a request and its wanted response.
type Exchange struct {
	Advance  string   `json:"advance"` // the clock, before the request: "24h"
	Request  Request  `json:"request"`
	Response Response `json:"response"`
}

// Request is a request. Placeholders that an earlier response has captured are filled in:
// "/v1/end-users/<id:u>".
type Request struct {
	Method string            `json:"method"`
	Path   string            `json:"path"` // with the query
	Header map[string]string `json:"header"`
	Body   json.RawMessage   `json:"body"` // sent as it stands here
	Raw    *string           `json:"raw"`  // instead of Body: a body that is not JSON
}

// Response is the wanted response. Its strings may have placeholders; see Match.
type Response struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"` // those that matter; "" for one that must be absent
	Body   json.RawMessage   `json:"body"`   // absent: the body must be empty

	// AtLeast is an example of a vendor's document, verbatim. The body must have at least its
	// members, with values of the same types.
	AtLeast json.RawMessage `json:"at_least"`
}

// minExchanges is how many exchanges a family must have.
const minExchanges = 25

// Replay replays every file of testdata on every backend.
func Replay(t *testing.T, handler Handler) {
	t.Helper()
	scenarios := Load(t, "testdata")
	total := 0
	for _, s := range scenarios {
		total += len(s.Exchanges)
	}
	if total < minExchanges {
		t.Errorf("%d exchanges, want at least %d", total, minExchanges)
	}
	Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		for name, s := range scenarios {
			t.Run(name, func(t *testing.T) {
				w := NewWorld(t, open(t))
				s.Play(t, w, handler(t, w))
			})
		}
	})
}

// Load reads the files of a folder. It returns them by their names without ".json".
func Load(tb testing.TB, folder string) map[string]Scenario {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("%s: no exchanges: %v", folder, err)
	}
	scenarios := make(map[string]Scenario)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		var s Scenario
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&s); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		if s.About == "" || s.Source == "" || len(s.Exchanges) == 0 {
			tb.Errorf("%s: about, source and exchanges are needed", path)
		}
		scenarios[strings.TrimSuffix(filepath.Base(path), ".json")] = s
	}
	return scenarios
}

// Play sends the requests one after the other and compares the responses.
func (s *Scenario) Play(t *testing.T, w *World, h http.Handler) {
	t.Helper()
	captured := make(Captured)
	for i, x := range s.Exchanges {
		if x.Advance != "" {
			d, err := time.ParseDuration(x.Advance)
			if err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(d)
		}
		got := x.Request.send(t, h, captured)
		for _, fault := range x.Response.faults(got, captured) {
			t.Errorf("exchange %d: %s %s: %s", i+1, x.Request.Method, x.Request.Path, fault)
		}
		if t.Failed() {
			t.Fatalf("exchange %d: answer %d %v %s", i+1, got.Code, got.Header(), got.Body)
		}
	}
}

func (q *Request) send(t *testing.T, h http.Handler, captured Captured) *httptest.ResponseRecorder {
	t.Helper()
	text := string(q.Body)
	if q.Raw != nil {
		text = *q.Raw
	}
	var body *strings.Reader
	if text != "" {
		body = strings.NewReader(captured.Fill(text))
	} else {
		body = strings.NewReader("")
	}
	r := httptest.NewRequest(q.Method, captured.Fill(q.Path), body)
	if text == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for name, value := range q.Header {
		r.Header.Set(name, captured.Fill(value))
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func (want *Response) faults(got *httptest.ResponseRecorder, captured Captured) []string {
	var faults []string
	if got.Code != want.Status {
		faults = append(faults, "status "+http.StatusText(got.Code)+", want "+http.StatusText(want.Status))
	}
	for _, name := range sorted(want.Header) {
		values := got.Result().Header.Values(name)
		switch {
		case want.Header[name] == "" && len(values) > 0:
			faults = append(faults, "header "+name+" is there")
		case want.Header[name] == "":
		case len(values) != 1 || !captured.Match(want.Header[name], values[0]):
			faults = append(faults, "header "+name+" is "+strings.Join(values, " and "))
		}
	}
	if want.Body == nil && want.AtLeast == nil {
		if got.Body.Len() > 0 {
			faults = append(faults, "there is a body")
		}
		return faults
	}
	var have any
	if err := decode(got.Body.Bytes(), &have); err != nil {
		return append(faults, "the body is no JSON: "+err.Error())
	}
	if want.Body != nil {
		var body any
		if err := decode(want.Body, &body); err != nil {
			return append(faults, "the file: "+err.Error())
		}
		faults = append(faults, captured.Compare("body", body, have)...)
	}
	if want.AtLeast != nil {
		var least any
		if err := decode(want.AtLeast, &least); err != nil {
			return append(faults, "the file: "+err.Error())
		}
		faults = append(faults, Lacks("body", least, have)...)
	}
	return faults
}

func decode(text []byte, to *any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(to)
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
