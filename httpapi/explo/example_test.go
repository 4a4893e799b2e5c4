package explo_test

import (
	"context"
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
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/store/memory"
)

// exampleUsers returns a Manager that can seal tokens.
func exampleUsers() *enduser.Manager {
	key, err := enduser.NewKey("2026-01", [32]byte{1}) // a real one is random, and kept
	if err != nil {
		log.Fatal(err)
	}
	return enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key)})
}

func exampleTokens() *httpapi.Tokens {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		"an-example-key": {Tenant: "acme", Actor: "backend"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return tokens
}

// ask sends a request and returns its status and the token that it shows.
func ask(h http.Handler, method, path, body string) (status int, token string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Explo-Authorization", "Token an-example-key")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var shown struct {
		Group struct {
			Token string `json:"token"`
		} `json:"user_group"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &shown); err != nil {
		log.Fatal(err)
	}
	return w.Code, shown.Group.Token
}

// A dashboard shows a group's data to anyone who has the group's token.
func ExampleNew() {
	users := exampleUsers()
	h, err := explo.New(users, exampleTokens().Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/explo/", http.StripPrefix("/explo", h))

	status, token := ask(mux, "POST", "/explo/api/create_user_group/", `{"user_group_id":"example_1","name":"Example 1"}`)
	fmt.Println("created:", status)
	viewer, err := users.Tenant("acme").Groups().Authenticate(context.Background(), token)
	fmt.Println("viewer:", viewer.Name, err)

	status, _ = ask(mux, "POST", "/explo/api/refresh_user_group_token/", `{"current_token":"`+token+`"}`)
	fmt.Println("refreshed:", status)
	_, err = users.Tenant("acme").Groups().Authenticate(context.Background(), token)
	fmt.Println("the old token is unknown:", errors.Is(err, enduser.ErrNotFound))
	// Output:
	// created: 200
	// viewer: Example 1 <nil>
	// refreshed: 200
	// the old token is unknown: true
}

// Tokens cannot be kept without a keyring.
func ExampleNew_keyring() {
	_, err := explo.New(enduser.New(memory.New(nil), nil), exampleTokens().Authenticate, nil)
	fmt.Println(errors.Is(err, enduser.ErrNoKeyring))
	// Output: true
}

// Dashboards that are open go on working for an hour after a refresh.
func ExampleOptions() {
	users := exampleUsers()
	h, err := explo.New(users, exampleTokens().Authenticate, &explo.Options{
		Options: httpapi.Options{Rates: []httpapi.Rate{{Requests: 180, Per: time.Minute}}}, // as many as Explo allows
		Overlap: time.Hour,
	})
	if err != nil {
		log.Fatal(err)
	}
	_, token := ask(h, "GET", "/api/user", `{"user_group_id":"example_1"}`)
	body := `{"current_token":"` + token + `"}`
	for range 2 {
		status, _ := ask(h, "POST", "/api/user", body)
		fmt.Println(status)
	}
	_, err = users.Tenant("acme").Groups().Authenticate(context.Background(), token)
	fmt.Println(err)
	// Output:
	// 200
	// 404
	// <nil>
}

// A host that wants other limits begins with the family's own policy.
func ExamplePolicy() {
	policy := explo.Policy()
	policy.MaxName = 4
	h, err := explo.New(exampleUsers(), exampleTokens().Authenticate, &explo.Options{Options: httpapi.Options{Policy: policy}})
	if err != nil {
		log.Fatal(err)
	}
	status, _ := ask(h, "GET", "/api/user", `{"user_group_id":"example_1","name":"Example 1"}`)
	fmt.Println(status)
	// Output: 400
}
