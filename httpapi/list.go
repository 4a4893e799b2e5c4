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
	after, before := q.Text("after"), q.Text("before")
	if after != "" && before != "" {
		q.Fault("before", enduser.CodeValue, "must not be given with after")
	}
	if err := q.Strict(); err != nil {
		return err
	}
	s := listScope(c.Principal, &eq)
	if after != "" {
		eq.After, err = s.Decode(after)
	} else if before != "" {
		eq.Before, err = s.Decode(before)
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
	if q.Desc {
		return s.With("desc")
	}
	return s.With("asc")
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
	b = append(b, `],"paging":{"cursors":{"after":`...)
	var after, before string
	if n := len(page.Users); n > 0 {
		if page.HasMore {
			after = s.Encode(page.Users[n-1].Cursor())
		}
		if page.HasPrevious {
			before = s.Encode(page.Users[0].Cursor())
		}
	}
	b = rest.AppendOptional(b, after)
	b = rest.AppendOptional(append(b, `,"before":`...), before)
	b = rest.AppendBool(append(b, `},"has_more":`...), page.HasMore)
	b = rest.AppendBool(append(b, `,"has_previous":`...), page.HasPrevious)
	return append(b, "}}"...)
}
