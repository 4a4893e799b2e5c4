package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

func itoa(n int) string { return strconv.Itoa(n) }

// mount is a way to serve a console under a path.
type mount struct {
	name, path string
	handler    func(tb testing.TB, pages http.Handler) http.Handler
}

func mounts() []mount {
	under := func(path string) func(testing.TB, http.Handler) http.Handler {
		return func(_ testing.TB, pages http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle(path, http.StripPrefix(strings.TrimSuffix(path, "/"), pages))
			return mux
		}
	}
	// proxy serves a server of another path behind a reverse proxy.
	proxy := func(public, inner string) func(testing.TB, http.Handler) http.Handler {
		return func(tb testing.TB, pages http.Handler) http.Handler {
			tb.Helper()
			server := httptest.NewServer(under(inner)(tb, pages))
			tb.Cleanup(server.Close)
			to, err := url.Parse(server.URL)
			if err != nil {
				tb.Fatal(err)
			}
			p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.SetXForwarded()
				for _, path := range []*string{&r.Out.URL.Path, &r.Out.URL.RawPath} {
					if rest, ok := strings.CutPrefix(*path, public); ok {
						*path = inner + rest
					}
				}
			}}
			mux := http.NewServeMux()
			mux.Handle(public, p)
			return mux
		}
	}
	return []mount{
		{"net-http-root", "/", under("/")},
		{"net-http", "/a/b/", under("/a/b/")},
		{"chi", "/a/b/", func(_ testing.TB, pages http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Mount("/a/b", http.StripPrefix("/a/b", pages))
			return r
		}},
		{"chi-root", "/", func(_ testing.TB, pages http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Mount("/", pages)
			return r
		}},
		{"echo", "/a/b/", func(_ testing.TB, pages http.Handler) http.Handler {
			e := echo.New()
			e.Any("/a/b/*", echo.WrapHandler(http.StripPrefix("/a/b", pages)))
			return e
		}},
		{"proxy-that-strips", "/tools/users/", proxy("/tools/users/", "/")},
		{"proxy-that-keeps", "/a/b/", proxy("/a/b/", "/a/b/")},
		{"proxy-that-renames", "/tools/", proxy("/tools/", "/a/b/")},
	}
}

// The console works under every prefix, in other routers and behind proxies: all flows with a plain
// client, which takes addresses and the paths of cookies as a browser does, and in a browser one that
// needs what the pages load besides: the script that fetches a dialog, and the cookie of a token.
func TestMounts(t *testing.T) {
	t.Parallel()
	for _, m := range mounts() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range flows() {
				t.Run(f.name, func(t *testing.T) {
					w := memoryWorld(t)
					run(t, f, w, newPlain(t, w.serveAt(m.path, m.handler(t, w.pages()))))
				})
			}
			t.Run("browser", func(t *testing.T) {
				w := memoryWorld(t)
				s := w.serveAt(m.path, m.handler(t, w.pages()))
				run(t, flow{"rotate", rotating}, w, newTab(t, s, tabOptions{scripts: true}))
			})
		})
	}
}

// Everything works with every kind of agent in memory, and on every store: on SQLite with all but the
// keyboard, from which a store is too far away to make a difference, and on Redis and PostgreSQL
// with the browser alone.
func TestFlows(t *testing.T) {
	t.Parallel()
	//nolint:thelper // makes one
	redis := func(tb testing.TB) store.Store { return backends.Redis(tb, redistest.Server(tb).Addr) }
	all := agents()
	for _, b := range []struct {
		name  string
		from  size.Level
		kinds []kind
		open  func(testing.TB) store.Store
	}{
		{"memory", size.Quick, all, backends.Memory},
		{"sqlite", size.Long, all[:3], backends.SQLite},
		{"redis", size.Long, all[2:3], redis},
		{"postgres", size.Long, all[2:3], openPostgres},
	} {
		t.Run(b.name, func(t *testing.T) {
			size.Need(t, b.from)
			t.Parallel()
			for _, k := range b.kinds {
				t.Run(k.name, func(t *testing.T) {
					t.Parallel()
					for _, f := range flows() {
						t.Run(f.name, func(t *testing.T) {
							w := newWorld(t, b.open(t))
							w.seed(people)
							run(t, f, w, k.make(t, w.serve()))
						})
					}
				})
			}
		})
	}
}

func run(t *testing.T, f flow, w *world, a agent) {
	t.Helper()
	f.run(t, w, a)
	totals.flows.Add(1)
}

func openPostgres(tb testing.TB) store.Store {
	tb.Helper()
	st, err := postgres.Open(tb.Context(), pgtest.Database(tb), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	return st
}
