package magickmind_test

import (
	"context"
	"crypto/subtle"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/store/memory"
)

// send sends a request with the key of the examples and prints the answer's status.
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

// A program that was written against the vendor's API finds it below the path under
// which the host mounts it.
func ExampleNew() {
	users := enduser.New(memory.New(nil), nil)
	h, err := magickmind.New(users, newTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/magickmind/", http.StripPrefix("/magickmind", h))
	send(mux, "POST", "/magickmind/v1/end-users", `{"name":"Roy Bosco","external_id":"7c718ec1a65cb7b75eaad1d6"}`)
	send(mux, "POST", "/magickmind/v1/end-users", `{"name":"Roy Bosco","external_id":"7c718ec1a65cb7b75eaad1d6"}`)
	send(mux, "GET", "/magickmind/v1/end-users?name=roy", "")
	// Output:
	// POST /magickmind/v1/end-users 201
	// POST /magickmind/v1/end-users 409
	// GET /magickmind/v1/end-users?name=roy 200
}

// directory is the host's directory of accounts, here of one.
type directory struct{ email, password, key string }

func (d directory) Login(_ context.Context, email string, password magickmind.Secret) (magickmind.Session, error) {
	same := subtle.ConstantTimeCompare([]byte(password.Reveal()), []byte(d.password))
	if !strings.EqualFold(email, d.email) || same != 1 {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return magickmind.Session{AccessToken: magickmind.NewSecret(d.key), ExpiresIn: time.Hour}, nil
}

func (directory) Refresh(context.Context, magickmind.Secret) (magickmind.Session, error) {
	return magickmind.Session{}, magickmind.ErrCredentials // there is nothing to refresh with
}

// The host decides which accounts may log in and which key they get. After two failures in
// ten minutes an account has to wait.
func ExampleLogin() {
	users := enduser.New(memory.New(nil), nil)
	h, err := magickmind.New(users, newTokens().Authenticate, &magickmind.Options{
		Login:     directory{"crm@example.com", "correct horse", "an-example-key"},
		LoginRate: httpapi.Rate{Requests: 2, Per: 10 * time.Minute},
	})
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/auth/login", `{"email":"crm@example.com","password":"correct horse"}`)
	send(h, "POST", "/v1/auth/login", `{"email":"crm@example.com","password":"battery"}`)
	send(h, "POST", "/v1/auth/login", `{"email":"CRM@example.com","password":"staple"}`)
	send(h, "POST", "/v1/auth/login", `{"email":"crm@example.com","password":"horse"}`)
	send(h, "POST", "/v1/auth/login", `{"email":"crm@example.com","password":"correct horse"}`)
	// Output:
	// POST /v1/auth/login 200
	// POST /v1/auth/login 400
	// POST /v1/auth/login 400
	// POST /v1/auth/login 429
	// POST /v1/auth/login 429
}

// A host that limits logins itself switches the limits off.
func ExampleOptions() {
	h, err := magickmind.New(enduser.New(memory.New(nil), nil), newTokens().Authenticate, &magickmind.Options{
		Options:   httpapi.Options{Rates: []httpapi.Rate{{Requests: 600, Per: time.Minute}}},
		Login:     directory{"crm@example.com", "correct horse", "an-example-key"},
		LoginRate: httpapi.Rate{Requests: -1},
	})
	if err != nil {
		log.Fatal(err)
	}
	send(h, "POST", "/v1/auth/login", `{"email":"crm@example.com","password":"battery"}`)
	// Output:
	// POST /v1/auth/login 400
}

// A value that holds secrets can be printed.
func ExampleSecret() {
	session := magickmind.Session{AccessToken: magickmind.NewSecret("an-example-key")}
	fmt.Println(session.AccessToken)
	fmt.Println(session.AccessToken.Reveal())
	// Output:
	// [redacted]
	// an-example-key
}

// A tenant whose users come from several families can have one policy for all of them.
func ExamplePolicy() {
	users := enduser.New(memory.New(nil), &enduser.Options{
		Policy: func(tenant string) (enduser.Policy, bool) { return magickmind.Policy(), tenant == "acme" },
	})
	u, err := users.Tenant("acme").Create(context.Background(), enduser.Spec{ExternalID: strings.Repeat("7", 200)})
	fmt.Println(len(u.ExternalID), err)
	// Output:
	// 200 <nil>
}
