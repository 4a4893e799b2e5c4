package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// post sends a form to an address that is relative to the root.
func (d *desk) post(tb testing.TB, address string, form url.Values) answer {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/"+address, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, r)
	return answer{w.Code, w.Header().Get("Location"), w.Body.String()}
}

// follow returns the page that an answer leads to from an address two folders deep.
func (d *desk) follow(tb testing.TB, a answer) answer {
	tb.Helper()
	to, ok := strings.CutPrefix(a.Location, "../../")
	if a.Status != http.StatusSeeOther || !ok {
		tb.Fatalf("status %d, to %q", a.Status, a.Location)
	}
	return d.get(tb, to)
}

// hook makes a webhook of a tenant.
func hook(tb testing.TB, tenant enduser.Tenant, s enduser.WebhookSpec) string {
	tb.Helper()
	if s.URL == "" {
		s.URL = "https://example.com/hook"
	}
	h, _, err := tenant.Webhooks().Create(tb.Context(), s)
	ok(tb, err)
	return h.ID
}

// sender answers attempts.
type sender func(*enduser.Delivery) enduser.Result

func (s sender) Send(_ context.Context, d *enduser.Delivery) enduser.Result { return s(d) }

func always(r enduser.Result) sender {
	return func(*enduser.Delivery) enduser.Result { return r }
}

// deliver delivers what is due, in a bubble of synctest.
func (d *desk) deliver(tb testing.TB, s sender) {
	tb.Helper()
	ctx, end := context.WithCancel(tb.Context())
	done := make(chan error)
	go func() { done <- d.users.Deliver(ctx, s, nil) }()
	time.Sleep(5 * time.Second) //nolint:forbidigo // time of the bubble
	synctest.Wait()
	end()
	if err := <-done; !errors.Is(err, context.Canceled) {
		tb.Fatal(err)
	}
}

// tamper changes a record in the store.
func tamper(tb testing.TB, st store.Store, id string, change func(*store.Record)) {
	tb.Helper()
	old, err := st.Get(tb.Context(), "acme", store.ID(id))
	ok(tb, err)
	r := old
	change(&r)
	_, err = st.Apply(tb.Context(), "acme", store.Ops(store.Replace(old, r, nil)))
	ok(tb, err)
}

func damaged(r *store.Record) { r.Data = []byte(`{"canary`) }

// lacks checks that a page has none of some texts, in its text or its markup.
func (a *answer) lacks(tb testing.TB, parts ...string) {
	tb.Helper()
	for _, part := range parts {
		if strings.Contains(a.HTML, part) || strings.Contains(a.text(), part) {
			tb.Errorf("the page has %q", part)
		}
	}
}

// problem returns what the page of a problem says, without the ID of the request.
func (a *answer) problem() string {
	text, _, _ := strings.Cut(a.text(), " Request ")
	return text
}
