package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// groupsPage is the list of groups.
type groupsPage struct {
	page
	Groups     []groupRow
	Unreadable []string
	MayOpen    bool   // the credential may see one group
	Members    bool   // the credential may see who belongs to a group
	NotCounted string // why members were not counted
	Pager      pager
}

// Rows are the rows of the list.
func (p *groupsPage) Rows() component { return groupRows{p} }

type groupRows struct{ *groupsPage }

// draw implements component.
func (p groupRows) draw(m *markup) {
	for i := range p.Groups {
		g := &p.Groups[i]
		name := visible(cmp.Or(g.Name, g.ExternalID))
		m.fill(`<tr><th scope="row">`)
		if p.MayOpen {
			m.fill(`<a href="%%"><bdi>%</bdi></a>`, p.Root, g.Href, name)
		} else {
			m.fill(`<bdi>%</bdi>`, name)
		}
		m.fill(`</th><td class="full" data-label="External ID">`)
		identifier(g.ExternalID).draw(m)
		m.fill(`</td>`)
		if p.Members {
			m.fill(`<td class="num told" data-label="Members"><a href="%%" aria-label="%">%</a></td>`, p.Root, g.MembersOf, g.MembersLabel(), g.Members)
		}
		m.fill(`<td class="told" data-label="Created">`)
		g.Created.draw(m)
		m.fill(`</td><td class="first" data-label="Token">`)
		g.Tokens.draw(m)
		m.fill("</td></tr>\n")
	}
}

// groupRow is a group as lists show it.
type groupRow struct {
	ID         string
	Href       string // its page, relative to the root
	Name       string
	ExternalID string
	Members    string // "–" if they were not counted in time
	MembersOf  string // the list of its members, relative to the root
	Created    moment
	Tokens     chip
	Until      moment // until when old tokens are accepted
}

func (c *console) groups(call *family.Call) error {
	q, err := call.Query()
	if err != nil {
		return err
	}
	gq := enduser.GroupQuery{Limit: groupsShown}
	after, before := q.Text("after"), q.Text("before")
	if after != "" && before != "" {
		q.Fault("before", enduser.CodeValue, "must not be given with after")
	}
	if err := q.Strict(); err != nil {
		return err
	}
	if gq.After, err = enduser.ParseCursor(after); err == nil {
		gq.Before, err = enduser.ParseCursor(before)
	}
	if err != nil {
		return err
	}
	r := c.Read(call)
	defer r.End()
	found, err := c.Tenant(call).Groups().List(r.Context, gq)
	if err != nil {
		return r.Explain(err, "")
	}
	family.LogUnreadable(call, found.Unreadable)
	p := &groupsPage{page: c.page(call, "groups", "Groups"), Unreadable: found.Unreadable, Members: c.may(call, "listEndUsers", false), MayOpen: c.may(call, "getGroup", false)}
	for i := range found.Groups {
		p.Groups = append(p.Groups, c.groupRow(&p.page, &found.Groups[i]))
	}
	if p.Members {
		p.NotCounted = c.countMembers(call, found.Groups, p.Groups)
	}
	p.Pager = groupsPager(&p.page, &found)
	return c.show(call, http.StatusOK, "groups", p)
}

const groupsShown = 25

func groupsPager(p *page, found *enduser.GroupPage) pager {
	pg := pager{Shown: strconv.Itoa(len(found.Groups)) + " shown"}
	if !found.Previous.IsZero() {
		pg.Newer = p.Root + "groups?before=" + url.QueryEscape(found.Previous.String())
	}
	if !found.Next.IsZero() {
		pg.Older = p.Root + "groups?after=" + url.QueryEscape(found.Next.String())
	}
	return pg
}

func (c *console) groupRow(p *page, g *enduser.Group) groupRow {
	row := groupRow{
		ID: g.ID, Href: groupPath(g.ID), Name: g.Name, ExternalID: g.ExternalID, Members: unknown,
		MembersOf: "users?group=" + url.QueryEscape(g.ExternalID), Created: p.Time(g.CreatedAt), Tokens: chip{"", "one token"},
	}
	if until := g.OldTokensUntil(); until.After(p.Now) {
		row.Tokens, row.Until = chip{"warn", "old tokens accepted"}, p.Time(until)
	}
	return row
}

