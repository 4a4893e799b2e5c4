package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

const testKey = "a-long-random-key"

// browser is one at the host, with cookies of its own.
type browser struct {
	*http.Client

	host string
}

func serve(t *testing.T) (*enduser.Manager, func() browser) {
	t.Helper()
	users := enduser.New(memory.New(nil), nil)
	h, err := routes(users, testKey, map[string]string{"link": "bob"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return users, func() browser {
		jar, _ := cookiejar.New(nil) // never fails
		return browser{&http.Client{Jar: jar, Transport: server.Client().Transport}, server.URL}
	}
}

// get returns the status, the path where it is in the end, and the text of a page.
func (b browser) get(t *testing.T, path string) (status int, at, text string) {
	t.Helper()
	resp, err := b.Get(b.host + path)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

// post does the same for a form that is sent.
func (b browser) post(t *testing.T, path string, form url.Values) (status int, at, text string) {
	t.Helper()
	resp, err := b.PostForm(b.host+path, form)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

func read(t *testing.T, resp *http.Response) (status int, at, text string) {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Request.URL.Path, string(body)
}

func TestWithAKey(t *testing.T) {
	_, open := serve(t)
	ann := open()
	if status, path, _ := ann.get(t, "/console/"); status != http.StatusOK || path != "/console/sign-in" {
		t.Errorf("nobody: %d at %s", status, path)
	}
	form := url.Values{"key": {testKey}}
	if status, path, _ := ann.post(t, "/console/sign-in", form); status != http.StatusOK || path != "/console/" {
		t.Errorf("with a key: %d at %s", status, path)
	}
	if status, _, _ := ann.get(t, "/support/"); status != http.StatusUnauthorized {
		t.Errorf("the staff's console opens for a key: %d", status)
	}
}

// The host's own staff is asked for no key, may edit, and may neither see nor do more.
func TestStaff(t *testing.T) {
	users, open := serve(t)
	ann, _, err := users.Tenant("acme").Upsert(t.Context(), enduser.Spec{ExternalID: "crm-7", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	bob := open()
	if status, _, _ := bob.get(t, "/login?as=another"); status != http.StatusUnauthorized {
		t.Errorf("another link: %d", status)
	}
	status, path, text := bob.get(t, "/login?as=link")
	if status != http.StatusOK || path != "/support/" || !strings.Contains(text, "acme") {
		t.Errorf("bob: %d at %s\n%s", status, path, text)
	}
	at := "/support/users/" + ann.ID
	if status, _, text := bob.get(t, at); status != http.StatusOK || !strings.Contains(text, "/edit") || strings.Contains(text, "/delete") {
		t.Errorf("a user: %d\n%s", status, text)
	}
	if status, _, _ := bob.post(t, at+"/delete", nil); status != http.StatusForbidden {
		t.Errorf("deleting: %d", status)
	}
	if _, err := users.Tenant("acme").Get(t.Context(), enduser.ByID(ann.ID)); err != nil {
		t.Error(err)
	}
}
