package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// brokenKeyring is a keyring in which things go wrong on request.
type brokenKeyring struct {
	enduser.Keyring
	seal, open error
}

func (k *brokenKeyring) SealingKey(ctx context.Context, deadline time.Time) (enduser.Key, error) {
	if k.seal != nil {
		return enduser.Key{}, k.seal
	}
	return k.Keyring.SealingKey(ctx, deadline)
}

func (k *brokenKeyring) OpeningKey(ctx context.Context, id string) (enduser.Key, error) {
	if k.open != nil {
		return enduser.Key{}, k.open
	}
	return k.Keyring.OpeningKey(ctx, id)
}

// TestKeyrings: values that cannot be sealed are not written.
func TestKeyrings(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	broken := &brokenKeyring{Keyring: keyring(t)}
	s := newServerOf(t, st, &enduser.Options{Keyring: broken}, auth(t), nil)
	none := newServerOf(t, st, &enduser.Options{}, auth(t), nil)
	u, g := s.create(t, `{}`), s.createGroup(t, `{"external_id":"a"}`)
	needs := [][3]string{
		{"POST", "/v1/groups", `{"external_id":"b"}`},
		{"POST", "/v1/groups/" + g.ID + "/rotate", `{}`},
		{"PUT", "/v1/sensitive/" + u.ID, `{"a":"b"}`},
		{"PATCH", "/v1/sensitive/" + u.ID, `{"a":"b"}`},
	}
	for _, r := range needs {
		none.do(t, r[0], r[1], r[2]).wantCode(t, http.StatusNotImplemented, "no-keyring")
	}
	none.do(t, "PATCH", needs[3][1], `{"a":null}`).want(t, 204)
	none.do(t, "PUT", needs[3][1], `{}`).want(t, 204)
	none.do(t, "PATCH", "/v1/groups/"+g.ID, `{"name":"x"}`).want(t, 200)
	none.do(t, "POST", "/v1/groups", `{}`).wantCode(t, 400, "invalid")

	broken.seal = errors.New("secret of the keyring")
	for _, r := range needs {
		if a := s.do(t, r[0], r[1], r[2]); strings.Contains(a.Body, "secret") {
			t.Errorf("%s %s: %s", r[0], r[1], a.Body)
		} else {
			a.wantCode(t, 503, "unavailable")
		}
	}
	if n := len(s.wholeFeed(t).Data); n != 3 {
		t.Errorf("%d changes, want that of two creates and a patch", n)
	}
	// A new token is shown without another call of the keyring.
	broken.seal, broken.open = nil, errors.New("secret of the keyring")
	made := s.createGroup(t, `{"external_id":"new"}`)
	next := s.do(t, "POST", "/v1/groups/"+made.ID+"/rotate", `{}`).want(t, 200).group(t)
	if !s.accepts(t, made, next.Token) {
		t.Error("the token that was shown is not accepted")
	}
}
