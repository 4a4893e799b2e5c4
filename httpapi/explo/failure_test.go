package explo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestLostReplies: a write that happened and was not confirmed is of unknown outcome,
// and a get shows what it was.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	s := newServer(t, f, nil)
	g := s.create(t, "kept")
	f.Lost.Store(true)
	s.do(t, "GET", "/api/user", `{"user_group_id":"new","name":"New"}`).wantCode(t, 503, "outcome-unknown")
	again := s.get(t, "new").want(t, 200).reply(t)
	if again.New == nil || *again.New || again.Group.Name != "New" {
		t.Errorf("a create that is sent again makes another: %+v", again)
	}
	s.do(t, "PUT", "/api/user", `{"user_group_id":"kept","name":"x"}`).wantCode(t, 503, "outcome-unknown")
	s.rotate(t, g.Token).wantCode(t, 503, "outcome-unknown")
	s.rotate(t, g.Token).wantCode(t, 404, "not-found")
	shown := s.get(t, "kept").group(t)
	if shown.Name != "x" || shown.Token == g.Token {
		t.Errorf("got %+v", shown)
	}
	s.do(t, "DELETE", "/api/user", `{"current_token":"`+shown.Token+`"}`).wantCode(t, 503, "outcome-unknown")
	s.do(t, "DELETE", "/api/user", `{"current_token":"`+shown.Token+`"}`).wantCode(t, 404, "not-found")
}

// stale is a store in which every write loses its race.
type stale struct{ store.Store }

func (stale) Apply(context.Context, string, store.Batch) (store.Revision, error) {
	return 0, store.ErrStale
}

func TestContended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		newServer(t, st, nil).create(t, "kept")
		a := newServer(t, stale{st}, nil).do(t, "PUT", "/api/user", `{"user_group_id":"kept","name":"x"}`)
		if got := a.wantCode(t, 503, "contended").reply(t).Error; !strings.Contains(got, "this user group") {
			t.Errorf("it is told so: %s", got)
		}
	})
}

// TestSilence: neither a log line, at any level, nor the answer to a request that
// failed has a token, a credential or anything personal in it.
func TestSilence(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &faultstore.Store{Store: memory.New(nil)}
	s := newServer(t, f, within(httpapi.Options{
		MaxBody: 1024,
		Logger:  slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}))
	g := s.do(t, "GET", "/api/user", `{"user_group_id":"canary-id","name":"canary-name","mapping":{"canary":"canary"},"properties":{"canary":"canary"}}`).group(t)
	lost := s.create(t, "canary-lost")
	check := func(what, text string) {
		t.Helper()
		for _, secret := range []string{g.Token, lost.Token, apitest.Acme, apitest.Other, "canary"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q:\n%s", what, secret, text)
			}
		}
	}
	requests := func() {
		t.Helper()
		for _, token := range []string{g.Token, g.Token + "x", " " + g.Token, g.Token + `\u0000`, g.Token[:63], strings.Repeat(g.Token, 15), strings.Repeat(g.Token, 17)} {
			for _, r := range append(
				routes(token, "canary-id"),
				routes(token+`","current_token":"`+token, `canary-id","user_group_id":"canary`)...,
			) {
				r.Body = strings.Replace(r.Body, `"name":"New"`, `"name":["`+g.Token+`"]`, 1) // nothing here shall succeed
				for _, options := range [][]option{{as(apitest.Other)}, {as(apitest.Reader)}, {as(g.Token)}, {with("Content-Type", "text/plain")}, {with("If-Match", `"0"`)}} {
					a := s.do(t, r.Method, r.Path, r.Body, options...)
					if a.Status < 400 {
						t.Errorf("%s %s succeeds: %s", r.Method, r.Path, r.Body)
					}
					check("an answer", a.Body)
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
	check("an answer", s.rotate(t, lost.Token).wantCode(t, 503, "outcome-unknown").Body)
	f.Lost.Store(false)
	f.Panics.Store(true)
	requests()
	if log.Len() == 0 {
		t.Fatal("nothing is logged")
	}
	check("the log", log.String())
}

// withKeyring returns a handler whose tokens are sealed with a keyring.
func withKeyring(t *testing.T, st store.Store, ring enduser.Keyring) *server {
	t.Helper()
	w := apitest.NewWorld(t, st)
	w.Users = enduser.New(st, &enduser.Options{Keyring: ring})
	return &server{w, newHandler(t, w, nil)}
}

func newKeyring(t *testing.T, id string) enduser.Keyring {
	t.Helper()
	key, err := enduser.NewKey(id, [32]byte{1: id[0]})
	if err != nil {
		t.Fatal(err)
	}
	return enduser.NewKeyring(key)
}

// TestLostKey: a group whose token was sealed under a key that is lost says so, and a new
// token mends it.
func TestLostKey(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	old := withKeyring(t, st, newKeyring(t, "old")).create(t, "kept")
	s := withKeyring(t, st, newKeyring(t, "new"))
	for _, r := range [][2]string{{"GET", "/api/user"}, {"PUT", "/api/user"}, {"POST", "/api/create_user_group/"}} {
		s.do(t, r[0], r[1], `{"user_group_id":"kept"}`).wantCode(t, 500, "no-key")
	}
	mended := s.rotate(t, old.Token).group(t)
	if got := s.get(t, "kept").group(t); got.Token != mended.Token || got.Token == old.Token {
		t.Errorf("got %+v, want %+v", got, mended)
	}
}

// TestKeyringFails: if a token cannot be shown, the group is written all the same, and the
// answer says so.
func TestKeyringFails(t *testing.T) {
	t.Parallel()
	ring := &faultyKeyring{Keyring: newKeyring(t, "k")}
	s := withKeyring(t, memory.New(nil), ring)
	g := s.create(t, "a")

	ring.failOpening.Store(true)
	s.get(t, "a").wantCode(t, 503, "unavailable")
	s.get(t, "new").wantCode(t, 503, "outcome-unknown")
	s.do(t, "PUT", "/api/user", `{"user_group_id":"a","name":"x"}`).wantCode(t, 503, "outcome-unknown")
	rotated := s.rotate(t, g.Token).group(t) // it comes with the rotation
	ring.failOpening.Store(false)
	s.rotate(t, g.Token).wantCode(t, 404, "not-found")
	got := s.get(t, "a").group(t)
	if got.Name != "x" || got.Token != rotated.Token || got.Token == g.Token {
		t.Errorf("what was written is not there: %+v", got)
	}

	ring.failSealing.Store(true)
	s.get(t, "newer").wantCode(t, 503, "unavailable")
	s.rotate(t, got.Token).wantCode(t, 503, "unavailable")
	ring.failSealing.Store(false)
	if again := s.get(t, "a").group(t); again.Token != got.Token {
		t.Error("a rotation that failed changed the token")
	}
}

// faultyKeyring is a Keyring over a service that fails on request.
type faultyKeyring struct {
	enduser.Keyring

	failSealing, failOpening atomic.Bool
}

var errKeyring = errors.New("the service is on fire")

func (k *faultyKeyring) SealingKey(ctx context.Context, deadline time.Time) (enduser.Key, error) {
	if k.failSealing.Load() {
		return enduser.Key{}, fmt.Errorf("sealing: %w", errKeyring)
	}
	return k.Keyring.SealingKey(ctx, deadline)
}

func (k *faultyKeyring) OpeningKey(ctx context.Context, id string) (enduser.Key, error) {
	if k.failOpening.Load() {
		return enduser.Key{}, fmt.Errorf("opening: %w", errKeyring)
	}
	return k.Keyring.OpeningKey(ctx, id)
}
