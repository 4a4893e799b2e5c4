package explo_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// newClient serves a world over loopback and returns acme's client for it.
func newClient(tb testing.TB, w *apitest.World, o *explo.Options) *client {
	tb.Helper()
	h, err := explo.New(w.Users, w.Auth, o)
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

// forms are the two forms of the API, in both spellings of paths and headers.
func (c *client) forms() map[string]form {
	all := make(map[string]form)
	for _, own := range []bool{false, true} {
		for _, slash := range []bool{false, true} {
			d := *c
			d.own, d.slash = own, slash
			name := ""
			if slash {
				name += ", other slash"
			}
			if own {
				name += ", Explo-Authorization"
			}
			all["template"+name] = form{d.get, d.rotate, d.update, d.delete}
			all["groups"+name] = form{d.createUserGroup, d.refreshUserGroupToken, d.updateUserGroup, d.deleteUserGroup}
		}
	}
	return all
}

// form is one form of the operations.
type form struct {
	ensure, rotate, update, delete func(body any) (result, error)
}

// must returns what a call has to return.
func must(res result, err error) func(*testing.T) result {
	return func(t *testing.T) result {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return res
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

// free returns an object that has one of everything.
func free(tb testing.TB, more string) object {
	tb.Helper()
	var o object
	err := json.Unmarshal([]byte(`{"filterValue":"value","Ωmega 北京":"Zoë \"\\ <b>","yes":true,"no":false,
		"max":9223372036854775807,"min":-9223372036854775808,"beyond":18446744073709551615,"fraction":0.1,"empty":"",
		"list":[1,"two",null,[],{}],"nested":{"a":{"b":{"c":[{"d":9007199254740993}]}}},"more":`+more+`}`), &o)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// withNull returns an object with one more key, whose value is null. Such a key of
// its own, unlike those of the values in it, is left out of what is read.
func (o object) withNull() object {
	more := maps.Clone(o)
	more["Null"] = nil
	return more
}

// reads checks that both forms show a group in the same way.
func (c *client) reads(t *testing.T, w *apitest.World, want userGroup, mapping object) {
	t.Helper()
	for _, name := range []string{"template", "groups"} {
		f := c.forms()[name]
		got := must(f.ensure(groupRequest{
			UserGroupID: value(want.ProvidedID), Name: value("not applied"), IsDemoGroup: value(!want.IsDemoGroup),
			Mapping: value(object{"x": "y"}), Properties: value(object{"x": "y"}),
		}))(t)
		if *got.NewUserGroup {
			t.Errorf("%s: get or create: a new one", name)
		}
		if diff := cmp.Diff(want, *got.UserGroup); diff != "" {
			t.Errorf("%s: get or create (-want +got):\n%s", name, diff)
		}
		got = must(f.update(groupRequest{UserGroupID: value(want.ProvidedID)}))(t)
		if diff := cmp.Diff(want, *got.UserGroup); diff != "" {
			t.Errorf("%s: update of nothing (-want +got):\n%s", name, diff)
		}
	}
	// the mapping is not shown by any route
	g, err := w.Users.Tenant("acme").Groups().Get(context.Background(), enduser.GroupByExternalID(want.ProvidedID))
	if err != nil {
		t.Fatal(err)
	}
	var native object
	if text, err := json.Marshal(g.SystemProperties["mapping"]); err != nil {
		t.Error(err)
	} else if err := json.Unmarshal(text, &native); err != nil {
		t.Error(err)
	}
	if !maps.Equal(native, mapping) {
		t.Errorf("mapping %v, want %v", native, mapping)
	}
}

// TestClientRoundTrip: what is sent in any documented member is read back by every
// operation that reads, and an update changes what it is given.
func TestClientRoundTrip(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		numbers := make(map[int32]string)
		for name, f := range newClient(t, w, nil).forms() {
			t.Run(name, func(t *testing.T) {
				c := newClient(t, w, nil)
				id := "Exämple_1 北京/" + name
				mapping := object{"40": "213", "134": "386", "Ω": "ds-ü"}
				properties := free(t, `9223372036854775806`)
				made := must(f.ensure(groupRequest{
					value(id), value("Exämple 1 北京"), value(mapping.withNull()), value(true), value(properties.withNull()),
				}))(t)
				g := *made.UserGroup
				if !*made.NewUserGroup {
					t.Error("not a new one")
				}
				if len(g.Token) != 64 || g.TeamID <= 0 || numbers[g.TeamID] != "" {
					t.Errorf("token %q, team %d, known as %q", g.Token, g.TeamID, numbers[g.TeamID])
				}
				numbers[g.TeamID] = name
				want := userGroup{
					TeamID: g.TeamID, Token: g.Token, Name: "Exämple 1 北京", ProvidedID: id,
					APIEnvironmentTag: "Customer", IsDemoGroup: true, Properties: &properties,
				}
				if diff := cmp.Diff(want, g); diff != "" {
					t.Errorf("create (-want +got):\n%s", diff)
				}
				c.reads(t, w, want, mapping)

				step := func(what string, sent groupRequest) {
					t.Helper()
					sent.UserGroupID = value(id)
					got := must(f.update(sent))(t)
					if diff := cmp.Diff(want, *got.UserGroup); diff != "" {
						t.Errorf("update of %s (-want +got):\n%s", what, diff)
					}
					c.reads(t, w, want, mapping)
				}
				want.Name = "Renamed Ω"
				step("name", groupRequest{Name: value("Renamed Ω")})
				mapping = object{"7": "9"}
				step("mapping", groupRequest{Mapping: value(mapping)})
				want.IsDemoGroup = false
				step("is_demo_group", groupRequest{IsDemoGroup: value(false)})
				replaced := object{"other": json.Number("-9223372036854775808")}
				want.Properties = &replaced
				step("properties", groupRequest{Properties: value(replaced)})
				step("nulls", groupRequest{
					Name: null[string](), Mapping: null[object](), IsDemoGroup: null[bool](), Properties: null[object](),
				})
				nested := object{"nested": map[string]any{"null": nil}}
				want.Properties = &nested
				step("properties with a null", groupRequest{Properties: value(nested.withNull())})
				mapping = object{"8": "10"}
				step("mapping with a null", groupRequest{Mapping: value(mapping.withNull())})
				mapping = object{}
				step("mapping to {}", groupRequest{Mapping: value(mapping)})

				rotated := *must(f.rotate(tokenRequest{CurrentToken: value(want.Token)}))(t).UserGroup
				if rotated.Token == want.Token || len(rotated.Token) != 64 {
					t.Errorf("token %q after %q", rotated.Token, want.Token)
				}
				old := want.Token
				want.Token = rotated.Token
				if diff := cmp.Diff(want, rotated); diff != "" {
					t.Errorf("rotate (-want +got):\n%s", diff)
				}
				c.reads(t, w, want, mapping)
				_, err := f.rotate(tokenRequest{CurrentToken: value(old)})
				refused(t, "rotate by the old token", err, 404)
				_, err = f.delete(tokenRequest{CurrentToken: value(old)})
				refused(t, "delete by the old token", err, 404)
				must(f.delete(tokenRequest{CurrentToken: value(want.Token), DataSourceProvidedID: value("ds-1")}))(t)
				_, err = f.update(groupRequest{UserGroupID: value(id)})
				refused(t, "update of the deleted", err, 404)
				again := must(f.ensure(groupRequest{UserGroupID: value(id), Name: value("again")}))(t)
				if !*again.NewUserGroup || again.UserGroup.Token == want.Token || again.UserGroup.TeamID == want.TeamID {
					t.Errorf("made again: %+v", again)
				}
			})
		}
	})
}

// TestClientLeast: a group needs its ID and name alone, and one ID may exist once in
// each environment. The template's delete takes the ID.
func TestClientLeast(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		id := strings.Repeat("ä", 255)
		tokens := make(map[string]bool)
		for key, tag := range map[string]string{apitest.Acme: "Customer", apitest.Testing: "Testing", apitest.Other: "Customer"} {
			body := groupRequest{UserGroupID: value(id), Name: value("Least")}
			got := must(c.as(key).createUserGroup(body))(t)
			if !*got.NewUserGroup || got.UserGroup.APIEnvironmentTag != tag || got.UserGroup.IsDemoGroup {
				t.Errorf("%s: %+v", key, got.UserGroup)
			}
			if p := got.UserGroup.Properties; p != nil && len(*p) > 0 {
				t.Errorf("properties %v", *p)
			}
			tokens[got.UserGroup.Token] = true
			got = must(c.as(key).get(body))(t)
			if *got.NewUserGroup || got.UserGroup.ProvidedID != id {
				t.Errorf("%s: then %+v", key, got.UserGroup)
			}
		}
		if len(tokens) != 3 {
			t.Errorf("%d tokens", len(tokens))
		}
		must(c.delete(tokenRequest{UserGroupID: value(id)}))(t)
		if got := must(c.as(apitest.Testing).get(groupRequest{UserGroupID: value(id), Name: value("A")}))(t); *got.NewUserGroup {
			t.Error("a delete reached another environment")
		}
		// members that a newer client sends
		must(c.get(strings.NewReader(`{"user_group_id":"n","name":"N","plan":{"a":[1]}}`)))(t)
	})
}
