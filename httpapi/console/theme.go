package console

import (
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
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

// setSetting keeps a field of a form in a cookie, unless it has the first of its values, the usual
// one, and goes back to the page that the form was on.
func (c *console) setSetting(call *family.Call, field, cookie string, values ...string) error {
	form := readForm(call)
	value, back := form.oneOf(field, values...), form.text("back")
	if err := form.err(); err != nil {
		return err
	}
	const year = 365 * 24 * time.Hour
	if value == values[0] {
		dropCookie(call, cookie)
	} else {
		setCookie(call, cookie, value, year, http.SameSiteLaxMode)
	}
	return c.redirect(call, next(back))
}
