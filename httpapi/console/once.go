package console

import (
	"fmt"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

const (
	onceCookie = "rollbook_once"
	onceFor    = 10 * time.Minute
)

// showOnce keeps a secret for the page that shows it, which calls takeOnce. That page must lie
// in the same folder as this one: the cookie has no Path, and so the browser's own, as that of
// a session. The subject is what the secret belongs to.
func (c *console) showOnce(call *family.Call, subject, secret string) error {
	t, err := c.keep(call.Request.Context(), call.Principal, "once", secret, onlyFor(call, subject), onceFor)
	if err != nil {
		return rest.Unavailable("unavailable", "What is new could not be kept for the next page.").Because(err)
	}
	// Strict: a link on another site must not use up what can be seen once.
	setCookie(call, onceCookie, t.String(), onceFor, http.SameSiteStrictMode)
	return nil
}

// takeOnce returns a secret of showOnce, and forgets it. It returns false if there is none: it
// was shown, it is older than 10 minutes, or it is somebody else's.
func (c *console) takeOnce(call *family.Call, subject string) (secret string, ok bool, err error) {
	ctx, about := call.Request.Context(), onlyFor(call, subject)
	for _, t := range tickets(call.Request, onceCookie) {
		secret, ok, err = c.kept(ctx, "once", t, about)
		if ok && call.Request.Method != http.MethodHead { // which shows nothing
			err = c.forget(ctx, "once", t)
			dropCookie(call, onceCookie)
		}
		if err != nil {
			return "", false, rest.Unavailable("unavailable", "What is shown once could not be read.").Because(err)
		}
		if ok {
			return secret, true, nil
		}
	}
	return "", false, nil
}

// onlyFor returns what a secret is bound to: who made it, where they were signed in, and what it
// belongs to.
func onlyFor(call *family.Call, subject string) string {
	p := call.Principal
	return fmt.Sprintf("%q", []string{
		p.Tenant, string(p.Environment), p.Credential, p.Actor, visitOf(call.Request).session, subject,
	})
}
