package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

const (
	tailFor  = 25 * time.Second // how long a request for new changes waits for one
	maxTails = 4                // such requests of one credential and actor that wait at once
)

// tails counts the requests that wait for new changes. A browser may have many tabs, and each of
// them keeps a connection.
type tails struct {
	mu      sync.Mutex
	waiting map[string]int // by credential and actor
}

// enter counts a request, and returns what ends it. It returns false if too many wait.
func (t *tails) enter(who string) (leave func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting[who] >= maxTails {
		return nil, false
	}
	if t.waiting == nil {
		t.waiting = make(map[string]int)
	}
	t.waiting[who]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.waiting[who]--; t.waiting[who] == 0 {
			delete(t.waiting, who)
		}
	}, true
}

// tailPage is a part of a page of the feed: the rows that are to be put above the others.
type tailPage struct {
	page
	Rows  changeRows
	After enduser.Position // of the next request
	More  bool             // there may be more now
}

// feedTail answers the changes behind a position, newest first. If there are none it waits.
func (c *console) feedTail(call *family.Call) error {
	q, err := readFeedQuery(call)
	if err != nil {
		return err
	}
	if q.after.IsZero() {
		return rest.BadRequest("invalid", "The parameter after is missing.")
	}
	found, err := c.newChanges(call, q.query())
	if err != nil {
		return err
	}
	r := c.Read(call)
	defer r.End()
	p := &tailPage{page: c.page(call, "feed", "Feed"), After: found.Position, More: found.More}
	p.Root = "./" // that of the page that gets the rows
	slices.Reverse(found.Changes)
	p.Rows = c.changeRows(r, call, found.Changes, &p.page)
	return c.send(call, http.StatusOK, "feed", "tail", p)
}

// newChanges returns the changes that a query selects, as soon as there are any.
func (c *console) newChanges(call *family.Call, q enduser.ChangeQuery) (enduser.ChangePage, error) {
	page, err := c.changesNow(call, q)
	if err != nil || len(page.Changes) > 0 || page.More {
		return page, err
	}
	// A host with a login of its own may name no credential, but those who are logged in.
	leave, ok := c.tails.enter(call.Principal.Key() + "\x00" + call.Principal.Actor)
	if !ok {
		return page, tooManyTails()
	}
	defer leave()
	return c.AwaitChanges(call, q, page, tailFor)
}

func (c *console) changesNow(call *family.Call, q enduser.ChangeQuery) (enduser.ChangePage, error) {
	r := c.Read(call)
	defer r.End()
	return c.readChanges(r.Context, call, q)
}

// readChanges returns changes that are there. If there was no time to come to one, there is more
// to read from the position of the page.
func (c *console) readChanges(ctx context.Context, call *family.Call, q enduser.ChangeQuery) (enduser.ChangePage, error) {
	page, err := c.Tenant(call).Changes(ctx, q)
	if errors.Is(err, context.DeadlineExceeded) && call.Request.Context().Err() == nil && !page.Position.IsZero() {
		page.More, err = true, nil
	}
	return page, err
}

func tooManyTails() *rest.Problem {
	p := rest.TooMany(tailFor)
	p.Code, p.Title, p.Detail = "too-many-tails", "Too many live feeds", "This key follows the feed in too many windows already. Close one of them."
	return p
}
