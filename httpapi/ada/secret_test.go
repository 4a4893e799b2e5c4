package ada_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// withSecrets returns a body with sensitive_metadata.
func withSecrets(fields string) string {
	return inProfile(`"sensitive_metadata":{"fields":{` + fields + `}}`)
}

// TestSecretsComeAndGo: POST sets sensitive values and PATCH changes them; each has its
// own 24 hours.
func TestSecretsComeAndGo(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		long := strings.Repeat("x", 4096)
		u := s.create(t, withSecrets(`"a":"1","b":true,"c":9223372036854775807,"d":null,"e":" ","long":"`+long+`"`))
		s.do(t, "POST", conversations, `{"channel_id":"c","end_user_id":"`+u.ID+`"}`).want(t, 201)
		want := func(what string, values map[string]string) {
			t.Helper()
			if diff := cmp.Diff(values, s.secrets(t, u.ID)); diff != "" {
				t.Errorf("%s: the values differ:\n%s", what, diff)
			}
		}
		patch := func(body string) {
			t.Helper()
			s.do(t, "PATCH", users+u.ID, body).want(t, 200)
		}
		want("POST", map[string]string{"a": `"1"`, "b": `true`, "c": `9223372036854775807`, "e": `" "`, "long": `"` + long + `"`})

		s.Clock.Advance(enduser.SensitiveTTL - time.Second)
		patch(withSecrets(`"a":"Zoë 北京","b":null,"x":null`))
		patch(inProfile(`"metadata":{"c":"public"}`))
		want("PATCH", map[string]string{"a": `"Zoë 北京"`, "c": `9223372036854775807`, "e": `" "`, "long": `"` + long + `"`})
		s.Clock.Advance(time.Second)
		want("24 hours later", map[string]string{"a": `"Zoë 北京"`})

		patch(withSecrets(`"b":1`))
		patch(withSecrets(``))
		want("more", map[string]string{"a": `"Zoë 北京"`, "b": `1`})
		patch(inProfile(`"sensitive_metadata":null`))
		want("null", map[string]string{})
	})
}

const secret = "s3cret-4711"

// watchful is a store that finds secrets in what it is given.
type watchful struct {
	*faultstore.Store
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
	return w.Store.Apply(ctx, tenant, b)
}

// TestSecretsStayInside sends secrets wherever a request has room for them, to a store
// that is well and to broken ones: no answer and no line of a log has them.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	st := &watchful{Store: &faultstore.Store{Store: memory.New(nil)}, t: t}
	w := apitest.NewWorld(t, st)
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	key, err := enduser.NewKey("k1", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	w.Users = enduser.New(st, &enduser.Options{Now: w.Clock.Now, Keyring: enduser.NewKeyring(key), Logger: log})
	s := &server{w, newHandler(t, w.Users, w.Auth, within(httpapi.Options{Logger: log}))}

	const token = `"token":"` + secret + `"`
	bodies := []string{
		withSecrets(token),
		`{"external_id":"ann","profile":{"sensitive_metadata":{"fields":{` + token + `,"n":0.5}}}}`,
		inProfile(`"metadata":{"token":"x"},"sensitive_metadata":{"fields":{` + token + `}}`),
		withSecrets(`"token":"` + secret + strings.Repeat("x", 4096) + `"`),
		withSecrets(`"to ken":"` + secret + `"`),
		withSecrets(`"token":["` + secret + `"]`),
		withSecrets(`"token":{"` + secret + `":1}`),
		inProfile(`"sensitive_metadata":{"fields":["` + secret + `"]}`),
		inProfile(`"sensitive_metadata":{"fields":"` + secret + `"}`),
		inProfile(`"sensitive_metadata":"` + secret + `"`),
		withSecrets(token) + "}",
		withSecrets(token + `,"token":1`),
		`{"profile":{"sensitive_metadata":{"fields":{"token":"` + secret,
		inProfile(`"email":"x","sensitive_metadata":{"fields":{` + token + `}}`),
	}
	statuses := map[int]bool{}
	send := func(method, path, body string, options ...option) answer {
		t.Helper()
		a := s.do(t, method, path, body, options...)
		statuses[a.Status] = true
		if shown := fmt.Sprint(a.Body, a.Header); strings.Contains(shown, secret) {
			t.Errorf("%s %s: %d shows a secret: %s", method, path, a.Status, shown)
		}
		return a
	}
	all := func() {
		t.Helper()
		id := missing
		for _, body := range bodies {
			if made := send("POST", users, body); made.Status == 201 {
				id = made.user(t).ID
			}
			send("POST", users, body) // again, for what has an external ID
			send("PATCH", users+id, body)
			send("PATCH", users+missing, body)
			send("PATCH", users+id, body, with("If-Match", `"0"`))
			send("POST", conversations, body)
			send("POST", users, body, with("Content-Type", "text/plain"))
		}
		send("GET", users, "")
		send("GET", users+id, "")
		send("GET", users+"?external_id=ann", "")
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

	for _, status := range []int{200, 201, 400, 404, 412, 415, 500, 503} {
		if !statuses[status] {
			t.Errorf("no answer was %d", status)
		}
	}
	if logged.Len() == 0 || st.wrote == 0 || strings.Contains(logged.String(), secret) {
		t.Errorf("nothing was logged or written, or the log has a secret:\n%s", logged.String())
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
	s.create(t, withSecrets(`"a":null`))
	s.do(t, "PATCH", users+u.ID, withSecrets(`"a":null`)).want(t, 200)
	s.do(t, "PATCH", users+u.ID, inProfile(`"sensitive_metadata":null`)).want(t, 200)
}
