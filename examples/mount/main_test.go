package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

const testKey = "a-long-random-key"

func TestRoutes(t *testing.T) {
	users := enduser.New(memory.New(nil), nil)
	h, err := routes(users, testKey)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)

	status, header := do(t, server, "POST", "/registry/v1/end-users", testKey, `{"external_id":"crm-7","name":"Ann"}`)
	if status != http.StatusCreated {
		t.Fatalf("creating: %d", status)
	}
	location := header.Get("Location")
	if !strings.HasPrefix(location, "/registry/v1/end-users/") {
		t.Errorf("Location %q is not under the prefix", location)
	}
	ann, err := users.Tenant("acme").Get(t.Context(), enduser.ByExternalID("crm-7"))
	if err != nil || ann.CreatedBy != "crm" {
		t.Errorf("the host finds %+v, %v", ann, err)
	}

	tests := []struct {
		name, method, path, key string
		want                    int
	}{
		{"what Location names", "GET", location, testKey, http.StatusOK},
		{"without a key", "GET", location, "", http.StatusUnauthorized},
		{"with another key", "GET", location, testKey + "x", http.StatusUnauthorized},
		{"without the prefix", "GET", strings.TrimPrefix(location, "/registry"), testKey, http.StatusNotFound},
		{"the description", "GET", "/registry/openapi.json", "", http.StatusOK},
		{"the host's page", "GET", "/", "", http.StatusOK},
		{"no page", "GET", "/other", "", http.StatusNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, _ := do(t, server, test.method, test.path, test.key, ""); got != test.want {
				t.Errorf("%s %s: %d, want %d", test.method, test.path, got, test.want)
			}
		})
	}
}

func TestRoutesNeedAKey(t *testing.T) {
	if _, err := routes(enduser.New(memory.New(nil), nil), "short"); err == nil {
		t.Error("a key of five characters was taken")
	}
	if _, err := routes(nil, testKey); err == nil {
		t.Error("a handler was made without users")
	}
}

func do(t *testing.T, server *httptest.Server, method, path, key, body string) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header
}
