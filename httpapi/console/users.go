package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

const usersPerPage = 50

// totalFor is how long a page waits for the number of users that a search finds. The page itself
// takes a millisecond, to count 10,000 users fifty.
const totalFor = 25 * time.Millisecond

// usersPage is the list of users: of all, or of those that a search has found.
type usersPage struct {
	page
	*userQuery

	MetadataKeys []string  // by which users can be found
	Taken        reading   // what the text was taken for
	Tried        []reading // in which nobody was found
	Others       []link    // searches for the same text, taken for something else
	Chips        []usersChip
	Rows         userRows
	Unreadable   []string
	MayOpen      bool
	NoUsers      *empty // in place of the first user
	Pager        pager
	GoOn         string // leads on from where there was no time left to search
}

// Problems are the faults of all parameters. Those that have no field on the page have no name.
func (p *usersPage) Problems() (all []field) {
	for _, f := range append([]field{{Name: "q", Label: "Find a user"}}, p.Fields()...) {
		if f.Error = p.Faults[f.Name]; f.Error != "" {
			all = append(all, f)
		}
	}
	for _, hidden := range [][2]string{{"created", "Created since"}, {"expiring", "Expiring before"}, {"after", "Page"}} {
		if fault := p.Faults[hidden[0]]; fault != "" {
			all = append(all, field{Label: hidden[1], Error: fault})
		}
	}
	return all
}

// MoreFilters reports whether the filters beside the text are in use.
func (p *usersPage) MoreFilters() bool {
	return p.Group+p.Key+p.Value+p.From+p.To != ""
}

// Fields are the filters beside the text.
func (p *usersPage) Fields() []field {
	fields := []field{{Name: "group", Label: "Group", Value: p.Group, Hint: "its external ID"}}
	if len(p.MetadataKeys) > 0 || p.Key+p.Value != "" {
		fields = append(fields,
			field{Name: "key", Label: "Metadata", Type: "select", Options: p.keys(), Hint: "key"},
			field{Name: "value", Label: "Metadata value", Value: p.Value, Hint: "as text"})
	}
	fields = append(fields,
		field{Name: "from", Label: "Created from", Type: "date", Value: p.From, Hint: "day in UTC, included"},
		field{Name: "to", Label: "Created until", Type: "date", Value: p.To, Hint: "day in UTC, included"})
	for i := range fields {
		f := &fields[i]
		if f.Error = p.Faults[f.Name]; f.Error != "" && f.Type == "date" {
			f.Type = "" // a field for days would drop what is none
		}
	}
	return fields
}

// keys are the metadata keys to choose from. One by which users cannot be found is still shown.
func (p *usersPage) keys() []option {
	keys := p.MetadataKeys
	if p.Key != "" && !slices.Contains(keys, p.Key) {
		keys = append(slices.Clone(keys), p.Key)
	}
	options := []option{{Text: "any"}}
	for _, key := range keys {
		options = append(options, option{key, visible(key), key == p.Key})
	}
	return options
}

// FromBeginning returns the address of the first page of the list.
func (p *usersPage) FromBeginning() string { return p.Root + p.without(func(*userQuery) {}) }

// Caption says what the table has.
func (p *usersPage) Caption() string {
	if p.Expiring != "" {
		return "Users that expire, the next one first"
	}
	return "Users, the newest first"
}

// NobodyWords says why nobody was found.
func (p *usersPage) NobodyWords() string {
	if p.Text == "" {
		return "No user matches all of the filters above."
	}
	words := make([]string, len(p.Tried))
	for i, as := range p.Tried {
		words[i] = as.Words()
	}
	who := "Nobody"
	if len(p.Chips) > 1 {
		who = "Nobody who matches the other filters"
	}
	return who + " has this " + listed(words, "or") + "."
}

// usersChip is a filter that can be removed.
type usersChip struct {
	Label, Value string
	Without      string // the address of the list without it
}

// userRow is a user in a list.
type userRow struct {
	Root, Path string // of its page; Path is "" if the credential may not see it
	Name       string
	ExternalID string
	Email      string
	Groups     []string
	Created    moment
	State      chip
}

