package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// The settings of a browser are cookies that have nothing of anybody.
const (
	themeCookie = "rollbook_theme"
	keysCookie  = "rollbook_keys"
)

// theme returns the theme that was chosen, "" for that of the system.
func theme(r *http.Request) string {
	cookie, err := r.Cookie(themeCookie)
	if err != nil || cookie.Value != "light" && cookie.Value != "dark" {
		return ""
	}
	return cookie.Value
}

// keys reports whether single keys are shortcuts.
func keys(r *http.Request) bool {
	cookie, err := r.Cookie(keysCookie)
	return err != nil || cookie.Value != "off"
}

func (c *console) setTheme(call *family.Call) error {
	return c.setSetting(call, "theme", themeCookie, "system", "light", "dark")
}

func (c *console) setKeys(call *family.Call) error {
	return c.setSetting(call, "keys", keysCookie, "on", "off")
}

// setSetting keeps a field of a form in a cookie, unless it has its usual value, and goes back
// to the page that the form was on.
func (c *console) setSetting(call *family.Call, field, cookie, usual string, others ...string) error {
	form, err := url.ParseQuery(call.Body())
	if err != nil {
		return rest.BadRequest("malformed-form", "The form could not be read.")
	}
	q := rest.Query{Values: form}
	value := q.OneOf(field, append([]string{usual}, others...)...)
	back := q.Text("back")
	if err := q.Strict(); err != nil {
		return err
	}
	const year = 365 * 24 * time.Hour
	if value == usual {
		dropCookie(call, cookie)
	} else {
		setCookie(call, cookie, value, year, http.SameSiteLaxMode)
	}
	return c.redirect(call, next(back))
}
