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
	p, err := c.Authenticate(call.Request, key)
	switch {
	case key == "", errors.Is(err, family.ErrUnauthorized), err == nil && p.Tenant == "":
		return c.show(call, http.StatusUnauthorized, "sign-in", &signInPage{page: c.page(call, "", "Sign in"), Next: to, Wrong: true})
	case err != nil:
		return rest.Unavailable("unavailable", "The credential could not be checked.").Because(err)
	}
	until := c.Users.Now().Add(c.sessionFor)
	t, err := c.keep(call.Request.Context(), "session", key, "", until)
	if err != nil {
		return rest.Unavailable("unavailable", "The session could not be kept.").Because(err)
	}
	// Without a Path the browser takes the folder of this page, which is the mount as it sees it.
	http.SetCookie(headerOnly{call.Header()}, &http.Cookie{
		Name: sessionCookie, Value: t.String(), MaxAge: int(c.sessionFor.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure(call.Request),
	})
	return c.redirect(call, to)
}

func (c *console) signOut(call *family.Call) error {
	if cookie, err := call.Request.Cookie(sessionCookie); err == nil {
		if t, ok := parseTicket(cookie.Value); ok {
			if id, _, err := t.derive("session"); err == nil {
				if err := c.sessions.Delete(call.Request.Context(), id); err != nil {
					return rest.Unavailable("unavailable", "The session could not be ended.").Because(err)
				}
			}
		}
	}
	http.SetCookie(headerOnly{call.Header()}, &http.Cookie{Name: sessionCookie, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
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

// headerOnly is a ResponseWriter for http.SetCookie, which takes nothing else.
type headerOnly struct{ h http.Header }

func (w headerOnly) Header() http.Header     { return w.h }
func (headerOnly) Write([]byte) (int, error) { return 0, nil }
func (headerOnly) WriteHeader(int)           {}
