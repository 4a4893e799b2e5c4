package magickmind_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// newClient serves a world over loopback and returns acme's client for it.
func newClient(tb testing.TB, w *apitest.World, o *magickmind.Options) *client {
	tb.Helper()
	h, err := magickmind.New(w.Users, w.Auth, o)
	if err != nil {
		tb.Fatal(err)
	}
	srv := httptest.NewServer(h)
	tb.Cleanup(srv.Close)
	return &client{base: srv.URL, token: apitest.Acme, ledger: new(apitest.Ledger)}
}

// as returns the client with another credential.
func (c *client) as(token string) *client {
	other := *c
	other.token = token
	return &other
}

// must returns what a call has to return.
func must[T any](result T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

// refused checks that a call was answered with an error of that status.
func refused(t *testing.T, what string, err error, status int) apiError {
	t.Helper()
	var e *apiError
	if !errors.As(err, &e) || e.Status != status {
		t.Errorf("%s: %v, want %d", what, err, status)
		return apiError{header: make(http.Header)}
	}
	return *e
}

// blames checks that an error names one field, be it for several reasons.
func (e apiError) blames(t *testing.T, what, field string) {
	t.Helper()
	another := func(f fieldError) bool { return f.Field != field }
	if len(e.Errors) == 0 || slices.ContainsFunc(e.Errors, another) {
		t.Errorf("%s: %d blames %+v, want %s", what, e.Status, e.Errors, field)
	}
}

// reads checks that every operation that reads shows a user in the same way.
func (c *client) reads(t *testing.T, want endUser) {
	t.Helper()
	if diff := cmp.Diff(want, must(c.get(want.ID))(t)); diff != "" {
		t.Errorf("get (-want +got):\n%s", diff)
	}
	queries := []listQuery{{Limit: 100}, {Limit: 100, Order: "desc"}, {Name: want.Name, Limit: 100, Capital: true}}
	if *want.ExternalID != "" {
		queries = append(queries, listQuery{ExternalID: *want.ExternalID}, listQuery{ExternalID: *want.ExternalID, Name: want.Name})
	}
	for _, q := range queries {
		page := must(c.list(q))(t)
		at := slices.IndexFunc(page.Data, func(u endUser) bool { return u.ID == want.ID })
		switch {
		case at < 0:
			t.Errorf("list %+v lacks the user", q)
		case q.ExternalID != "" && len(page.Data) != 1:
			t.Errorf("list %+v has %d users", q, len(page.Data))
		default:
			if diff := cmp.Diff(want, page.Data[at]); diff != "" {
				t.Errorf("list %+v (-want +got):\n%s", q, diff)
			}
		}
	}
}

// TestClientRoundTrip: what is sent in any documented member is read back by every
// operation that reads.
func TestClientRoundTrip(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		for _, tt := range []struct {
			sent       createRequest
			externalID string
		}{
			{createRequest{value("Roy Bosco"), value("7c718ec1a65cb7b75eaad1d6")}, "7c718ec1a65cb7b75eaad1d6"},
			{createRequest{Name: value("Shannon Dicki-Rolfson")}, ""},
			{createRequest{value("Shannon again"), null()}, ""},
			{createRequest{value("x"), value("x")}, "x"},
			{createRequest{value("null"), value("undefined")}, "undefined"}, // the vendor takes it
			{createRequest{value("Zoë Ωmega 北京 \U0001F9D1 <b>\"\\/&amp;"), value("Ünï-Ω/日本?a=b&c=%20#9223372036854775807")}, "Ünï-Ω/日本?a=b&c=%20#9223372036854775807"},
			{createRequest{value(strings.Repeat("long ", 40)), value(strings.Repeat("ä", 255))}, strings.Repeat("ä", 255)},
		} {
			now := stamp{w.Clock.Now().Truncate(time.Second)}
			got := must(c.create(tt.sent))(t)
			want := endUser{
				ID: got.ID, Name: *tt.sent.Name.text, ExternalID: &tt.externalID, TenantID: "acme",
				CreatedBy: "crm", UpdatedBy: "crm", CreatedAt: now, UpdatedAt: now,
			}
			if len(got.ID) != 24 || strings.Trim(got.ID, "0123456789abcdef") != "" {
				t.Errorf("id %q", got.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("create %v (-want +got):\n%s", tt.sent, diff)
			}
			c.reads(t, want)
			if tt.externalID != "" {
				page := must(c.list(listQuery{ExternalID: strings.ToUpper(tt.externalID)}))(t)
				if len(page.Data) != 1 || page.Data[0].ID != got.ID {
					t.Errorf("%q is not found in capitals", tt.externalID)
				}
			}
			w.Clock.Advance(time.Minute - time.Millisecond) // times are shown in whole seconds
		}
		// members that a newer client sends
		if got := must(c.create(strings.NewReader(`{"name":"N","plan":{"a":[1]}}`)))(t); got.Name != "N" {
			t.Errorf("name %q", got.Name)
		}
	})
}

