package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// editPage is a user as a form.
type editPage struct {
	page
	ID         string
	Version    string
	Fields     []editField
	Choices    []choice // of a conflict
	By         string   // who has changed the user meanwhile
	At         moment
	Gone       bool     // the user does not exist any more: what was typed is shown
	Other      []string // faults of what is no field of the form
	NoMetadata bool     // the metadata is too large for the form
	Failed     string   // why nothing was saved, or that it is not known
	Conflict   bool     // somebody has changed the user meanwhile: Choices are to be made
}

// editField is a field of the form. In a conflict it is hidden if Choices has it.
type editField struct {
	field

	Was    string
	Hidden bool
	Holder string // the page of the user who has what is typed, relative to the root
}

// draw implements component.
func (f editField) draw(m *markup) {
	m.fill("<input type=\"hidden\" name=\"was.%\" value=\"%\">\n", f.Name, f.Was)
	if f.Hidden {
		m.fill("<input type=\"hidden\" name=\"%\" value=\"%\">\n", f.Name, f.Value)
	} else {
		f.field.draw(m)
	}
}

// Plain returns the fields without what only the form has, for the list of what is wrong.
func (p *editPage) Plain() []field {
	all := make([]field, len(p.Fields))
	for i, f := range p.Fields {
		all[i] = f.field
	}
	return all
}

// showEdit shows the form of a user.
func (c *console) showEdit(call *family.Call) error {
	u, err := c.userToChange(call)
	if err != nil {
		return err
	}
	return c.show(call, http.StatusOK, "edit", c.editPage(call, &u, draftOf(&u)))
}

// userToChange returns the user of the path. A page that changes a user shows it, too.
func (c *console) userToChange(call *family.Call) (enduser.User, error) {
	if err := c.Allow(call, "getEndUser", false); err != nil {
		return enduser.User{}, err
	}
	return c.Tenant(call).Get(call.Request.Context(), userRef(call))
}

func userRef(call *family.Call) enduser.Ref { return enduser.ByID(call.PathValue("id")) }

// userPath returns the address of a user's page, relative to the root.
func userPath(id string) string { return "users/" + url.PathEscape(id) }

// editPage returns the form of a user with a draft.
func (c *console) editPage(call *family.Call, u *enduser.User, d *draft) *editPage {
	p := &editPage{page: c.page(call, "users", "Edit", nameOf(u), "Users"), ID: u.ID, Version: d.version.String()}
	p.Crumbs = []link{{"users", "Users"}, {userPath(u.ID), nameOf(u)}}
	p.Fields, p.Typed = c.editFields(call, d), true
	p.NoMetadata = len(p.Fields) < len(draftFields())
	return p
}

func (c *console) editFields(call *family.Call, d *draft) []editField {
	t := c.Tenant(call)
	policy, exact := t.Policy(), t.ExactIDs()
	all := make([]editField, 0, len(draftFields()))
	for _, name := range draftFields() {
		was, ok := d.was[name]
		if !ok || name == "metadata" && len(was) > maxMetadataText {
			continue
		}
		f := editField{Was: was}
		f.field = field{Name: name, Label: fieldLabel(name), Hint: fieldHint(name, &policy, exact), Value: d.value[name], Mono: isMono(name)}
		if isList(name) || name == "metadata" {
			f.Type = "textarea"
		}
		all = append(all, f)
	}
	return all
}

// saveEdit saves a draft. A user that somebody else has changed meanwhile is saved if the draft
// does not touch that; otherwise both versions are shown, and nothing is saved.
func (c *console) saveEdit(call *family.Call) error {
	d, err := readDraft(readForm(call))
	if err != nil {
		return err
	}
	const attempts = 3
	for range attempts {
		u, err := c.userToChange(call)
		if err != nil {
			return c.notSaved(call, &enduser.User{ID: call.PathValue("id")}, d, err)
		}
		now := draftTexts(&u)
		d.complete(now)
		if u.Version != d.version && d.behind(now) {
			return c.showConflict(call, &u, d, now)
		}
		d.settle(u.Version, now)
		saved, err := c.Tenant(call).Update(call.Request.Context(), userRef(call), d.write, enduser.IfVersion(u.Version))
		switch {
		case errors.Is(err, enduser.ErrVersion): // changed since it was read
			continue
		case err != nil:
			return c.notSaved(call, &u, d, err)
		case saved.Version == u.Version:
			return c.redirect(call, userPath(u.ID)+"?done=unchanged")
		}
		return c.redirect(call, userPath(u.ID)+"?done=saved")
	}
	return c.notSaved(call, &enduser.User{ID: call.PathValue("id")}, d, enduser.ErrContended)
}

// showConflict shows field by field what the user is now and what was typed.
func (c *console) showConflict(call *family.Call, u *enduser.User, d *draft, now map[string]string) error {
	choices := d.choices(now)
	d.version = u.Version
	for _, name := range draftFields() {
		if d.value[name] == now[name] {
			d.was[name] = now[name]
		}
	}
	p := c.editPage(call, u, d)
	p.Choices, p.Conflict, p.By, p.At = choices, true, visible(u.UpdatedBy), p.Time(u.UpdatedAt)
	for i := range p.Fields {
		f := &p.Fields[i]
		f.Hidden = f.Value != now[f.Name]
	}
	return c.show(call, http.StatusConflict, "edit", p)
}

