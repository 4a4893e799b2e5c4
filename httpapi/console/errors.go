package console

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

type problemPage struct {
	page
	Detail  string
	Faults  []rest.Field
	Still   string // what works nevertheless
	Wait    string // seconds after which it may work; "" if waiting does not help
	Request string // the ID in the log

	SectionWord string // what Section is called
}

// problem is the page of a problem. It is made without the store and without the host's
// Authorize where one of them may be what fails. A redirect has no page.
func (c *console) problem(call *family.Call, p *rest.Problem) []byte {
	if p.Status < http.StatusBadRequest {
		return nil
	}
	title, detail := inWords(p)
	if p.Code == "not-found" && call.Principal.Tenant == "" {
		detail = "The console has no such page. If it should begin here, mount it behind http.StripPrefix."
	}
	data := problemPage{
		page: c.frame(call, title), Detail: detail, Faults: p.Errors,
		Wait: p.Header["Retry-After"], Request: p.RequestID,
	}
	data.Typed = call.Request.Method == http.MethodPost // a link to the address would not send the form again
	if call.Principal.Tenant != "" {
		data.Who = c.who(call, p.Status < http.StatusInternalServerError)
		data.Still = still(p)
		first, _, _ := strings.Cut(strings.TrimPrefix(call.Request.URL.Path, "/"), "/")
		for _, s := range data.Who.Sections {
			if s.Path == first {
				data.Section, data.SectionWord = s.Path, s.Word
			}
		}
	}
	b := bufferOf(call)
	if err := c.templates["error"].ExecuteTemplate(b, "layout", &data); err != nil {
		return []byte("<!doctype html><title>Rollbook</title><h1>" + template.HTMLEscapeString(title) + "</h1>")
	}
	return b.Bytes()
}

// inWords returns the title and the detail of a problem for people, who send no headers and no
// bodies.
func inWords(p *rest.Problem) (title, detail string) {
	switch {
	case p.Code == "not-found":
		return "Not found", "There is nothing here. It may have been deleted, or be in another tenant or environment."
	case p.Code == "unauthorized":
		return "You are signed out", "Nothing was done. Sign in in another tab, then reload this page: the browser sends the form again, with all that was typed."
	case p.Code == "forbidden":
		return "Not allowed", "You have no right to this. Whoever runs this server can give it to you."
	case p.Code == "cross-origin":
		return "Refused", "The request comes from another site. If it does not, the proxy before the console changes the Host header."
	case p.Code == "method-not-allowed":
		return "Not allowed here", "This address is for a button of a page, and shows nothing itself."
	case p.Code == "rate-limited":
		return "Too many requests", "Too many requests were sent with this key or login."
	case p.Code == "invalid" && len(p.Errors) > 0 && p.Errors[0].Query:
		return "This address is not valid", "Something in it is not what the page takes:"
	}
	return p.Title, p.Detail
}

// still says what works in spite of a failure of the server.
func still(p *rest.Problem) string {
	switch {
	case p.Code == "unavailable":
		return "The overview answers without the store, and shows what of it can be read."
	case p.Code == "read-timeout":
		return "One user is still found at once, by ID, external ID or e-mail address, and a search in less takes less time."
	case p.Status >= http.StatusInternalServerError:
		return "Everything else can still be read."
	}
	return ""
}

// notFound answers for every address that has no page, so that it has the frame of one.
func (c *console) notFound(*family.Call) error { return rest.NotFound() }
