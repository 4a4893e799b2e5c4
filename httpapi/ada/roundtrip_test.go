package ada_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// newClient serves a world over loopback and returns acme's client for it. Without
// options it is not limited.
func newClient(tb testing.TB, w *apitest.World, o *ada.Options) *client {
	tb.Helper()
	srv := httptest.NewServer(newHandler(tb, w.Users, w.Auth, o))
	tb.Cleanup(srv.Close)
	return &client{base: srv.URL, token: apitest.Acme, ledger: new(apitest.Ledger)}
}

// as returns the client with another credential.
func (c *client) as(token string) *client {
	other := *c
	other.token = token
	return &other
}

// otherSlash returns the client that spells paths the other way.
func (c *client) otherSlash() *client {
	other := *c
	other.slash = true
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

// made creates a user, which has to be a new one.
func (c *client) made(t *testing.T, body any) endUser {
	t.Helper()
	u, fresh, err := c.create(body)
	if err != nil || !fresh {
		t.Fatalf("create: new %v, %v", fresh, err)
	}
	return u
}

// refused checks that a call was answered with an error of that status.
func refused(t *testing.T, what string, err error, status int) apiError {
	t.Helper()
	var e *apiError
	if !errors.As(err, &e) || e.status != status {
		t.Errorf("%s: %v, want %d", what, err, status)
		return apiError{header: make(http.Header), Errors: []problemItem{{}}}
	}
	return *e
}

// same compares users; what is empty may also be absent.
func same(t *testing.T, what string, want, got endUser) {
	t.Helper()
	if got.Profile.SystemProperties == nil {
		got.Profile.SystemProperties = new(systemProperties)
	}
	if want.Profile.SystemProperties == nil {
		want.Profile.SystemProperties = new(systemProperties)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// reads checks that every operation that reads shows a user in the same way.
func (c *client) reads(t *testing.T, want endUser) {
	t.Helper()
	for _, c := range []*client{c, c.otherSlash()} {
		same(t, "get", want, must(c.get(want.EndUserID))(t))
		found := false
		for _, u := range must(c.list(100))(t).Data {
			if u.EndUserID == want.EndUserID {
				same(t, "list", want, u)
				found = true
			}
		}
		if !found {
			t.Error("the list lacks the user")
		}
		if want.ExternalID == nil {
			continue
		}
		for _, id := range []string{*want.ExternalID, strings.ToUpper(*want.ExternalID), strings.ToLower(*want.ExternalID)} {
			same(t, "get by "+id, want, must(c.byExternalID(id))(t))
			u, fresh, err := c.create(userRequest{ExternalID: value(id), Profile: value(sentProfile{FirstName: value("not applied")})})
			if fresh || err != nil {
				t.Errorf("create again: new %v, %v", fresh, err)
			}
			same(t, "create again", want, u)
		}
	}
}

// TestClientRoundTrip: what is sent in any documented member is read back by every
// operation that reads.
func TestClientRoundTrip(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		for name, tt := range map[string]struct {
			sent userRequest
			want endUser
		}{
			"nothing":       {},
			"empty profile": {sent: userRequest{Profile: value(sentProfile{})}},
			"nulls": {sent: userRequest{null[string](), value(sentProfile{
				null[string](), null[string](), null[string](), null[string](), null[string](), null[string](), null[metadata](), null[sensitive](),
			})}},
			"external id": {
				sent: userRequest{ExternalID: value("+1 555 0100 Ünï/北京?a=b&c#%20")},
				want: endUser{ExternalID: new("+1 555 0100 Ünï/北京?a=b&c#%20")},
			},
			"longest external id": {
				sent: userRequest{ExternalID: value(strings.Repeat("ä", 36))},
				want: endUser{ExternalID: new(strings.Repeat("ä", 36))},
			},
			"all": {
				sent: userRequest{value("crm-7"), value(sentProfile{
					value("Zoë"), value("Ωmega 北京"), value("Zoë \"\\/ <b> \U0001F9D1"), value("https://example.com/avatars/ada.png?a=b&c=1"),
					value("Ada.Lovelace+tag@ada.cx"), value("pt-BR"),
					value(metadata{
						"region": "latam", "Ω ключ": "Zoë \U0001F9D1", "empty": "", "yes": true, "no": false, "zero": 0,
						"max": int64(1<<63 - 1), "min": int64(-1 << 63), "beyond floats": int64(1<<53 + 1),
					}),
					value(sensitive{map[string]any{"auth_token": "eyJhbGciOiJIUzI1NiIs...", "session-ID_9": "sess_abc123"}}), //nolint:gosec // the document's own example
				})},
				want: endUser{ExternalID: new("crm-7"), Profile: profile{
					FirstName: new("Zoë"), LastName: new("Ωmega 北京"), DisplayName: new("Zoë \"\\/ <b> \U0001F9D1"),
					Avatar: new("https://example.com/avatars/ada.png?a=b&c=1"), Email: new("Ada.Lovelace+tag@ada.cx"), Language: new("pt-BR"),
					Metadata: metadata{
						"region": "latam", "Ω ключ": "Zoë \U0001F9D1", "empty": "", "yes": true, "no": false, "zero": json.Number("0"),
						"max": json.Number("9223372036854775807"), "min": json.Number("-9223372036854775808"), "beyond floats": json.Number("9007199254740993"),
					},
				}},
			},
		} {
			now := stamp{w.Clock.Now().Truncate(time.Second)}
			got := c.made(t, tt.sent)
			if len(got.EndUserID) != 24 || strings.Trim(got.EndUserID, "0123456789abcdef") != "" {
				t.Errorf("%s: end_user_id %q", name, got.EndUserID)
			}
			tt.want.EndUserID, tt.want.CreatedAt, tt.want.UpdatedAt = got.EndUserID, now, now
			same(t, name, tt.want, got)
			c.reads(t, tt.want)
			w.Clock.Advance(time.Minute - time.Millisecond) // times are shown in whole seconds
		}
		// members that a newer client sends
		got := c.made(t, strings.NewReader(`{"plan":1,"profile":{"plan":[2],"first_name":"N"}}`))
		if got.Profile.FirstName == nil || *got.Profile.FirstName != "N" {
			t.Errorf("%+v", got)
		}
		// what only the host's own program writes is shown
		_, err := w.Users.Tenant("acme").Update(context.Background(), enduser.ByID(got.EndUserID), func(e *enduser.Edit) error {
			e.SystemProperties = enduser.Metadata{"sunshine_user_id": enduser.String("5f7e0e2c1e7c7e000f0f9c3a")}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got = must(c.get(got.EndUserID))(t)
		if p := got.Profile.SystemProperties; p == nil || p.SunshineUserID == nil || *p.SunshineUserID != "5f7e0e2c1e7c7e000f0f9c3a" {
			t.Errorf("system_properties %+v", p)
		}
		c.reads(t, got)
	})
}

// TestClientUpdate: a PATCH leaves what is absent, sets what is given, and clears by
// null; metadata is merged by key.
func TestClientUpdate(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		want := c.made(t, userRequest{value("first"), value(sentProfile{Metadata: value(metadata{"keep": "k", "drop": 1, "set": false})})})
		must(c.converse(conversationRequest{"web", value(want.EndUserID)}))(t) // keeps it
		step := func(what string, id maybe[string], p sentProfile, changed bool) {
			t.Helper()
			w.Clock.Advance(time.Hour)
			if changed {
				want.UpdatedAt = stamp{w.Clock.Now()}
			}
			same(t, "update of "+what, want, must(c.update(want.EndUserID, userRequest{id, value(p)}))(t))
			c.reads(t, want)
		}
		absent := maybe[string]{}
		// of a new value to each member: first with, then without the others
		for name, member := range map[string]struct {
			sent func(p *sentProfile) *maybe[string]
			have **string
			text string
		}{
			"first_name":   {func(p *sentProfile) *maybe[string] { return &p.FirstName }, &want.Profile.FirstName, "Zoë 北京"},
			"last_name":    {func(p *sentProfile) *maybe[string] { return &p.LastName }, &want.Profile.LastName, "Ωmega"},
			"display_name": {func(p *sentProfile) *maybe[string] { return &p.DisplayName }, &want.Profile.DisplayName, "Zoë Ωmega"},
			"avatar":       {func(p *sentProfile) *maybe[string] { return &p.Avatar }, &want.Profile.Avatar, "http://example.com/a.png"},
			"email":        {func(p *sentProfile) *maybe[string] { return &p.Email }, &want.Profile.Email, "Zoe@example.com"},
			"language":     {func(p *sentProfile) *maybe[string] { return &p.Language }, &want.Profile.Language, "zh-Hant-TW"},
		} {
			var p sentProfile
			*member.sent(&p), *member.have = value(member.text), &member.text
			step(name, absent, p, true)
			step("nothing", absent, sentProfile{}, false)
			*member.sent(&p), *member.have = null[string](), nil
			step("null "+name, absent, p, true)
			*member.sent(&p), *member.have = value(member.text), &member.text
			step(name+" again", absent, p, true)
		}
		meta := want.Profile.Metadata
		meta["set"], meta["new"] = json.Number("-9223372036854775808"), "n"
		delete(meta, "drop")
		step("metadata", absent, sentProfile{Metadata: value(metadata{"set": int64(-1 << 63), "new": "n", "drop": nil, "never": nil})}, true)
		step("metadata by nothing", absent, sentProfile{Metadata: value(metadata{})}, false)
		want.Profile.Metadata = nil
		step("metadata to null", absent, sentProfile{Metadata: null[metadata]()}, true)

		want.ExternalID = new("Zweitë")
		step("external_id", value("Zweitë"), sentProfile{}, true)
		refused(t, "the old one", second(c.byExternalID("first")), 404)
		want.ExternalID = nil
		step("external_id to null", null[string](), sentProfile{}, true)
		refused(t, "the cleared one", second(c.byExternalID("zweitË")), 404)
		other := c.made(t, userRequest{ExternalID: value("ZWEITË")})
		e := refused(t, "a taken one", second(c.update(want.EndUserID, userRequest{value("zweitë"), value(sentProfile{})})), 409)
		if e.Errors[0].Type == "validation_error" {
			t.Error("a conflict is a validation error")
		}
		c.reads(t, want)
		c.reads(t, other)
	})
}

func second[T any](_ T, err error) error { return err }

// TestClientSensitive: sensitive values are never shown, changed by key, and gone
// 24 hours after each was written.
func TestClientSensitive(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		u := c.made(t, userRequest{Profile: value(sentProfile{SensitiveMetadata: value(sensitive{map[string]any{
			"text": "Zoë 北京", "yes": true, "max": int64(1<<63 - 1), "long": strings.Repeat("x", 4096),
		}})})})
		must(c.converse(conversationRequest{"web", value(u.EndUserID)}))(t)
		want := map[string]string{"text": `"Zoë 北京"`, "yes": "true", "max": "9223372036854775807", "long": `"` + strings.Repeat("x", 4096) + `"`}
		check := func(when string) {
			t.Helper()
			values, err := w.Users.Tenant("acme").RevealSensitive(context.Background(), enduser.ByID(u.EndUserID))
			got := make(map[string]string)
			for key, v := range values {
				got[key] = v.Text()
			}
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("%s: %v, %v, want %v", when, got, err, want)
			}
			c.reads(t, must(c.get(u.EndUserID))(t))
		}
		patch := func(fields map[string]any) {
			t.Helper()
			must(c.update(u.EndUserID, userRequest{Profile: value(sentProfile{SensitiveMetadata: value(sensitive{fields})})}))(t)
		}
		check("made")
		w.Clock.Advance(12 * time.Hour)
		patch(map[string]any{"text": "later", "yes": nil, "min": int64(-1 << 63)})
		want["text"], want["min"] = `"later"`, "-9223372036854775808"
		delete(want, "yes")
		check("changed")
		w.Clock.Advance(12 * time.Hour)
		delete(want, "max")
		delete(want, "long")
		check("24 hours after the first")
		w.Clock.Advance(12 * time.Hour)
		clear(want)
		check("24 hours after the last")
		fields := make(map[string]any)
		for i := range 20 {
			fields[fmt.Sprint("key-", i)] = i
			want[fmt.Sprint("key-", i)] = fmt.Sprint(i)
		}
		patch(fields)
		check("20 pairs")
	})
}

