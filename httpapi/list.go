package httpapi

import (
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

const metadataParameter = "metadata."

// list answers a page of users.
func (a *api) list(c *call) error {
	values, err := c.Query()
	if err != nil {
		return err
	}
	q := query{values: values}
	eq := enduser.Query{
		Filter: enduser.Filter{
			ExternalID: q.text("external_id"),
			Email:      q.text("email"),
			Name:       q.text("name"),
			Group:      q.text("group"),
		},
		Limit: q.number("limit", 50, 1, 200),
		Desc:  q.oneOf("order", "asc", "desc") == "desc",
	}
	if account := q.text("account"); account != "" {
		typ, id, ok := strings.Cut(account, ":")
		if !ok || typ == "" || id == "" {
			q.fault("account", enduser.CodeFormat, "must be a type, a colon and an id")
		}
		eq.Account = enduser.Account{Type: typ, ID: id}
	}
	eq.Metadata = q.metadata()
	after, before := q.text("after"), q.text("before")
	if after != "" && before != "" {
		q.fault("before", enduser.CodeValue, "must not be given with after")
	}
	if err := q.err(); err != nil {
		return err
	}
	s := listScope(c.Principal, &eq)
	if after != "" {
		eq.After, err = s.decode(after)
	} else if before != "" {
		eq.Before, err = s.decode(before)
	}
	if err != nil {
		return err
	}
	page, err := a.tenant(c).List(c.Request.Context(), eq)
	if err != nil {
		return asQuery(err)
	}
	return c.JSON(http.StatusOK, appendPage(c.Buffer(), &page, s))
}

// metadata returns the values of the parameters metadata.KEY: JSON if they are a
// JSON number, boolean, or string in quotes, text otherwise.
func (q *query) metadata() enduser.Metadata {
	var m enduser.Metadata
	for name := range q.values {
		key, ok := strings.CutPrefix(name, metadataParameter)
		if !ok {
			continue
		}
		text := q.text(name)
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
func listScope(p Principal, q *enduser.Query) scope {
	s := newScope("end-users", p).with(q.ExternalID).with(q.Email).with(q.Name).with(q.Group).
		with(q.Account.Type).with(q.Account.ID).with(string(q.Metadata.AppendJSON(nil)))
	if q.Desc {
		return s.with("desc")
	}
	return s.with("asc")
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

func appendPage(b []byte, page *enduser.Page, s scope) []byte {
	b = append(b, `{"data":[`...)
	for i := range page.Users {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUser(b, &page.Users[i])
	}
	b = append(b, `],"paging":{"cursors":{"after":`...)
	var after, before string
	if n := len(page.Users); n > 0 {
		if page.HasMore {
			after = s.encode(page.Users[n-1].Cursor())
		}
		if page.HasPrevious {
			before = s.encode(page.Users[0].Cursor())
		}
	}
	b = appendOptional(b, after)
	b = appendOptional(append(b, `,"before":`...), before)
	b = appendBool(append(b, `},"has_more":`...), page.HasMore)
	b = appendBool(append(b, `,"has_previous":`...), page.HasPrevious)
	return append(b, "}}"...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

// appendStrings writes an array of strings.
func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsontext.AppendString(b, s)
	}
	return append(b, ']')
}