// MembersLabel says what the number of members is, for those who do not see the table.
func (r groupRow) MembersLabel() string {
	of := "members of " + cut(cmp.Or(visible(r.Name), visible(r.ExternalID)), 64)
	if r.Members == unknown {
		return "not counted: " + of
	}
	return r.Members + " " + of
}

// groupPath returns the address of a group's page, relative to the root.
func groupPath(id string) string { return "groups/" + url.PathEscape(id) }

// unknown stands for a number that is not known.
const unknown = "–"

// countMembers counts the members of the groups of a page, a few groups at a time, and waits no
// longer than for the figures of the overview. It returns why some are not counted, "" if all
// are.
func (c *console) countMembers(call *family.Call, groups []enduser.Group, rows []groupRow) string {
	const atOnce = 4
	t, now := c.Tenant(call), c.Users.Now()
	g, end := c.gather(call, c.overviewFor)
	defer end()
	var reasons [atOnce]string
	for first := range min(atOnce, len(groups)) {
		g.ask(func(ctx context.Context) error {
			for i := first; i < len(groups); i += atOnce {
				q := enduser.Query{Filter: enduser.Filter{Group: groups[i].ExternalID}}
				n, err := c.counts.count(ctx, t, "group "+groups[i].ExternalID, q, now, 0)
				if err != nil {
					return err
				}
				g.put(func() { rows[i].Members = countText(n) })
			}
			return nil
		}, &reasons[first])
	}
	g.wait()
	if why := cmp.Or(reasons[:]...); why != "" {
		return "Members are not counted. " + why
	}
	return ""
}

// countText returns a number for people: "10,000+" if there may be more.
func countText(n enduser.Count) string {
	if !n.Exact {
		return thousands(n.N) + "+"
	}
	return thousands(n.N)
}

// groupPage is one group.
type groupPage struct {
	page
	groupRow

	Group       *enduser.Group
	Metadata    metadataTable
	Properties  metadataTable
	MayRotate   bool
	MayMembers  bool
	MayUser     bool // it may see one member
	Users       []memberRow
	NotRead     string // why there are no members
	MoreMembers bool
	Updated     moment
}

// memberRow is a user of a group.
type memberRow struct {
	Href, Name, ExternalID, Email string
}

func (c *console) group(call *family.Call) error {
	g, err := c.Tenant(call).Groups().Get(call.Request.Context(), groupRef(call))
	if err != nil {
		return err
	}
	p := &groupPage{page: c.page(call, "groups", groupTitle(&g), "Groups"), Group: &g}
	p.Crumbs = []link{{"groups", "Groups"}}
	p.groupRow, p.Updated = c.groupRow(&p.page, &g), p.Time(g.UpdatedAt)
	p.Metadata, p.Properties = tableOf("metadata-json", g.Metadata), tableOf("properties-json", g.SystemProperties)
	p.MayRotate, p.MayMembers = c.may(call, "rotateGroupToken", true), c.may(call, "listEndUsers", false)
	p.MayUser = c.may(call, "getEndUser", false)
	if p.MayMembers {
		c.readMembers(call, p)
	}
	return c.show(call, http.StatusOK, "group", p)
}

func groupRef(call *family.Call) enduser.GroupRef { return enduser.GroupByID(call.PathValue("id")) }

// groupTitle names a group for people.
func groupTitle(g *enduser.Group) string { return visible(cmp.Or(g.Name, g.ExternalID)) }

const membersShown = 10

// readMembers reads the number of members and the newest of them.
func (c *console) readMembers(call *family.Call, p *groupPage) {
	rows := []groupRow{p.groupRow}
	p.NotRead = c.countMembers(call, []enduser.Group{*p.Group}, rows)
	p.groupRow = rows[0]
	ctx, end := context.WithTimeout(call.Request.Context(), c.overviewFor)
	defer end()
	found, err := c.Tenant(call).List(ctx, enduser.Query{Filter: enduser.Filter{Group: p.Group.ExternalID}, Desc: true, Limit: membersShown})
	if err != nil {
		p.NotRead = "The members could not be read in time."
		return
	}
	for i := range found.Users {
		u := &found.Users[i]
		p.Users = append(p.Users, memberRow{userPath(u.ID), nameOf(u), u.ExternalID, u.Email})
	}
	p.MoreMembers = !found.Next.IsZero()
}
