package browser

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
)

// extremes are users as long and as strange as the policy allows.
func extremes() []enduser.Spec {
	var groups []string
	for i := range 64 {
		groups = append(groups, fmt.Sprintf("workspace-%02d-%s", i, strings.Repeat("x", i)))
	}
	long := enduser.Metadata{"note": enduser.String(strings.Repeat("unbroken", 200))}
	for i := range 60 {
		long[fmt.Sprintf("key_%02d_%s", i, strings.Repeat("k", i))] = enduser.Int(int64(i) * 1_000_000_007)
	}
	return []enduser.Spec{
		{ExternalID: strings.Repeat("i", 255), Name: strings.Repeat("W", 256), Groups: groups, Metadata: long},
		{ExternalID: "rtl-1", Name: "محمد بن عبد العزيز آل سعود", FirstName: "שלום", Email: "salaam@xn--mgbh0fb.example"},
		{ExternalID: "cjk-1", Name: strings.Repeat("山田太郎様", 40), Email: strings.Repeat("a", 60) + "@" + strings.Repeat("sub.", 40) + "example.example"},
		{ExternalID: "emoji-1", Name: "👩🏽‍🚀 Zoë 🏳️‍🌈 " + strings.Repeat("🎉", 100)},
		{ExternalID: "words-1", Name: strings.Repeat("many short words ", 14) + "end", Avatar: "https://images.example/" + strings.Repeat("a", 1900)},
	}
}

// extremeScreens makes extreme users, groups and webhooks, and returns the screens that show them.
func (w *world) extremeScreens() []screen {
	w.tb.Helper()
	all := []screen{at("extreme users", "users"), at("extreme groups", "groups"), at("extreme webhooks", "webhooks"), at("extreme feed", "feed")}
	for _, s := range extremes() {
		u, err := w.acme.As(strings.Repeat("actor", 50)).Create(w.tb.Context(), s)
		if err != nil {
			w.tb.Fatal(err)
		}
		name, _, _ := strings.Cut(s.ExternalID, "-")
		name = name[:min(len(name), 8)]
		all = append(all, at("user "+name, "users/"+u.ID), at("edit "+name, "users/"+u.ID+"/edit"), at("delete "+name, "users/"+u.ID+"/delete"))
	}
	const group = "grupo-"
	w.group(company{id: group + strings.Repeat("g", 240), name: strings.Repeat("G", 256), plan: strings.Repeat("p", 500)})
	g := w.groupOf(group + strings.Repeat("g", 240))
	h := w.hook(enduser.WebhookSpec{
		URL: "https://" + strings.Repeat("long.", 30) + "example/" + strings.Repeat("path/", 100), Description: strings.Repeat("D", 256),
		Events: enduser.EventTypes(),
	})
	return append(all, at("extreme group", "groups/"+g.ID), at("extreme rotate", "groups/"+g.ID+"/rotate"), at("extreme webhook", "webhooks/"+h.ID))
}

// hostile are texts that try to be more than text.
func hostile() []string {
	return []string{
		`<script>fetch("https://evil.example/")</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `'-alert(1)-'`,
		`</textarea></title></style><h1>owned</h1>`, `{{.Problem}} {{template "main"}} ${7*7} <%= 7*7 %>`, "javascript:alert(1)",
		`<a href="https://evil.example">click</a>`, `<!-- <b>`, `]]><b>`, `<base href="https://evil.example/">`, `&lt;b&gt; &amp;`,
		`<meta http-equiv=refresh content="0;url=https://evil.example/">`, `<link rel=stylesheet href=https://evil.example/a.css>`,
		`" hx-get="https://evil.example/" hx-trigger="load`, `</script><script>alert(1)//`,
		"\u202egnp.exe\u202c \u2066left\u2069 \u2067right\u2069 \u2068first\u2069 \u200e\u200f\u061cend", // turn what follows around
		"inv\u200bisi\u2060ble \u200c\u200d\ufeff soft\u00adhyphen",                                      // take no room
	}
}