// TestClientUpdate: a PUT leaves what is absent, sets what is given, and clears an
// external ID by null and by "".
func TestClientUpdate(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		want := must(c.create(createRequest{value("Roy Bosco"), value("first")}))(t)
		for _, tt := range []struct {
			sent             updateRequest
			name, externalID string
		}{
			{updateRequest{}, "Roy Bosco", "first"},
			{updateRequest{Name: value("Adrian 北京")}, "Adrian 北京", "first"},
			{updateRequest{ExternalID: value("Zweitë")}, "Adrian 北京", "Zweitë"},
			{updateRequest{ExternalID: value("zweitË")}, "Adrian 北京", "zweitË"},
			{updateRequest{value("Adrian 北京"), value("zweitË")}, "Adrian 北京", "zweitË"},
			{updateRequest{value("Ann"), value("")}, "Ann", ""},
			{updateRequest{ExternalID: null()}, "Ann", ""},
			{updateRequest{value("Bea"), value(strings.Repeat("ä", 255))}, "Bea", strings.Repeat("ä", 255)},
			{updateRequest{ExternalID: null()}, "Bea", ""},
			{updateRequest{value("Cleo"), value("first")}, "Cleo", "first"},
		} {
			w.Clock.Advance(time.Hour)
			if want.Name != tt.name || *want.ExternalID != tt.externalID {
				want.UpdatedAt = stamp{w.Clock.Now()}
			}
			want.Name, want.ExternalID = tt.name, &tt.externalID
			got := must(c.update(want.ID, tt.sent))(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("update %v (-want +got):\n%s", tt.sent, diff)
			}
			c.reads(t, want)
		}
		// what was given up is nobody's, and free
		if page := must(c.list(listQuery{ExternalID: "zweitë"}))(t); len(page.Data) != 0 {
			t.Errorf("an external ID that was given up finds %+v", page.Data)
		}
		must(c.create(createRequest{value("Dan"), value("ZWEITË")}))(t)
		if err := c.delete(want.ID); err != nil {
			t.Error(err)
		}
		_, err := c.get(want.ID)
		refused(t, "get after delete", err, 404)
		must(c.create(createRequest{value("Eve"), value("FIRST")}))(t)
	})
}

// TestClientFilters: a name is found by its words, whatever their case.
func TestClientFilters(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		c := newClient(t, apitest.NewWorld(t, open(t)), nil)
		for i, name := range []string{"John Doe", "john smith", "Johnny Doe", "Doe, JOHN", "Ärla Doe"} {
			must(c.create(createRequest{value(name), value(fmt.Sprint("id-", i))}))(t)
		}
		for _, tt := range []struct {
			query listQuery
			want  string
		}{
			{listQuery{Name: "John"}, "id-0 id-1 id-3"},
			{listQuery{Name: "john", Order: "desc"}, "id-3 id-1 id-0"},
			{listQuery{Name: "doe john"}, "id-0 id-3"},
			{listQuery{Name: "joh"}, ""},
			{listQuery{Name: "äRLA"}, "id-4"},
			{listQuery{Name: "john", ExternalID: "ID-1"}, "id-1"},
			{listQuery{Name: "johnny", ExternalID: "id-1"}, ""},
			{listQuery{ExternalID: "id"}, ""},
		} {
			var got []string
			for _, u := range must(c.list(tt.query))(t).Data {
				got = append(got, *u.ExternalID)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%+v finds %q, want %q", tt.query, got, tt.want)
			}
		}
		page := must(c.list(listQuery{Name: "john", Limit: 2}))(t)
		rest := must(c.list(listQuery{Name: "john", Limit: 2, Cursor: *page.Paging.Cursors.After}))(t)
		if len(page.Data) != 2 || len(rest.Data) != 1 || *rest.Data[0].ExternalID != "id-3" {
			t.Errorf("pages of a filter: %+v, then %+v", page.Data, rest.Data)
		}
		// parameters without a value count as absent
		var all endUsers
		if err := c.call("list", http.MethodGet, "/v1/end-users?cursor=&Limit=&limit=&order=&name=&external_id=", nil, &all, 200); err != nil || len(all.Data) != 5 {
			t.Errorf("empty parameters: %d users, %v", len(all.Data), err)
		}
	})
}

