package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

const changesPerPage = 100

// feedPage is a part of the change feed, newest first.
type feedPage struct {
	page
	feedQuery
	FieldBox field
	Rows     changeRows
	Pager    pager
	Trimmed  bool   // what is older is not kept
	Lost     bool   // the position is of changes that are not kept
	GoOn     string // there was no time to look further; leads on
	Tail     string // where new changes come from; "" if the page does not end with the newest one
}

// changeRow is a change in a list.
type changeRow struct {
	enduser.Change
	When  moment
	Chip  chip
	Words string
	About subject
	By    string
}

// changeRows are the rows of a list.
type changeRows []changeRow

// draw implements component.
func (rows changeRows) draw(m *markup) {
	m.grow(len(rows))
	for i := range rows {
		rows[i].draw(m)
	}
}

// draw implements component.
func (r *changeRow) draw(m *markup) {
	m.fill(`<tr data-at="%"><td data-label="When">`, r.Position.String())
	r.When.draw(m)
	m.fill(`</td><td data-label="Kind">`)
	r.Chip.draw(m)
	m.fill(`</td><th scope="row">%</th><td class="first rest" data-label="Whose">`, r.Words)
	r.About.draw(m)
	m.fill(`</td><td class="told" data-label="By">`)
	if r.By != "" {
		m.fill(`<bdi class="cut" title="%">%</bdi>`, r.By, r.By)
	} else {
		m.fill(`–`)
	}
	m.fill("</td></tr>\n")
}

// feedQuery is what is asked of the feed.
type feedQuery struct {
	Kind, Field   string
	after, before enduser.Position
}

func readFeedQuery(call *family.Call) (f feedQuery, err error) {
	q, err := call.Query()
	if err != nil {
		return f, err
	}
	f.Kind = q.OneOf("kind", "", "user", "group", "webhook")
	f.Field = q.Text("field")
	after, before := q.Text("after"), q.Text("before")
	if err := q.Strict(); err != nil {
		return f, err
	}
	if f.after, err = enduser.ParsePosition(after); err == nil {
		f.before, err = enduser.ParsePosition(before)
	}
	return f, err
}

// query returns the query of the domain.
func (f *feedQuery) query() enduser.ChangeQuery {
	q := enduser.ChangeQuery{After: f.after, Before: f.before, Desc: f.after.IsZero(), Limit: changesPerPage}
	if f.Kind != "" {
		q.Kinds = []string{f.Kind}
	}
	if f.Field != "" {
		q.Fields = []string{f.Field}
	}
	return q
}

// address leads from the root to a part of the feed with the same filters.
func (f *feedQuery) address(path, name string, at enduser.Position) string {
	q := make(url.Values)
	for name, value := range map[string]string{"kind": f.Kind, "field": f.Field, name: at.String()} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// feed answers a part of the feed: the newest changes, or those beside a position.
func (c *console) feed(call *family.Call) error {
	q, err := readFeedQuery(call)
	if err != nil {
		return err
	}
	r := c.Read(call)
	defer r.End()
	p := &feedPage{page: c.page(call, "feed", "Feed"), feedQuery: q}
	p.FieldBox = field{Name: "field", Label: "Field", Hint: "such as metadata.plan", Value: q.Field, Mono: true}
	latest, err := c.Tenant(call).Latest(r.Context)
	if err != nil {
		return r.Explain(err, "")
	}
	found, err := c.readChanges(r.Context, call, q.query())
	switch {
	case errors.Is(err, enduser.ErrTrimmed):
		p.Lost = true
		return c.show(call, http.StatusGone, "feed", p)
	case err != nil:
		return err
	case len(found.Changes) == 0 && found.More:
		p.GoOn = q.beside(&p.page, found.Position)
		return c.show(call, http.StatusServiceUnavailable, "feed", p)
	}
	newest := q.before.IsZero() && (q.after.IsZero() || !found.More)
	if !q.after.IsZero() {
		slices.Reverse(found.Changes)
	}
	p.Rows = c.changeRows(r, call, found.Changes, &p.page)
	p.turn(&q, &found, latest, newest)
	return c.show(call, http.StatusOK, "feed", p)
}

// beside leads on in the direction of a query.
func (f *feedQuery) beside(p *page, at enduser.Position) string {
	if f.after.IsZero() {
		return p.Root + f.address("feed", "before", at)
	}
	return p.Root + f.address("feed", "after", at)
}

// turn says where newer and older changes are, and where new ones will be.
func (p *feedPage) turn(q *feedQuery, found *enduser.ChangePage, latest enduser.Position, newest bool) {
	p.Trimmed = found.Trimmed
	p.Pager.Shown = strconv.Itoa(len(p.Rows)) + " shown"
	first, last := latest, found.Position // of what was looked at: the newest and the oldest
	if len(p.Rows) > 0 {
		first = p.Rows[0].Position
	}
	if !q.after.IsZero() {
		if last = q.after; len(p.Rows) > 0 {
			last = p.Rows[len(p.Rows)-1].Position
		}
	}
	switch {
	case newest:
		p.Tail = p.Root + q.address("feed/new", "after", first)
	case len(p.Rows) > 0:
		p.Pager.Newer = p.Root + q.address("feed", "after", first)
	default:
		p.Pager.Newer = p.Root + q.address("feed", "", enduser.Position{})
	}
	if !q.after.IsZero() || found.More {
		p.Pager.Older = p.Root + q.address("feed", "before", last)
	}
}

// changeRows returns changes as rows of a page.
func (c *console) changeRows(r family.Reading, call *family.Call, changes []enduser.Change, p *page) changeRows {
	all := make([]about, len(changes))
	for i := range changes {
		all[i] = about{changes[i].Kind, changes[i].ID}
	}
	found := c.subjects(r, call, all)
	rows := make(changeRows, len(changes))
	for i := range changes {
		ch := &changes[i]
		rows[i] = changeRow{
			Change: *ch, When: p.Time(ch.At), Chip: changeChip(ch), Words: changeWords(ch), By: visible(ch.Actor),
			About: about{ch.Kind, ch.ID}.of(found, p.Root),
		}
		if rows[i].About.Name == "" {
			rows[i].About.Name = visible(ch.ExternalID)
		}
	}
	return rows
}
