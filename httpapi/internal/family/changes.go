package family

import (
	"context"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// AwaitChanges waits for a change behind an empty page of a query, and returns the page that has
// it. If the wait is over or the server closes, it returns the last empty page. It returns an
// error if the request itself ends, and a problem if the credential has lost the right to see the
// feed meanwhile.
func (h *Host) AwaitChanges(c *Call, q enduser.ChangeQuery, page enduser.ChangePage, wait time.Duration) (enduser.ChangePage, error) {
	c.Idle()
	request := c.Request.Context()
	ctx, cancel := context.WithTimeout(request, wait)
	defer cancel()
	if h.Closing != nil {
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-h.Closing:
				cancel()
			case <-stop:
			}
		}()
	}
	t := h.Tenant(c)
	for len(page.Changes) == 0 {
		q.After = page.Position
		err := t.WaitChanges(ctx, q.After)
		if ctx.Err() != nil {
			return page, request.Err()
		}
		if err != nil {
			return page, err
		}
		if page, err = h.readOn(c, t, q); err != nil {
			return page, err
		}
	}
	return page, h.mayStill(c)
}

// mayStill returns a problem if the credential has lost the right to see the feed while the
// request waited.
func (h *Host) mayStill(c *Call) error {
	was := c.Principal
	now, err := c.Authenticate()
	switch {
	case err != nil:
		return err
	case now.Tenant != was.Tenant || now.Environment != was.Environment:
		return rest.Forbidden()
	}
	c.Principal = now
	return h.Allow(c, "listChanges", false)
}

// readOn returns the next page, which is empty if nothing was selected.
func (h *Host) readOn(c *Call, t enduser.Tenant, q enduser.ChangeQuery) (enduser.ChangePage, error) {
	r := h.Read(c)
	defer r.End()
	page, err := t.Changes(r.Context, q)
	return page, r.Explain(err, page.Position.String())
}