// TestClientPaging walks the list forth and back: every user exactly once.
func TestClientPaging(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		empty := must(c.list(listQuery{}))(t)
		if empty.Data == nil || len(empty.Data) != 0 || empty.Paging != (paging{}) {
			t.Errorf("nobody: %+v", empty)
		}
		var ids []string
		for i := range 23 {
			ids = append(ids, must(c.create(createRequest{Name: value(fmt.Sprint("User ", i))}))(t).ID)
			must(c.as(apitest.Other).create(createRequest{Name: value("somebody else's")}))(t)
		}
		for _, order := range []string{"", "asc", "desc"} {
			want := slices.Clone(ids)
			if order == "desc" {
				slices.Reverse(want)
			}
			for _, limit := range []int{0, 1, 7, 22, 23, 24, 100} {
				c.walk(t, want, listQuery{Order: order, Limit: limit, Capital: limit == 7})
			}
		}
	})
}

func (c *client) walk(t *testing.T, want []string, q listQuery) {
	t.Helper()
	size := q.Limit
	if size == 0 {
		size = 20
	}
	var forth [][]string
	page := must(c.list(q))(t)
	for {
		var got []string
		for _, u := range page.Data {
			got = append(got, u.ID)
		}
		forth = append(forth, got)
		p, seen := page.Paging, size*len(forth)
		if p.HasMore != (seen < len(want)) || p.HasMore != (p.Cursors.After != nil) {
			t.Fatalf("%+v: page %d: has_more %v, after %v", q, len(forth), p.HasMore, p.Cursors.After)
		}
		if p.HasPrevious != (len(forth) > 1) || p.HasPrevious != (p.Cursors.Before != nil) {
			t.Fatalf("%+v: page %d: has_previous %v, before %v", q, len(forth), p.HasPrevious, p.Cursors.Before)
		}
		if !p.HasMore {
			break
		}
		q.Cursor = *p.Cursors.After
		page = must(c.list(q))(t)
	}
	if diff := cmp.Diff(slices.Collect(slices.Chunk(want, size)), forth); diff != "" {
		t.Errorf("%+v forth (-want +got):\n%s", q, diff)
	}
	for at := len(forth) - 2; at >= 0; at-- {
		q.Cursor = *page.Paging.Cursors.Before
		page = must(c.list(q))(t)
		var got []string
		for _, u := range page.Data {
			got = append(got, u.ID)
		}
		if p := page.Paging; !p.HasMore || p.HasPrevious != (at > 0) || p.HasPrevious != (p.Cursors.Before != nil) || p.Cursors.After == nil {
			t.Fatalf("%+v: page %d on the way back: %+v", q, at+1, p)
		}
		if diff := cmp.Diff(forth[at], got); diff != "" {
			t.Errorf("%+v: page %d on the way back (-want +got):\n%s", q, at+1, diff)
		}
	}
}

// TestClientLogin: a session has all members, and its token opens the routes.
func TestClientLogin(t *testing.T) {
	w := apitest.NewWorld(t, apitest.SQLite(t))
	c := newClient(t, w, &magickmind.Options{Login: accounts{}}).as("")
	want := tokens{
		AccessToken: apitest.Acme, ExpiresIn: 300, RefreshExpiresIn: 1800, RefreshToken: "refresh-0001",
		TokenType: "Bearer", IDToken: "id-0001", SessionState: "session-0001", Scope: "profile email",
	}
	if diff := cmp.Diff(want, must(c.login(loginRequest{"crm@example.com", "correct horse"}))(t)); diff != "" {
		t.Errorf("login (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, must(c.refresh(refreshRequest{want.RefreshToken}))(t)); diff != "" {
		t.Errorf("refresh (-want +got):\n%s", diff)
	}
	must(c.as(want.AccessToken).create(createRequest{Name: value("Ann")}))(t)
}

// always is a Limiter that allows nothing.
type always struct{}

func (always) Allow(context.Context, string, []httpapi.Rate) (httpapi.Decision, error) {
	return httpapi.Decision{Wait: 30 * time.Second}, nil
}
