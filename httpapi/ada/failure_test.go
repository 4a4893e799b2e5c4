package ada_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// within returns options with these of all families.
func within(o httpapi.Options) *ada.Options { return &ada.Options{Options: o} }

// TestOutcomeUnknown: a write that nobody confirms says that it may have happened, and
// a create that is repeated makes one user.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	st := &faultstore.Store{Store: memory.New(nil)}
	s := newServer(t, st, nil)
	st.Lost.Store(true)
	lost := func(method, path, body string) {
		t.Helper()
		if p := s.do(t, method, path, body).want(t, 503).problem(t); p.Type != "outcome_unknown" {
			t.Errorf("%s %s: got %+v", method, path, p)
		}
	}
	lost("POST", users, `{"external_id":"ann"}`)
	u := s.do(t, "POST", users, `{"external_id":"ann"}`).want(t, 200).user(t)
	lost("PATCH", users+u.ID, inProfile(`"first_name":"A"`))
	lost("POST", conversations, `{"channel_id":"c","end_user_id":"`+u.ID+`"}`)
	if n := len(s.list(t, users).Data); n != 1 {
		t.Errorf("there are %d users", n)
	}
}

// TestUnreadable: users that are damaged, or of a newer program, are left out of lists
// and logged. A request for one of them says which of both it is.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	s := newServer(t, nil, within(httpapi.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))}))
	want := []string{s.create(t, `{}`).ID}
	unreadable := []struct {
		id, data, kind string
		status         int
	}{
		{"00000000000000000000dead", `{"r":1,"w":1,"personal`, "corrupt", 500},
		{"0000000000000000000000f0", `{"r":99,"w":99}`, "newer", 503},
	}
	for _, u := range unreadable {
		r := store.Record{ID: u.id, Kind: "user", Data: []byte(u.data)}
		if _, err := s.Store.Apply(t.Context(), "acme", store.Ops(store.Create(r, nil))); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want, s.create(t, `{}`).ID)
	if diff := cmp.Diff(want, s.list(t, users).ids()); diff != "" {
		t.Errorf("the list differs:\n%s", diff)
	}
	for _, u := range unreadable {
		if !strings.Contains(logged.String(), u.id) {
			t.Errorf("%s is not logged: %s", u.id, logged.String())
		}
		for _, a := range []answer{
			s.do(t, "GET", users+u.id, ""), s.do(t, "PATCH", users+u.id, `{"profile":{}}`),
			s.do(t, "POST", conversations, `{"channel_id":"c","end_user_id":"`+u.id+`"}`),
		} {
			if a.want(t, u.status).problem(t).Type != u.kind || strings.Contains(a.Body, "personal") {
				t.Errorf("got %s", a.Body)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	if h, err := ada.New(nil, w.Auth, nil); err == nil || h != nil {
		t.Error("no users are needed")
	}
	if h, err := ada.New(w.Users, nil, nil); err == nil || h != nil {
		t.Error("no authenticator is needed")
	}
}

// TestAuthorizeWhatItComesTo: a POST that shows a user who is there needs the right to
// see it, a conversation that makes one the right to make it, and sensitive metadata the
// right to write them.
func TestAuthorizeWhatItComesTo(t *testing.T) {
	t.Parallel()
	refused := ""
	s := newServer(t, nil, within(httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			if a.Name == refused {
				return httpapi.ErrForbidden
			}
			return nil
		},
	}))
	ann := s.create(t, `{"external_id":"ann"}`)
	check := s.Unchanged(t)
	refused = "updateSensitive"
	s.do(t, "POST", users, `{"profile":{"sensitive_metadata":{"fields":{"k":"v"}}}}`).want(t, 403)
	s.do(t, "PATCH", users+ann.ID, `{"profile":{"first_name":"Ann","sensitive_metadata":{"fields":{"k":"v"}}}}`).want(t, 403)
	s.do(t, "PATCH", users+ann.ID, `{"profile":{"sensitive_metadata":null}}`).want(t, 403)
	refused = "getEndUser"
	s.do(t, "POST", users, `{"external_id":"ANN"}`).want(t, 403)
	refused = "createEndUser"
	s.do(t, "POST", conversations, `{"channel_id":"c"}`).want(t, 403)
	check()
	refused = "getEndUser"
	s.do(t, "POST", users, `{"external_id":"bob"}`).want(t, 201)
}

