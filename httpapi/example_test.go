package httpapi_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store/memory"
)

// send makes a request with the key of the examples and prints the answer's status.
func send(h http.Handler, method, path, body string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer an-example-key")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(method, path, w.Code)
}

func newTokens() *httpapi.Tokens {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		"an-example-key": {Tenant: "acme", Actor: "crm"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return tokens
}

// Two requests for the same user: the second finds the user of the first.
func ExampleNew() {
	users := enduser.New(memory.New(nil), nil)
	h, err := httpapi.New(users, newTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/end-users", `{"external_id":"crm-7","name":"Ann"}`)
	send(h, "POST", "/v1/end-users", `{"external_id":"CRM-7"}`)
	send(h, "POST", "/v1/end-users?on_conflict=fail", `{"external_id":"crm-7"}`)
	send(h, "PUT", "/v1/end-users/by-external-id/crm-7", `{"email":"ann@example.com"}`)
	// Output:
	// POST /v1/end-users 201
	// POST /v1/end-users 200
	// POST /v1/end-users?on_conflict=fail 409
	// PUT /v1/end-users/by-external-id/crm-7 200
}

// Many users at once. The file is as people have them; the one bad row does no harm to the
// others. Each credential may send 1,000 rows a minute.
func ExampleNew_bulk() {
	h, err := httpapi.New(enduser.New(memory.New(nil), nil), newTokens().Authenticate, &httpapi.Options{
		BulkRates: []httpapi.Rate{{Requests: 1000, Per: time.Minute}},
	})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/end-users:bulk?dry_run=true", strings.NewReader(
		"{\"external_id\":\"crm-7\",\"name\":\"Ann\"}\r\n\r\n{\"external_id\":\"crm-8\",\"mail\":\"bob\"}\r\n"))
	r.Header.Set("Authorization", "Bearer an-example-key")
	r.Header.Set("Content-Type", "application/x-ndjson")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	for line := range strings.Lines(w.Body.String()) {
		var row struct {
			Row, Line int
			Outcome   string
			Error     struct{ Code string }
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			log.Fatal(err)
		}
		if row.Outcome != "" {
			fmt.Println("row", row.Row, row.Outcome)
		} else {
			fmt.Println("row", row.Row, "on line", row.Line, row.Error.Code)
		}
	}
	// Output:
	// row 0 created
	// row 1 on line 3 invalid
}

// Tokens of groups and sensitive values of users are sealed under the host's keys. No answer
// shows them again.
func ExampleNew_groups() {
	var secret [32]byte
	rand.Read(secret[:]) // once: a program then reads it from its platform's secrets
	key, err := enduser.NewKey("2026-11", secret)
	if err != nil {
		log.Fatal(err)
	}
	users := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key)})
	h, err := httpapi.New(users, newTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/groups", `{"external_id":"team-7","name":"Team"}`)
	send(h, "POST", "/v1/groups", `{"external_id":"team-7"}`)
	send(h, "GET", "/v1/groups?external_id=team-7", "")

	u, err := users.Tenant("acme").Create(context.Background(), enduser.Spec{ExternalID: "crm-7", Groups: []string{"team-7"}})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPut, "/v1/sensitive/"+u.ID, strings.NewReader(`{"session":"s3cr3t"}`))
	r.Header.Set("Authorization", "Bearer an-example-key")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body.Len())

	values, err := users.Tenant("acme").RevealSensitive(context.Background(), enduser.ByExternalID("crm-7"))
	fmt.Println(values["session"].Text(), err)
	// Output:
	// POST /v1/groups 201
	// POST /v1/groups 409
	// GET /v1/groups?external_id=team-7 200
	// 204 0
	// "s3cr3t" <nil>
}

// Limits hold all at once, for each credential.
func ExampleOptions() {
	h, err := httpapi.New(enduser.New(memory.New(nil), nil), newTokens().Authenticate, &httpapi.Options{
		Rates: []httpapi.Rate{{Requests: 2, Per: time.Hour}, {Requests: 100, Per: 24 * time.Hour}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		send(h, "GET", "/v1/end-users", "")
	}
	// Output:
	// GET /v1/end-users 200
	// GET /v1/end-users 200
	// GET /v1/end-users 429
}

// A tenant with limits of its own on what its users are and on how often it calls.
func ExampleOptions_perTenant() {
	h, err := httpapi.New(enduser.New(memory.New(nil), nil), newTokens().Authenticate, &httpapi.Options{
		Rates: []httpapi.Rate{{Requests: 100, Per: time.Minute}},
		RatesOf: func(p httpapi.Principal) []httpapi.Rate {
			if p.Tenant == "acme" {
				return []httpapi.Rate{{Requests: 2, Per: time.Hour}}
			}
			return nil
		},
		PolicyOf: func(string) enduser.Policy { return enduser.Policy{MaxName: 3} },
	})
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/end-users", `{"name":"Ann"}`)
	send(h, "POST", "/v1/end-users", `{"name":"Anna"}`)
	send(h, "GET", "/v1/end-users", "")
	// Output:
	// POST /v1/end-users 201
	// POST /v1/end-users 400
	// GET /v1/end-users 429
}

// A host can authenticate by the request itself.
func ExampleAuthenticator() {
	var auth httpapi.Authenticator = func(r *http.Request, _ string) (httpapi.Principal, error) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return httpapi.Principal{}, httpapi.ErrUnauthorized
		}
		return httpapi.Principal{Tenant: r.TLS.VerifiedChains[0][0].Subject.CommonName}, nil
	}
	h, err := httpapi.New(enduser.New(memory.New(nil), nil), auth, nil)
	if err != nil {
		log.Fatal(err)
	}
	send(h, "GET", "/v1/end-users", "")
	// Output:
	// GET /v1/end-users 401
}

func ExampleNewTokens() {
	tokens := newTokens()
	p, err := tokens.Authenticate(nil, "an-example-key")
	fmt.Println(p.Tenant, p.Actor, err)
	_, err = tokens.Authenticate(nil, "another-key")
	fmt.Println(errors.Is(err, httpapi.ErrUnauthorized))
	// Output:
	// acme crm <nil>
	// true
}

func ExampleNewLimiter() {
	limiter := httpapi.NewLimiter()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for range 2 {
		d, err := limiter.Allow(r.Context(), "key", 1, []httpapi.Rate{{Requests: 1, Per: time.Hour}})
		fmt.Println(d.Allowed, d.Remaining, err)
	}
	// Output:
	// true 0 <nil>
	// false 0 <nil>
}

// Middleware of the host answers errors in the form of the routes.
func ExampleWriteError() {
	w := httptest.NewRecorder()
	httpapi.WriteError(w, httptest.NewRequest(http.MethodGet, "/v1/end-users", nil), httpapi.ErrForbidden)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output:
	// 403 application/problem+json
}
