package ada_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestSecretsComeAndGo: POST sets sensitive values and PATCH changes them; each has
// its own 24 hours.
func TestSecretsComeAndGo(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, inProfile(`"sensitive_metadata":{"fields":{"a":"1","b":true,"c":-3,"d":null,"e":" "}}`))
		s.do(t, "POST", conversations, `{"channel_id":"c","end_user_id":"`+u.ID+`"}`).want(t, 201)
		want := func(what string, values map[string]string) {
			t.Helper()
			if diff := cmp.Diff(values, s.secrets(t, u.ID)); diff != "" {
				t.Errorf("%s: the values differ:\n%s", what, diff)
			}
		}
		patch := func(sensitive string) {
			t.Helper()
			s.do(t, "PATCH", users+u.ID, inProfile(`"sensitive_metadata":`+sensitive)).want(t, 200)
		}
		want("POST", map[string]string{"a": `"1"`, "b": `true`, "c": `-3`, "e": `" "`})

		s.Clock.Advance(enduser.SensitiveTTL - time.Second)
		patch(`{"fields":{"a":"2","b":null,"x":null}}`)
		s.do(t, "PATCH", users+u.ID, inProfile(`"metadata":{"c":"public"}`)).want(t, 200)
		want("PATCH", map[string]string{"a": `"2"`, "c": `-3`, "e": `" "`})
		s.Clock.Advance(time.Second)
		want("24 hours later", map[string]string{"a": `"2"`})

		patch(`{"fields":{"b":1}}`)
		patch(`{"fields":{}}`)
		want("more", map[string]string{"a": `"2"`, "b": `1`})
		patch(`null`)
		want("null", map[string]string{})
	})
}

const secret = "s3cret-4711"

// watchful is a store that looks for secrets in what it is given.
type watchful struct {
	*apitest.Faulty
	t     *testing.T
	wrote int
}

func (w *watchful) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	for _, op := range b.Ops {
		w.wrote += len(op.New.Data)
		if bytes.Contains(op.New.Data, []byte(secret)) || bytes.Contains(op.Note, []byte(secret)) {
			w.t.Error("a secret is stored in clear")
		}
	}
	return w.Faulty.Apply(ctx, tenant, b)
}

