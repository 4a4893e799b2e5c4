package ada_test

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestUnavailable: a store that is down is 503 on every route, and what it says is
// logged and not shown.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	st := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, st, &ada.Options{Options: httpapi.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))}})
	u := s.create(t, `{"external_id":"ann"}`)
	st.Fail(errors.New("dial 10.0.0.7: refused"))
	all := requests(u.ID)
	all["find"] = request{method: "GET", path: users + "?external_id=ann"}
	all["a new user's conversation"] = request{method: "POST", path: conversations, body: `{"channel_id":"c"}`}
	for name, r := range all {
		logged.Reset()
		a := s.do(t, r.method, r.path, r.body, with("X-Request-Id", "id-of-"+r.method)).want(t, 503)
		if p := a.problem(t); p.Type != "unavailable" || strings.Contains(a.Body, "10.0.0.7") {
			t.Errorf("%s: got %s", name, a.Body)
		}
		if line := logged.String(); !strings.Contains(line, "10.0.0.7") || !strings.Contains(line, "id-of-"+r.method) {
			t.Errorf("%s: the log has %q", name, line)
		}
	}
}

// TestOutcomeUnknown: a write that nobody confirms says that it may have happened, and
// a create that is repeated makes one user.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	st := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, st, nil)
	st.Lost.Store(true)
	if p := s.do(t, "POST", users, `{"external_id":"ann"}`).want(t, 503).problem(t); p.Type != "outcome_unknown" {
		t.Errorf("create: got %+v", p)
	}
	u := s.do(t, "POST", users, `{"external_id":"ann"}`).want(t, 200).user(t)
	all := requests(u.ID)
	for _, name := range []string{"updateEndUser", "associateEndUser"} {
		r := all[name]
		if p := s.do(t, r.method, r.path, r.body).want(t, 503).problem(t); p.Type != "outcome_unknown" {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	if n := len(s.list(t, users).Data); n != 1 {
		t.Errorf("there are %d users", n)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	st := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, st, nil)
	st.Panics.Store(true)
	if p := s.do(t, "GET", users, "").want(t, 500).problem(t); p.Type != "internal" {
		t.Errorf("got %+v", p)
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

// TestAuthorize is asked for every route, by the action that the documentation names.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	var asked []httpapi.Action
	var refuse error
	s := newServer(t, nil, &ada.Options{Options: httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			asked = append(asked, a)
			return refuse
		},
	}})
	u := s.create(t, `{}`)
	for name, r := range requests(u.ID) {
		for _, path := range []string{r.path, strings.TrimSuffix(r.path, "/"), strings.TrimSuffix(r.path, "/") + "/"} {
			asked = nil
			for err, status := range map[error]int{httpapi.ErrForbidden: 403, errors.New("down"): 503} {
				refuse = err
				s.do(t, r.method, path, r.body).want(t, status)
			}
			refuse = nil
			if a := s.do(t, r.method, path, r.body); a.Status >= 300 {
				t.Errorf("%s %s: got %d", r.method, path, a.Status)
			}
			first := httpapi.Action{Name: name, Write: r.write}
			want := []httpapi.Action{first, first, first}
			if diff := cmp.Diff(want, asked); diff != "" {
				t.Errorf("%s %s: other actions were asked for:\n%s", r.method, path, diff)
			}
		}
	}
}

// TestAuthorizeWhatItComesTo: a POST that shows a user who is there needs the right to
// see it, a conversation that makes one the right to make it, and sensitive metadata the
// right to write them.
func TestAuthorizeWhatItComesTo(t *testing.T) {
	t.Parallel()
	refused := ""
	s := newServer(t, nil, &ada.Options{Options: httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			if a.Name == refused {
				return httpapi.ErrForbidden
			}
			return nil
		},
	}})
	ann := s.create(t, `{"external_id":"ann"}`)
	before := apitest.StateOf(t, s.Users.Tenant("acme"))
	refused = "updateSensitive"
	s.do(t, "POST", users, `{"profile":{"sensitive_metadata":{"fields":{"k":"v"}}}}`).want(t, 403)
	s.do(t, "PATCH", users+ann.ID+"/", `{"profile":{"first_name":"Ann","sensitive_metadata":{"fields":{"k":"v"}}}}`).want(t, 403)
	s.do(t, "PATCH", users+ann.ID+"/", `{"profile":{"sensitive_metadata":null}}`).want(t, 403)
	refused = "getEndUser"
	s.do(t, "POST", users, `{"external_id":"ANN"}`).want(t, 403)
	refused = "createEndUser"
	s.do(t, "POST", conversations, `{"channel_id":"c"}`).want(t, 403)
	if diff := cmp.Diff(before, apitest.StateOf(t, s.Users.Tenant("acme"))); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
	refused = "getEndUser"
	s.do(t, "POST", users, `{"external_id":"bob"}`).want(t, 201)
}

