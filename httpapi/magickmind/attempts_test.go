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
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store/memory"
)

// singleUse is a Login of one account whose refresh tokens work once. Each call takes a
// while.
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

// tokens is a session as answers show it.
type tokens struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"`
	RefreshToken     string `json:"refresh_token"`
	TokenType        string `json:"token_type"`
	IDToken          string `json:"id_token"`
	NotBeforePolicy  int64  `json:"not-before-policy"`
	SessionState     string `json:"session_state"`
	Scope            string `json:"scope"`
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

// TestGuessesAtOnce: of concurrent guesses no more reach the host than of sequential ones.
// At most 1,000 wait for their turn, and one that leaves does not wait.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := newSingleUse(time.Second)
		s := newServer(t, nil, &magickmind.Options{Login: host, LoginRate: httpapi.Rate{Requests: 5, Per: time.Hour}})
		statuses := make(map[int]int)
		var mu sync.Mutex
		var wg sync.WaitGroup
		guess := func(ctx context.Context) {
			wg.Go(func() {
				a := s.do(t, "POST", login, wrong, func(r *http.Request) { *r = *r.WithContext(ctx) })
				mu.Lock()
				defer mu.Unlock()
				statuses[a.Status]++
			})
		}
		for range 6 + 999 {
			guess(t.Context())
		}
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		guess(gone)
		synctest.Wait()
		if a := s.do(t, "POST", login, wrong).want(t, 429); a.Header.Get("Retry-After") != "1" { // the 1,001st that would wait
			t.Errorf("Retry-After %s", a.Header.Get("Retry-After"))
		}
		leave()
		synctest.Wait()
		if statuses[503] != 1 {
			t.Errorf("one left: %v", statuses)
		}
		guess(t.Context())
		wg.Wait()
		if host.asked["canary"] != 6 || statuses[400] != 5 || statuses[429] != 1+999+1 {
			t.Errorf("the host was asked %d times; answers %v", host.asked["canary"], statuses)
		}
	})
}

// TestLoginRate: logins to an account may fail so often in any span, however its address is
// spelled.
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
			s.do(t, "POST", login, `{"email":"kim@example.com"}`).want(t, 400) // no attempt

			time.Sleep(tt.per) //nolint:forbidigo // time of the bubble
			s.do(t, "POST", login, credentials("kim@example.com", "x")).want(t, 400)
		}
		off := newServer(t, nil, &magickmind.Options{Login: accounts{}, LoginRate: httpapi.Rate{Requests: -1}})
		for range 100 {
			off.do(t, "POST", login, wrong).want(t, 400)
		}
	})
}

// TestRightLoginsHaveALimit: successful logins have a limit of their own.
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

// TestHostFailuresAreNoGuesses: attempts that the host could not check do not count.
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

// TestOneClientKeepsNobodyOut: each limit stops only the attempts that it is for.
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
		// one client with all accounts and tokens, before its body is read
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

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, errors.New("read")
}

func (unread) Close() error { return nil }

// TestMadeUpAddresses: the memory for addresses of nobody is bounded.
func TestMadeUpAddresses(t *testing.T) {
	size.Need(t, size.Long)
	w := apitest.NewWorld(t, memory.New(nil))
	h := serve(t, w, &magickmind.Options{Login: accounts{}}).handler
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
	if held := heap() - before; held > 24<<20 {
		t.Errorf("%d MiB are held", held>>20)
	}
	runtime.KeepAlive(h)
}
