package ada

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// list answers a page of users, or the one that has an external ID.
func (f *family) list(c *call) error {
	values, err := c.Query()
	if err != nil {
		return err
	}
	q := rest.Query{Values: values}
	limit, cursor := q.Number("limit", 0, 1, maxPage), q.Text("cursor")
	eq := enduser.Query{Limit: cmp.Or(limit, defaultPage)}
	s := listScope(c.Principal)
	if cursor != "" {
		if eq.After, err = s.Decode(cursor); err != nil {
			q.Fault("cursor", enduser.CodeValue, "is not a cursor of this list")
		}
	}
	if values.Has("external_id") {
		return f.find(c, &q, limit != 0 || cursor != "")
	}
	if err := q.Err(); err != nil {
		return err
	}
	page, err := f.tenant(c).List(c.Request.Context(), eq)
	if err != nil {
		return err
	}
	next := url.Values{}
	if n := len(page.Users); n > 0 && page.HasMore {
		next.Set("cursor", s.Encode(page.Users[n-1].Cursor()))
		if limit != 0 {
			next.Set("limit", strconv.Itoa(limit))
		}
	}
	return c.JSON(http.StatusOK, appendPage(c.Buffer(), page.Users, f.urlOf(c, next)))
}

// find shows the user that has an external ID. Where nobody has it, it makes a
// difference whether anybody could.
func (f *family) find(c *call, q *rest.Query, paged bool) error {
	id := q.Text("external_id")
	switch {
	case paged:
		q.Fault("external_id", enduser.CodeValue, "must not be given with limit or cursor")
	case id == "" && len(q.Values["external_id"]) == 1:
		q.Fault("external_id", enduser.CodeRequired, "must not be empty")
	}
	if err := q.Err(); err != nil {
		return err
	}
	t := f.tenant(c)
	u, err := t.Get(c.Request.Context(), enduser.ByExternalID(id))
	if errors.Is(err, enduser.ErrNotFound) {
		if wrong := t.Check(enduser.Spec{ExternalID: id}); wrong != nil {
			err = wrong
		}
	}
	return showIfNew(c, &u, blame(err, "external_id", rest.Field{Pointer: "external_id", Query: true}))
}

// listScope is what the cursors of a list are bound to: whose it is.
func listScope(p httpapi.Principal) rest.Scope {
	return rest.NewScope("ada", p.Tenant, string(p.Environment))
}

// urlOf returns the absolute URL of a request with another query, "" for none. It has
// neither scheme nor host if nobody said which: HTTP/1.0 knows requests without Host.
func (f *family) urlOf(c *call, query url.Values) string {
	if len(query) == 0 {
		return ""
	}
	target := c.Target() + "?" + query.Encode()
	base := f.base
	if base == nil && c.Request.Host != "" {
		base = &url.URL{Scheme: "http", Host: c.Request.Host}
		if c.Request.TLS != nil {
			base.Scheme = "https"
		}
	}
	if base == nil {
		return target
	}
	return base.String() + target
}

func appendPage(b []byte, users []enduser.User, next string) []byte {
	b = append(b, `{"data":[`...)
	for i := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUser(b, &users[i])
	}
	b = rest.AppendOptional(append(b, `],"meta":{"next_page_url":`...), next)
	return append(b, "}}"...)
}
