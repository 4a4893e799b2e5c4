package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

const (
	testKey = "a-long-random-key"
	page    = "https://app.example.com"
)

// TestCORS does what a browser does: it sends a preflight before the request, and reads the
// answer only if its origin is allowed.
func TestCORS(t *testing.T) {
	h, err := routes(enduser.New(memory.New(nil), nil), testKey)
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, origin, key, asks string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/v1/end-users", strings.NewReader(`{"external_id":"crm-7"}`))
		for name, value := range map[string]string{
			"Origin": origin, "Authorization": key, "Access-Control-Request-Method": asks, "Content-Type": "application/json",
		} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const key = "Bearer " + testKey
	for _, test := range []struct {
		name, method, origin, key, asks string
		status                          int
		allowed                         bool
	}{
		{"a preflight", http.MethodOptions, page, "", http.MethodPost, http.StatusNoContent, true},
		{"the request", http.MethodPost, page, key, "", http.StatusCreated, true},
		{"a refusal can be read too", http.MethodPost, page, "", "", http.StatusUnauthorized, true},
		{"another page's preflight", http.MethodOptions, page + ".evil.example", "", http.MethodPost, http.StatusNoContent, false},
		{"another page", http.MethodPost, "https://evil.example", key, "", http.StatusOK, false},
		{"the null origin", http.MethodOptions, "null", "", http.MethodPost, http.StatusNoContent, false},
		{"no browser", http.MethodPost, "", key, "", http.StatusOK, false},
		{"OPTIONS that is no preflight", http.MethodOptions, page, key, "", http.StatusMethodNotAllowed, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := do(test.method, test.origin, test.key, test.asks)
			header := got.Header().Get("Access-Control-Allow-Origin")
			if got.Code != test.status || (header != "") != test.allowed || test.allowed && header != test.origin {
				t.Errorf("%d, allowed %q", got.Code, header)
			}
			if got.Header().Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(strings.Join(got.Header().Values("Vary"), ","), "Origin") {
				t.Errorf("header %v", got.Header())
			}
			methods := got.Header().Get("Access-Control-Allow-Methods")
			if asked := test.asks != "" && test.allowed; asked != strings.Contains(methods, http.MethodPatch) {
				t.Errorf("methods %q", methods)
			}
		})
	}
}
