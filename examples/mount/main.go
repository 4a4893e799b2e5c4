// Mount serves the registry under a prefix of the host's mux, beside the host's pages. The
// users are in memory; the key is made at start.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store/memory"
)

func main() {
	users := enduser.New(memory.New(nil), nil)
	key := rand.Text()
	h, err := routes(users, key)
	if err != nil {
		log.Fatal(err)
	}
	// Run removes expired records in the background. Expired users are invisible
	// without it as well.
	go func() { log.Fatal(users.Run(context.Background())) }()

	server := &http.Server{Addr: "127.0.0.1:8081", Handler: h, ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintf(os.Stdout, "curl http://%s/registry/v1/end-users -H 'Authorization: Bearer %s'\n", server.Addr, key)
	log.Fatal(server.ListenAndServe())
}

// routes returns the host's routes: a page of its own, and the users of its
// customer acme for callers that have the key.
func routes(users *enduser.Manager, key string) (http.Handler, error) {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		key: {Tenant: "acme", Actor: "crm"},
	})
	if err != nil {
		return nil, err
	}
	registry, err := httpapi.New(users, tokens.Authenticate, nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", home)
	mux.Handle("/registry/", http.StripPrefix("/registry", registry))
	return mux, nil
}

func home(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "a page of the host's own")
}
