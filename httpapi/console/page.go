package console

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

const htmlType = "text/html; charset=utf-8"

// page is what every page has. The data of a screen begins with one:
//
//	type usersPage struct {
//		page
//		Users []userRow
//	}
type page struct {
	Title   []string  // from the particular to the general: "ann@example.com", "Users"
	Section string    // the entry of the navigation that is current, such as "users"
	Crumbs  []link    // the pages above this one
	Root    string    // leads from this page to the root of the console: "./", "../", "../../"
	Here    string    // leads from the root to this page, with its query
	Theme   string    // "light", "dark", or "" for that of the system
	Keys    bool      // single keys are shortcuts
	Now     time.Time // when the page was made
	Typed   bool      // it has what a second load would lose: something typed, or shown once
	Done    string    // what the POST before this page has done
	Assets  string    // of the address of assets
	Who     *who      // nil: nobody is signed in
}

// who is signed in.
type who struct {
	Tenant      string
	Environment string
	Actor       string
	ReadOnly    bool
	CanSignOut  bool      // signed in here, and not by the host
	Sections    shortcuts // those that the credential has a right to
}

// link leads to another page. Its address is relative to the root.
type link struct {
	Href string
	Text string
}

// Time returns a time as templates show it.
func (p *page) Time(at time.Time) moment { return moment{at, p.Now} }

// Reaches reports whether the credential has the right to a page above this one. A page below a
// list needs no other right than this one did.
func (p *page) Reaches(href string) bool {
	return strings.Contains(href, "/") || slices.ContainsFunc(p.Who.Sections, func(s section) bool { return s.Path == href })
}

// Frame returns p for what is around the main part. Templates find a field of a page itself in a
// tenth of the time that they take for a field of the page in the data of a screen.
func (p *page) Frame() *page { return p }

// Navigation is in the frame of whoever is signed in.
func (p *page) Navigation() component { return navigation{p} }

// Linked are the assets of every page.
func (p *page) Linked() component { return linked{p.Root, p.Assets} }

type linked struct{ Root, assets string }

// draw implements component.
func (l linked) draw(m *markup) {
	m.fill("<link rel=\"icon\" href=\"%static/icon.svg?v=%\" type=\"image/svg+xml\">\n", l.Root, l.assets)
	m.fill("<link rel=\"stylesheet\" href=\"%static/console.css?v=%\">\n", l.Root, l.assets)
	m.fill("<script src=\"%static/htmx.min.js?v=%\" defer></script>\n", l.Root, l.assets)
	m.fill(`<script src="%static/console.js?v=%" defer></script>`, l.Root, l.assets)
}

// page returns what a page of somebody who is signed in has.
func (c *console) page(call *family.Call, section string, title ...string) page {
	p := c.frame(call, title...)
	p.Section, p.Who, p.Done = section, c.who(call, true), visitOf(call.Request).done
	return p
}

// frame returns what every page has.
func (c *console) frame(call *family.Call, title ...string) page {
	return page{
		Title: title, Root: root(call.Request), Here: here(call.Request),
		Theme: theme(call.Request), Keys: keys(call.Request), Now: c.Users.Now().UTC(), Assets: c.assetsHash,
	}
}

// who returns who is signed in, with the sections that the credential has a right to. Without
// rights, which may not be to be had, it has the overview alone.
func (c *console) who(call *family.Call, rights bool) *who {
	p := call.Principal
	w := &who{
		Tenant: p.Tenant, Environment: string(p.Environment), Actor: p.Actor, ReadOnly: p.ReadOnly,
		CanSignOut: visitOf(call.Request).session != "",
	}
	for _, s := range sections() {
		if s.action == "" || rights && c.may(call, s.action, false) {
			w.Sections = append(w.Sections, s)
		}
	}
	return w
}

// show answers with a page. One that shows a problem has the code for observers that the native
// routes give it.
func (c *console) show(call *family.Call, status int, name string, data any) error {
	switch status {
	case http.StatusBadRequest:
		call.Code("invalid")
	case http.StatusNotFound:
		call.Code("not-found")
	case http.StatusConflict:
		call.Code("conflict")
	case http.StatusGone:
		call.Code("trimmed")
	case http.StatusServiceUnavailable:
		call.Code("read-timeout")
	}
	return c.send(call, status, name, "layout", data)
}

// send answers with a part of the template of a page.
func (c *console) send(call *family.Call, status int, name, part string, data any) error {
	b := bufferOf(call)
	if err := c.templates[name].ExecuteTemplate(b, part, data); err != nil {
		return err
	}
	return call.Send(status, htmlType, b.Bytes())
}

// bufferOf returns an empty buffer for a page. It is as large as those that calls keep, which is enough
// for most pages: one that had to grow would not be kept.
func bufferOf(call *family.Call) *bytes.Buffer {
	return bytes.NewBuffer(slices.Grow(call.Buffer(), 64<<10))
}

// redirect leads to another page of the console, whose address is relative to the root, after a
// POST or from an address that stands for another.
func (c *console) redirect(call *family.Call, to string) error {
	call.Header().Set("Location", root(call.Request)+to)
	call.Empty(http.StatusSeeOther)
	return nil
}

// root returns what leads from a request's path to the root of the console. The path is taken as
// it was sent: an escaped slash does not end a segment. It is never empty, so that no path behind
// it is taken for a scheme or a host.
func root(r *http.Request) string {
	depth := strings.Count(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if depth == 0 {
		return "./"
	}
	return strings.Repeat("../", depth)
}

// here returns what leads from the root to the page of a request.
func here(r *http.Request) string {
	to := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	return to
}

// parseTemplates returns the template of each page by its name. layout.html and components.html
// are part of each.
func parseTemplates(files embed.FS) (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(functions()).ParseFS(files, "templates/layout.html", "templates/components.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*template.Template)
	for _, name := range names {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(files, name)
		}
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return all, nil
}
