package console

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// overlaps are for how long the old token of a group can stay accepted, in seconds.
func overlaps() []option {
	return []option{
		{Value: "0", Text: "Not at all: programs that still have it are locked out at once"},
		{Value: "3600", Text: "For 1 hour"},
		{Value: "86400", Text: "For 24 hours", Selected: true},
		{Value: "604800", Text: "For 7 days"},
	}
}

// showRotate asks whether a group is to get a new token.
func (c *console) showRotate(call *family.Call) error {
	g, err := c.groupToRotate(call)
	if err != nil {
		return err
	}
	return c.show(call, http.StatusOK, "confirm", c.rotatePage(call, &g, ""))
}

// groupToRotate returns the group of the path. The page that rotates its token shows it, too.
func (c *console) groupToRotate(call *family.Call) (enduser.Group, error) {
	if err := c.Allow(call, "getGroup", false); err != nil {
		return enduser.Group{}, err
	}
	return c.Tenant(call).Groups().Get(call.Request.Context(), groupRef(call))
}

func (c *console) rotatePage(call *family.Call, g *enduser.Group, overlap string) *confirmPage {
	const verb = "Rotate token"
	p := &confirmPage{
		page: c.page(call, "groups", verb, groupTitle(g), "Groups"), Verb: verb, Before: "Rotate the token of", About: groupTitle(g), Danger: true,
		Action: groupPath(g.ID) + "/rotate", Back: groupPath(g.ID), Version: g.Version.String(), Key: newKey(),
		Facts:   []fact{{"External ID", g.ExternalID}, {"ID", g.ID}},
		Effects: []string{"The group gets a new token, which is shown once.", "This cannot be undone."},
		Options: overlaps(), Choose: "How long is the old token accepted?",
	}
	if overlap != "" {
		for i := range p.Options {
			p.Options[i].Selected = p.Options[i].Value == overlap
		}
	}
	p.Crumbs = []link{{"groups", "Groups"}, {groupPath(g.ID), groupTitle(g)}}
	return p
}

// rotate gives a group a new token, and leads to the page that shows it once. A form that is
// sent again leads to the same token.
func (c *console) rotate(call *family.Call) error {
	f := readForm(call)
	overlap := f.oneOf("overlap", overlapValues()...)
	a, err := readAnswer(f)
	if err != nil {
		return err
	}
	if err := c.Allow(call, "getGroup", false); err != nil {
		return err
	}
	seconds, _ := strconv.Atoi(overlap) // one of overlapValues
	_, token, err := c.Tenant(call).Groups().Rotate(a.once(call), groupRef(call), time.Duration(seconds)*time.Second, enduser.IfVersion(a.version))
	if err == nil {
		if err = c.showOnce(call, call.PathValue("id"), token); err == nil {
			return c.redirect(call, groupPath(call.PathValue("id"))+"/token")
		}
	}
	g, failed := c.groupToRotate(call)
	if failed != nil {
		return cannotAsk(err, failed)
	}
	p := c.rotatePage(call, &g, overlap)
	if errors.Is(err, enduser.ErrVersion) {
		p.Changed = "The group was changed after you were asked, perhaps by another rotation. Its token was not rotated. Look at it again before you rotate it."
		return c.show(call, http.StatusConflict, "confirm", p)
	}
	for i := range p.Options { // what is sent again must be the same
		if p.Options[i].Selected {
			p.Options = p.Options[i : i+1]
			break
		}
	}
	return c.askAgain(call, p, err, a)
}

func overlapValues() []string {
	var all []string
	for _, o := range overlaps() {
		all = append(all, o.Value)
	}
	return all
}

// tokenPage shows a new token.
type tokenPage struct {
	page
	Name  string
	Back  string // relative to the root
	Token string // "" if it was shown already
}

// showToken shows the token of a rotation, once.
func (c *console) showToken(call *family.Call) error {
	g, err := c.groupToRotate(call)
	if err != nil {
		return err
	}
	token, ok, err := c.takeOnce(call, g.ID)
	if err != nil {
		return err
	}
	p := &tokenPage{page: c.page(call, "groups", "New token", groupTitle(&g), "Groups"), Name: groupTitle(&g), Back: groupPath(g.ID)}
	p.Crumbs = []link{{"groups", "Groups"}, {groupPath(g.ID), groupTitle(&g)}}
	if !ok {
		return c.show(call, http.StatusNotFound, "token", p)
	}
	p.Token, p.Typed = token, true
	return c.show(call, http.StatusOK, "token", p)
}
