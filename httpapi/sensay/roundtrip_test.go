package sensay_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// newClient serves a world over loopback and returns acme's client for it.
func newClient(tb testing.TB, w *apitest.World, o httpapi.Options) *client {
	tb.Helper()
	srv := httptest.NewServer(newHandler(tb, w, o))
	tb.Cleanup(srv.Close)
	return &client{base: srv.URL, secret: apitest.Acme, ledger: new(apitest.Ledger)}
}

// with returns the client after a change.
func (c *client) with(change func(c *client)) *client {
	other := *c
	change(&other)
	return &other
}

func (c *client) as(secret string) *client { return c.with(func(c *client) { c.secret = secret }) }

// acting returns the client as it acts as a user, given by ID or by an account.
func (c *client) acting(user, userType string) *client {
	return c.with(func(c *client) { c.user, c.userType = user, userType })
}

// must returns what a call has to return.
func must(u endUser, err error) func(*testing.T) endUser {
	return func(t *testing.T) endUser {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return u
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

// reads checks that every operation that reads shows a user in the same way.
func (c *client) reads(t *testing.T, want endUser) {
	t.Helper()
	same := func(what string, got endUser, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	// IDs go in any case, those that a user was not given too, and are shown as they are
	for _, id := range []string{want.ID, strings.ToUpper(want.ID)} {
		got, err := c.get(id)
		same("get "+id, got, err)
		got, err = c.acting(id, "").me()
		same("me as "+id, got, err)
		got, err = c.acting(id, "").updateMe(userRequest{ID: &want.ID})
		same("update of nothing as "+id, got, err)
	}
	for _, a := range want.LinkedAccounts {
		got, err := c.acting(a.AccountID, a.AccountType).me()
		same("me by "+a.AccountType, got, err)
	}
}

// TestClientRoundTrip: what is sent in any documented member is read back by every
// operation that reads.
func TestClientRoundTrip(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		c := newClient(t, apitest.NewWorld(t, open(t)), httpapi.Options{})
		accounts := []linkedAccount{
			{"9223372036854775807", "discord"}, {"Zoë/北京 #1?", "telegram"}, {"-9223372036854775808", "embed"}, {"second", "discord"},
		}
		for name, sent := range map[string]userRequest{
			"nothing":  {},
			"id":       {ID: new("test_user_id")},
			"name":     {Name: new("A z (0-9), '/ .")},
			"email":    {Email: new("user@example.com")},
			"accounts": {LinkedAccounts: &accounts},
			"none":     {ID: new("none"), LinkedAccounts: &[]linkedAccount{}},
			"all": {
				Name: new(strings.Repeat("n", 50)), Email: new("Zoe+tag@Example.COM"), ID: new("Ünï 北京/9223372036854775807?#%20"),
				LinkedAccounts: &[]linkedAccount{{"string", "discord"}},
			},
		} {
			got := must(c.create(sent))(t)
			want := endUser{Success: true, ID: got.ID, Name: sent.Name, Email: sent.Email, LinkedAccounts: []linkedAccount{}}
			if sent.ID != nil {
				want.ID = *sent.ID
			}
			if sent.LinkedAccounts != nil {
				want.LinkedAccounts = *sent.LinkedAccounts
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: create (-want +got):\n%s", name, diff)
			}
			c.reads(t, want)
		}
		packed := c.with(func(c *client) { c.coding = "gzip" })
		packed.reads(t, must(packed.create(userRequest{ID: new("packed"), Name: new("Packed")}))(t))
		for _, version := range []string{"-", "2025-03-25", "1999-12-31", "2030-01-01"} {
			must(c.with(func(c *client) { c.version = version }).get("packed"))(t)
		}
	})
}

// TestClientUpdate: a PUT leaves what is absent, replaces what is given, and renames.
// What was given up is free.
func TestClientUpdate(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		c := newClient(t, apitest.NewWorld(t, open(t)), httpapi.Options{})
		want := must(c.create(userRequest{
			Name: new("John Doe"), Email: new("user@example.com"), ID: new("johndoe"),
			LinkedAccounts: &[]linkedAccount{{"one", "discord"}, {"two", "telegram"}},
		}))(t)
		step := func(what string, me *client, sent userRequest) {
			t.Helper()
			got := must(me.updateMe(sent))(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("update of %s (-want +got):\n%s", what, diff)
			}
			c.reads(t, want)
		}
		me, byAccount := c.acting("johndoe", ""), c.acting("two", "telegram")
		want.Name = new("Jane Doe")
		step("name", me, userRequest{ID: &want.ID, Name: want.Name})
		want.Email = new("jane@example.com")
		step("email", byAccount, userRequest{ID: &want.ID, Email: want.Email})
		want.LinkedAccounts = []linkedAccount{{"two", "telegram"}, {"three", "embed"}}
		step("accounts", byAccount, userRequest{ID: &want.ID, LinkedAccounts: &want.LinkedAccounts})
		want.ID = "Jänedoe"
		step("id", me, userRequest{ID: &want.ID})
		_, err := me.me()
		refused(t, "acting under the old id", err, 401)
		_, err = c.get("johndoe")
		refused(t, "the old id", err, 404)
		_, err = c.acting("one", "discord").me()
		refused(t, "acting as an account that was given up", err, 401)
		_, err = c.acting("two", "discord").me()
		refused(t, "acting as an account of another type", err, 401)

		heir := must(c.create(userRequest{
			ID: new("JohnDoe"), Email: new("USER@example.com"), LinkedAccounts: &[]linkedAccount{{"one", "discord"}},
		}))(t)
		c.reads(t, heir)
		want.LinkedAccounts = []linkedAccount{}
		step("accounts to none", c.acting("Jänedoe", ""), userRequest{ID: &want.ID, LinkedAccounts: &want.LinkedAccounts})

		if err := c.acting("one", "discord").deleteMe(); err != nil {
			t.Error(err)
		}
		_, err = c.get(heir.ID)
		refused(t, "get of the deleted", err, 404)
		refused(t, "delete again", c.acting("one", "discord").deleteMe(), 401)
		c.reads(t, must(c.create(userRequest{
			ID: new("johndoe"), Email: new("user@example.com"), LinkedAccounts: &[]linkedAccount{{"one", "discord"}},
		}))(t))
	})
}

// TestClientSentBack: what is shown can be sent back as it is, though the vendor's
// schema has success in every answer and no such member in a request.
func TestClientSentBack(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		c := newClient(t, apitest.NewWorld(t, open(t)), httpapi.Options{})
		want := must(c.create(userRequest{
			Name: new("John Doe"), Email: new("user@example.com"), ID: new("johndoe"), LinkedAccounts: &[]linkedAccount{{"one", "discord"}},
		}))(t)
		me := c.acting("johndoe", "")
		var shown json.RawMessage
		if err := me.call("me", http.MethodGet, "/v1/users/me", nil, &shown, http.StatusOK); err != nil {
			t.Fatal(err)
		}
		bare := strings.Replace(string(shown), `"success":true,`, "", 1)
		for _, body := range []string{string(shown), bare} {
			if diff := cmp.Diff(want, must(me.updateMe(strings.NewReader(body)))(t)); diff != "" {
				t.Errorf("update by what is shown (-want +got):\n%s", diff)
			}
		}
		c.reads(t, want)
	})
}
