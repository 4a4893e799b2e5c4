package browser

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// page is what somebody sees: the document at an address.
type page struct {
	status int
	path   string // relative to the mount, with its query
	root   *html.Node
}

func parse(tb fataler, text string, scripts bool) *html.Node {
	tb.Helper()
	root, err := html.ParseWithOptions(strings.NewReader(text), html.ParseOptionEnableScripting(scripts))
	if err != nil {
		tb.Fatal(err)
	}
	return root
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

// nodes returns the elements below a node, in the order of the document.
func nodes(n *html.Node, holds func(*html.Node) bool) (all []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && holds(d) {
			all = append(all, d)
		}
	}
	return all
}

// tags returns the elements with one of the names.
func tags(n *html.Node, names ...string) []*html.Node {
	return nodes(n, func(d *html.Node) bool { return slices.Contains(names, d.Data) })
}

func attr(n *html.Node, name string) string {
	value, _ := lookup(n, name)
	return value
}

func lookup(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func set(n *html.Node, name, value string) {
	unset(n, name)
	n.Attr = append(n.Attr, html.Attribute{Key: name, Val: value})
}

func unset(n *html.Node, name string) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// raw returns all text below a node.
func raw(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// text returns what can be read of a node, with single spaces.
func text(n *html.Node) string {
	var b strings.Builder
	read(&b, n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func read(b *strings.Builder, n *html.Node) {
	if n.Type == html.TextNode {
		b.WriteString(n.Data)
		return
	}
	if n.Type == html.ElementNode {
		if _, hidden := lookup(n, "hidden"); hidden || slices.Contains([]string{"head", "script", "style", "template"}, n.Data) {
			return
		}
		named := slices.Contains([]string{"a", "button", "svg", "img"}, n.Data)
		if label := attr(n, "aria-label"); label != "" && named {
			b.WriteString(" " + label + " ")
			return
		}
		if attr(n, "aria-hidden") == "true" {
			return
		}
	}
	inline := slices.Contains([]string{"a", "b", "em", "strong", "span", "code", "bdi", "mark", "small", "wbr", "time"}, n.Data)
	if !inline {
		b.WriteString(" ")
	}
	for c := range n.ChildNodes() {
		read(b, c)
	}
	if !inline {
		b.WriteString(" ")
	}
}

// byID returns the element with an ID; nil if there is none.
func byID(root *html.Node, id string) *html.Node {
	for _, n := range nodes(root, func(d *html.Node) bool { return attr(d, "id") == id }) {
		return n
	}
	return nil
}

// name returns the accessible name of an element, by the rules that the console needs. The browser
// compares it with its own.
func name(root, n *html.Node) string {
	if ids := strings.Fields(attr(n, "aria-labelledby")); len(ids) > 0 {
		var parts []string
		for _, id := range ids {
			if d := byID(root, id); d != nil {
				parts = append(parts, text(d))
			}
		}
		return strings.Join(parts, " ")
	}
	if label := attr(n, "aria-label"); label != "" {
		return label
	}
	switch n.Data {
	case "input", "select", "textarea":
		return label(root, n)
	case "fieldset":
		for _, d := range tags(n, "legend") {
			return text(d)
		}
	}
	return text(n)
}

// label returns the text of the label of a control.
func label(root, n *html.Node) string {
	id := attr(n, "id")
	for _, l := range tags(root, "label") {
		if to := attr(l, "for"); id != "" && to == id || to == "" && slices.Contains(ancestors(n), l) {
			return text(l)
		}
	}
	return attr(n, "title")
}

// ancestors returns the nodes above a node, the nearest first.
func ancestors(n *html.Node) []*html.Node { return slices.Collect(n.Ancestors()) }

// heading returns the text of the page's h1.
func (p *page) heading() string {
	var all []string
	for _, n := range tags(p.root, "h1") {
		all = append(all, text(n))
	}
	return strings.Join(all, " | ")
}

// title returns the title of the page.
func (p *page) title() string {
	for _, n := range tags(p.root, "title") {
		return strings.TrimSpace(raw(n))
	}
	return ""
}

// shows reports whether a text can be read on the page.
func (p *page) shows(words string) bool { return strings.Contains(text(p.root), words) }

// A role is a kind of control.
type role string

const (
	button  role = "button"
	link    role = "link"
	field   role = "field"   // into which something is typed
	choice  role = "choice"  // a radio button or check box
	chooser role = "chooser" // a select
)

// is reports whether an element has a role.
func (r role) is(n *html.Node) bool {
	kind := attr(n, "type")
	switch n.Data {
	case "button":
		return r == button
	case "summary":
		return r == button
	case "a":
		_, ok := lookup(n, "href")
		return ok && r == link
	case "textarea":
		return r == field
	case "select":
		return r == chooser
	case "input":
		switch kind {
		case "hidden":
			return false
		case "submit", "button":
			return r == button
		case "radio", "checkbox":
			return r == choice
		}
		return r == field
	}
	return false
}

// containers are the elements that group what belongs together.
func containers() []string {
	return []string{"tr", "li", "fieldset", "form", "section", "article", "dialog", "header", "nav", "dl", "details", "aside"}
}

// find returns the controls of a role with a name, those first that stand nearest to the other
// texts: in the smallest group that has these, too. If a dialog is open there is nothing outside.
func (p *page) find(r role, called string, near ...string) []*html.Node {
	root := p.root
	for _, d := range tags(p.root, "dialog") {
		if _, open := lookup(d, "open"); open {
			root = d
		}
	}
	type hit struct {
		node *html.Node
		size int
	}
	var hits []hit
	for _, n := range nodes(root, func(d *html.Node) bool { return r.is(d) && name(p.root, d) == called && !hidden(d) }) {
		if len(near) == 0 {
			hits = append(hits, hit{n, 0})
			continue
		}
		for _, a := range ancestors(n) {
			if !slices.Contains(containers(), a.Data) {
				continue
			}
			whole := text(a)
			if !slices.ContainsFunc(near, func(s string) bool { return !strings.Contains(whole, s) }) {
				hits = append(hits, hit{n, len(whole)})
				break
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.size - b.size })
	var all []*html.Node
	for _, h := range hits {
		all = append(all, h.node)
	}
	return all
}

// hidden reports whether an element is, for everybody.
func hidden(n *html.Node) bool {
	return slices.ContainsFunc(append(ancestors(n), n), func(d *html.Node) bool {
		_, is := lookup(d, "hidden")
		return is || d.Data == "template"
	})
}

// has reports whether the page has a control.
func (p *page) has(r role, called string) bool {
	return len(p.find(r, called)) > 0
}

// names lists the controls of the page, for messages.
func (p *page) names() string {
	var all []string
	for _, r := range []role{button, link, field, choice, chooser} {
		for _, n := range nodes(p.root, r.is) {
			all = append(all, string(r)+" "+name(p.root, n))
		}
	}
	return strings.Join(all, "\n\t")
}
