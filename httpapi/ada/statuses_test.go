package ada_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// TestClientPaging walks the list, in pages of any size and under any mount point:
// every user exactly once.
func TestClientPaging(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		plain := newClient(t, w, nil)
		if page := must(plain.list(0))(t); page.Data == nil || len(page.Data) != 0 || page.Meta.NextPageURL != nil {
			t.Errorf("nobody: %+v", page)
		}
		srv := httptest.NewServer(http.StripPrefix("/mount/ada", newHandler(t, w.Users, w.Auth, nil)))
		t.Cleanup(srv.Close)
		mounted := &client{base: srv.URL + "/mount/ada", token: apitest.Acme, ledger: plain.ledger}
		var want []string
		for range 47 {
			want = append(want, plain.made(t, userRequest{}).EndUserID)
			plain.as(apitest.Other).made(t, userRequest{})
		}
		slices.Sort(want)
		for name, c := range map[string]*client{"plain": plain, "mounted": mounted, "other slash": plain.otherSlash()} {
			for _, limit := range []int{0, 1, 20, 46, 47, 48, 100} {
				size := limit
				if size == 0 {
					size = 20
				}
				var got []string
				page, pages := must(c.list(limit))(t), 1
				for {
					if full := len(page.Data) == size; !full && page.Meta.NextPageURL != nil {
						t.Fatalf("%s, limit %d: page %d has %d users", name, limit, pages, len(page.Data))
					}
					for _, u := range page.Data {
						got = append(got, u.EndUserID)
					}
					next := page.Meta.NextPageURL
					if next == nil {
						break
					}
					if !strings.HasPrefix(*next, c.base+"/api/v2/end-users") {
						t.Fatalf("%s: next_page_url %s", name, *next)
					}
					page = must(c.page(*next))(t)
					pages++
				}
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" || pages != (47+size-1)/size {
					t.Errorf("%s, limit %d: %d pages (-want +got):\n%s", name, limit, pages, diff)
				}
			}
		}
		based := newClient(t, w, &ada.Options{BaseURL: "https://example.ada.support"})
		if next := must(based.list(1))(t).Meta.NextPageURL; next == nil || !strings.HasPrefix(*next, "https://example.ada.support/api/v2/end-users") {
			t.Errorf("next_page_url %v", next)
		}
	})
}

// statuses are those that the documents have for each operation, and 403, 413, 415
// and 503, which are this library's for all of them that have a right, a body or a
// store. Those of the operations that are not served are left out.
func statuses() map[string][]int {
	return map[string][]int{
		"create":              {200, 201, 400, 401, 403, 413, 415, 429, 500, 503},
		"get":                 {200, 400, 401, 403, 404, 429, 500, 503},
		"get by external id":  {200, 400, 401, 403, 404, 429, 500, 503},
		"list":                {200, 400, 401, 403, 429, 500, 503},
		"update":              {200, 400, 401, 403, 404, 409, 413, 415, 429, 500, 503},
		"create conversation": {201, 400, 401, 403, 404, 413, 415, 429, 500, 503},
		"elsewhere":           {404, 405},
	}
}

// everything calls all operations.
func (c *client) everything(id, externalID string) map[string]error {
	errs := map[string]error{
		"get": second(c.get(id)), "get by external id": second(c.byExternalID(externalID)), "list": second(c.list(0)),
		"update":              second(c.update(id, userRequest{Profile: value(sentProfile{})})),
		"create conversation": second(c.converse(conversationRequest{"web", value(id)})),
	}
	_, _, errs["create"] = c.create(userRequest{})
	return errs
}

// always is a Limiter that allows nothing.
func always(string, []httpapi.Rate) (httpapi.Decision, error) {
	return httpapi.Decision{Wait: 30 * time.Second}, nil
}

