package magickmind_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/magickmind"
)

// TestRefreshTokensStayGoodForAWhile: a refresh token works for 30 s after its first use. The
// host is asked once in that time.
func TestRefreshTokensStayGoodForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := newSingleUse(time.Second)
		s := newServer(t, nil, &magickmind.Options{Login: host})
		token := s.do(t, "POST", login, right).session(t).RefreshToken
		body := renewing(token)
		time.Sleep(10 * time.Minute) //nolint:forbidigo // time of the bubble
		first := s.do(t, "POST", refresh, body).session(t)
		time.Sleep(28*time.Second + 999*time.Millisecond) //nolint:forbidigo // time of the bubble
		again := s.do(t, "POST", refresh, body).session(t)
		if again.AccessToken != first.AccessToken || again.RefreshToken != first.RefreshToken ||
			again.ExpiresIn != first.ExpiresIn-28 || again.RefreshExpiresIn != first.RefreshExpiresIn-28 {
			t.Errorf("first %+v, 29 s later %+v", first, again)
		}
		if host.asked[token] != 1 {
			t.Errorf("the host was asked %d times", host.asked[token])
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // time of the bubble
		for range 3 {
			s.do(t, "POST", refresh, body).want(t, 400)
		}
		s.do(t, "POST", refresh, renewing(first.RefreshToken)).want(t, 200)
	})
}

// TestFirstUsesAtOnce: all clients that send a token at once get a session, even if the first
// of them leaves.
func TestFirstUsesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := newSingleUse(time.Second)
		s := newServer(t, nil, &magickmind.Options{Login: host})
		token := s.do(t, "POST", login, right).session(t).RefreshToken
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			s.do(t, "POST", refresh, renewing(token), func(r *http.Request) { *r = *r.WithContext(gone) })
		})
		synctest.Wait()
		leave()
		for range 50 {
			wg.Go(func() {
				if got := s.do(t, "POST", refresh, renewing(token)).session(t).RefreshToken; got != "refresh-2" {
					t.Errorf("got %s", got)
				}
			})
		}
		wg.Wait()
		if host.asked[token] != 1 {
			t.Errorf("the host was asked %d times", host.asked[token])
		}
	})
}

// TestFailedRefreshesAreNotKept: after a failure the next attempt asks the host again.
func TestFailedRefreshesAreNotKept(t *testing.T) {
	t.Parallel()
	var err error
	panics, asked := false, 0
	s := newServer(t, nil, &magickmind.Options{Login: hooks{
		refresh: func(context.Context, string) (magickmind.Session, error) {
			asked++
			if panics {
				panic("hook") //nolint:forbidigo // what the test is about
			}
			return session(), err
		},
	}})
	body := renewing("a")
	for _, tt := range []struct {
		err    error
		panics bool
		want   int
	}{
		{errors.New("on fire"), false, 503},
		{magickmind.ErrCredentials, false, 400},
		{nil, true, 500},
		{magickmind.ErrCredentials, false, 400},
		{nil, false, 200},
		{errors.New("on fire"), false, 200},
	} {
		err, panics = tt.err, tt.panics
		s.do(t, "POST", refresh, body).want(t, tt.want)
	}
	if asked != 5 {
		t.Errorf("the host was asked %d times, want 5", asked)
	}
}
