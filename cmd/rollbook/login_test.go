package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

const (
	loginPath   = "/magickmind/v1/auth/login"
	refreshPath = "/magickmind/v1/auth/refresh"
	loginFlag   = "-login=ann@example.com:pass:word=1=" + testKey
)

func TestLogin(t *testing.T) {
	s := start(t, "-store", "memory:", keyFlag, loginFlag)
	post := func(path, body string) answer { return mustSend(t, "POST", s.url+path, "", body) }
	in := post(loginPath, `{"email":"Ann@Example.com","password":"pass:word=1"}`)
	if in.status != http.StatusOK {
		t.Fatalf("login: %d %s", in.status, in.body)
	}
	access, refresh := member(in.body, "access_token"), member(in.body, "refresh_token")
	if strings.Contains(in.body, testKey) || subject(t, access) != "demo" {
		t.Errorf("login: %s", in.body)
	}
	for _, path := range []string{"/magickmind/v1/end-users", "/v1/end-users", "/ada/api/v2/end-users/"} {
		for _, key := range []string{access, testKey} {
			if a := mustSend(t, "GET", s.url+path, key, ""); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
	}
	for range 2 { // places that refresh at once
		if a := post(refreshPath, `{"refresh_token":"`+refresh+`"}`); a.status != http.StatusOK || member(a.body, "refresh_token") == refresh {
			t.Errorf("refresh: %d %s", a.status, a.body)
		}
	}
	for _, a := range []answer{
		post(refreshPath, `{"refresh_token":"`+testKey+`"}`),
		post(refreshPath, `{"refresh_token":"`+access+`"}`),
		post(loginPath, `{"email":"ann@example.com","password":"pass:word=2"}`),
		post(loginPath, `{"email":"bob@example.com","password":"pass:word=1"}`),
	} {
		if a.status != http.StatusBadRequest {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	none := start(t, "-store", "memory:", keyFlag)
	if a := mustSend(t, "POST", none.url+loginPath, "", `{"email":"ann@example.com","password":"x"}`); a.status != http.StatusNotFound {
		t.Errorf("without -login: %d %s", a.status, a.body)
	}
	if a := mustSend(t, "GET", none.url+"/v1/end-users", access, ""); a.status != http.StatusUnauthorized {
		t.Errorf("the token of another server: %d %s", a.status, a.body)
	}
}

// subject reads a token as a client does, which cannot verify it.
func subject(t *testing.T, token string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, new(jwt.RegisteredClaims))
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	who, err := parsed.Claims.GetSubject()
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// TestLoginsAtOnce: a client that logs in and refreshes two hundred times at once succeeds
// every time, even while others use wrong passwords for its account.
func TestLoginsAtOnce(t *testing.T) {
	s := start(t, "-store", "memory:", keyFlag, loginFlag)
	const right = `{"email":"ann@example.com","password":"pass:word=1"}`
	in := mustSend(t, "POST", s.url+loginPath, "", right)
	refresh := `{"refresh_token":"` + member(in.body, "refresh_token") + `"}`
	client := newClient(t, 50)
	var all sync.WaitGroup
	ask := func(path, body string, want int) {
		all.Go(func() {
			if a, err := send(client, "POST", s.url+path, "", body); err != nil || a.status != want {
				t.Errorf("%s: %d %s %v, want %d", path, a.status, a.body, err, want)
			}
		})
	}
	const wrong = `{"email":"ann@example.com","password":"wrong"}`
	for i := range 100 {
		ask(loginPath, right, http.StatusOK)
		ask(refreshPath, refresh, http.StatusOK)
		if i%10 == 0 {
			ask(loginPath, wrong, http.StatusBadRequest)
		}
	}
	all.Wait()
	if a := mustSend(t, "POST", s.url+loginPath, "", wrong); a.status != http.StatusTooManyRequests {
		t.Errorf("the eleventh wrong one: %d %s", a.status, a.body)
	}
}
