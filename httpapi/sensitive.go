package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// native serves the native routes. Those of sensitive values have a mux of their
// own: one would refuse PUT /v1/end-users/{id}/sensitive beside
// /v1/end-users/by-external-id/{external_id}, since neither is the narrower. What
// both have, /v1/end-users/by-external-id/sensitive, is the latter's: it names the
// user with the external ID "sensitive".
type native struct{ routes, sensitive http.Handler }

// ServeHTTP implements http.Handler.
func (n *native) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if ofSensitive(r) {
		n.sensitive.ServeHTTP(w, r)
		return
	}
	n.routes.ServeHTTP(w, r)
}

// ofSensitive reports whether the path is /v1/end-users/{id}/sensitive.
func ofSensitive(r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/sensitive") {
		return false
	}
	user, ok := strings.CutSuffix(r.URL.EscapedPath(), "/sensitive")
	escaped, under := strings.CutPrefix(user, usersPath+"/")
	if !ok || !under || escaped == "" || strings.Contains(escaped, "/") {
		return false
	}
	id, err := url.PathUnescape(escaped)
	return err == nil && id != "by-external-id"
}

func (a *api) sensitiveRoutes() []route {
	return []route{
		{
			Method: "PUT", Path: "/v1/end-users/{id}/sensitive", Body: true,
			Access: rest.Write("replaceSensitive"), Handle: a.replaceSensitive,
		},
		{
			Method: "PATCH", Path: "/v1/end-users/{id}/sensitive", Body: true,
			Access: rest.Write("updateSensitive"), Handle: a.updateSensitive,
		},
	}
}

// sensitive is the body of a request that writes sensitive values. They go into the
// store and come out nowhere: no answer, and no error, has one.
type sensitive struct {
	rest.Input

	values map[string]enduser.Secret
	nulls  []string
}

// maxSensitive is how many members a body may have: a patch that replaces all that a
// user can have.
const maxSensitive = 256

// readSensitive reads a body. It refuses what cannot be a key, without repeating it:
// it may be a secret in the wrong place.
func readSensitive(body string) (in sensitive, err error) {
	in.values = make(map[string]enduser.Secret)
	p := jsontext.NewScanner(body)
	members, keys := 0, true
	err = in.End(&p, p.Object(func(name string) error {
		text, err := p.Raw()
		members++
		keys = keys && isSensitiveKey(name)
		if err != nil || !keys || members > maxSensitive {
			return err
		}
		value, err := enduser.JSON(text) // which kinds are admitted is the domain's to say
		if value.IsNull() {
			in.nulls = append(in.nulls, name)
		}
		in.values[name] = enduser.NewSecret(value)
		return err
	}))
	if err != nil {
		return in, err
	}
	if !keys {
		in.Fault("", enduser.CodeValue, "a key must have 1 to 128 letters, digits, - and _")
	}
	if members > maxSensitive {
		in.Fault("", enduser.CodeCount, "must have at most "+strconv.Itoa(maxSensitive)+" keys")
	}
	return in, in.Err()
}

func isSensitiveKey(name string) bool {
	const maxKey = 128
	return name != "" && len(name) <= maxKey && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// replaceSensitive writes the values of the body in place of those that are there.
func (a *api) replaceSensitive(c *call) error {
	in, err := readSensitive(c.Body())
	if err != nil {
		return err
	}
	for _, name := range in.nulls {
		in.RefuseNull(name, true)
	}
	if err := in.Err(); err != nil {
		return err
	}
	return a.writeSensitive(c, func(u *enduser.User) {
		u.ClearSensitive()
		in.set(u)
	})
}

// updateSensitive writes the values of the body and leaves the others; null removes
// one.
func (a *api) updateSensitive(c *call) error {
	in, err := readSensitive(c.Body())
	if err != nil {
		return err
	}
	return a.writeSensitive(c, in.set)
}

func (in *sensitive) set(u *enduser.User) {
	for name, value := range in.values {
		u.SetSensitive(name, value)
	}
}

func (a *api) writeSensitive(c *call, set func(*enduser.User)) error {
	u, err := a.tenant(c).Update(c.Request.Context(), ref(c), func(u *enduser.User) error {
		if err := c.IfMatch(u.Revision); err != nil {
			return err
		}
		set(u)
		return nil
	})
	if err != nil {
		return asSensitive(asPath(err))
	}
	c.Header()["Etag"] = []string{strconv.Quote(strconv.FormatInt(u.Revision, 10))}
	c.Empty(http.StatusNoContent)
	return nil
}

const sensitivePrefix = "sensitive_metadata"

// asSensitive says of what is not admitted where it stands in the body, which has
// the values as its own members.
func asSensitive(err error) error {
	p := explain(err)
	if p == nil || len(p.Errors) == 0 {
		return err
	}
	for i, f := range p.Errors {
		if key, ok := strings.CutPrefix(f.Pointer, sensitivePrefix); ok {
			p.Errors[i].Pointer = strings.TrimPrefix(key, ".")
		}
	}
	return p
}
