package httpapi

import (
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

const metadataParameter = "metadata."

// list answers a page of users.
func (a *api) list(c *call) error {
	values, err := c.Query()
	if err != nil {
		return err
	}
	q := rest.Query{Values: values}
	eq := enduser.Query{
		Filter: enduser.Filter{
			ExternalID: q.Text("external_id"),
			Email:      q.Text("email"),
			Name:       q.Text("name"),
			Group:      q.Text("group"),
		},
		Limit: q.Number("limit", 50, 1, 200),
		Desc:  q.OneOf("order", "asc", "desc") == "desc",
	}
	if account := q.Text("account"); account != "" {
		typ, id, ok := strings.Cut(account, ":")
		if !ok || typ == "" || id == "" {
			q.Fault("account", enduser.CodeFormat, "must be a type, a colon and an id")
		}
		eq.Account = enduser.Account{Type: typ, ID: id}
	}
	eq.Metadata = metadataOf(&q)
	places := placesOf(&q)
	if err := q.Strict(); err != nil {
		return err
	}
	s := listScope(c.Principal, &eq)
	if eq.After, eq.Before, err = places.decode(s); err != nil {
		return err
	}
	page, err := a.tenant(c).List(c.Request.Context(), eq)
	if err != nil {
		return asQuery(err)
	}
	return c.JSON(http.StatusOK, appendPage(c.Buffer(), &page, s))
}

// metadataOf returns the values of the parameters metadata.KEY: JSON if they are a
// JSON number, boolean, or string in quotes, text otherwise.
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
		value, err := enduser.JSON(text)
		if err != nil || value.IsNull() {
			value = enduser.String(text)
		}
		m[key] = value
	}
	return m
}

// listScope is what the cursors of a list are bound to: whose it is, its filter
// and its order.
func listScope(p Principal, q *enduser.Query) rest.Scope {
	s := rest.NewScope("end-users", p.Tenant, string(p.Environment)).With(q.ExternalID).With(q.Email).With(q.Name).With(q.Group).
		With(q.Account.Type).With(q.Account.ID).With(string(q.Metadata.AppendJSON(nil)))
	return s.With(direction(q.Desc))
}

func direction(desc bool) string {
	if desc {
		return "desc"
	}
	return "asc"
}

// places are the cursors of a request for a list.
type places struct{ after, before string }

func placesOf(q *rest.Query) places {
	p := places{q.Text("after"), q.Text("before")}
	if p.after != "" && p.before != "" {
		q.Fault("before", enduser.CodeValue, "must not be given with after")
	}
	return p
}

func (p places) given() bool { return p.after != "" || p.before != "" }

// decode returns the places of a list; zero for one that is not given.
func (p places) decode(s rest.Scope) (after, before int64, err error) {
	switch {
	case p.after != "":
		after, err = s.Decode(p.after)
	case p.before != "":
		before, err = s.Decode(p.before)
	}
	return after, before, err
}

// asQuery says of input that is not admitted that it came in the query.
func asQuery(err error) error {
	p := explain(err)
	if p == nil || len(p.Errors) == 0 {
		return err
	}
	for i := range p.Errors {
		p.Errors[i].Query = true
	}
	return p
}

func appendPage(b []byte, page *enduser.Page, s rest.Scope) []byte {
	b = append(b, `{"data":[`...)
	for i := range page.Users {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUser(b, &page.Users[i])
	}
	var first, last int64
	if n := len(page.Users); n > 0 {
		first, last = page.Users[0].Cursor(), page.Users[n-1].Cursor()
	}
	return appendPaging(b, s, first, last, page.HasPrevious, page.HasMore)
}

// appendPaging ends a page: where it begins and ends, if something is beyond.
func appendPaging(b []byte, s rest.Scope, first, last int64, previous, more bool) []byte {
	var after, before string
	if more && last > 0 {
		after = s.Encode(last)
	}
	if previous && first > 0 {
		before = s.Encode(first)
	}
	b = rest.AppendOptional(append(b, `],"paging":{"cursors":{"after":`...), after)
	b = rest.AppendOptional(append(b, `,"before":`...), before)
	b = rest.AppendBool(append(b, `},"has_more":`...), more)
	b = rest.AppendBool(append(b, `,"has_previous":`...), previous)
	return append(b, "}}"...)
}