// TestClientStatuses meets every documented status of every operation.
func TestClientStatuses(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := &apitest.Faulty{Store: open(t)}
		w := apitest.NewWorld(t, st)
		c := newClient(t, w, nil)
		id := c.made(t, userRequest{ExternalID: value("ann")}).EndUserID
		if _, fresh, err := c.create(userRequest{ExternalID: value("Ann")}); fresh || err != nil {
			t.Errorf("create again: new %v, %v", fresh, err)
		}
		for operation, err := range c.everything(id, "ann") {
			if err != nil {
				t.Errorf("%s: %v", operation, err)
			}
		}
		other := c.made(t, userRequest{}).EndUserID
		refused(t, "a taken external id", second(c.update(other, userRequest{value("ANN"), value(sentProfile{})})), 409)
		c.badUsers(t, other)
		c.badRequests(t, other)

		for _, token := range []string{"", "nobody's"} {
			for operation, err := range c.as(token).everything(id, "ann") {
				refused(t, operation, err, 401)
			}
		}
		for operation, err := range c.as(apitest.Reader).everything(id, "ann") {
			if operation == "create" || operation == "update" || operation == "create conversation" {
				refused(t, operation, err, 403)
			} else if err != nil {
				t.Errorf("a reader: %s: %v", operation, err)
			}
		}
		for _, c := range []*client{c.as(apitest.Other), c.as(apitest.Testing)} {
			for operation, err := range c.everything(id, "ann") {
				if operation != "create" && operation != "list" {
					refused(t, "another tenant's "+operation, err, 404)
				}
			}
		}
		for operation, err := range c.everything(strings.Repeat("0", 24), "nobody") {
			if operation != "create" && operation != "list" {
				refused(t, operation, err, 404)
			}
		}
		for _, path := range []string{"/api/v2/nowhere", "/api/v2/jobs/1", "/api/end-users/v1/"} {
			_, err := c.call("elsewhere", http.MethodGet, path, nil, nil)
			refused(t, path, err, 404)
		}
		_, err := c.call("elsewhere", http.MethodDelete, "/api/v2/end-users/"+id, nil, nil) // there is no delete of one user
		if refused(t, "delete", err, 405).header.Get("Allow") == "" {
			t.Error("405 without Allow")
		}

		unwell := func(o *ada.Options, status int) {
			t.Helper()
			other := newClient(t, w, o)
			other.ledger = c.ledger
			for operation, err := range other.everything(id, "ann") {
				e := refused(t, operation, err, status)
				if retry := e.header.Get("Retry-After"); status == 429 && retry != "30" {
					t.Errorf("%s: 429 with Retry-After %q", operation, retry)
				}
			}
		}
		unwell(&ada.Options{Options: httpapi.Options{
			Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error { return httpapi.ErrForbidden },
		}}, 403)
		unwell(&ada.Options{Options: httpapi.Options{
			Limiter: apitest.LimiterFunc(always), Rates: []httpapi.Rate{{Requests: 30, Per: time.Second}},
		}}, 429)
		st.Fail(errors.New("the disk is gone"))
		unwell(nil, 503)
		st.Panics.Store(true)
		unwell(nil, 500)
		c.ledger.Check(t, statuses())
	})
}

