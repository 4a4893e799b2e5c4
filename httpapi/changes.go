package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// changes answers what changed after a cursor. With wait it keeps the request open
// until something does, at most so many seconds.
func (a *api) changes(c *call) error {
	values, err := c.Query()
	if err != nil {
		return err
	}
	q := rest.Query{Values: values}
	cursor := q.Text("after")
	limit := q.Number("limit", 100, 1, 1000)
	wait := q.Number("wait", 0, 0, 30)
	if err := q.Strict(); err != nil {
		return err
	}
	s := rest.NewScope("changes", c.Principal.Tenant, string(c.Principal.Environment))
	after := int64(0)
	if cursor != "" {
		var err error
		if after, err = s.Decode(cursor); err != nil {
			return err
		}
	}
	t := a.tenant(c)
	changes, err := t.Changes(c.Request.Context(), after, limit)
	if err == nil && len(changes) == 0 && wait > 0 {
		if err = a.wait(c, t, after, time.Duration(wait)*time.Second); err == nil {
			changes, err = t.Changes(c.Request.Context(), after, limit)
		}
	}
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		cursor = s.Encode(changes[len(changes)-1].Revision)
	}
	return c.JSON(http.StatusOK, appendChanges(c.Buffer(), changes, cursor, len(changes) == limit))
}

// wait returns when there is something to read, the time is over, or the server
// closes. An end of the request itself is an error.
func (a *api) wait(c *call, t enduser.Tenant, after int64, limit time.Duration) error {
	request := c.Request.Context()
	ctx, cancel := context.WithTimeout(request, limit)
	defer cancel()
	if a.options.Closing != nil {
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-a.options.Closing:
				cancel()
			case <-stop:
			}
		}()
	}
	err := t.WaitChanges(ctx, after)
	if ctx.Err() != nil {
		return request.Err()
	}
	return err
}

func appendChanges(b []byte, changes []enduser.Change, cursor string, more bool) []byte {
	b = append(b, `{"data":[`...)
	for i := range changes {
		ch := &changes[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = jsontext.AppendString(append(b, `{"type":`...), string(ch.Type))
		b = jsontext.AppendString(append(b, `,"kind":`...), ch.Kind)
		b = jsontext.AppendString(append(b, `,"id":`...), ch.ID)
		b = appendInt(append(b, `,"revision":`...), ch.Revision)
		b = rest.AppendOptional(append(b, `,"actor":`...), ch.Actor)
		b = appendTime(append(b, `,"at":`...), ch.At)
		b = append(rest.AppendStrings(append(b, `,"fields":`...), ch.Fields), '}')
	}
	b = rest.AppendOptional(append(b, `],"cursor":`...), cursor)
	return append(rest.AppendBool(append(b, `,"has_more":`...), more), '}')
}
