package magickmind_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/magickmind"
)

// library does what the vendor's client library for Python does (py-magickmind 0.4.0,
// magick_mind/auth and magick_mind/http): every coroutine without a token logs in.
// Every one whose token has expired refreshes with the one refresh token, or logs in if that
// fails. None waits for another, and every request says that it has a JSON body.
type library struct {
	s *server

	mu         sync.Mutex
	tokens     tokens
	ends       time.Time // of the access token, less 10 s
	refreshEnd time.Time
}

func (l *library) authenticate(t *testing.T) string {
	t.Helper()
	l.mu.Lock()
	now, tokens, ends, refreshEnd := time.Now(), l.tokens, l.ends, l.refreshEnd
	l.mu.Unlock()
	if now.Before(ends) {
		return tokens.AccessToken
	}
	a := answer{}
	if now.Before(refreshEnd) {
		a = l.s.do(t, "POST", refresh, renewing(tokens.RefreshToken), with("Authorization"), with("Accept", "*/*"))
	}
	if a.Status != 200 {
		a = l.s.do(t, "POST", login, right, with("Authorization"), with("Accept", "*/*"))
	}
	if a.Status != 200 {
		t.Errorf("not authenticated: %d %s", a.Status, a.Body)
		return ""
	}
	got := a.session(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = got
	l.ends = now.Add(time.Duration(got.ExpiresIn-10) * time.Second)
	l.refreshEnd = now.Add(time.Duration(got.RefreshExpiresIn-10) * time.Second)
	return got.AccessToken
}

// call sends a request as the library does, and fails the test unless the answer has that
// status.
func (l *library) call(t *testing.T, status int, method, path, body string) answer {
	t.Helper()
	l.authenticate(t)
	token := l.authenticate(t) // it looks twice
	a := l.s.do(t, method, path, body, as(token), with("Content-Type", "application/json"), with("Accept", "application/json"))
	if a.Status != status {
		t.Errorf("%s %s %s: %d %s", method, path, body, a.Status, a.Body)
	}
	return a
}

// TestClientLibrary: coroutines share one client, also when its token has expired, and even
// while somebody guesses the account's password.
func TestClientLibrary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := newSingleUse(100 * time.Millisecond)
		s := newServer(t, nil, &magickmind.Options{Login: host})
		l := &library{s: s}
		const coroutines = 200
		session := func(i int) {
			name := fmt.Sprint("User ", i)
			u := l.call(t, 201, "POST", users, `{"name":"`+name+`","external_id":null}`).user(t)
			if got := l.call(t, 200, "GET", users+"/"+u.ID, "").user(t); got != u {
				t.Errorf("got %+v, want %+v", got, u)
			}
			l.call(t, 200, "GET", users+"?name="+url.QueryEscape(name)+"&limit=10", "")
			// update(end_user_id, name=u.name, external_id=u.external_id)
			body, err := json.Marshal(map[string]string{"name": u.Name, "external_id": u.ExternalID})
			if err != nil {
				t.Error(err)
			}
			if got := l.call(t, 200, "PUT", users+"/"+u.ID, string(body)).user(t); got != u {
				t.Errorf("got %+v, want %+v", got, u)
			}
			l.call(t, 204, "DELETE", users+"/"+u.ID, "")
		}
		for _, pause := range []time.Duration{
			5 * time.Minute, 5 * time.Minute, // the access token is over
			time.Hour, // the refresh token, too
			0,
		} {
			var wg sync.WaitGroup
			for i := range coroutines {
				wg.Go(func() { session(i) })
			}
			for range 10 { // somebody guesses, as often as that is allowed
				wg.Go(func() {
					if a := s.do(t, "POST", login, wrong); a.Status != 400 {
						t.Errorf("a guess: %d %s", a.Status, a.Body)
					}
				})
			}
			wg.Wait()
			time.Sleep(pause) //nolint:forbidigo // time of the bubble
		}
		host.mu.Lock()
		defer host.mu.Unlock()
		if n := host.asked["correct horse"]; n != 2*coroutines {
			t.Errorf("%d logins, want that of each coroutine twice", n)
		}
		if n := len(host.asked); n != 4 || host.asked["canary"] != 40 { // two passwords and two refresh tokens
			t.Errorf("the host was asked about %v", host.asked)
		}
	})
}
