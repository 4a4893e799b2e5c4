// Console serves the console under two prefixes of the host's mux: for anyone who has a key,
// and for the host's own staff, who have signed in to the host. The users are in memory.
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
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store/memory"
)

func main() {
	users := enduser.New(memory.New(nil), nil)
	if _, _, err := users.Tenant("acme").Upsert(context.Background(), enduser.Spec{ExternalID: "crm-7", Name: "Ann"}); err != nil {
		log.Fatal(err)
	}
	key, link := rand.Text(), rand.Text()
	h, err := routes(users, key, map[string]string{link: "bob"})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8083", Handler: h, ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintf(os.Stdout, "http://%s/console/ with the key %s\n", server.Addr, key)
	fmt.Fprintf(os.Stdout, "http://%s/login?as=%s for bob of the support staff\n", server.Addr, link)
	log.Fatal(server.ListenAndServe())
}

// routes returns the host's routes: the console for anyone with the key, and for the staff, by
// the names that their sessions stand for.
func routes(users *enduser.Manager, key string, staff map[string]string) (http.Handler, error) {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		key: {Tenant: "acme", Actor: "ann"},
	})
	if err != nil {
		return nil, err
	}

	pages, err := console.New(users, tokens.Authenticate, nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/console/", http.StripPrefix("/console", pages))

	own := login{staff}
	support, err := console.New(users, own.authenticate, &console.Options{
		Options: httpapi.Options{Authorize: supportMay},
	})
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /login", own.signIn)
	mux.Handle("/support/", own.required(http.StripPrefix("/support", support)))
	return mux, nil
}

// login is the host's own login. That of a real host asks for more than a link.
type login struct {
	names map[string]string // by session
}

// name returns who has signed in to the host, "" for nobody.
func (l login) name(r *http.Request) string {
	session, err := r.Cookie("host_session")
	if err != nil {
		return ""
	}
	return l.names[session.Value]
}

// authenticate is the console's Authenticator. It needs no credential but the host's session, so
// that the console asks for none.
func (l login) authenticate(r *http.Request, _ string) (httpapi.Principal, error) {
	name := l.name(r)
	if name == "" {
		return httpapi.Principal{}, httpapi.ErrUnauthorized
	}
	return httpapi.Principal{Tenant: "acme", Actor: name}, nil
}

// supportMay lets the staff read everything and edit users, and do nothing else: not delete them,
// nor rotate a token.
func supportMay(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
	if a.Write && a.Name != "updateEndUser" {
		return httpapi.ErrForbidden
	}
	return nil
}

// required answers who has not signed in to the host.
func (l login) required(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.name(r) == "" {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (l login) signIn(w http.ResponseWriter, r *http.Request) {
	session := r.URL.Query().Get("as")
	if l.names[session] == "" {
		http.Error(w, "no such link", http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: this host also runs without TLS
		Name: "host_session", Value: session, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, "/support/", http.StatusSeeOther)
}