// strange makes users, groups and webhooks of texts, and returns the pages that show them. Two worlds
// get the same IDs.
func (w *world) strange(text func(string) string) (paths []string) {
	w.tb.Helper()
	ctx := w.tb.Context()
	paths = []string{"", "users", "groups", "webhooks", "feed"}
	for i, h := range hostile() {
		s := text(h)
		object, err := enduser.MetadataOf(map[string]any{"text": s, "object": map[string]string{"a": s}, "list": []string{s}})
		if err != nil {
			w.tb.Fatal(err)
		}
		by := w.acme.As(s)
		u, err := by.Create(ctx, enduser.Spec{
			ExternalID: fmt.Sprintf("crm-%d", i), Name: s, FirstName: s, LastName: s, Metadata: object,
			SystemProperties: enduser.Metadata{"p": enduser.String(s)}, Accounts: []enduser.Account{{Type: "chat", ID: fmt.Sprint(i, s)}},
		})
		if err != nil {
			w.tb.Fatal(err)
		}
		g, token, err := by.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprintf("group-%d", i), Name: s, Metadata: object})
		if err != nil {
			w.tb.Fatal(err)
		}
		w.never(token, "the token of a group")
		hook, secret, err := by.Webhooks().Create(ctx, enduser.WebhookSpec{URL: "https://crm.harbour.example/?" + fmt.Sprint(i), Description: s, Disabled: true})
		if err != nil {
			w.tb.Fatal(err)
		}
		w.never(secret, "the secret of a webhook")
		paths = append(
			paths, "users/"+u.ID, "users/"+u.ID+"/edit", "users/"+u.ID+"/delete", "groups/"+g.ID, "groups/"+g.ID+"/rotate", "webhooks/"+hook.ID,
			"users?as=name&q=w"+url.QueryEscape(s),
		)
	}
	return paths
}

// Texts that try to be more are shown as text: their pages have the elements of harmless ones, and a
// browser asks for nothing else.
func TestHostile(t *testing.T) {
	t.Parallel()
	w, twin := newWorld(t, backends.Memory(t)), newWorld(t, backends.Memory(t))
	for _, o := range []*console.Options{&w.options, &twin.options} {
		o.ReadFor, o.OverviewFor = patience, patience // a page that lacks what came too late differs
	}
	paths := w.strange(func(s string) string { return s })
	if diff := cmp.Diff(paths[:11], twin.strange(func(string) string { return "Harmless" })[:11]); diff != "" {
		t.Fatal(diff)
	}
	s, other := w.serve(), twin.serve()
	a, b := newPlain(t, s), newPlain(t, other)
	signIn(a, fullKey)
	signIn(b, fullKey)
	shown := make(map[string]bool)
	for _, path := range paths {
		a.open(path)
		if own := foreign(a.page.root); len(own) > 0 {
			t.Errorf("%s has %q", path, own)
		}
		if strings.Contains(path, "?") { // a search finds others than its twin
			continue
		}
		b.open(path)
		if diff := cmp.Diff(elements(b.page.root), elements(a.page.root)); diff != "" {
			t.Errorf("%s has other elements than its harmless twin: %s", path, diff)
		}
		for _, h := range hostile() {
			shown[h] = shown[h] || a.page.heading() == strings.Join(strings.Fields(strings.Map(marked, h)), " ")
		}
		if at := turned(a.page.root); len(at) > 0 {
			t.Errorf("%s has controls that turn text around, and the text after it: %q", path, at)
		}
	}
	for _, h := range hostile() {
		if !shown[h] {
			t.Errorf("no page shows %q as it is", h)
		}
	}
	tab := newTab(t, s, tabOptions{scripts: true})
	signIn(tab, fullKey)
	for _, path := range paths {
		tab.open(path)
		a.open(path)
		if got, want := len(elements(tab.page().root)), len(elements(a.page.root)); got != want {
			t.Errorf("%s has %d elements in the browser, and %d as it was sent", path, got, want)
		}
	}
}

// turned returns texts with such controls, but those that stand by themselves: what turns them
// ends with the element.
func turned(root *html.Node) (all []string) {
	for n := range root.Descendants() {
		if n.Type == html.TextNode && strings.ContainsFunc(n.Data, turns) && !slices.ContainsFunc(ancestors(n), func(d *html.Node) bool {
			return slices.Contains([]string{"bdi", "textarea"}, d.Data)
		}) {
			all = append(all, n.Data)
		}
	}
	return all
}

// turns reports whether a character is none that can be seen, but turns the text after it around.
func turns(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

// marked returns what is shown of a character.
func marked(r rune) rune {
	if turns(r) {
		return unicode.ReplacementChar
	}
	return r
}

// foreign returns what no page of the console has.
func foreign(root *html.Node) (all []string) {
	for _, n := range nodes(root, func(*html.Node) bool { return true }) {
		if slices.Contains([]string{"base", "iframe", "img", "object", "embed", "style", "b"}, n.Data) || n.Data == "script" && n.FirstChild != nil {
			all = append(all, n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(a.Val, "https://evil.example") {
				all = append(all, n.Data+" "+a.Key+"="+a.Val)
			}
		}
	}
	return all
}

// elements returns the names of all elements and attributes, in the order of the document.
func elements(root *html.Node) (all []string) {
	for _, n := range nodes(root, func(*html.Node) bool { return true }) {
		name := n.Data
		for _, a := range n.Attr {
			name += " " + a.Key
		}
		all = append(all, name)
	}
	return all
}
