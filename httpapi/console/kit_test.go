package console_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// visitor is somebody at a desk who fills in forms.
type visitor struct {
	testing.TB
	*desk
}

func visit(tb testing.TB, st store.Store) *visitor {
	tb.Helper()
	return &visitor{tb, newDesk(tb, st, nil)}
}

// screen is an answer of the console.
type screen struct {
	status  int
	to      string // of a redirect
	body    string
	cookies []*http.Cookie
}

func (d *visitor) send(method, path, body string, cookies ...*http.Cookie) screen {
	d.Helper()
	r := httptest.NewRequestWithContext(d.Context(), method, path, strings.NewReader(body))
	r.Header.Set("X-Request-Id", "the-same-in-all-answers")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, r)
	return screen{w.Code, w.Header().Get("Location"), w.Body.String(), w.Result().Cookies()}
}

func (d *visitor) get(path string, cookies ...*http.Cookie) screen {
	d.Helper()
	return d.send(http.MethodGet, path, "", cookies...)
}

func (d *visitor) post(path string, form url.Values) screen {
	d.Helper()
	return d.send(http.MethodPost, path, form.Encode())
}

// want checks the status of an answer, and texts that its page has.
func (d *visitor) want(what string, s screen, status int, texts ...string) {
	d.Helper()
	if s.status != status {
		d.Errorf("%s: status %d, want %d", what, s.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(s.body, html.EscapeString(text)) {
			d.Errorf("%s: the page lacks %q", what, text)
		}
	}
}

// wantTo checks that an answer leads to a page.
func (d *visitor) wantTo(what string, s screen, to string) {
	d.Helper()
	if s.status != http.StatusSeeOther || s.to != to {
		d.Errorf("%s: status %d to %q, want 303 to %q", what, s.status, s.to, to)
	}
}

var (
	controls  = regexp.MustCompile(`(?s)<input ([^>]*)>|<textarea ([^>]*)>\n?(.*?)</textarea>`)
	attribute = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
)

// form returns what a browser would send of the form of a page if nothing was typed.
func (s *screen) form() url.Values {
	_, main, _ := strings.Cut(s.body, "<main")
	main, _, _ = strings.Cut(main, "</main>")
	form := make(url.Values)
	for _, c := range controls.FindAllStringSubmatch(main, -1) {
		attrs := make(map[string]string)
		for _, a := range attribute.FindAllStringSubmatch(c[1]+c[2], -1) {
			attrs[a[1]] = html.UnescapeString(a[2])
		}
		if _, checked := attrs["checked"]; attrs["type"] == "radio" && !checked {
			continue
		}
		value := attrs["value"]
		if c[2] != "" {
			value = html.UnescapeString(c[3])
		}
		form.Add(attrs["name"], strings.ReplaceAll(value, "\n", "\r\n"))
	}
	return form
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}
