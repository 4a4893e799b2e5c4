package console_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The console beside the API, with the same keys: somebody opens a page, is asked for a key, and
// is led to the page.
func ExampleNew() {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		"an-example-key": {Tenant: "acme", Actor: "ann"},
	})
	if err != nil {
		log.Fatal(err)
	}
	users := enduser.New(memory.New(nil), nil)
	pages, err := console.New(users, tokens.Authenticate, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/console/", http.StripPrefix("/console", pages))

	server := httptest.NewServer(mux)
	defer server.Close()
	browser := server.Client()
	if browser.Jar, err = cookiejar.New(nil); err != nil {
		log.Fatal(err)
	}
	see := func(resp *http.Response, err error) {
		if err != nil {
			log.Fatal(err)
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode, resp.Request.URL.RequestURI())
	}
	see(browser.Get(server.URL + "/console/users"))
	see(browser.PostForm(server.URL+"/console/sign-in", url.Values{"key": {"an-example-key"}, "next": {"users"}}))
	see(browser.PostForm(server.URL+"/console/sign-out", nil))
	// Output:
	// 200 /console/sign-in?next=users
	// 200 /console/users
	// 200 /console/sign-in
}

// A host that has a login of its own returns who is logged in, and refuses keys. Its users who may
// only look get a console in which nothing can be changed.
func ExampleNew_ownLogin() {
	auth := func(r *http.Request, key string) (httpapi.Principal, error) {
		staff := r.Header.Get("X-Staff") // a real host looks at its own session
		if staff == "" || key != "" {
			return httpapi.Principal{}, httpapi.ErrUnauthorized
		}
		return httpapi.Principal{Tenant: "acme", Actor: staff, ReadOnly: true}, nil
	}
	pages, err := console.New(enduser.New(memory.New(nil), nil), auth, nil)
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/groups", nil)
	r.Header.Set("X-Staff", "ann")
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 200
}