// badUsers are users that neither create nor update allow, and what is to blame.
func (c *client) badUsers(t *testing.T, id string) {
	t.Helper()
	in := func(p sentProfile) userRequest { return userRequest{Profile: value(p)} }
	text := func(n int) metadata { return metadata{"k": strings.Repeat("x", n-len(`{"k":""}`))} }
	secrets := func(fields map[string]any) userRequest {
		return in(sentProfile{SensitiveMetadata: value(sensitive{fields})})
	}
	many := make(map[string]any)
	for i := range 21 {
		many[fmt.Sprint("k", i)] = i
	}
	for _, tt := range []struct {
		body any
		word string // in the name of the parameter
	}{
		{userRequest{value(""), value(sentProfile{})}, "external_id"},
		{userRequest{value(strings.Repeat("x", 37)), value(sentProfile{})}, "external_id"},
		{userRequest{value("a<b"), value(sentProfile{})}, "external_id"},
		{userRequest{value("a>b"), value(sentProfile{})}, "external_id"},
		{strings.NewReader(`{"external_id":7,"profile":{}}`), "external_id"},
		{strings.NewReader(`{"profile":7}`), "profile"},
		{strings.NewReader(`{"profile":{"first_name":7}}`), "first_name"},
		{in(sentProfile{Email: value("nobody")}), "email"},
		{in(sentProfile{Avatar: value("ftp://example.com/a.png")}), "avatar"},
		{in(sentProfile{Language: value("not a tag")}), "language"},
		{in(sentProfile{Metadata: value(text(10_241))}), "metadata"},
		{strings.NewReader(`{"profile":{"metadata":{"k":1.5}}}`), "metadata"},
		{strings.NewReader(`{"profile":{"metadata":{"k":9223372036854775808}}}`), "metadata"},
		{strings.NewReader(`{"profile":{"metadata":{"k":[]}}}`), "metadata"},
		{strings.NewReader(`{"profile":{"metadata":{"k":{}}}}`), "metadata"},
		{strings.NewReader(`{"profile":{"sensitive_metadata":{}}}`), "sensitive_metadata"},
		{secrets(many), "sensitive_metadata"},
		{secrets(map[string]any{"a b": "x"}), "sensitive_metadata"},
		{secrets(map[string]any{strings.Repeat("k", 129): "x"}), "sensitive_metadata"},
		{secrets(map[string]any{"k": ""}), "sensitive_metadata"},
		{secrets(map[string]any{"k": 1.5}), "sensitive_metadata"},
		{secrets(map[string]any{"k": strings.Repeat("x", 4097)}), "sensitive_metadata"},
	} {
		for operation, call := range map[string]func(any) error{
			"create": func(body any) error { _, _, err := c.create(body); return err },
			"update": func(body any) error { return second(c.update(id, body)) },
		} {
			body := tt.body
			if r, ok := body.(*strings.Reader); ok {
				copied := *r
				body = &copied
			}
			e := refused(t, fmt.Sprintf("%s %v", operation, tt.body), call(body), 400)
			names, err := e.blamed()
			if err != nil || len(names) == 0 || !strings.Contains(names[0], tt.word) {
				t.Errorf("%s: %v, blamed is %q, want %s", operation, err, names, tt.word)
			}
		}
	}
	_, _, err := c.create(in(sentProfile{Metadata: value(metadata{"k": 1}), SensitiveMetadata: value(sensitive{map[string]any{"k": "x"}})}))
	refused(t, "create with a key in both", err, 400)
	// the largest that is allowed, twice: a merge counts what comes out of it
	full := in(sentProfile{Metadata: value(text(10_240))})
	c.made(t, full)
	must(c.update(id, full))(t)
	must(c.update(id, full))(t)
	refused(t, "update beyond", second(c.update(id, in(sentProfile{Metadata: value(metadata{"l": 1})}))), 400)
}

// badRequests are those of which the form is wrong.
func (c *client) badRequests(t *testing.T, id string) {
	t.Helper()
	plain, merge := *c, *c
	plain.kind, merge.kind = "text/plain", "application/merge-patch+json"
	for operation, call := range map[string]func(c *client, body io.Reader) error{
		"create":              func(c *client, body io.Reader) error { _, _, err := c.create(body); return err },
		"update":              func(c *client, body io.Reader) error { return second(c.update(id, body)) },
		"create conversation": func(c *client, body io.Reader) error { return second(c.converse(body)) },
	} {
		for _, body := range []string{`{`, `[]`, `{"channel_id":"web","profile":{}} {}`, `{"profile":{},"profile":{}}`, "\xef\xbb\xbf{}"} {
			refused(t, operation+" "+body, call(c, strings.NewReader(body)), 400)
		}
		// of no length that is known, so that it has to be read
		large := io.MultiReader(strings.NewReader(`{"channel_id":"web","x":"`), strings.NewReader(strings.Repeat("x", 10<<20)), strings.NewReader(`"}`))
		refused(t, operation, call(c, large), 413)
		refused(t, operation, call(&plain, strings.NewReader(`{"profile":{}}`)), 415)
	}
	if _, err := merge.update(id, strings.NewReader(`{"profile":{}}`)); err != nil {
		t.Errorf("a merge patch: %v", err)
	}
	for what, body := range map[string]string{"nothing": `{}`, "an external id alone": `{"external_id":"x"}`, "null": `{"profile":null}`} {
		refused(t, "update of "+what, second(c.update(id, strings.NewReader(body))), 400)
	}
	for _, body := range []string{`{}`, `{"channel_id":7}`, `{"channel_id":"web","end_user_id":7}`} {
		refused(t, "conversation "+body, second(c.converse(strings.NewReader(body))), 400)
	}
	for _, external := range []string{"", "a<b", "a>b", strings.Repeat("x", 37)} {
		refused(t, "get by "+external, second(c.byExternalID(external)), 400)
	}
	refused(t, "get", second(c.get("\xff")), 400)
	for _, query := range []string{"limit=0", "limit=101", "limit=ten", "limit=-1", "cursor=nothing", "external_id=x&limit=5", "external_id=x&cursor=" + id} {
		refused(t, "list "+query, second(c.page("/api/v2/end-users/?"+query)), 400)
	}
}
