package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// feedQuery is what a request for changes asks for.
type feedQuery struct {
	enduser.ChangeQuery

	now   bool
	since time.Time
	wait  time.Duration
}

// changes answers a page of the feed: from a cursor, from now or from a time on, or the
// newest changes first; all of them, or those of a kind or field. With wait it keeps the
// request open until there is one, for at most so many seconds.
func (a *api) changes(c *call) error {
	q, err := readFeedQuery(c)
	if err != nil {
		return err
	}
	r := a.Read(c)
	defer r.End()
	t := a.Tenant(c)
	switch {
	case q.now:
		q.After, err = t.Latest(r.Context)
	case !q.since.IsZero():
		q.After, err = t.PositionAt(r.Context, q.since)
	}
	if err != nil {
		return r.Explain(err, "")
	}
	page, err := t.Changes(r.Context, q.ChangeQuery)
	if err != nil {
		return r.Explain(err, page.Position.String())
	}
	if len(page.Changes) == 0 && q.wait > 0 {
		if page, err = a.AwaitChanges(c, q.ChangeQuery, page, q.wait); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, appendChanges(c.Buffer(), &page))
}

func readFeedQuery(c *call) (f feedQuery, err error) {
	q, err := c.Query()
	if err != nil {
		return f, err
	}
	after, before := q.Text("after"), q.Text("before")
	if from := q.Text("from"); from != "" {
		if f.now = from == "now"; !f.now {
			q.Fault("from", enduser.CodeValue, "must be now")
		}
	}
	f.since = q.Time("since")
	f.Desc = q.OneOf("order", "asc", "desc") == "desc"
	f.Limit = q.Number("limit", 100, 1, 1000)
	f.wait = time.Duration(q.Number("wait", 0, 0, 30)) * time.Second
	if kind := q.Text("kind"); kind != "" {
		if !slices.Contains([]string{"user", "group", "webhook"}, kind) {
			q.Fault("kind", enduser.CodeValue, "must be user, group or webhook")
		}
		f.Kinds = []string{kind}
	}
	if field := q.Text("field"); field != "" {
		f.Fields = []string{field}
	}
	begin := ""
	for _, name := range []string{"after", "from", "since"} {
		switch {
		case q.Values.Get(name) == "":
		case f.Desc:
			q.Fault(name, enduser.CodeValue, "must not be given with order=desc")
		case begin != "":
			q.Fault(name, enduser.CodeValue, "must not be given with "+begin)
		default:
			begin = name
		}
	}
	if f.Desc && f.wait > 0 {
		q.Fault("wait", enduser.CodeValue, "must not be given with order=desc")
	}
	if !f.Desc && before != "" {
		q.Fault("before", enduser.CodeValue, "must be given with order=desc")
	}
	if err := q.Strict(); err != nil {
		return f, err
	}
	if f.After, err = enduser.ParsePosition(after); err == nil {
		f.Before, err = enduser.ParsePosition(before)
	}
	return f, err
}

func appendChanges(b []byte, page *enduser.ChangePage) []byte {
	b = jsontext.AppendList(append(b, `{"data":`...), page.Changes, appendChange)
	b = jsontext.AppendString(append(b, `,"cursor":`...), page.Position.String())
	b = rest.AppendBool(append(b, `,"has_more":`...), page.More)
	b = rest.AppendBool(append(b, `,"trimmed":`...), page.Trimmed)
	return append(b, '}')
}

func appendChange(b []byte, ch enduser.Change) []byte {
	b = jsontext.AppendString(append(b, `{"type":`...), string(ch.Type))
	b = jsontext.AppendString(append(b, `,"kind":`...), ch.Kind)
	b = jsontext.AppendString(append(b, `,"id":`...), ch.ID)
	b = appendInt(append(b, `,"revision":`...), ch.Revision)
	b = jsontext.AppendOptional(append(b, `,"actor":`...), ch.Actor)
	b = jsontext.AppendTime(append(b, `,"at":`...), ch.At)
	b = jsontext.AppendList(append(b, `,"fields":`...), ch.Fields, jsontext.AppendString)
	if ch.ExternalID != "" {
		b = jsontext.AppendString(append(b, `,"external_id":`...), ch.ExternalID)
	}
	b = jsontext.AppendString(append(b, `,"cursor":`...), ch.Position.String())
	return append(b, '}')
}