// notSaved shows the form again, with what was typed and why it is not saved.
func (c *console) notSaved(call *family.Call, u *enduser.User, d *draft, err error) error {
	if p := rest.AsProblem(err); p != nil { // it has no right to see the user
		return p
	}
	p := c.editPage(call, u, d)
	if errors.Is(err, enduser.ErrNotFound) {
		p.Title, p.Crumbs, p.Gone = []string{"Not saved", "Users"}, []link{{"users", "Users"}}, true
		return c.show(call, http.StatusNotFound, "edit", p)
	}
	if invalid, ok := errors.AsType[*enduser.InvalidError](err); ok {
		for _, v := range invalid.Violations {
			p.fault(v.Field.Name, violationText(&v, d))
		}
		return c.show(call, http.StatusBadRequest, "edit", p)
	}
	if conflict, ok := errors.AsType[*enduser.ConflictError](err); ok {
		f := p.fault(conflict.Field, "belongs to another "+conflict.Kind)
		if f != nil && conflict.Kind == "user" { // whom the credential may see, as it sees this one
			f.Holder = userPath(conflict.HolderID)
		}
		return c.show(call, http.StatusConflict, "edit", p)
	}
	status, why := c.failure(call, err)
	p.Failed = why
	if errors.Is(err, enduser.ErrUnknown) {
		p.Failed = "It is not known whether this was saved: the store did not answer. Save again. What was saved is not saved twice."
	}
	return c.show(call, status, "edit", p)
}

// failure returns the status and the words of an error that a form shows.
func (c *console) failure(call *family.Call, err error) (status int, why string) {
	p := call.Problem(err)
	return p.Status, p.Title + ". " + p.Detail
}

// fault adds what is wrong to a field, and returns it. It returns nil if the form has no such
// field.
func (p *editPage) fault(name, text string) *editField {
	for i := range p.Fields {
		if f := &p.Fields[i]; f.Name == name {
			const most, more = 500, "; and more" // bytes: metadata can have many faults
			switch {
			case f.Error == "":
				f.Error = text
			case len(f.Error)+len(text) < most:
				f.Error += "; " + text
			case !strings.HasSuffix(f.Error, more):
				f.Error += more
			}
			return f
		}
	}
	p.Other = append(p.Other, visible(name)+" "+text)
	return nil
}

// violationText says what is wrong with a field in words of the form.
func violationText(v *enduser.Violation, d *draft) string {
	field := v.Field
	switch {
	case field.Name == "metadata" && v.Code == enduser.CodeRequired: // see draft.write
		if _, err := enduser.ParseMetadata(d.value["metadata"]); err != nil {
			if invalid, ok := errors.AsType[*enduser.InvalidError](err); ok {
				return "is not acceptable JSON: " + invalid.Violations[0].Message
			}
		}
	case field.Name == "linked_accounts" && field.Member == "type" && v.Code == enduser.CodeRequired:
		return "line " + strconv.Itoa(field.Item) + " must be type:id"
	}
	text := v.Message
	if field.Member != "" {
		text = field.Member + " " + text
	}
	if field.Key != "" {
		text = cut(visible(field.Key), 64) + " " + text
	}
	if field.Item > 0 {
		text = "line " + strconv.Itoa(field.Item) + ": " + text
	}
	return text
}

// fieldLabel names a field as its label does: with a capital.
func fieldLabel(name string) string {
	word := fieldWord(name)
	return strings.ToUpper(word[:1]) + word[1:]
}

func isMono(name string) bool {
	return name == "external_id" || name == "metadata" || isList(name)
}

// fieldHint says what a policy allows.
func fieldHint(name string, p *enduser.Policy, exact bool) string {
	most := func(n int, of string) string { return "At most " + strconv.Itoa(n) + " " + of + "." }
	switch name {
	case "external_id":
		if exact {
			return most(p.MaxExternalID, "characters") + " Upper and lower case differ."
		}
		return most(p.MaxExternalID, "characters") + " Upper and lower case are the same."
	case "email":
		if p.UniqueEmail {
			return most(p.MaxEmail, "bytes") + " Nobody else may have it."
		}
		return most(p.MaxEmail, "bytes")
	case "avatar":
		return "An http or https URL. " + most(p.MaxAvatar, "bytes")
	case "language":
		return "A language tag (BCP 47), such as de or pt-BR."
	case "linked_accounts":
		hint := "One a line, as type:id, such as discord:8035. " + most(p.MaxAccounts, "accounts")
		if len(p.AccountTypes) > 0 {
			hint += " Types: " + strings.Join(p.AccountTypes, ", ") + "."
		}
		return hint
	case "groups":
		return "One external ID a line. " + most(p.MaxGroups, "groups")
	case "metadata":
		return "A JSON object. At most " + strconv.Itoa(p.MaxMetadataKeys) + " keys and " +
			strconv.Itoa(p.MaxMetadataBytes) + " bytes without white space."
	}
	return most(p.MaxName, "characters")
}