// userRows are the rows of a list.
type userRows []userRow

const groupsInRow = 2

// draw implements component.
func (rows userRows) draw(m *markup) {
	m.grow(len(rows))
	for i := range rows {
		rows[i].draw(m)
	}
}

// draw implements component.
func (r *userRow) draw(m *markup) {
	m.fill(`<tr><th scope="row">`)
	m.named(r.Root, r.Path, r.Name)
	if r.ExternalID != "" {
		m.fill(` <bdi class="sub cut mono" title="%">%</bdi>`, r.ExternalID, r.ExternalID)
	}
	m.fill(`</th><td class="full" data-label="E-mail">`)
	if email := visible(r.Email); email != "" {
		m.fill(`<bdi class="cut" title="%">%</bdi>`, email, email)
	} else {
		m.fill(`<span class="muted">no e-mail</span>`)
	}
	m.fill(`</td><td class="grow" data-label="Groups">`)
	r.drawGroups(m)
	m.fill(`</td><td class="told" data-label="Created">`)
	r.Created.draw(m)
	m.fill(`</td><td class="first" data-label="State">`)
	r.State.draw(m)
	m.fill("</td></tr>\n")
}

// drawGroups draws the first groups, and how many more there are.
func (r *userRow) drawGroups(m *markup) {
	if len(r.Groups) == 0 {
		m.fill(`<span class="muted">no group</span>`)
		return
	}
	m.fill(`<span class="cut">`)
	for i, group := range r.Groups[:min(len(r.Groups), groupsInRow)] {
		m.flag(i > 0, `, `)
		m.fill(`<bdi>%</bdi>`, group)
	}
	m.fill(`</span>`)
	if more := len(r.Groups) - groupsInRow; more > 0 {
		m.fill(`<span class="sub">+%</span>`, strconv.Itoa(more))
	}
}

// users answers a list of users.
func (c *console) users(call *family.Call) error {
	t := c.Tenant(call)
	q, err := readUserQuery(call, t.Schema())
	if err != nil {
		return err
	}
	asked, mayOpen := *q, c.may(call, "getEndUser", false)
	r := c.Read(call)
	defer r.End()
	found, err := find(r.Context, t, q, c.Users.Now(), mayOpen)
	status, goOn := http.StatusOK, ""
	if p := rest.AsProblem(r.Explain(err, q.reached(&found.Page))); p != nil && p.Code == "read-timeout" {
		status, goOn, err = p.Status, p.Cursor, nil
	}
	switch {
	case err != nil:
		return err
	case len(q.Faults) > 0:
		status, found = http.StatusBadRequest, finding{}
	case found.One != "":
		return c.redirect(call, "users/"+found.One)
	}
	family.LogUnreadable(call, found.Page.Unreadable)
	data := usersPage{
		page: c.page(call, "users", "Users"), userQuery: &asked,
		Taken: found.As, Tried: found.Tried, Unreadable: found.Page.Unreadable,
		MayOpen: mayOpen,
	}
	asked.Faults, data.MetadataKeys = q.Faults, q.schema.IndexedMetadata
	if len(found.Page.Users) == 0 && q.First() && !q.Filtered() {
		data.NoUsers = c.first(call)
	}
	data.Chips = asked.chips()
	for i := range found.Page.Users {
		data.Rows = append(data.Rows, data.rowOf(&found.Page.Users[i]))
	}
	if status == http.StatusOK {
		data.Others = asked.others(&found)
		data.Pager = q.pager(&found, data.Root)
		data.Pager.Shown = shown(r.Context, t, q, &found)
	} else if len(q.Faults) == 0 {
		next := asked // again, if there was no time for a single user
		if goOn != "" {
			next = q.pinned(&found)
			if next.After = goOn; q.Before != "" {
				next.After, next.Before = "", goOn
			}
		}
		data.GoOn = next.address()
	}
	return c.show(call, status, "users", &data)
}

