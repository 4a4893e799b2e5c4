// Cors serves the registry to browsers, for pages of other origins. Rollbook answers no
// preflight and allows no origin: the host decides which pages may call
// (https://fetch.spec.whatwg.org/#http-cors-protocol). Anyone who sees a page has the key in
// it. So give each visitor's session a key of its own that expires and has few rights; see
// httpapi.Options.Authorize.
package main

import (
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store/memory"
)

func main() {
	key := rand.Text()
	h, err := routes(enduser.New(memory.New(nil), nil), key)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8082", Handler: h, ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintf(os.Stdout, "curl -i http://%s/v1/end-users -H 'Origin: https://app.example.com' -H 'Authorization: Bearer %s'\n", server.Addr, key)
	log.Fatal(server.ListenAndServe())
}

// routes returns the registry of tenant acme, for pages of app.example.com.
func routes(users *enduser.Manager, key string) (http.Handler, error) {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{key: {Tenant: "acme", Actor: "browser"}})
	if err != nil {
		return nil, err
	}
	registry, err := httpapi.New(users, tokens.Authenticate, nil)
	if err != nil {
		return nil, err
	}
	return cors(registry, "https://app.example.com"), nil
}

// cors lets pages of some origins call a handler, with a key in Authorization and without
// cookies. It answers preflights itself, since they have no key.
func cors(next http.Handler, origins ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin") // or a cache shows one origin the answer for another
		origin := r.Header.Get("Origin")
		allowed := slices.Contains(origins, origin)
		if allowed {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id")
		}
		if r.Method != http.MethodOptions || origin == "" || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		if allowed {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id")
			h.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
