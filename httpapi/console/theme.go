package console

import (
	"net/http"
	"net/url"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

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
	form, _ := url.ParseQuery(call.Body())
	setCookie(call, &http.Cookie{Name: themeCookie, Value: form.Get("theme"), MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode})
	return c.redirect(call, next(form.Get("back")))
}
