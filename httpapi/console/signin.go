package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type signInPage struct {
	page
	Next  string
	Wrong bool // the key does not open the console
	Ended bool // somebody was signed in, and is not any more
}

// showSignIn asks for a key. Who is signed in, here or by the host, goes on to the page.
func (c *console) showSignIn(call *family.Call) error {
	to := next(call.Request.URL.Query().Get("next"))
	_, err := c.authenticate(call.Request)
	if err == nil {
		return c.redirect(call, to)
	}
	if p := rest.AsProblem(err); p == nil || p.Code != "unauthorized" {
		return err
	}
	data := signInPage{page: c.frame(call, "Sign in"), Next: to, Ended: hasCookie(call.Request, sessionCookie)}
	if data.Ended {
		dropCookie(call, sessionCookie)
	}
	return c.show(call, http.StatusOK, "sign-in", &data)
}

// signIn begins a session, always a new one: a cookie that the browser had before, perhaps from
// somebody else, never becomes one.
func (c *console) signIn(call *family.Call) error {
	form, err := url.ParseQuery(call.Body())
	if err != nil {
		return rest.BadRequest("malformed-form", "The form could not be read.")
	}
	ctx, key, to := call.Request.Context(), typed(form.Get("key")), next(form.Get("next"))
	p, err := c.check(call.Request, key)
	if key == "" || errors.Is(err, family.ErrUnauthorized) {
		status := call.Problem(rest.Unauthorized("")).Status
		return c.show(call, status, "sign-in", &signInPage{page: c.frame(call, "Sign in"), Next: to, Wrong: true})
	}
	if err == nil { // it counts as a request of the key
		err = c.CheckAccess(call.Header(), call.Request, p, &rest.Access{})
	}
	if err != nil {
		return err
	}
	for _, old := range tickets(call.Request, sessionCookie) {
		if err := c.forget(ctx, "session", old); err != nil {
			return rest.Unavailable("unavailable", "The earlier session could not be ended.").Because(err)
		}
	}
	t, err := c.keep(ctx, p, "session", key, "", c.sessionFor)
	if err != nil {
		return rest.Unavailable("unavailable", "The session could not be kept.").Because(err)
	}
	setCookie(call, sessionCookie, t.String(), c.sessionFor, http.SameSiteLaxMode)
	return c.redirect(call, to)
}

// signOut ends the session. What is shown once belongs to it, and ends with it.
func (c *console) signOut(call *family.Call) error {
	for _, t := range tickets(call.Request, sessionCookie) {
		if err := c.forget(call.Request.Context(), "session", t); err != nil {
			return rest.Unavailable("unavailable", "The session could not be ended.").Because(err)
		}
	}
	dropCookie(call, sessionCookie)
	return c.redirect(call, "sign-in")
}

// typed returns a key without the white space that copying adds. It returns "" for what no
// header could carry: an Authenticator may rely on that.
func typed(key string) string {
	const most = 4096 // as of the other families
	key = strings.TrimSpace(key)
	if len(key) > most || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return key
}

// next returns a page to go to, relative to the root of the console. It returns "", which is
// the overview, for what could lead elsewhere in any browser, and for what is no page.
func next(to string) string {
	const most = 2048
	if len(to) > most || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '#' }) {
		return ""
	}
	path, _, _ := strings.Cut(to, "?")
	for i, segment := range strings.Split(path, "/") {
		name, err := url.PathUnescape(segment)
		switch {
		case err != nil, name == ".", name == "..", name == "" && path != "":
			return ""
		case i == 0 && (strings.Contains(name, ":") || name == "sign-in" || name == "sign-out" || name == "theme" || name == "keys"):
			return ""
		}
	}
	return to
}
