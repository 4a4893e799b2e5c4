package main

import (
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
	made := do(h, "POST", "/registry/v1/end-users", testKey, `{"external_id":"crm-7","name":"Ann"}`)
	if made.Code != http.StatusCreated {
		t.Fatalf("creating: %d", made.Code)
	}
	location := made.Header().Get("Location")
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
			if got := do(h, test.method, test.path, test.key, ""); got.Code != test.want {
				t.Errorf("%s %s: %d, want %d", test.method, test.path, got.Code, test.want)
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

func do(h http.Handler, method, path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
