package console_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

// door is a console with a sign-in page, whose keys are those of a World.
type door struct {
	*apitest.World

	pages   http.Handler
	revoked atomic.Value // the key that is not valid any more
}

func newDoor(tb testing.TB, opts *console.Options) *door {
	tb.Helper()
	d := &door{World: apitest.NewWorld(tb, memory.New(nil))}
	d.revoked.Store("")
	d.pages = must(console.New(d.Users, d.authenticate, opts))(tb)
	return d
}

func (d *door) authenticate(r *http.Request, key string) (httpapi.Principal, error) {
	if key != "" && key == d.revoked.Load() {
		return httpapi.Principal{}, httpapi.ErrUnauthorized
	}
	return d.Auth(r, key)
}

// guest is a browser: it keeps cookies, follows redirects, and says where its requests come from.
type guest struct {
	testing.TB

	client *http.Client
	jar    http.CookieJar
	mount  *url.URL
	reply  http.Header // of the last answer that was no redirect
}

// invite returns a guest of a console that is reached under an address.
func invite(tb testing.TB, h http.Handler, mount string) *guest {
	tb.Helper()
	g := &guest{TB: tb, jar: must(cookiejar.New(nil))(tb), mount: must(url.Parse(mount))(tb)}
	g.client = &http.Client{Transport: direct{h}, Jar: g.jar}
	return g
}

// direct hands requests to a handler as a server would.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := record(d.Handler, r).Result()
	resp.Request = r
	return resp, nil
}

// record returns what a handler answers to a request of a client.
func record(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), body)
	in.Host, in.Header, in.ContentLength = r.URL.Host, r.Header.Clone(), r.ContentLength
	if r.URL.Scheme == "https" {
		in.TLS = new(tls.ConnectionState)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	return w
}

// sight is what a guest came to see.
type sight struct {
	status int
	at     string // relative to the mount
	body   string
}

func (g *guest) do(r *http.Request) sight {
	g.Helper()
	resp, err := g.client.Do(r)
	if err != nil {
		g.Fatal(err)
	}
	body := must(io.ReadAll(resp.Body))(g)
	_ = resp.Body.Close()
	g.reply = resp.Header
	at, ok := strings.CutPrefix(resp.Request.URL.String(), g.mount.String())
	if !ok {
		g.Errorf("%s %s leads to %s", r.Method, r.URL, resp.Request.URL)
	}
	return sight{resp.StatusCode, at, string(body)}
}

func (g *guest) request(method, to string, form url.Values, change ...func(*http.Request)) *http.Request {
	g.Helper()
	address := must(g.mount.Parse(to))(g)
	r := must(http.NewRequestWithContext(g.Context(), method, address.String(), strings.NewReader(form.Encode())))(g)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", g.mount.Scheme+"://"+g.mount.Host)
	}
	for _, change := range change {
		change(r)
	}
	return r
}

func (g *guest) get(to string, change ...func(*http.Request)) sight {
	g.Helper()
	return g.do(g.request(http.MethodGet, to, nil, change...))
}

func (g *guest) post(to string, form url.Values, change ...func(*http.Request)) sight {
	g.Helper()
	return g.do(g.request(http.MethodPost, to, form, change...))
}

func (g *guest) signIn(key string) sight {
	g.Helper()
	return g.post("sign-in", url.Values{"key": {key}})
}

// cookies returns those that are sent to a page.
func (g *guest) cookies(to string) []*http.Cookie { return g.jar.Cookies(must(g.mount.Parse(to))(g)) }

// wantAt checks where a guest is.
func (g *guest) wantAt(what string, s sight, status int, at string) {
	g.Helper()
	if s.status != status || s.at != at {
		g.Errorf("%s: status %d at %q, want %d at %q", what, s.status, s.at, status, at)
	}
}

func header(name string, values ...string) func(*http.Request) { return apitest.With(name, values...) }

// elements returns the elements of a page that a function selects.
func elements(tb testing.TB, page string, selects func(*html.Node) bool) (all []*html.Node) {
	tb.Helper()
	for n := range must(html.Parse(strings.NewReader(page)))(tb).Descendants() {
		if n.Type == html.ElementNode && selects(n) {
			all = append(all, n)
		}
	}
	return all
}

// attr returns an attribute of an element, "" if it has none.
func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// mapSessions are Sessions that never forget in time, and can fail.
type mapSessions struct {
	mu     sync.Mutex
	values map[string][]byte
	gets   int
	err    error
}

func (m *mapSessions) Put(_ context.Context, id string, value []byte, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	if m.err == nil {
		m.values[id] = value
	}
	return m.err
}

func (m *mapSessions) Get(_ context.Context, id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	return m.values[id], m.err
}

func (m *mapSessions) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		delete(m.values, id)
	}
	return m.err
}
