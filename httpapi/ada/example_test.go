package ada_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/store/memory"
)

func newTokens() *httpapi.Tokens {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		"an-example-key": {Tenant: "acme", Actor: "crm"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return tokens
}

// send makes a request with the key of the examples, prints the answer's status and
// returns the rest of it.
func send(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer an-example-key")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(method, path, w.Code)
	return w
}

// The same user twice: the second request finds the first one's and changes nothing.
func ExampleNew() {
	users := enduser.New(memory.New(nil), nil)
	h, err := ada.New(users, newTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ada/", http.StripPrefix("/ada", h))

	send(mux, "POST", "/ada/api/v2/end-users/", `{"external_id":"crm-7","profile":{"first_name":"Ann"}}`)
	send(mux, "POST", "/ada/api/v2/end-users/", `{"external_id":"CRM-7","profile":{"first_name":"Bob"}}`)
	u, err := users.Tenant("acme").Get(context.Background(), enduser.ByExternalID("crm-7"))
	fmt.Println(u.FirstName, err)
	// Output:
	// POST /ada/api/v2/end-users/ 201
	// POST /ada/api/v2/end-users/ 200
	// Ann <nil>
}

// A user is gone after 24 hours unless a conversation keeps it. The host's own
// program can do the same with Associate.
func ExampleNew_conversation() {
	users := enduser.New(memory.New(nil), nil)
	h, err := ada.New(users, newTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/api/v2/end-users/", `{"external_id":"crm-7"}`)
	ctx, acme := context.Background(), users.Tenant("acme")
	u, err := acme.Get(ctx, enduser.ByExternalID("crm-7"))
	fmt.Println("expires:", !u.ExpiresAt.IsZero(), err)

	send(h, "POST", "/api/v2/conversations/", `{"channel_id":"chat","end_user_id":"`+u.ID+`"}`)
	u, err = acme.Get(ctx, enduser.ByExternalID("crm-7"))
	fmt.Println("expires:", !u.ExpiresAt.IsZero(), err)
	// Output:
	// POST /api/v2/end-users/ 201
	// expires: true <nil>
	// POST /api/v2/conversations/ 201
	// expires: false <nil>
}

// Sensitive metadata needs a Keyring. What goes in comes out in the host's own
// program alone.
func ExampleNew_sensitive() {
	key, err := enduser.NewKey("2026-01", [32]byte{1}) // a real one is random, and kept
	if err != nil {
		log.Fatal(err)
	}
	users := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key)})
	h, err := ada.New(users, newTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	w := send(h, "POST", "/api/v2/end-users/",
		`{"external_id":"crm-7","profile":{"sensitive_metadata":{"fields":{"session_id":"sess_abc123"}}}}`)
	fmt.Println("shown:", strings.Contains(w.Body.String(), "sess_abc123"))

	values, err := users.Tenant("acme").RevealSensitive(context.Background(), enduser.ByExternalID("crm-7"))
	fmt.Println(values["session_id"].Text(), err)
	// Output:
	// POST /api/v2/end-users/ 201
	// shown: false
	// "sess_abc123" <nil>
}

// Behind a proxy the URL of the next page needs the name that clients know.
func ExampleOptions() {
	h, err := ada.New(enduser.New(memory.New(nil), nil), newTokens().Authenticate, &ada.Options{
		BaseURL: "https://users.example.com",
		Options: httpapi.Options{Rates: []httpapi.Rate{}}, // the proxy limits rates
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		send(h, "POST", "/api/v2/end-users/", `{}`)
	}
	w := send(h, "GET", "/api/v2/end-users/?limit=1", "")
	_, next, _ := strings.Cut(w.Body.String(), `"next_page_url":"`)
	next, _, _ = strings.Cut(next, "cursor=")
	fmt.Println(next)
	// Output:
	// POST /api/v2/end-users/ 201
	// POST /api/v2/end-users/ 201
	// GET /api/v2/end-users/?limit=1 200
	// https://users.example.com/api/v2/end-users/?
}

// The vendor's rates, and a stricter one beside them.
func ExampleDefaultRates() {
	for _, rate := range append(ada.DefaultRates(), httpapi.Rate{Requests: 5, Per: 1e6}) {
		fmt.Println(rate.Requests, rate.Per)
	}
	// Output:
	// 30 1s
	// 300 1m0s
	// 60000 24h0m0s
	// 5 1ms
}

// A host that serves several families sets the policy once, for all of them.
func ExamplePolicy() {
	users := enduser.New(memory.New(nil), &enduser.Options{
		Policy: func(string) (enduser.Policy, bool) { return ada.Policy(), true },
	})
	long := strings.Repeat("x", 37)
	_, err := users.Tenant("acme").Create(context.Background(), enduser.Spec{ExternalID: long})
	fmt.Println(err)
	// Output:
	// enduser: invalid: external_id: must have at most 36 characters
}