// TestRates: nil means the vendor's, an empty list none, and others hold as given.
func TestRates(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	vendors := []httpapi.Rate{{Requests: 30, Per: time.Second}, {Requests: 300, Per: time.Minute}, {Requests: 60_000, Per: 24 * time.Hour}}
	mine := []httpapi.Rate{{Requests: 1, Per: time.Hour}}
	for _, tt := range []struct {
		name        string
		given, want []httpapi.Rate
	}{{"nil", nil, vendors}, {"empty", []httpapi.Rate{}, nil}, {"given", mine, mine}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []httpapi.Rate
			h, err := ada.New(w.Users, w.Auth, &ada.Options{Options: httpapi.Options{
				Rates: tt.given,
				Limiter: apitest.LimiterFunc(func(_ string, rates []httpapi.Rate) (httpapi.Decision, error) {
					got = rates
					return httpapi.Decision{Wait: 1500 * time.Millisecond}, nil
				}),
			}})
			if err != nil {
				t.Fatal(err)
			}
			a := (&server{w, h}).do(t, "GET", users, "")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("other rates were counted:\n%s", diff)
			}
			if (a.Status == 429) != (tt.want != nil) || a.Status == 429 && a.Header.Get("Retry-After") != "2" {
				t.Errorf("got %d with Retry-After %s", a.Status, a.Header.Get("Retry-After"))
			}
		})
	}
}

// TestDefaultRatesHold: a burst beyond the vendor's 30 a second is refused, for that
// credential alone.
func TestDefaultRatesHold(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	h, err := ada.New(w.Users, w.Auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, refused := &server{w, h}, 0
	for range 301 { // within a minute, however slow this machine is, or it proves nothing
		if a := s.do(t, "GET", users+missing, ""); a.Status == 429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
	s.do(t, "GET", users+missing, "", as(apitest.Other)).want(t, 404)
}

// TestBodyLimit: the limit itself is accepted, one byte more is not, and neither is a
// length that was not told.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	pad := func(n int) string { return "{" + strings.Repeat(" ", n-2) + "}" }
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	for limit, o := range map[int]*ada.Options{10 << 20: nil, 1000: {Options: httpapi.Options{MaxBody: 1000}}} {
		s := newServer(t, nil, o)
		s.create(t, pad(limit))
		s.create(t, pad(limit), chunked)
		for _, r := range requests(missing) {
			if !r.write {
				continue
			}
			s.do(t, r.method, r.path, pad(limit+1)).want(t, 413)
			s.do(t, r.method, r.path, pad(limit+1), chunked).want(t, 413)
		}
	}
}

// TestPolicies: what that of the options says changes that and nothing else, and that of
// the Manager holds as it is, before both.
func TestPolicies(t *testing.T) {
	t.Parallel()
	id := func(n int) string { return `{"external_id":"` + strings.Repeat("a", n) + `"}` }
	s := newServer(t, nil, &ada.Options{Options: httpapi.Options{Policy: enduser.Policy{MaxExternalID: 3}}})
	s.create(t, id(3))
	s.do(t, "POST", users, id(4)).wantFault(t, "$.external_id", "body")

	s = newServer(t, nil, &ada.Options{Options: httpapi.Options{Policy: enduser.Policy{UniqueEmail: true}}})
	s.do(t, "POST", users, id(37)).wantFault(t, "$.external_id", "body")
	s.do(t, "POST", users, inProfile(`"metadata":{"a":"`+strings.Repeat("x", 10_240)+`"}`)).wantFault(t, "$.profile.metadata", "body")
	s.create(t, inProfile(`"email":"ann@example.com"`))
	// An address identifies nobody here, so that this is a user more, and not the first.
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
