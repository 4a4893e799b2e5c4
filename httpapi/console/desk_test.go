package console_test

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
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
// asks. They may be set between requests.
type desk struct {
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
	var secret [32]byte
	secret[0] = 1
	key, err := enduser.NewKey("k1", secret)
	if err != nil {
		tb.Fatal(err)
	}
	d := &desk{Clock: clock.At(epoch), who: httpapi.Principal{Tenant: "acme", Actor: "ann"}}
	d.users = enduser.New(st, &enduser.Options{
		Now: d.Now, Keyring: enduser.NewKeyring(key), Schema: func(string) enduser.Schema { return d.schema },
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
	d.pages, err = console.New(d.users, func(*http.Request, string) (httpapi.Principal, error) { return d.who, nil }, &o)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// get returns the answer to a request for a page, whose address is relative to the root.
func (d *desk) get(tb testing.TB, address string) answer {
	tb.Helper()
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+address, nil))
	return answer{w.Code, w.Header().Get("Location"), w.Body.String()}
}

// answer is what the console answered.
type answer struct {
	Status   int
	Location string
	HTML     string
}

// text returns the text of the main part of the page, with single spaces.
func (a *answer) text() string {
	_, main, _ := strings.Cut(a.HTML, "<main")
	main, _, _ = strings.Cut(main, "</main>")
	var b strings.Builder
	for part := range strings.SplitSeq("<main"+main, "<") {
		_, text, _ := strings.Cut(part, ">")
		b.WriteString(text + " ")
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

// want checks a status and that the text of the page has some parts.
func (a *answer) want(tb testing.TB, status int, parts ...string) {
	tb.Helper()
	text := a.text()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			tb.Errorf("the page has no %q:\n%s", part, text)
		}
	}
	if a.Status != status {
		tb.Errorf("status %d, want %d:\n%s", a.Status, status, text)
	}
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// add makes a user.
func (d *desk) add(tb testing.TB, s enduser.Spec) enduser.User {
	tb.Helper()
	u, err := d.acme.Create(tb.Context(), s)
	ok(tb, err)
	return u
}

// rewrite puts something else in the place of a record of acme.
func rewrite(tb testing.TB, st store.Store, id, data string) {
	tb.Helper()
	old, err := st.Get(tb.Context(), "acme", store.ID(id))
	ok(tb, err)
	next := old
	next.Data = []byte(data)
	_, err = st.Apply(tb.Context(), "acme", store.Ops(store.Replace(old, next, nil)))
	ok(tb, err)
}
