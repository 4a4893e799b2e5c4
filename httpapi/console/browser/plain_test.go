package browser

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// plain is an agent without a browser: an HTTP client that keeps cookies and reads HTML.
type plain struct {
	tb     testing.TB
	site   *site
	client *http.Client
	page   *page
	body   string // of the page
	at     *url.URL
}

func (s *site) trust() *tls.Config {
	return s.server.Client().Transport.(*http.Transport).TLSClientConfig
}

func newPlain(tb testing.TB, s *site) *plain {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: s.trust()}
	tb.Cleanup(transport.CloseIdleConnections)
	return &plain{tb: tb, site: s, client: &http.Client{Jar: jar, Transport: transport}}
}

func (a *plain) open(path string) {
	a.tb.Helper()
	to, err := url.Parse(a.site.url + path)
	if err != nil {
		a.tb.Fatal(err)
	}
	a.get(to)
}

func (a *plain) get(to *url.URL) {
	a.tb.Helper()
	req, err := http.NewRequestWithContext(a.tb.Context(), http.MethodGet, to.String(), nil)
	if err != nil {
		a.tb.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	a.do(req)
}

// do sends a request and takes the page that it leads to.
func (a *plain) do(req *http.Request) {
	a.tb.Helper()
	resp, err := a.client.Do(req)
	if err != nil {
		a.tb.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		a.tb.Fatal(err)
	}
	a.at, a.body = resp.Request.URL, string(body)
	if a.at.Fragment == "" {
		a.at.Fragment = req.URL.Fragment
	}
	a.page = &page{status: resp.StatusCode, path: a.site.relative(a.tb, a.at.String()), root: parse(a.tb, a.body, false)}
}

// control returns a control of the page.
func (a *plain) control(r role, called string, near ...string) *html.Node {
	a.tb.Helper()
	found := a.page.find(r, called, near...)
	if len(found) == 0 {
		a.tb.Fatalf("%s has no %s %q near %q; it has\n\t%s", a.page.path, r, called, near, a.page.names())
	}
	return found[0]
}

func (a *plain) fill(label, value string, near ...string) {
	a.tb.Helper()
	n := a.control(field, label, near...)
	if n.Data != "textarea" {
		set(n, "value", value)
		return
	}
	for c := range n.ChildNodes() {
		defer n.RemoveChild(c)
	}
	n.AppendChild(&html.Node{Type: html.TextNode, Data: value})
}

func (a *plain) choose(label string, near ...string) {
	a.tb.Helper()
	n := a.control(choice, label, near...)
	_, checked := lookup(n, "checked")
	if attr(n, "type") == "radio" {
		for _, other := range tags(a.page.root, "input") {
			if attr(other, "type") == "radio" && attr(other, "name") == attr(n, "name") {
				unset(other, "checked")
			}
		}
		checked = false
	}
	unset(n, "checked")
	if !checked {
		set(n, "checked", "")
	}
}

func (a *plain) pick(label, option string, near ...string) {
	a.tb.Helper()
	found := false
	for _, o := range tags(a.control(chooser, label, near...), "option") {
		unset(o, "selected")
		if text(o) == option {
			set(o, "selected", "")
			found = true
		}
	}
	if !found {
		a.tb.Fatalf("%q has no option %q", label, option)
	}
}

func (a *plain) follow(name string, near ...string) {
	a.tb.Helper()
	a.get(a.resolve(attr(a.control(link, name, near...), "href")))
}

func (a *plain) resolve(ref string) *url.URL {
	a.tb.Helper()
	to, err := a.at.Parse(ref)
	if err != nil {
		a.tb.Fatal(err)
	}
	return to
}

func (a *plain) press(name string, near ...string) {
	a.tb.Helper()
	n := a.control(button, name, near...)
	if n.Data == "summary" || attr(n, "type") == "button" {
		return // needs no server
	}
	var form *html.Node
	if id := attr(n, "form"); id != "" {
		form = byID(a.page.root, id)
	} else {
		for _, up := range ancestors(n) {
			if up.Data == "form" {
				form = up
				break
			}
		}
	}
	if form == nil {
		a.tb.Fatalf("the button %q has no form", name)
	}
	fields := a.fields(form)
	if key := attr(n, "name"); key != "" {
		fields.Add(key, attr(n, "value"))
	}
	action, method := attr(form, "action"), attr(form, "method")
	if to, ok := lookup(n, "formaction"); ok {
		action = to
	}
	to := a.resolve(action)
	if !strings.EqualFold(method, "post") {
		to.RawQuery = fields.Encode()
		a.get(to)
		return
	}
	req, err := http.NewRequestWithContext(a.tb.Context(), http.MethodPost, to.String(), strings.NewReader(fields.Encode()))
	if err != nil {
		a.tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Origin", a.at.Scheme+"://"+a.at.Host)
	a.do(req)
}

// fields returns what a form sends, but for its button.
func (a *plain) fields(form *html.Node) url.Values {
	fields := make(url.Values)
	own := func(n *html.Node) bool {
		if id := attr(n, "form"); id != "" {
			return id == attr(form, "id")
		}
		for _, up := range ancestors(n) {
			if up == form {
				return true
			}
		}
		return false
	}
	for _, n := range tags(a.page.root, "input", "select", "textarea") {
		key := attr(n, "name")
		if _, disabled := lookup(n, "disabled"); key == "" || disabled || !own(n) {
			continue
		}
		switch kind := attr(n, "type"); {
		case n.Data == "textarea":
			value := strings.ReplaceAll(raw(n), "\r\n", "\n")
			fields.Add(key, strings.ReplaceAll(value, "\n", "\r\n"))
		case n.Data == "select":
			if value, ok := selected(n); ok {
				fields.Add(key, value)
			}
		case kind == "radio" || kind == "checkbox":
			if _, checked := lookup(n, "checked"); checked {
				value, ok := lookup(n, "value")
				if !ok {
					value = "on"
				}
				fields.Add(key, value)
			}
		case kind == "submit" || kind == "button":
		default:
			fields.Add(key, attr(n, "value"))
		}
	}
	return fields
}

// selected returns the value of the option of a select that is selected.
func selected(n *html.Node) (string, bool) {
	options := tags(n, "option")
	for i, o := range options {
		_, is := lookup(o, "selected")
		if !is {
			continue
		}
		return optionValue(options[i]), true
	}
	if len(options) == 0 {
		return "", false
	}
	return optionValue(options[0]), true
}

func optionValue(o *html.Node) string {
	if value, ok := lookup(o, "value"); ok {
		return value
	}
	return text(o)
}

func (a *plain) until(what string, holds func(*page) bool) *page {
	a.tb.Helper()
	if !holds(a.page) {
		a.tb.Fatalf("not so: %s\n%s", what, describe(a.page))
	}
	return a.page
}

// describe says what a page is, for messages.
func describe(p *page) string {
	return fmt.Sprintf("at %q with status %d, %q: %s", p.path, p.status, p.title(), text(p.root))
}
