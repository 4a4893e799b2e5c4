package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestCookie: what the cookie of a session has, and for whom.
func TestCookie(t *testing.T) {
	t.Parallel()
	kept := &mapSessions{}
	d := newDoor(t, &console.Options{Sessions: kept})
	for _, tt := range []struct {
		mount  string
		secure bool
		change func(*http.Request)
	}{
		{"http://desk.example/", false, nil},
		{"https://desk.example/", true, nil},
		{"http://desk.example/", true, header("Origin", "https://desk.example")}, // TLS ends at a proxy
		{"http://desk.example/", true, func(r *http.Request) { // and the browser does not say from where
			r.Header.Set("Origin", "null")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("X-Forwarded-Proto", "https")
		}},
	} {
		w := record(d.pages, invite(t, nil, tt.mount).request(http.MethodPost, "sign-in", url.Values{"key": {apitest.Acme}}, func(r *http.Request) {
			if tt.change != nil {
				tt.change(r)
			}
		}))
		cookies := w.Result().Cookies()
		if len(cookies) != 1 {
			t.Fatalf("%d cookies", len(cookies))
		}
		c := cookies[0]
		if c.Name != sessionCookie || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != tt.secure || c.Path != "" || c.Domain != "" || c.MaxAge != 12*3600 || len(c.Value) != 43 {
			t.Errorf("%s: %+v", tt.mount, c)
		}
		for id, value := range kept.values {
			if strings.Contains(c.Value, apitest.Acme) || strings.Contains(string(value), apitest.Acme) || strings.Contains(c.Value, id) || len(id) != 22 {
				t.Errorf("a cookie %s and a session %s with %q", c.Value, id, value)
			}
		}
	}
}

// TestHostileCookies: cookies that no console made do nothing, however many there are, and do not
// hide the right one.
func TestHostileCookies(t *testing.T) {
	t.Parallel()
	kept := &mapSessions{}
	d := newDoor(t, &console.Options{Sessions: kept})
	g := invite(t, d.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	valid := g.cookies("")[0].Value
	none := strings.Repeat("A", 43)
	lookups := func(cookie string) (status, gets int) {
		kept.gets = 0
		r := g.request(http.MethodGet, "users", nil, header("Cookie", cookie))
		return record(d.pages, r).Code, kept.gets
	}
	for _, value := range []string{
		"", "x", valid[:42], valid + "A", valid + "=", strings.ToLower(valid) + "!", `"` + valid, valid[:42] + "\x00", "../" + valid, none,
		apitest.Acme, strings.Repeat("A", 100_000), valid[:42] + other(valid[42]),
	} {
		if status, gets := lookups(sessionCookie + "=" + value); status != http.StatusSeeOther || gets > 1 {
			t.Errorf("%.50q: status %d, %d lookups", value, status, gets)
		}
	}
	for _, before := range []string{"", "x; ", "y=; ", sessionCookie + "=; ", sessionCookie + "=x; ", sessionCookie + "=" + none + "; "} {
		if status, _ := lookups(before + sessionCookie + "=" + valid); status != http.StatusOK {
			t.Errorf("behind %q: status %d", before, status)
		}
	}
	if status, gets := lookups(strings.Repeat(sessionCookie+"="+none+"; ", 10_000) + "x=y"); status != http.StatusSeeOther || gets > 4 {
		t.Errorf("10,000 cookies: status %d, %d lookups", status, gets)
	}
}

// other returns a character that differs from one in bits that base64 of 32 bytes has, and
// does not have.
func other(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[(strings.IndexByte(alphabet, last)+1)%64])
}
