package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestSettings: the theme and single keys are kept, values that there are not refused.
func TestSettings(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	g := invite(t, mounted("/a/b", d.pages), anywhere)
	g.signIn(apitest.Acme)
	for _, tt := range []struct{ path, value, wants, wantsNot string }{
		{"theme", "dark", `data-theme="dark"`, ""},
		{"theme", "light", `data-theme="light"`, ""},
		{"theme", "system", "", "data-theme"},
		{"keys", "off", "", "<body data-keys"},
		{"keys", "on", "<body data-keys", ""},
	} {
		s := g.post(tt.path, url.Values{tt.path: {tt.value}, "back": {"users?q=x"}})
		g.wantAt(tt.value, s, 200, "users?q=x")
		if !strings.Contains(s.body, tt.wants) || tt.wantsNot != "" && strings.Contains(s.body, tt.wantsNot) {
			t.Errorf("%s is not %s", tt.path, tt.value)
		}
	}
	for _, form := range []url.Values{
		{"theme": {"blue"}}, {"theme": {`dark" onload="`}}, {"theme": {"dark", "light"}}, {"theme": {"dark\r\nSet-Cookie: a=b"}},
	} {
		g.wantAt("no theme", g.post("theme", form), 400, "theme")
	}
	g.wantAt("elsewhere", g.post("theme", url.Values{"theme": {"dark"}, "back": {"//evil.example"}}), 200, "")
	g.jar.SetCookies(must(g.mount.Parse("theme"))(t), []*http.Cookie{{Name: "rollbook_theme", Value: "x'><script>"}}) //nolint:gosec // G124: of a browser
	if s := g.get("users"); strings.Contains(s.body, "data-theme") {
		t.Error("a theme that there is not is shown")
	}
}
