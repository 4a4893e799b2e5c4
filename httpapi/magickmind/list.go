package magickmind

import (
	"cmp"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

const (
	maxPage     = 100
	defaultPage = 20
)

// list answers a page of users.
func (f *family) list(c *call) error {
	values, err := c.Query()
	if err != nil {
		return err
	}
	q := rest.Query{Values: values}
	eq := enduser.Query{
		Filter: enduser.Filter{Name: q.Text("name"), ExternalID: q.Text("external_id")},
		Limit:  pageSize(&q),
		Desc:   q.OneOf("order", "asc", "desc") == "desc",
	}
	s := newScopes(c.Principal, &eq)
	s.read(&q, &eq)
	if err := q.Err(); err != nil {
		return err
	}
	page, err := f.tenant(c).List(c.Request.Context(), eq)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, appendPage(c.Buffer(), &page, s))
}

// pageSize returns the parameter that the vendor's client spells limit, and its
// reference Limit.
func pageSize(q *rest.Query) int {
	limit, capital := q.Number("limit", 0, 1, maxPage), q.Number("Limit", 0, 1, maxPage)
	if limit != 0 && capital != 0 && limit != capital {
		q.Fault("Limit", enduser.CodeValue, "is not the same as limit")
	}
	return cmp.Or(limit, capital, defaultPage)
}

// scopes are what the cursors of a list are bound to: whose it is, its filter and
// order, and to which side of the cursor the page lies. There is one parameter for
// both sides: the scope that a cursor fits tells which it is.
type scopes struct{ after, before rest.Scope }

func newScopes(p httpapi.Principal, q *enduser.Query) scopes {
	order := "asc"
	if q.Desc {
		order = "desc"
	}
	towards := func(side string) rest.Scope {
		return rest.NewScope("magickmind", p.Tenant, string(p.Environment), q.Name, q.ExternalID, order, side)
	}
	return scopes{towards("after"), towards("before")}
}

// read reads the cursor of a request, if it has one.
func (s scopes) read(q *rest.Query, eq *enduser.Query) {
	cursor := q.Text("cursor")
	if cursor == "" {
		return
	}
	if place, err := s.after.Decode(cursor); err == nil {
		eq.After = place
	} else if place, err := s.before.Decode(cursor); err == nil {
		eq.Before = place
	} else {
		q.Fault("cursor", enduser.CodeValue, "is not a cursor of this list")
	}
}

// appendPage writes a page. Clients follow has_more and has_previous, so neither is
// true without the cursor that leads on.
func appendPage(b []byte, page *enduser.Page, s scopes) []byte {
	b = append(b, `{"data":[`...)
	for i := range page.Users {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUser(b, &page.Users[i])
	}
	var after, before string
	if n := len(page.Users); n > 0 {
		if page.HasMore {
			after = s.after.Encode(page.Users[n-1].Cursor())
		}
		if page.HasPrevious {
			before = s.before.Encode(page.Users[0].Cursor())
		}
	}
	b = rest.AppendOptional(append(b, `],"paging":{"cursors":{"after":`...), after)
	b = rest.AppendOptional(append(b, `,"before":`...), before)
	b = rest.AppendBool(append(b, `},"has_more":`...), after != "")
	b = rest.AppendBool(append(b, `,"has_previous":`...), before != "")
	return append(b, "}}"...)
}
