package console

import (
	"net/url"
	"strings"
	"testing"
)

// TestNext: only a page of the console is gone to.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, to := range []string{
		"", "users", "users?q=ann%40example.com&after=x", "users/00000000000000000000beef/edit", "?x=1",
		"users/a%2Fb", "users?q=//evil.example", "users?next=sign-in",
	} {
		if got := next(to); got != to {
			t.Errorf("%q becomes %q", to, got)
		}
	}
	for _, to := range []string{
		"/", "//evil.example", "/users", "///evil.example", `\\evil.example`, `\/evil.example`, `/\evil.example`, `users\..\..`,
		"https://evil.example", "http:/evil.example", "http:///evil.example", "users//evil.example", "users/", "https:evil.example/x/../..", "javascript:alert(1)", "javascript%3Aalert(1)",
		"..", "../", "../x", "users/..", "users/../../x", "%2e%2e/x", "users/%2E%2e/%2e./x", ".", "./users", "%2e", "users/./x",
		" users", "users ", "\tusers", "us\ners", "us\rers", "users\x00", "users\x7f", "users#x", "#", "us\u202eers", "\ufeffusers", "ünsers",
		"sign-in", "sign-in?next=users", "sign-in/x", "%73ign-in", "sign-out", "theme", "keys", "users%zz", "%", strings.Repeat("a", 2049),
	} {
		if got := next(to); got != "" {
			t.Errorf("%q becomes %q", to, got)
		}
	}
}

// TestTyped: a key is taken as it is, without the space around it. What no header could carry is
// none.
func TestTyped(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"key": "key", " key\r\n": "key", "a b": "a b", "schlüssel": "schlüssel", strings.Repeat("k", 4096): strings.Repeat("k", 4096),
		"": "", " \n": "", "a\nb": "", "a\r\nX-Actor: root": "", "a\x00": "", "a\x7fb": "", strings.Repeat("k", 4097): "",
	} {
		if got := typed(key); got != want {
			t.Errorf("%.20q becomes %.20q, want %.20q", key, got, want)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add("users?q=x")
	f.Add(`/\evil.example`)
	f.Add("https:evil")
	f.Fuzz(func(t *testing.T, to string) { leadsHere(t, next(to)) })
}

// leadsHere checks that a browser on the sign-in page of a mount stays under that when it is sent
// to a page.
func leadsHere(t *testing.T, to string) {
	t.Helper()
	const mount = "https://console.example/a/b/"
	base, err := url.Parse(mount + "sign-in")
	if err != nil {
		t.Fatal(err)
	}
	at, err := base.Parse("./" + browserly(to))
	if err != nil || !strings.HasPrefix(at.String(), mount) {
		t.Errorf("%q leads to %v, %v", to, at, err)
	}
}

// browserly returns an address as browsers read it (WHATWG URL): a backslash is a slash, white
// space is left out, and an escaped dot is a dot.
func browserly(to string) string {
	path, query, has := strings.Cut(to, "?")
	path = strings.NewReplacer(`\`, "/", "\t", "", "\n", "", "\r", "", "%2e", ".", "%2E", ".").Replace(path)
	if has {
		return path + "?" + query
	}
	return path
}
