package console

import (
	"cmp"
	"errors"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// about names what a change or an event is about.
type about struct{ Kind, ID string }

// subject is what a page shows of it.
type subject struct {
	about
	Root string // of the page that shows it
	Href string // of its own page, relative to the root; "" if there is none
	Name string // "" if it is not known
	Note string // why there is no page
}

// draw implements component.
func (s subject) draw(m *markup) {
	if s.Href != "" {
		m.fill(`<a href="%%">`, s.Root, s.Href)
	}
	if s.Name != "" {
		m.fill(`<bdi>%</bdi>`, s.Name)
	} else {
		m.fill(`<bdi class="mono">%</bdi>`, s.ID)
	}
	if s.Href != "" {
		m.fill(`</a>`)
	}
	if s.Note != "" {
		m.fill(` <span class="muted">%</span>`, s.Note)
	}
}

// subjects finds out what changes or events are about. What the credential has no right to get
// stays an ID, and so does what cannot be read now.
func (c *console) subjects(r family.Reading, call *family.Call, all []about) map[about]subject {
	t := c.Tenant(call)
	may := map[string]bool{
		"user": c.may(call, "getEndUser", false), "group": c.may(call, "getGroup", false), "webhook": c.may(call, "getWebhook", false),
	}
	found := make(map[about]subject, len(all))
	var users []about
	var refs []enduser.Ref
	for _, a := range all {
		if _, seen := found[a]; seen || !may[a.Kind] {
			continue
		}
		s := subject{about: a, Href: a.Kind + "s/" + a.ID}
		switch a.Kind {
		case "user":
			users, refs = append(users, a), append(refs, enduser.ByID(a.ID))
		case "group":
			g, err := t.Groups().Get(r.Context, enduser.GroupByID(a.ID))
			s.know(cmp.Or(g.Name, g.ExternalID), err)
		case "webhook":
			h, err := t.Webhooks().Get(r.Context, a.ID)
			s.know(addressOf(h.URL).Host, err)
		}
		found[a] = s
	}
	if len(refs) == 0 {
		return found
	}
	answers, err := t.GetAll(r.Context, refs)
	if err != nil {
		return found
	}
	for i, a := range users {
		s, u := found[a], &answers[i].User
		s.know(cmp.Or(u.DisplayName(), u.Email, u.ExternalID), answers[i].Err)
		found[a] = s
	}
	return found
}

// know gives a subject its name, or says why it has none.
func (s *subject) know(name string, err error) {
	switch {
	case errors.Is(err, enduser.ErrNotFound):
		s.Href, s.Note = "", "no longer there"
	case errors.Is(err, enduser.ErrCorrupt), errors.Is(err, enduser.ErrNewer):
		s.Note = "cannot be read"
	case err == nil:
		s.Name = visible(name)
	}
}

// of returns a subject as a page shows it, also if no more than its ID is known.
func (a about) of(found map[about]subject, root string) subject {
	s := found[a]
	s.about, s.Root = a, root
	return s
}
