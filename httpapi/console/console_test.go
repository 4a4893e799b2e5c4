package console_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store/memory"
)

const key = "a-long-random-key"

// Somebody signs in with a key, under a prefix, and sees the overview.
func TestSignIn(t *testing.T) {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{key: {Tenant: "acme", Actor: "ann"}})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(enduser.New(memory.New(nil), nil), tokens.Authenticate, nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/a/b/", http.StripPrefix("/a/b", pages))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	client := server.Client()
	client.Jar, _ = cookiejar.New(nil)
	for _, step := range []struct {
		do   func() (*http.Response, error)
		path string
	}{
		{func() (*http.Response, error) { return client.Get(server.URL + "/a/b/") }, "/a/b/sign-in"},
		{func() (*http.Response, error) {
			return client.PostForm(server.URL+"/a/b/sign-in", url.Values{"key": {"no-such-key"}})
		}, "/a/b/sign-in"},
		{func() (*http.Response, error) {
			return client.PostForm(server.URL+"/a/b/sign-in", url.Values{"key": {key}})
		}, "/a/b/"},
		{func() (*http.Response, error) { return client.PostForm(server.URL+"/a/b/sign-out", nil) }, "/a/b/sign-in"},
		{func() (*http.Response, error) { return client.Get(server.URL + "/a/b/") }, "/a/b/sign-in"},
	} {
		resp, err := step.do()
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Request.URL.Path; got != step.path {
			t.Errorf("at %s with status %d, want %s", got, resp.StatusCode, step.path)
		}
	}
}
