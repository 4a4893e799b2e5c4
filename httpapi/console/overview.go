package console

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

type overviewPage struct {
	page
	Figures  []*figure
	Days     *chart         // nil: the credential has no right to it
	DaysLost string         // why days are not known
	Store    *storePanel    // nil: there is nothing to show
	Hooks    *endpointPanel // nil: the credential has no right to it
	First    *empty         // of a tenant without users
	Late     bool           // a second request may know more
}

// storePanel is what the overview shows of the store.
type storePanel struct {
	Info      *StoreInfo // nil: the host does not say
	HasFeed   bool       // the credential may read the feed, whose newest entry is the last write
	LastWrite time.Time  // zero: none is in the feed, or not known
	Reason    string
}

// endpointPanel has the webhooks, first those that are furthest behind.
type endpointPanel struct {
	Rows    []endpointRow
	More    int    // not in Rows
	Known   bool   // all are read
	Reason  string // why they are not
	MayOpen bool
}

type endpointRow struct {
	ID          string
	Address     address
	Description string
	States      []hookState
	Lag         lag
	trouble     bool
}

// overview shows how a tenant is. What takes too long, or fails, is left out, and the page says
// why. What the credential has no right to is not on the page.
//
// The page is shown at once with what is known then. With wait=yes it takes longer; scripts ask for
// that by themselves.
func (c *console) overview(call *family.Call) error {
	q, err := call.Query()
	if err != nil {
		return err
	}
	waits := q.OneOf("wait", "no", "yes") == "yes"
	if err := q.Strict(); err != nil {
		return err
	}
	limit := c.overviewFor
	if !waits {
		limit /= 10
	}
	data := &overviewPage{page: c.page(call, "", "Overview")}
	t := c.Tenant(call)
	g, end := c.gather(call, limit)
	defer end()
	all := c.askUsers(g, t, data)
	c.askStore(g, t, data)
	c.askWebhooks(g, t, data)
	data.Late = g.wait() && !waits
	if all != nil && all.Value == "0" {
		data.First = c.first(call)
	}
	return c.show(call, http.StatusOK, "overview", data)
}

// figure adds a figure that is not known yet.
func (o *overviewPage) figure(label, href string) *figure {
	f := &figure{Value: unknown, Label: label, Href: href}
	o.Figures = append(o.Figures, f)
	return f
}

// know gives a figure its number.
func (f *figure) know(n enduser.Count) {
	f.Value, f.Reason = countText(n), ""
}

// askUsers returns the figure of all users; nil if the credential has no right to it.
func (c *console) askUsers(g *gathering, t enduser.Tenant, data *overviewPage) (all *figure) {
	if !c.may(g.call, "listEndUsers", false) {
		return nil
	}
	count := func(label, href string, q enduser.Query) *figure {
		f := data.figure(label, href)
		g.ask(func(ctx context.Context) error {
			n, err := c.counts.count(ctx, t, href, q, data.Now, 0)
			if err == nil {
				g.put(func() { f.know(n) })
			}
			return err
		}, &f.Reason)
		return f
	}
	all = count("Users", "users", enduser.Query{})
	count("Created in the last 24 h", "users?created=24h", addedFrom(data.Now.Add(-24*time.Hour)))
	count("Expiring in the next 24 h", "users?expiring=24h", enduser.Query{ExpiringBefore: data.Now.Add(24 * time.Hour)})
	c.askDays(g, t, data)
	return all
}

func (c *console) askStore(g *gathering, t enduser.Tenant, data *overviewPage) {
	s := &storePanel{HasFeed: c.may(g.call, "listChanges", false)}
	if c.store != nil {
		info := c.store()
		s.Info = &info
	}
	if s.Info == nil && !s.HasFeed {
		return
	}
	if data.Store = s; !s.HasFeed {
		return
	}
	g.ask(func(ctx context.Context) error {
		page, err := t.Changes(ctx, enduser.ChangeQuery{Desc: true, Limit: 1})
		if err == nil && len(page.Changes) > 0 {
			g.put(func() { s.LastWrite = page.Changes[0].At })
		}
		return err
	}, &s.Reason)
}

// maxEndpoints is how many webhooks the overview shows.
const maxEndpoints = 10

