package magickmind_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

// singleUse is a Login of one account, whose refresh tokens are good once. Each call
// takes a while.
type singleUse struct {
	takes time.Duration

	mu     sync.Mutex
	made   int
	tokens map[string]bool
	asked  map[string]int
}

func newSingleUse(takes time.Duration) *singleUse {
	return &singleUse{takes: takes, tokens: make(map[string]bool), asked: make(map[string]int)}
}

func (l *singleUse) Login(_ context.Context, email string, password magickmind.Secret) (magickmind.Session, error) {
	time.Sleep(l.takes) //nolint:forbidigo // time of the bubble
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[password.Reveal()]++
	if !strings.EqualFold(email, "crm@example.com") || password.Reveal() != "correct horse" {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return l.next(), nil
}

func (l *singleUse) Refresh(_ context.Context, token magickmind.Secret) (magickmind.Session, error) {
	time.Sleep(l.takes) //nolint:forbidigo // time of the bubble
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[token.Reveal()]++
	if !l.tokens[token.Reveal()] {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	delete(l.tokens, token.Reveal())
	return l.next(), nil
}

func (l *singleUse) next() magickmind.Session {
	l.made++
	s := session()
	token := "refresh-" + strconv.Itoa(l.made)
	l.tokens[token] = true
	s.RefreshToken = magickmind.NewSecret(token)
	return s
}

func (a answer) session(tb testing.TB) tokens {
	tb.Helper()
	return apitest.Read[tokens](tb, a.want(tb, 200).Answer)
}

func credentials(email, password string) string {
	return fmt.Sprintf(`{"email":%q,"password":%q}`, email, password)
}

func renewing(token string) string { return fmt.Sprintf(`{"refresh_token":%q}`, token) }

// from is the client's address.
func from(addr string) option {
	return func(r *http.Request) { r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(addr), 1234).String() }
}

// TestManyPlacesAtOnce is the vendor's client library, which logs in and refreshes in
// every place that finds its token over, beside somebody who guesses.
func TestManyPlacesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, &magickmind.Options{Login: newSingleUse(50 * time.Millisecond)})
		one := s.do(t, "POST", login, right).session(t)
		var good, refused atomic.Int32
		var wg sync.WaitGroup
		for i := range 200 {
			path, body, count, want := login, right, &good, 200
			switch {
			case i%20 == 7:
				path, body, count, want = login, credentials("CRM@example.com", strconv.Itoa(i)), &refused, 400
			case i%2 == 0:
				path, body = refresh, renewing(one.RefreshToken)
			}
			wg.Go(func() {
				if a := s.do(t, "POST", path, body); a.Status == want {
					count.Add(1)
				} else {
					t.Errorf("%s %s: %d %s", path, body, a.Status, a.Body)
				}
			})
		}
		wg.Wait()
		if good.Load() != 190 || refused.Load() != 10 {
			t.Errorf("%d are in and %d are refused, want 190 and 10", good.Load(), refused.Load())
		}
		s.do(t, "POST", login, right).want(t, 200)
		if a := s.do(t, "POST", login, wrong).want(t, 429); a.Header.Get("Retry-After") == "" { // the eleventh
			t.Error("no Retry-After")
		}
		s.do(t, "POST", login, wrong).want(t, 429)
		s.do(t, "POST", login, right).want(t, 429)
		s.do(t, "POST", refresh, renewing(one.RefreshToken)).want(t, 200) // who is in goes on
		time.Sleep(time.Minute)                                           //nolint:forbidigo // time of the bubble
		s.do(t, "POST", login, right).want(t, 200)
	})
}

// TestGuessesAtOnce: of many guesses at once the host is asked about no more than of those
// that come one after the other.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := newSingleUse(time.Second)
		s := newServer(t, nil, &magickmind.Options{Login: host, LoginRate: httpapi.Rate{Requests: 5, Per: time.Hour}})
		statuses := make(map[int]int)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				a := s.do(t, "POST", login, wrong)
				mu.Lock()
				defer mu.Unlock()
				statuses[a.Status]++
			})
		}
		wg.Wait()
		if host.asked["canary"] != 6 || statuses[400] != 5 || statuses[429] != 495 {
			t.Errorf("the host was asked %d times; answers %v", host.asked["canary"], statuses)
		}
	})
}

// TestLoginRate: so many failures of an account are answered in any span, however its
// address is spelled.
func TestLoginRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			rate httpapi.Rate
			want int
			per  time.Duration
		}{
			{httpapi.Rate{}, 10, time.Minute},
			{httpapi.Rate{Requests: 2}, 2, time.Minute},
			{httpapi.Rate{Per: time.Hour}, 10, time.Hour},
			{httpapi.Rate{Requests: 3, Per: time.Second}, 3, time.Second},
		} {
			s := newServer(t, nil, &magickmind.Options{Login: accounts{}, LoginRate: tt.rate})
			spellings := []string{"kim@example.com", "KIM@EXAMPLE.COM", " Kim@Example.com\t", "\u212aim@example.com"}
			for i := range tt.want {
				s.do(t, "POST", login, credentials(spellings[i%len(spellings)], "x")).want(t, 400)
				time.Sleep(tt.per / 100) //nolint:forbidigo // time of the bubble
			}
			for _, email := range spellings {
				s.do(t, "POST", login, credentials(email, "x")).want(t, 429)
			}
			s.do(t, "POST", login, right).want(t, 200) // another account
			s.do(t, "POST", refresh, renewing("refresh-0001")).want(t, 200)
			s.do(t, "GET", users, "").want(t, 200)
			s.do(t, "POST", login, `{"email":"kim@example.com"}`).want(t, 400) // no try

			time.Sleep(tt.per) //nolint:forbidigo // time of the bubble
			s.do(t, "POST", login, credentials("kim@example.com", "x")).want(t, 400)
		}
		off := newServer(t, nil, &magickmind.Options{Login: accounts{}, LoginRate: httpapi.Rate{Requests: -1}})
		for range 100 {
			off.do(t, "POST", login, wrong).want(t, 400)
		}
	})
}

