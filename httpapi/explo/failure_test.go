package explo_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestStoreErrors(t *testing.T) {
	t.Parallel()
	for _, err := range []error{fmt.Errorf("secret: %w", store.ErrUnavailable), errors.New("secret")} {
		f := &apitest.Faulty{Store: memory.New(nil)}
		s := newServer(t, f, nil)
		g := s.create(t, "kept")
		f.Fail(err)
		for _, r := range routes(g.Token, "kept") {
			if a := s.send(t, r).wantCode(t, 503, "unavailable"); strings.Contains(a.Body, "secret") {
				t.Errorf("%s %s: %s", r.method, r.path, a.Body)
			}
		}
	}
}

// TestLostReplies: a write that happened and was not confirmed is of unknown outcome,
// and a get shows what it was.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	f := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, f, nil)
	g := s.create(t, "kept")
	f.Lost.Store(true)
	s.do(t, "GET", "/api/user", `{"user_group_id":"new","name":"New"}`).wantCode(t, 503, "outcome-unknown")
	again := s.do(t, "GET", "/api/user", `{"user_group_id":"new","name":"New"}`).want(t, 200).reply(t)
	if again.New == nil || *again.New || again.Group.Name != "New" {
		t.Errorf("a create that is sent again makes another: %+v", again)
	}
	s.do(t, "PUT", "/api/user", `{"user_group_id":"kept","name":"x"}`).wantCode(t, 503, "outcome-unknown")
	s.do(t, "POST", "/api/user", `{"current_token":"`+g.Token+`"}`).wantCode(t, 503, "outcome-unknown")
	s.do(t, "POST", "/api/user", `{"current_token":"`+g.Token+`"}`).wantCode(t, 404, "not-found")
	shown := s.do(t, "GET", "/api/user", `{"user_group_id":"kept"}`).group(t)
	if shown.Name != "x" || shown.Token == g.Token {
		t.Errorf("got %+v", shown)
	}
	s.do(t, "DELETE", "/api/user", `{"current_token":"`+shown.Token+`"}`).wantCode(t, 503, "outcome-unknown")
	s.do(t, "DELETE", "/api/user", `{"current_token":"`+shown.Token+`"}`).wantCode(t, 404, "not-found")
}

// TestPanics: a store that panics is a 500, and the next request is served.
func TestPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, f, within(httpapi.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))}))
	g := s.create(t, "kept")
	before := apitest.StateOf(t, s.acme())
	for _, r := range routes(g.Token, "kept") {
		f.Panics.Store(true)
		a := s.send(t, r)
		f.Panics.Store(false)
		a.wantCode(t, 500, "internal")
		if strings.Contains(a.Body, "store that panics") || !strings.Contains(log.String(), a.Header.Get("X-Request-Id")) {
			t.Errorf("%s %s: %s", r.method, r.path, a.Body)
		}
		s.do(t, "GET", "/api/user", `{"user_group_id":"kept"}`).want(t, 200)
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
		t.Errorf("the group changed:\n%s", diff)
	}
}

// TestSilence: neither a log line, at any level, nor the answer to a request that
// failed has a token, a credential or anything personal in it.
func TestSilence(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, f, within(httpapi.Options{
		MaxBody: 1024,
		Logger:  slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}))
	g := s.do(t, "GET", "/api/user", `{"user_group_id":"canary-id","name":"canary-name","mapping":{"canary":"canary"},"properties":{"canary":"canary"}}`).group(t)
	lost := s.create(t, "canary-lost")
	secrets := []string{g.Token, lost.Token, apitest.Acme, apitest.Other, "canary"}
	check := func(what, text string) {
		t.Helper()
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q:\n%s", what, secret, text)
			}
		}
	}
	failed := 0
	requests := func() {
		t.Helper()
		for _, token := range []string{g.Token, g.Token + "x", " " + g.Token, g.Token + `\u0000`, g.Token[:63], strings.Repeat(g.Token, 15), strings.Repeat(g.Token, 17)} {
			for _, r := range append(
				routes(token, "canary-id"),
				routes(token+`","current_token":"`+token, `canary-id","user_group_id":"canary`)...,
			) {
				r.body = strings.Replace(r.body, `"name":"New"`, `"name":["`+g.Token+`"]`, 1) // nothing here shall succeed
				for _, options := range [][]option{{as(apitest.Other)}, {as(apitest.Reader)}, {as(g.Token)}, {with("Content-Type", "text/plain")}, {with("If-Match", `"0"`)}} {
					a := s.send(t, r, options...)
					if a.Status < 400 {
						t.Errorf("%s %s succeeds: %s", r.method, r.path, r.body)
					}
					check("an answer", a.Body)
					failed++
				}
			}
		}
		check("an answer", s.do(t, "POST", "/api/"+g.Token+"?canary="+g.Token, `{}`).want(t, 404).Body)
	}
	requests()
	f.Fail(errors.New("the store is on fire"))
	requests()
	f.Fail(nil)
	f.Lost.Store(true)
	check("an answer", s.do(t, "POST", "/api/user", `{"current_token":"`+lost.Token+`"}`).wantCode(t, 503, "outcome-unknown").Body)
	f.Lost.Store(false)
	f.Panics.Store(true)
	requests()
	if log.Len() == 0 || failed < 500 {
		t.Fatalf("%d failures, %d bytes of log", failed, log.Len())
	}
	check("the log", log.String())
}

// TestLostKey: a group whose token was sealed under a key that is gone says so, and a
// new token mends it.
func TestLostKey(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	handler := func(id string) *server {
		t.Helper()
		key, err := enduser.NewKey(id, [32]byte{1: id[0]})
		if err != nil {
			t.Fatal(err)
		}
		w := apitest.NewWorld(t, st)
		w.Users = enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(key)})
		h, err := explo.New(w.Users, w.Auth, nil)
		if err != nil {
			t.Fatal(err)
		}
		return &server{h, w.Users, w}
	}
	old := handler("old").create(t, "kept")
	s := handler("new")
	for _, r := range [][2]string{{"GET", "/api/user"}, {"PUT", "/api/user"}, {"POST", "/api/create_user_group/"}} {
		s.do(t, r[0], r[1], `{"user_group_id":"kept"}`).wantCode(t, 500, "no-key")
	}
	mended := s.do(t, "POST", "/api/user", `{"current_token":"`+old.Token+`"}`).group(t)
	if got := s.do(t, "GET", "/api/user", `{"user_group_id":"kept"}`).group(t); got.Token != mended.Token || got.Token == old.Token {
		t.Errorf("got %+v, want %+v", got, mended)
	}
}