// TestClientExpiry: who is made by a POST is gone 24 hours later, and the external
// ID free, unless there was a conversation.
func TestClientExpiry(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		c := newClient(t, w, nil)
		gone, kept := c.made(t, userRequest{ExternalID: value("gone")}), c.made(t, userRequest{ExternalID: value("kept")})
		begun := must(c.converse(conversationRequest{ChannelID: "web"}))(t)
		if v := must(c.converse(conversationRequest{"web", value(kept.EndUserID)}))(t); v.EndUserID != kept.EndUserID || v.ChannelID != "web" {
			t.Errorf("a conversation %+v", v)
		}
		w.Clock.Advance(24*time.Hour - time.Second)
		must(c.update(gone.EndUserID, userRequest{Profile: value(sentProfile{FirstName: value("A")})}))(t)
		w.Clock.Advance(time.Second)
		refused(t, "get", second(c.get(gone.EndUserID)), 404)
		refused(t, "get by external id", second(c.byExternalID("gone")), 404)
		refused(t, "update", second(c.update(gone.EndUserID, userRequest{Profile: value(sentProfile{})})), 404)
		if page := must(c.list(0))(t); len(page.Data) != 2 {
			t.Errorf("%d users are left", len(page.Data))
		}
		must(c.get(begun.EndUserID))(t)
		c.reads(t, kept)
		if again := c.made(t, userRequest{ExternalID: value("GONE")}); again.EndUserID == gone.EndUserID {
			t.Error("the same user again")
		}
	})
}