// TestRates: nil means the vendor's, an empty list none, and others hold as given.
func TestRates(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	vendors := []httpapi.Rate{{Requests: 30, Per: time.Second}, {Requests: 300, Per: time.Minute}, {Requests: 60_000, Per: 24 * time.Hour}}
	mine := []httpapi.Rate{{Requests: 1, Per: time.Hour}}
	for _, tt := range []struct{ given, want []httpapi.Rate }{{nil, vendors}, {[]httpapi.Rate{}, nil}, {mine, mine}} {
		var got []httpapi.Rate
		h, err := ada.New(w.Users, w.Auth, within(httpapi.Options{
			Rates: tt.given,
			Limiter: apitest.LimiterFunc(func(_ string, rates []httpapi.Rate) (httpapi.Decision, error) {
				got = rates
				return httpapi.Decision{Allowed: true}, nil
			}),
		}))
		if err != nil {
			t.Fatal(err)
		}
		(&server{w, h}).do(t, "GET", users, "").want(t, 200)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("of %v other rates were counted:\n%s", tt.given, diff)
		}
	}
}

// TestPolicies: a policy of the Options changes what it has and nothing else, and one of
// the Manager holds as it is, before both.
func TestPolicies(t *testing.T) {
	t.Parallel()
	id := func(n int) string { return `{"external_id":"` + strings.Repeat("a", n) + `"}` }
	s := newServer(t, nil, within(httpapi.Options{Policy: enduser.Policy{MaxExternalID: 3}}))
	s.create(t, id(3))
	s.do(t, "POST", users, id(4)).wantFault(t, "$.external_id", "body")

	s = newServer(t, nil, within(httpapi.Options{Policy: enduser.Policy{UniqueEmail: true}}))
	s.do(t, "POST", users, id(37)).wantFault(t, "$.external_id", "body")
	s.do(t, "POST", users, inProfile(`"metadata":{"a":"`+strings.Repeat("x", 10_240)+`"}`)).wantFault(t, "$.profile.metadata", "body")
	s.create(t, inProfile(`"email":"ann@example.com"`))
	// An address identifies nobody here: this would be another user.
	s.do(t, "POST", users, inProfile(`"email":"ann@example.com"`)).want(t, 409)

	w := apitest.NewWorld(t, memory.New(nil))
	w.Users = enduser.New(w.Store, &enduser.Options{
		Now: w.Clock.Now,
		Policy: func(string) (enduser.Policy, bool) {
			return enduser.Policy{MaxExternalID: 50, UniqueEmail: true}, true
		},
	})
	s = &server{w, newHandler(t, w.Users, w.Auth, nil)}
	s.create(t, id(50))
	s.create(t, `{"external_id":"a","profile":{"email":"ann@example.com"}}`)
	p := s.do(t, "POST", users, `{"external_id":"b","profile":{"email":"ANN@example.com"}}`).want(t, 409).problem(t)
	if p.Type != "conflict" || p.Message != "profile.email: belongs to another end user" || p.Details != nil {
		t.Errorf("the conflict is %+v", p)
	}
}

// TestBodyLimit: without an option it is 10 MiB. The limit itself is accepted.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	pad := func(n int) string { return "{" + strings.Repeat(" ", n-2) + "}" }
	for limit, o := range map[int]httpapi.Options{10 << 20: {}, 1000: {MaxBody: 1000}} {
		s := newServer(t, nil, within(o))
		s.create(t, pad(limit))
		s.create(t, pad(limit), func(r *http.Request) { r.ContentLength = -1 })
		s.do(t, "POST", users, pad(limit+1)).want(t, 413)
	}
}