// reached returns the cursor from which to continue a search that took too long.
func (q *userQuery) reached(p *enduser.Page) string {
	if q.Before != "" {
		return p.Previous.String()
	}
	return p.Next.String()
}

// pinned returns the query without what depends on when it was asked: its cursors belong to a
// text that was taken for one thing, and to fixed times.
func (q userQuery) pinned(f *finding) userQuery {
	q.After, q.Before = "", ""
	if q.As == "" {
		q.As = f.As
	}
	return q
}

// pager leads to the pages beside one.
func (q *userQuery) pager(f *finding, root string) (p pager) {
	to := q.pinned(f)
	if !f.Page.Previous.IsZero() {
		to.Before = f.Page.Previous.String()
		p.Newer = root + to.address()
	}
	if to.Before = ""; !f.Page.Next.IsZero() {
		to.After = f.Page.Next.String()
		p.Older = root + to.address()
	}
	if q.Expiring != "" {
		p.Word = "Later"
	}
	return p
}

// others returns the searches for the same text that take it for something else, but for those
// that have found nobody. Without a text the page does not show them.
func (q userQuery) others(f *finding) (links []link) {
	for _, as := range readingsOf(q.Text) {
		if as != f.As && !slices.Contains(f.Tried, as) {
			links = append(links, link{q.without(func(q *userQuery) { q.As = as }), as.Words()})
		}
	}
	return links
}

// chips returns the filters of a query.
func (q *userQuery) chips() (chips []usersChip) {
	add := func(label, value string, remove func(*userQuery)) {
		if value != "" {
			chips = append(chips, usersChip{label, value, q.without(remove)})
		}
	}
	add("Search", q.Text, func(q *userQuery) { q.Text, q.As = "", "" })
	add("Group", q.Group, func(q *userQuery) { q.Group = "" })
	if q.Key != "" || q.Value != "" {
		add("Metadata", q.Key+" = "+q.Value, func(q *userQuery) { q.Key, q.Value = "", "" })
	}
	add("Created from", q.From, func(q *userQuery) { q.From = "" })
	add("Created until", q.To, func(q *userQuery) { q.To = "" })
	add("Created since", spanWords(q.Created, " ago"), func(q *userQuery) { q.Created = "" })
	add("Expiring before", spanWords(q.Expiring, " from now"), func(q *userQuery) { q.Expiring = "" })
	return chips
}

// spanWords says a time, or how far one is away.
func spanWords(value, away string) string {
	if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return at.UTC().Format("2006-01-02 15:04 UTC")
	}
	if d, err := time.ParseDuration(value); err == nil && d >= time.Hour && d%time.Hour == 0 {
		return strconv.Itoa(int(d.Hours())) + " hours" + away
	}
	return value
}

// shown says how many users the page shows. The first page of a search also says of how many, if
// that can be counted soon.
func shown(ctx context.Context, t enduser.Tenant, q *userQuery, f *finding) string {
	here := thousands(len(f.Page.Users)) + " shown"
	if f.Page.Next.IsZero() || !q.First() || !q.Filtered() {
		return here
	}
	ctx, end := context.WithTimeout(ctx, totalFor)
	defer end()
	switch all, err := t.Count(ctx, f.Query); {
	case err != nil:
		return here
	case all.Exact:
		return here + " of " + thousands(all.N)
	default:
		return here + " of more than " + thousands(all.N)
	}
}

// thousands writes a number with commas.
func thousands(n int) string {
	b := []byte(strconv.Itoa(n))
	for i := len(b) - 3; i > 0; i -= 3 {
		b = slices.Insert(b, i, ',')
	}
	return string(b)
}

func (p *usersPage) rowOf(u *enduser.User) userRow {
	row := userRow{
		Root: p.Root, Name: nameOf(u), ExternalID: u.ExternalID, Email: u.Email,
		Groups: u.Groups, Created: p.Time(u.CreatedAt), State: stateOf(u, p.Now),
	}
	if p.MayOpen {
		row.Path = userPath(u.ID)
	}
	return row
}