func (c *console) askWebhooks(g *gathering, t enduser.Tenant, data *overviewPage) {
	if !c.may(g.call, "listWebhooks", false) || !c.may(g.call, "getWebhookState", false) {
		return
	}
	f := data.figure("Endpoints failing or gapped", "webhooks")
	p := &endpointPanel{MayOpen: c.may(g.call, "getWebhook", false)}
	data.Hooks = p
	mayFeed := c.may(g.call, "listChanges", false)
	g.ask(func(ctx context.Context) error {
		rows, troubled, err := endpoints(ctx, t, mayFeed)
		g.put(func() {
			p.Rows, p.Known = rows, err == nil
			if len(rows) > maxEndpoints {
				p.Rows, p.More = rows[:maxEndpoints], len(rows)-maxEndpoints
			}
			if p.Known {
				f.know(enduser.Count{N: troubled, Exact: true})
				f.Bad = troubled > 0
			}
		})
		return err
	}, &f.Reason, &p.Reason)
}

// endpoints returns the webhooks, first those that are furthest behind, and how many are in
// trouble. With an error it returns those that it has read.
func endpoints(ctx context.Context, t enduser.Tenant, mayFeed bool) (rows []endpointRow, troubled int, err error) {
	defer func() { slices.SortStableFunc(rows, endpointRow.compare) }()
	for h, err := range t.Webhooks().All(ctx) {
		row := endpointRow{ID: h.ID, Address: addressOf(h.URL), Description: cut(visible(h.Description), 60)}
		var s enduser.WebhookState
		if err == nil {
			s, err = t.Webhooks().State(ctx, h.ID)
		}
		damage, damaged := errors.AsType[*enduser.UnreadableError](err)
		switch {
		case damaged && h.ID == "":
			row = endpointRow{ID: damage.ID, Address: address{Host: damage.ID}}
			fallthrough
		case damaged:
			row.States, row.Lag, row.trouble = []hookState{{Chip: chip{"danger", "cannot be read"}}}, lag{Text: unknown}, true
		case errors.Is(err, enduser.ErrNotFound): // deleted since it was listed
			continue
		case err != nil:
			return rows, troubled, err
		default:
			row.States, row.Lag = statesOf(&h, &s), lagOf(ctx, t, &s, mayFeed)
			row.trouble = s.Failures > 0 || h.DisabledReason != "" || !s.GappedAt.IsZero()
		}
		if row.trouble {
			troubled++
		}
		rows = append(rows, row)
	}
	return rows, troubled, nil
}

// compare puts what is further behind first, and then what is in trouble.
func (r endpointRow) compare(other endpointRow) int {
	rank := func(r endpointRow) (since int64, calm int) {
		if since = math.MaxInt64; !r.Lag.Since.IsZero() {
			since = r.Lag.Since.UnixMilli()
		}
		if !r.trouble {
			calm = 1
		}
		return since, calm
	}
	since, calm := rank(r)
	otherSince, otherCalm := rank(other)
	return cmp.Or(cmp.Compare(since, otherSince), cmp.Compare(calm, otherCalm))
}

// first is what stands in place of users as long as there are none.
func (c *console) first(call *family.Call) *empty {
	e := &empty{Title: "No users yet", Why: "This tenant has no users in this environment."}
	if c.may(call, "createEndUser", true) {
		e.Next, e.Code = "Create one with your key:", createFirst(call.Request)
	}
	return e
}

// plainHost is a name or an address that a shell takes for a word. The host of a request comes
// from whoever wrote the link to the console.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:.]+\](:[0-9]+)?$`)

// createFirst returns a command that creates a user. It takes the native API to be where the
// console is, and the key from the shell: this page does not have it.
func createFirst(r *http.Request) string {
	scheme, host := "http", r.Host
	if secure(r) {
		scheme = "https"
	}
	if !plainHost.MatchString(host) {
		host = "example.com"
	}
	return `curl ` + scheme + `://` + host + `/v1/end-users -H "Authorization: Bearer $KEY" ` +
		`-H 'Content-Type: application/json' -d '{"external_id": "crm-1", "name": "Ann Lee"}'`
}
