package console

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type signInPage struct {
	page
	Next  string
	Wrong bool
}

func (c *console) showSignIn(call *family.Call) error {
	return c.show(call, http.StatusOK, "sign-in", &signInPage{
		page: c.page(call, "", "Sign in"), Next: next(call.Request.URL.Query().Get("next")),
	})
}

func (c *console) signIn(call *family.Call) error {
	form, err := url.ParseQuery(call.Body())
	if err != nil {
		return rest.BadRequest("malformed-body", "The form could not be read.")
	}
	key, to := form.Get("key"), next(form.Get("next"))
	if key == "" {
		return c.wrongKey(call, to)
	}
	p, err := c.check(call.Request, key)
	switch {
	case errors.Is(err, family.ErrUnauthorized):
		return c.wrongKey(call, to)
	case err != nil:
		return err
	}
	t, err := c.keep(call.Request.Context(), p, "session", key, "", c.sessionFor)
	if err != nil {
		return rest.Unavailable("unavailable", "The session could not be kept.").Because(err)
	}
	setCookie(call, &http.Cookie{Name: sessionCookie, Value: t.String(), MaxAge: int(c.sessionFor.Seconds()), SameSite: http.SameSiteLaxMode})
	return c.redirect(call, to)
}

func (c *console) wrongKey(call *family.Call, to string) error {
	return c.show(call, http.StatusUnauthorized, "sign-in", &signInPage{page: c.page(call, "", "Sign in"), Next: to, Wrong: true})
}

func (c *console) signOut(call *family.Call) error {
	for _, t := range tickets(call.Request, sessionCookie) {
		if err := c.forget(call.Request.Context(), "session", t); err != nil {
			return rest.Unavailable("unavailable", "The session could not be ended.").Because(err)
		}
	}
	setCookie(call, &http.Cookie{Name: sessionCookie, MaxAge: -1, SameSite: http.SameSiteLaxMode})
	return c.redirect(call, "sign-in")
}

// next returns a page of the console to go to, relative to its root. It returns "" for what
// leads elsewhere.
func next(to string) string {
	u, err := url.Parse("http://console/" + to)
	if err != nil || u.Host != "console" || to != "" && to[0] == '/' {
		return ""
	}
	return to
}