// TestSecretsStayInside sends secrets wherever a request has room for them and lets
// everything go wrong: no answer and no line of a log has them.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	st := &watchful{Faulty: &apitest.Faulty{Store: memory.New(nil)}, t: t}
	w := apitest.NewWorld(t, st)
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	key, err := enduser.NewKey("k1", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	w.Users = enduser.New(st, &enduser.Options{Now: w.Clock.Now, Keyring: enduser.NewKeyring(key), Logger: log})
	s := &server{w, newHandler(t, w.Users, w.Auth, &ada.Options{Options: httpapi.Options{Logger: log}})}

	bodies := []string{
		inProfile(`"sensitive_metadata":{"fields":{"token":"` + secret + `"}}`),
		`{"external_id":"ann","profile":{"sensitive_metadata":{"fields":{"token":"` + secret + `","n":0.5}}}}`,
		inProfile(`"metadata":{"token":"x"},"sensitive_metadata":{"fields":{"token":"` + secret + `"}}`),
		inProfile(`"sensitive_metadata":{"fields":{"token":"` + secret + strings.Repeat("x", 4096) + `"}}`),
		inProfile(`"sensitive_metadata":{"fields":{"to ken":"` + secret + `"}}`),
		inProfile(`"sensitive_metadata":{"fields":{"token":["` + secret + `"]}}`),
		inProfile(`"sensitive_metadata":{"fields":{"token":{"` + secret + `":1}}}`),
		inProfile(`"sensitive_metadata":{"fields":["` + secret + `"]}`),
		inProfile(`"sensitive_metadata":{"fields":"` + secret + `"}`),
		inProfile(`"sensitive_metadata":"` + secret + `"`),
		inProfile(`"sensitive_metadata":{"fields":{"token":"`+secret+`"}}`) + "}",
		inProfile(`"sensitive_metadata":{"fields":{"token":"`+secret+`","token":1}}`) + "}",
		`{"profile":{"sensitive_metadata":{"fields":{"token":"` + secret,
		inProfile(`"email":"x","sensitive_metadata":{"fields":{"token":"` + secret + `"}}`),
	}
	answers, statuses := 0, map[int]bool{}
	quiet := func(a answer) {
		t.Helper()
		answers++
		statuses[a.Status] = true
		if strings.Contains(a.Body, secret) {
			t.Errorf("%d shows a secret: %s", a.Status, a.Body)
		}
		for name, values := range a.Header {
			if strings.Contains(strings.Join(values, " "), secret) {
				t.Errorf("%d shows a secret in %s", a.Status, name)
			}
		}
	}
	all := func() {
		t.Helper()
		id := missing
		for _, body := range bodies {
			made := s.do(t, "POST", users, body)
			quiet(made)
			if made.Status == 201 {
				id = made.user(t).ID
			}
			quiet(s.do(t, "POST", users, body)) // again, for what has an external ID
			quiet(s.do(t, "PATCH", users+id, body))
			quiet(s.do(t, "PATCH", users+missing, body))
			quiet(s.do(t, "PATCH", users+id, body, with("If-Match", `"0"`)))
			quiet(s.do(t, "POST", conversations, body))
			quiet(s.do(t, "POST", users, body, with("Content-Type", "text/plain")))
		}
		for _, r := range requests(id) {
			quiet(s.do(t, r.method, r.path, r.body))
		}
		quiet(s.do(t, "GET", users+"?external_id=ann", ""))
	}
	all()
	st.Lost.Store(true)
	all()
	st.Lost.Store(false)
	st.Fail(errors.New("a store that is down"))
	all()
	st.Fail(nil)
	st.Panics.Store(true)
	all()
	st.Panics.Store(false)

	for _, status := range []int{200, 201, 400, 404, 412, 415, 500, 503} {
		if !statuses[status] {
			t.Errorf("no answer was %d", status)
		}
	}
	if logged.Len() == 0 || st.wrote == 0 {
		t.Fatal("nothing was logged or written: the test sees nothing")
	}
	if strings.Contains(logged.String(), secret) {
		t.Errorf("the log has a secret:\n%s", logged.String())
	}
	if answers < 400 {
		t.Errorf("only %d answers were seen", answers)
	}
}

// TestNoKeyring: without one, secrets are refused and nothing of the request is kept.
func TestNoKeyring(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	w.Users = enduser.New(w.Store, &enduser.Options{Now: w.Clock.Now})
	s := &server{w, newHandler(t, w.Users, w.Auth, nil)}
	u := s.create(t, `{"external_id":"ann"}`)
	const some = `"first_name":"A","sensitive_metadata":{"fields":{"a":"` + secret + `"}}`
	for _, r := range [][3]string{
		{"POST", users, inProfile(some)},
		{"POST", users, `{"external_id":"new","profile":{` + some + `}}`},
		{"PATCH", users + u.ID, inProfile(some)},
	} {
		a := s.do(t, r[0], r[1], r[2])
		a.wantFault(t, "$.profile.sensitive_metadata", "body")
		if p := a.problem(t); !strings.Contains(p.Message, "keyring") || strings.Contains(a.Body, secret) {
			t.Errorf("%s says %s", r[0], a.Body)
		}
	}
	if diff := cmp.Diff([]user{u}, s.list(t, users).Data); diff != "" {
		t.Errorf("the users changed:\n%s", diff)
	}
	s.create(t, inProfile(`"sensitive_metadata":{"fields":{"a":null}}`))
	s.do(t, "PATCH", users+u.ID, inProfile(`"sensitive_metadata":{"fields":{"a":null}}`)).want(t, 200)
	s.do(t, "PATCH", users+u.ID, inProfile(`"sensitive_metadata":null`)).want(t, 200)
}
