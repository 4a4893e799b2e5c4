package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// replayedHeader marks the answer to a request that was done before.
const replayedHeader = "Idempotent-Replayed"

// repeatable returns the routes, with those that take an Idempotency-Key doing so: all that
// write, unless it means something else to repeat them, or they write much.
func (a *api) repeatable(routes []route) []route {
	for i, r := range routes {
		switch r.Access.Action {
		case "testWebhook", "redeliverEvent", "startRedelivery", "stopRedelivery", "bulkEndUsers":
			continue
		}
		if r.Access.Write {
			routes[i].Handle = func(c *call) error { return a.once(c, r.Handle) }
		}
	}
	return routes
}

// once calls a route with the request's Idempotency-Key.
func (a *api) once(c *call, handle func(*call) error) error {
	key, err := rest.IdempotencyKey(c.Request.Header)
	if err != nil || key == "" {
		if err != nil {
			return err
		}
		return handle(c)
	}
	i := &enduser.Idempotency{
		Key: key, Scope: scope(c), Digest: digest(c),
		OnReplay: func() { c.Header()[replayedHeader] = []string{"true"} },
	}
	c.Request = c.Request.WithContext(i.Context(c.Request.Context()))
	err = handle(c)
	if gone, is := errors.AsType[*enduser.GoneError](err); is {
		return showGone(c, gone)
	}
	if err != nil {
		delete(c.Header(), replayedHeader)
	}
	return err
}

// scope returns whose keys a request has: those of its credential. Persons who share one have
// keys of their own.
func scope(c *call) string {
	credential := c.Principal.Credential
	if text := family.Bearer(c.Request.Header); credential == "" && text != "" {
		credential = "sha256:" + hexDigest(text)
	}
	return hexDigest("http", credential, c.Principal.Actor)
}

// digest says which request it is.
func digest(c *call) []byte {
	h := c.Request.Header
	texts := []string{c.Request.Method, c.Request.Pattern, c.Target(), c.Request.URL.RawQuery, hexDigest(c.Body())}
	texts = append(append(texts, "If-Match"), h["If-Match"]...)
	texts = append(append(texts, "If-None-Match"), h["If-None-Match"]...)
	return []byte(hexDigest(texts...))
}

// hexDigest returns a digest of texts as text.
func hexDigest(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		_, _ = h.Write(binary.AppendUvarint(nil, uint64(len(text)))) // never fails: hash.Hash
		_, _ = h.Write([]byte(text))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// showGone answers a request that was done before, where what it wrote has been deleted since.
func showGone(c *call, gone *enduser.GoneError) error {
	status := http.StatusOK
	if gone.Outcome == enduser.Created {
		status = http.StatusCreated
	}
	b := jsontext.AppendString(append(c.Buffer(), `{"id":`...), gone.ID)
	return c.JSON(status, append(b, `,"deleted":true}`...))
}

// mayRepeat returns a problem if the request wrote nothing since it was done before, and the
// credential no longer has the right to what was done then with a user that existed: the
// answer shows the user.
func (a *api) mayRepeat(c *call, onConflict string) error {
	switch {
	case !replayed(c):
		return nil
	case onConflict == "return":
		return a.Allow(c, "getEndUser", false)
	case onConflict == "merge":
		return a.Allow(c, "updateEndUser", true)
	}
	return nil
}

// replayed reports whether the request wrote nothing, since it was done before.
func replayed(c *call) bool { return len(c.Header()[replayedHeader]) > 0 }

// hides reports whether the answer must hide what the request has created: if that was before,
// it is shown as it is now, for which the credential needs the right to an action.
func (a *api) hides(c *call, action string) (bool, error) {
	if !replayed(c) {
		return false, nil
	}
	err := a.Allow(c, action, false)
	if p := rest.AsProblem(err); p != nil && p.Status == http.StatusForbidden {
		return true, nil
	}
	return false, err
}

// showCreated answers a create with the ID, and with the secret that the request made, if it has
// one. It returns err if that is not nil.
func showCreated(c *call, id, name, secret string, err error) error {
	if err != nil {
		return err
	}
	b := jsontext.AppendString(append(c.Buffer(), `{"id":`...), id)
	if name != "" {
		c.Header()["Cache-Control"] = []string{"no-store"}
		b = jsontext.AppendString(append(jsontext.AppendString(append(b, ','), name), ':'), secret)
	}
	return c.JSON(http.StatusCreated, append(b, '}'))
}
