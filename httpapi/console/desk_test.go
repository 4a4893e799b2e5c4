package console_test

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store"
)

// epoch is when a clock begins.
var epoch = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// desk is a console whose host has a login of its own: nobody signs in, and the fields say who
// asks. They may be set between requests. Addresses are relative to the root.
type desk struct {
	testing.TB
	*clock.Clock
	users  *enduser.Manager
	acme   enduser.Tenant
	schema enduser.Schema
	policy *enduser.Policy // nil: the host has fixed none
	pages  http.Handler

	who    httpapi.Principal
	denied map[string]bool // actions that the credential may not do
}

// newDesk returns a desk on a store. The options may be nil.
func newDesk(tb testing.TB, st store.Store, opts *console.Options) *desk {
	tb.Helper()
	var o console.Options
	if opts != nil {
		o = *opts
	}
	if o.OverviewFor == 0 {
		o.OverviewFor = time.Hour // nothing is late on a busy machine, but where a test wants it
	}
	d := &desk{TB: tb, Clock: clock.At(epoch), who: httpapi.Principal{Tenant: "acme", Actor: "ann"}}
	d.users = enduser.New(st, &enduser.Options{
		Now: d.Now, Keyring: enduser.NewKeyring(must(enduser.NewKey("k1", [32]byte{1}))(tb)),
		Schema: func(string) enduser.Schema { return d.schema },
		Policy: func(string) (enduser.Policy, bool) {
			if d.policy == nil {
				return enduser.Policy{}, false
			}
			return *d.policy, true
		},
	})
	d.acme = d.users.Tenant("acme").As("crm")
	o.Authorize = func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
		if d.denied[a.Name] {
			return httpapi.ErrForbidden
		}
		return nil
	}
	d.pages = must(console.New(d.users, func(*http.Request, string) (httpapi.Principal, error) { return d.who, nil }, &o))(tb)
	return d
}

// send returns the answer to a request. A body is that of a form.
func (d *desk) send(method, address, body string, cookies ...*http.Cookie) *answer {
	d.Helper()
	r := httptest.NewRequestWithContext(d.Context(), method, "/"+address, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return d.serve(r)
}

func (d *desk) serve(r *http.Request) *answer {
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, r)
	return &answer{d, r.Method + " " + r.URL.RequestURI(), w.Code, w.Header().Get("Location"), w.Body.String(), w.Result().Cookies()}
}

func (d *desk) get(address string, cookies ...*http.Cookie) *answer {
	d.Helper()
	return d.send(http.MethodGet, address, "", cookies...)
}

func (d *desk) post(address string, form url.Values) *answer {
	d.Helper()
	return d.send(http.MethodPost, address, form.Encode())
}

// follow returns the page that an answer leads to from an address two folders deep.
func (d *desk) follow(a *answer) *answer {
	d.Helper()
	to, ok := strings.CutPrefix(a.Location, "../../")
	if a.Status != http.StatusSeeOther || !ok {
		d.Fatalf("%s: status %d, to %q", a.request, a.Status, a.Location)
	}
	return d.get(to)
}

// add makes a user.
func (d *desk) add(s enduser.Spec) enduser.User {
	d.Helper()
	return must(d.acme.Create(d.Context(), s))(d)
}

// user returns a user.
func (d *desk) user(id string) enduser.User {
	d.Helper()
	return must(d.acme.Get(d.Context(), enduser.ByID(id)))(d)
}

// edit changes a user as somebody who is not at the desk.
func (d *desk) edit(id string, fn func(*enduser.Edit)) enduser.User {
	d.Helper()
	return must(d.acme.Update(d.Context(), enduser.ByID(id), func(e *enduser.Edit) error { fn(e); return nil }))(d)
}

// answer is what the console answered.
type answer struct {
	testing.TB
	request  string
	Status   int
	Location string
	HTML     string
	Cookies  []*http.Cookie
}

// text returns the text of the main part of the page, with single spaces.
func (a *answer) text() string {
	var b strings.Builder
	for part := range strings.SplitSeq("<main"+mainOf(a.HTML), "<") {
		_, text, _ := strings.Cut(part, ">")
		b.WriteString(text + " ")
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

// want checks the status, and that the text of the page has some parts.
func (a *answer) want(status int, parts ...string) *answer {
	a.Helper()
	text := a.text()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			a.Errorf("%s: the page has no %q:\n%s", a.request, part, text)
		}
	}
	if a.Status != status {
		a.Errorf("%s: status %d, want %d:\n%s", a.request, a.Status, status, text)
	}
	return a
}

// wantTo checks where an answer leads.
func (a *answer) wantTo(to string) {
	a.Helper()
	if a.Status != http.StatusSeeOther || a.Location != to {
		a.Errorf("%s: status %d to %q, want 303 to %q", a.request, a.Status, a.Location, to)
	}
}

// has checks that the markup of a page has some parts.
func (a *answer) has(parts ...string) *answer {
	a.Helper()
	for _, part := range parts {
		if !strings.Contains(a.HTML, part) {
			a.Errorf("%s: the page has no %q:\n%s", a.request, part, a.HTML)
		}
	}
	return a
}

// holds checks that a page has some texts character by character, also in its fields.
func (a *answer) holds(texts ...string) *answer {
	a.Helper()
	for _, text := range texts {
		a.has(html.EscapeString(text))
	}
	return a
}

// lacks checks that a page has none of some parts, neither as markup nor, unless they are markup
// themselves, as text.
func (a *answer) lacks(parts ...string) *answer {
	a.Helper()
	for _, part := range parts {
		if strings.Contains(a.HTML, part) || !strings.Contains(part, "<") && strings.Contains(a.text(), part) {
			a.Errorf("%s: the page has %q", a.request, part)
		}
	}
	return a
}

// form returns what a browser would send of the form of the page if nothing was typed.
func (a *answer) form() url.Values { return formOf(a.HTML) }

// mainOf returns the main part of a page.
func mainOf(page string) string {
	_, main, _ := strings.Cut(page, "<main")
	main, _, _ = strings.Cut(main, "</main>")
	return main
}

var (
	controls  = regexp.MustCompile(`(?s)<input ([^>]*)>|<textarea ([^>]*)>\n?(.*?)</textarea>`)
	attribute = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
)

func formOf(page string) url.Values {
	form := make(url.Values)
	for _, c := range controls.FindAllStringSubmatch(mainOf(page), -1) {
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

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// tamper changes a record of acme in the store.
func tamper(tb testing.TB, st store.Store, id string, change func(*store.Record)) {
	tb.Helper()
	old := must(st.Get(tb.Context(), "acme", store.ID(id)))(tb)
	r := old
	change(&r)
	must(st.Apply(tb.Context(), "acme", store.Ops(store.Replace(old, r, nil))))(tb)
}

func damaged(r *store.Record) { r.Data = []byte(`{"canary`) }
