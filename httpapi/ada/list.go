package ada

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// list shows a page of users, or the user that has an external ID.
func (a *api) list(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	limit, cursor := q.Number("limit", 0, 1, maxPage), q.Text("cursor")
	if q.Values.Has("external_id") {
		return a.find(c, &q, limit != 0 || cursor != "")
	}
	eq := enduser.Query{Limit: cmp.Or(limit, defaultPage)}
	if eq.After, err = enduser.ParseCursor(cursor); err != nil {
		blameCursor(&q)
	}
	if err := q.Strict(); err != nil {
		return err
	}
	read := a.Read(c)
	defer read.End()
	page, err := a.Tenant(c).List(read.Context, eq)
	if invalid, ok := errors.AsType[*enduser.InvalidError](err); ok && invalid.Violations[0].Code == enduser.CodeCursor {
		blameCursor(&q)
		return q.Err()
	}
	next := a.nextPage(c, page.Next, limit)
	if err != nil {
		return read.Explain(err, next)
	}
	family.LogUnreadable(c, page.Unreadable)
	return c.JSON(http.StatusOK, appendPage(c.Buffer(), page.Users, next))
}

func blameCursor(q *rest.Query) {
	q.Fault("cursor", enduser.CodeCursor, "is not a cursor of this list")
}

// find shows the user that has an external ID. If no user has it, it is 400 when none can
// have it, else 404.
func (a *api) find(c *call, q *rest.Query, paged bool) error {
	id := q.Text("external_id")
	switch {
	case paged:
		q.Fault("external_id", enduser.CodeValue, "must not be given with limit or cursor")
	case id == "" && len(q.Values["external_id"]) == 1:
		q.Fault("external_id", enduser.CodeRequired, "must not be empty")
	}
	if err := q.Strict(); err != nil {
		return err
	}
	t := a.Tenant(c)
	u, err := t.Get(c.Request.Context(), enduser.ByExternalID(id))
	if errors.Is(err, enduser.ErrNotFound) {
		if wrong := t.Check(enduser.Spec{ExternalID: id}); wrong != nil {
			err = wrong
		}
	}
	return showIfNew(c, &u, family.Placed(err, family.Parameter))
}

// nextPage returns the absolute URL of the page after a cursor, with the limit of the
// request; "" for the zero cursor. Without BaseURL and Host, which HTTP/1.0 need not have,
// it has neither scheme nor host.
func (a *api) nextPage(c *call, from enduser.Cursor, limit int) string {
	if from.IsZero() {
		return ""
	}
	query := url.Values{"cursor": {from.String()}}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	target := c.Target() + "?" + query.Encode()
	base := a.base
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
	b = jsontext.AppendList(append(b, `{"data":`...), users, func(b []byte, u enduser.User) []byte { return userjson.Ada(b, &u) })
	b = jsontext.AppendOptional(append(b, `,"meta":{"next_page_url":`...), next)
	return append(b, "}}"...)
}
