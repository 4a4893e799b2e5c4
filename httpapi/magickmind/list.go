package magickmind

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

const (
	maxPage     = 100
	defaultPage = 20
)

// list answers with a page of users.
func (a *api) list(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	eq := enduser.Query{
		Filter: enduser.Filter{Name: q.Text("name"), ExternalID: q.Text("external_id")},
		Limit:  pageSize(&q),
		Desc:   q.OneOf("order", "asc", "desc") == "desc",
	}
	readCursor(&q, &eq)
	if err := q.Strict(); err != nil {
		return err
	}
	read := a.Read(c)
	defer read.End()
	page, err := a.Tenant(c).List(read.Context, eq)
	if err != nil {
		reached := page.Next.String()
		if !eq.Before.IsZero() {
			reached = backwards(page.Previous)
		}
		return read.Explain(err, reached)
	}
	family.LogUnreadable(c, page.Unreadable)
	return c.JSON(http.StatusOK, appendPage(c.Buffer(), &page))
}

// pageSize returns the page size. The vendor's client calls the parameter limit, its
// reference Limit.
func pageSize(q *rest.Query) int {
	limit, capital := q.Number("limit", 0, 1, maxPage), q.Number("Limit", 0, 1, maxPage)
	if limit != 0 && capital != 0 && limit != capital {
		q.Fault("Limit", enduser.CodeValue, "is not the same as limit")
	}
	return cmp.Or(limit, capital, defaultPage)
}

// towardsBefore begins the cursors of previous pages. One parameter takes the cursors of
// both directions, so a cursor has to name its own.
const towardsBefore = "before-"

// backwards returns the text of a cursor that leads to the page before it.
func backwards(cursor enduser.Cursor) string {
	if cursor.IsZero() {
		return ""
	}
	return towardsBefore + cursor.String()
}

// readCursor reads the cursor of a request, if it has one.
func readCursor(q *rest.Query, eq *enduser.Query) {
	place := &eq.After
	text, before := strings.CutPrefix(q.Text("cursor"), towardsBefore)
	if before {
		place = &eq.Before
	}
	var err error
	if *place, err = enduser.ParseCursor(text); err != nil || before && place.IsZero() {
		q.Fault("cursor", enduser.CodeValue, notACursor)
	}
}

// notACursor is the message for every invalid cursor, whatever is wrong with it.
const notACursor = "is not a cursor of this list"

// appendPage writes a page. Clients follow has_more and has_previous, so each is true only
// if there is a cursor to follow.
func appendPage(b []byte, page *enduser.Page) []byte {
	b = jsontext.AppendList(append(b, `{"data":`...), page.Users, func(b []byte, u enduser.User) []byte { return appendUser(b, &u) })
	after, before := page.Next.String(), backwards(page.Previous)
	b = jsontext.AppendOptional(append(b, `,"paging":{"cursors":{"after":`...), after)
	b = jsontext.AppendOptional(append(b, `,"before":`...), before)
	b = rest.AppendBool(append(b, `},"has_more":`...), after != "")
	b = rest.AppendBool(append(b, `,"has_previous":`...), before != "")
	return append(b, "}}"...)
}