// TestRightLoginsHaveALimit of their own, which failures do not use up.
func TestRightLoginsHaveALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, &magickmind.Options{Login: accounts{}, LoginRate: httpapi.Rate{Requests: 2}})
		for range 2 {
			s.do(t, "POST", login, wrong).want(t, 400)
		}
		for range 200 {
			s.do(t, "POST", login, right).want(t, 200)
		}
		s.do(t, "POST", login, right).want(t, 429)
		s.do(t, "POST", login, right, from("198.51.100.7")).want(t, 200)
		time.Sleep(time.Minute) //nolint:forbidigo // time of the bubble
		s.do(t, "POST", login, right).want(t, 200)
	})
}

// TestHostFailuresAreNoGuesses: what the host could not check does not count.
func TestHostFailuresAreNoGuesses(t *testing.T) {
	t.Parallel()
	var err error
	panics := false
	s := newServer(t, nil, &magickmind.Options{LoginRate: httpapi.Rate{Requests: 1}, Login: hooks{
		login: func(context.Context, string, string) (magickmind.Session, error) {
			if panics {
				panic("hook") //nolint:forbidigo // what the test is about
			}
			return session(), err
		},
	}})
	err = errors.New("the directory is on fire")
	for range 5 {
		s.do(t, "POST", login, right).want(t, 503)
	}
	err, panics = nil, true
	for range 5 {
		s.do(t, "POST", login, right).want(t, 500)
	}
	panics = false
	s.do(t, "POST", login, right).want(t, 200)
}

// TestOneClientKeepsNobodyOut: each limit stops what it is for and no more.
func TestOneClientKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &magickmind.Options{Login: accounts{}, LoginRate: httpapi.Rate{Requests: 2}}
		behindProxy := newServer(t, nil, o)
		for i := range 200 {
			behindProxy.do(t, "POST", login, credentials(strconv.Itoa(i), "x")).want(t, 400)
		}
		behindProxy.do(t, "POST", login, right).want(t, 200)

		told := *o
		told.ClientAddr = func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() }
		s := newServer(t, nil, &told)
		// one account from one client
		for _, addr := range []string{"2001:db8:1:2::1", "2001:db8:1:2::2"} {
			s.do(t, "POST", login, wrong, from(addr)).want(t, 400)
		}
		s.do(t, "POST", login, wrong, from("2001:db8:1:2:3::")).want(t, 429)
		s.do(t, "POST", login, right, from("2001:db8:1:2:4::")).want(t, 429)
		s.do(t, "POST", login, right, from("2001:db8:1:3::1")).want(t, 200)
		// one client, whatever it tries, before its body is read
		for i := range 19 {
			s.do(t, "POST", login, credentials(strconv.Itoa(i), "x"), from("192.0.2.7")).want(t, 400)
		}
		s.do(t, "POST", refresh, renewing("x"), from("::ffff:192.0.2.7")).want(t, 400)
		s.do(t, "POST", refresh, renewing("x"), from("192.0.2.7")).want(t, 429)
		for _, path := range []string{login, refresh} {
			s.do(t, "POST", path, "", from("192.0.2.7"), func(r *http.Request) { r.Body = unread{t} }).want(t, 429)
		}
		s.do(t, "POST", login, right, from("192.0.2.8")).want(t, 200)
		// one account from many clients
		for i := range 20 - 3 {
			s.do(t, "POST", login, wrong, from("198.51.100."+strconv.Itoa(i))).want(t, 400)
		}
		s.do(t, "POST", login, wrong, from("198.51.100.99")).want(t, 429)
		s.do(t, "POST", login, right, from("192.0.2.8")).want(t, 429)
		s.do(t, "POST", login, credentials("other@example.com", "x"), from("198.51.100.99")).want(t, 400)
		s.do(t, "POST", refresh, renewing("refresh-0001"), from("198.51.100.99")).want(t, 200)
	})
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, errors.New("read")
}

func (unread) Close() error { return nil }

// TestMadeUpAddresses: what is remembered of accounts that nobody has is bounded.
func TestMadeUpAddresses(t *testing.T) {
	if testing.Short() {
		t.Skip("makes up 100,000 addresses")
	}
	w := apitest.NewWorld(t, memory.New(nil))
	h, err := magickmind.New(w.Users, w.Auth, &magickmind.Options{Login: accounts{}})
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range 100_000 {
		r := httptest.NewRequest(http.MethodPost, login, strings.NewReader(credentials(strconv.Itoa(i), "x")))
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	held := heap() - before
	t.Logf("%d KiB are held", held>>10)
	if held > 24<<20 {
		t.Errorf("%d MiB are held", held>>20)
	}
	runtime.KeepAlive(h)
}
