package sensay_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/store/memory"
)

// send sends a request with the secret of the examples, as a user if one is named, and
// prints the answer.
func send(h http.Handler, method, path, body, user string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-ORGANIZATION-SECRET", "an-example-secret")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Request-ID", "example-1")
	if user != "" {
		r.Header.Set("X-USER-ID", user)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
}

func newTokens() *httpapi.Tokens {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		"an-example-secret": {Tenant: "acme", Actor: "bot"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return tokens
}

// The organization makes a user, the user changes its name, and nobody can be made twice.
func ExampleNew() {
	users := enduser.New(memory.New(nil), nil)
	h, err := sensay.New(users, newTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/users", `{"id":"johndoe","email":"john@example.com"}`, "")
	send(h, "PUT", "/v1/users/me", `{"id":"johndoe","name":"John Doe"}`, "JohnDoe")
	send(h, "POST", "/v1/users", `{"email":"John@Example.com"}`, "")
	// Output:
	// 200 {"success":true,"email":"john@example.com","id":"johndoe","linkedAccounts":[]}
	// 200 {"success":true,"name":"John Doe","email":"john@example.com","id":"johndoe","linkedAccounts":[]}
	// 409 {"success":false,"error":"A user with this email exists already.","error_code":"EMAIL_EXISTS","fingerprint":"9a940dde7b8bf1bc8f01eae37a12b517","request_id":"example-1"}
}

// A host whose users have longer names sets only that limit. The others stay the vendor's.
func ExampleOptions_policy() {
	users := enduser.New(memory.New(nil), nil)
	h, err := sensay.New(users, newTokens().Authenticate, &sensay.Options{
		Options: httpapi.Options{Policy: enduser.Policy{MaxName: 100}},
	})
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/users", `{"id":"long","name":"`+strings.Repeat("Ann ", 15)+`Lee"}`, "")
	// Output:
	// 200 {"success":true,"name":"Ann Ann Ann Ann Ann Ann Ann Ann Ann Ann Ann Ann Ann Ann Ann Lee","id":"long","linkedAccounts":[]}
}

// The settings of every family are in the embedded options.
func ExampleOptions() {
	users := enduser.New(memory.New(nil), nil)
	h, err := sensay.New(users, newTokens().Authenticate, &sensay.Options{
		Options: httpapi.Options{MaxBody: 1000},
	})
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/users", `{"id":"`+strings.Repeat("a", 1000)+`"}`, "")
	// Output:
	// 413 {"success":false,"error":"A body may have at most 1000 bytes.","error_code":"TOO_LARGE","fingerprint":"09c6ba8595ce31a876c683dc55123f0a","request_id":"example-1"}
}
