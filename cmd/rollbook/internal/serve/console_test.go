package serve

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// browser returns a client that keeps cookies and does not follow redirects by itself.
func browser(t *testing.T) *http.Client {
	t.Helper()
	c := newClient(t)
	c.Jar, _ = cookiejar.New(nil) // never fails
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// visit gets a page as a client that accepts a type, and returns the status, where it leads, and
// what it shows.
func visit(t *testing.T, c *http.Client, address, accept string) (status int, to, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	got, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, got.Header.Get("Location"), string(text)
}

// TestEntry: a browser that asks for / sees the console, or else the description of the API.
// Other programs are told as ever that there is nothing.
func TestEntry(t *testing.T) {
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, test := range []struct {
		console, path, accept string
		status                int
		to                    string
	}{
		{"on", "/", html, http.StatusSeeOther, "console/"},
		{"on", "/", "application/json", http.StatusNotFound, ""},
		{"on", "/", "*/*", http.StatusNotFound, ""},
		{"on", "/console", html, http.StatusTemporaryRedirect, "./console/"},
		{"on", "/console/", html, http.StatusSeeOther, "./sign-in"},
		{"on", "/console/sign-in", html, http.StatusOK, ""},
		{"on", "/%63onsole/", html, http.StatusNotFound, ""},
		{"on", "/docs", html, http.StatusOK, ""},
		{"off", "/", html, http.StatusSeeOther, "docs"},
		{"off", "/", "application/json", http.StatusNotFound, ""},
		{"off", "/console", html, http.StatusNotFound, ""},
		{"off", "/console/", html, http.StatusNotFound, ""},
	} {
		t.Run(strings.Join([]string{test.console, test.path, test.accept}, " "), func(t *testing.T) {
			s := startServe(t, "-console="+test.console)
			if status, to, body := visit(t, browser(t), s.url+test.path, test.accept); status != test.status || to != test.to {
				t.Errorf("%d to %q: %s", status, to, body)
			}
		})
	}
}

// TestConsole: somebody signs in with a key of the server and sees the store. The access log
// says which pages were asked for, and has neither the key nor what was searched.
func TestConsole(t *testing.T) {
	s := startServe(t, "-access-log=on")
	c := browser(t)
	signed, err := c.PostForm(s.url+"/console/sign-in", url.Values{"key": {testKey}})
	if err != nil {
		t.Fatal(err)
	}
	_ = signed.Body.Close()
	if to := signed.Header.Get("Location"); signed.StatusCode != http.StatusSeeOther || to != "./" {
		t.Fatalf("signing in: %d to %q", signed.StatusCode, to)
	}
	for path, want := range map[string]string{"/console/": "memory", "/console/users?q=ann": "Nobody found"} {
		if status, _, body := visit(t, c, s.url+path, "text/html"); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	redistest.Until(t, "the log has all of them", func() bool { // a line is written after the answer
		return s.log.count("family=console route=/sign-in status=303") == 1 &&
			s.log.count("family=console route=/ status=200") == 1 && s.log.count("family=console route=/users status=200") == 1
	})
	if s.log.count(testKey) > 0 || s.log.count("ann") > 0 {
		t.Error(s.log)
	}
}

// TestConsoleOverTLS: browsers send the cookie over TLS alone, unless the server has none.
func TestConsoleOverTLS(t *testing.T) {
	p := pairIn(t.TempDir())
	roots := x509.NewCertPool()
	roots.AddCert(p.write(t, 1, time.Now().Add(time.Hour)))
	for _, test := range []struct {
		args   []string
		secure bool
	}{{nil, false}, {[]string{"-tls-cert", p.cert, "-tls-key", p.key}, true}} {
		s, c := startServe(t, test.args...), browser(t)
		c.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
		signed, err := c.PostForm(s.url+"/console/sign-in", url.Values{"key": {testKey}})
		if err != nil {
			t.Fatal(err)
		}
		_ = signed.Body.Close()
		cookies := signed.Cookies()
		if len(cookies) != 1 || cookies[0].Secure != test.secure || !cookies[0].HttpOnly {
			t.Errorf("%v: %v", test.args, cookies)
		}
	}
}

// TestQueue: the queue has the length that was seen last, unless that is long ago.
func TestQueue(t *testing.T) {
	now, passed := time.Unix(1e9, 0), 0
	q := &queue{now: func() time.Time { return now }}
	o := q.observe(&store.Observer{Call: func(store.CallInfo) { passed++ }})
	for i, test := range []struct {
		call  store.CallInfo
		after time.Duration
		want  int
	}{
		{store.CallInfo{Method: "Get"}, 0, 0},
		{store.CallInfo{Method: "Apply", Queued: 7}, 0, 7},
		{store.CallInfo{Method: "Get"}, 0, 7},
		{store.CallInfo{Method: "Import", Queued: 3}, 9 * time.Second, 3},
		{store.CallInfo{Method: "Apply", Queued: 3}, 11 * time.Second, 0},
		{store.CallInfo{Method: "Apply", Queued: 2}, 0, 2},
		{store.CallInfo{Method: "Apply"}, 0, 0},
	} {
		o.Call(test.call)
		now = now.Add(test.after)
		if got := q.length(); got != test.want || passed != i+1 {
			t.Errorf("%d: %d after %d calls", i, got, passed)
		}
	}
	(&queue{now: time.Now}).observe(nil).Call(store.CallInfo{})
}

func TestStoreInfo(t *testing.T) {
	for flag, want := range map[string]string{
		"sqlite:users.db": "SQLite", "memory:": "memory", "postgres://a@b/c": "PostgreSQL", "postgresql://a@b/c": "PostgreSQL",
		"redis://a": "Redis", "rediss-sentinel://a": "Redis", "redis-cluster://a": "Redis",
	} {
		if got := storeInfo(flag, &queue{now: time.Now})(); got.Backend != want || got.Queued != 0 {
			t.Errorf("%s: %+v", flag, got)
		}
	}
}
