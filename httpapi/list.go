package httpapi

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

const metadataParameter = "metadata."

// list answers a page of users.
func (a *api) list(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	eq := enduser.Query{
		Filter: enduser.Filter{
			ExternalID: q.Text("external_id"),
			Email:      q.Text("email"),
			Name:       q.Text("name"),
			Group:      q.Text("group"),
			Account:    accountOf(&q),
			Metadata:   metadataOf(&q),
		},
		Limit:      q.Number("limit", 50, 1, 200),
		Desc:       q.OneOf("order", "asc", "desc") == "desc",
		AddedAfter: q.Time("added_after"), AddedBefore: q.Time("added_before"),
		ExpiringBefore: q.Time("expiring_before"),
	}
	places := placesOf(&q)
	if !eq.ExpiringBefore.IsZero() && (eq.Desc || places.before != "") {
		q.Fault("expiring_before", enduser.CodeValue, "must be given with neither order=desc nor before: the list is in the order of deadlines")
	}
	if err := q.Strict(); err != nil {
		return err
	}
	if eq.After, eq.Before, err = places.cursors(); err != nil {
		return err
	}
	r := a.Read(c)
	defer r.End()
	page, err := a.Tenant(c).List(r.Context, eq)
	if err != nil {
		return r.Explain(asParameters(err), places.reached(page.Next, page.Previous))
	}
	family.LogUnreadable(c, page.Unreadable)
	return c.JSON(http.StatusOK, appendPage(c.Buffer(), &page))
}

// accountOf returns the account of a filter. Its type and ID must be given together.
func accountOf(q *rest.Query) enduser.Account {
	a := enduser.Account{Type: q.Text("account_type"), ID: q.Text("account_id")}
	switch {
	case a.Type != "" && a.ID == "":
		q.Fault("account_id", enduser.CodeRequired, "must be given with account_type")
	case a.ID != "" && a.Type == "":
		q.Fault("account_type", enduser.CodeRequired, "must be given with account_id")
	}
	return a
}

// metadataOf returns the texts of the filters metadata.KEY, by key.
func metadataOf(q *rest.Query) enduser.Metadata {
	var m enduser.Metadata
	for name := range q.Values {
		key, ok := strings.CutPrefix(name, metadataParameter)
		if !ok {
			continue
		}
		text := q.Text(name)
		if text == "" {
			continue
		}
		if m == nil {
			m = make(enduser.Metadata)
		}
		m[key] = enduser.String(text)
	}
	return m
}

// places are the cursors of a request for a list, as text.
type places struct{ after, before string }

func placesOf(q *rest.Query) places {
	p := places{q.Text("after"), q.Text("before")}
	if p.after != "" && p.before != "" {
		q.Fault("before", enduser.CodeValue, "must not be given with after")
	}
	return p
}

func (p places) given() bool { return p.after != "" || p.before != "" }

func (p places) cursors() (after, before enduser.Cursor, err error) {
	if after, err = enduser.ParseCursor(p.after); err == nil {
		before, err = enduser.ParseCursor(p.before)
	}
	return after, before, err
}

// reached returns the cursor from which to continue after a page that took too long, in the
// direction of the request.
func (p places) reached(next, previous enduser.Cursor) string {
	if p.before != "" {
		return cmp.Or(previous.String(), p.before)
	}
	return cmp.Or(next.String(), p.after)
}

// asParameters returns an error whose faults are in parameters of the path or query.
func asParameters(err error) error { return family.Placed(err, family.Parameter) }

func appendPage(b []byte, page *enduser.Page) []byte {
	b = append(b, `{"data":[`...)
	for i := range page.Users {
		if i > 0 {
			b = append(b, ',')
		}
		b = userjson.Native(b, &page.Users[i])
	}
	return appendPaging(append(b, ']'), page.Next, page.Previous)
}

// appendPaging ends a page with the cursors of the pages beside it.
func appendPaging(b []byte, next, previous enduser.Cursor) []byte {
	b = jsontext.AppendOptional(append(b, `,"paging":{"cursors":{"after":`...), next.String())
	b = jsontext.AppendOptional(append(b, `,"before":`...), previous.String())
	b = rest.AppendBool(append(b, `},"has_more":`...), !next.IsZero())
	b = rest.AppendBool(append(b, `,"has_previous":`...), !previous.IsZero())
	return append(b, "}}"...)
}
