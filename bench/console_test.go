package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// office is a tenant with 100,000 users of the last 30 days, and its console.
type office struct {
	enduser.Tenant
	users *enduser.Manager
	now   time.Time
	pages http.Handler
	api   http.Handler // the native one

	user, group, hook string // IDs; the user is in the middle
	external          string // ID of the user
}

const (
	officeUsers  = 100_000
	officeGroups = 50
)

// BenchmarkConsole measures pages of a tenant with 100,000 users, from the request to the last byte of
// HTML, without a network. For each it reports
//
//   - ms: how long the page takes;
//   - x-calls: how many times as long as the calls of package enduser that it shows, made one after the
//     other. They are no more than reads of the store: a page also finds out who asks, checks rights, and
//     writes between 8 and 60 kB of HTML. It can take less than 1 where it makes calls at once.
//   - x-api: how many times as long as a GET of the native API that answers the same user or list. Both go
//     through the same steps, and end in JSON or in HTML. Pages without such a GET do not report it.
//
// The calls for one user take some ten microseconds. There, x-calls is large whatever a page does, and ms
// and x-api say more. Every page was loaded before, and remembers what it can, such as counts; overview-first
// is the overview of a console that remembers nothing.
//
//	go test -run '^$' -bench Console/sqlite -benchtime 1x .
func BenchmarkConsole(b *testing.B) {
	for _, kind := range []struct {
		name string
		open func(*testing.B) store.Store
	}{
		{"memory", func(*testing.B) store.Store { return memory.New(nil) }},
		{"sqlite", openSQLite},
		{"redis", openRedis},
		{"postgres", openPostgres},
	} {
		b.Run(kind.name, func(b *testing.B) {
			o := newOffice(b, kind.open(b))
			b.Run("overview-first", func(b *testing.B) {
				var r ratios.Set
				for b.Loop() {
					for range ratios.Passes(b) {
						o.open(b)
						r.Add("ms", each(0, func() { getFrom(b, o.pages, "/") }))
					}
				}
				r.Report(b)
			})
			for _, p := range o.all() {
				b.Run(p.name, func(b *testing.B) {
					p.compare(b, o)
				})
			}
		})
	}
}

// consolePage is a page and what it is compared to.
type consolePage struct {
	name, address string
	calls         func(context.Context) error // what it shows
	api           string                      // the address of the same in the native API; "" for none
}

func (p consolePage) compare(b *testing.B, o *office) {
	b.Helper()
	page := func() { getFrom(b, o.pages, "/"+p.address) }
	page() // not the first time
	calls := func() {
		if err := p.calls(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			const turns, length = 4, 50 * time.Millisecond // short turns, so that both meet the same noise
			var whole, parts, api float64
			for range turns {
				whole += each(length, page)
				parts += each(length, calls)
				if p.api != "" {
					api += each(length, func() { getFrom(b, o.api, "/v1/"+p.api) })
				}
			}
			r.Add("ms", whole/turns)
			r.Add("x-calls", whole/parts)
			if p.api != "" {
				r.Add("x-api", whole/api)
			}
		}
	}
	r.Report(b)
}

// each returns how many milliseconds a function takes, which is called for a while.
func each(length time.Duration, f func()) float64 {
	n := 0
	begin := time.Now()
	for n == 0 || time.Since(begin) < length {
		f()
		n++
	}
	return time.Since(begin).Seconds() * 1000 / float64(n)
}

func newOffice(b *testing.B, st store.Store) *office {
	b.Helper()
	ctx := b.Context()
	at := clock.At(time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC))
	key, err := enduser.NewKey("k1", [32]byte{1})
	check(b, err)
	users := enduser.New(st, &enduser.Options{Now: at.Now, Keyring: enduser.NewKeyring(key)})
	o := &office{Tenant: users.Tenant("acme")}
	for i := range officeGroups {
		g, _, err := o.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("group-", i), Name: "A group"})
		check(b, err)
		o.group = g.ID
	}
	const chunk = 1000
	for n := 0; n < officeUsers; n += chunk {
		if n == officeUsers-chunk {
			for i := range 3 {
				h, _, err := o.Webhooks().Create(ctx, enduser.WebhookSpec{URL: fmt.Sprintf("https://hooks%d.example.com/", i)})
				check(b, err)
				o.hook = h.ID
			}
		}
		specs := make([]enduser.Spec, chunk)
		for i := range specs {
			specs[i] = person(int64(n+i), 0)
			specs[i].Groups = []string{fmt.Sprint("group-", (n+i)%officeGroups)}
		}
		for made, err := range o.UpsertAll(ctx, slices.Values(specs), nil) {
			check(b, err)
			if made.Row == 0 && n == officeUsers/2 {
				o.user, o.external = made.ID, made.ExternalID
			}
		}
		at.Advance(30 * 24 * time.Hour * chunk / officeUsers)
	}
	o.deliver(b, users)
	o.users, o.now = users, at.Now()
	o.open(b)
	return o
}

// deliver has the last 1,000 users told to the webhooks.
func (o *office) deliver(b *testing.B, users *enduser.Manager) {
	b.Helper()
	ctx, end := context.WithTimeout(b.Context(), time.Minute)
	defer end()
	done := make(chan error)
	go func() { done <- users.Deliver(ctx, accepting{}, nil) }()
	latest, err := o.Latest(ctx)
	for err == nil {
		var s enduser.WebhookState
		if s, err = o.Webhooks().State(ctx, o.hook); s.Position == latest {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	check(b, err)
	end()
	if err := <-done; !errors.Is(err, context.Canceled) {
		b.Error(err)
	}
}

// accepting is a Sender to endpoints that accept everything.
type accepting struct{}

func (accepting) Send(context.Context, *enduser.Delivery) enduser.Result {
	return enduser.Result{Status: http.StatusNoContent}
}

// open opens the console anew: it remembers nothing.
func (o *office) open(b *testing.B) {
	b.Helper()
	everybody := func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{Tenant: "acme"}, nil }
	var err error
	o.pages, err = console.New(o.users, everybody, nil)
	check(b, err)
	o.api, err = httpapi.New(o.users, everybody, nil)
	check(b, err)
}

// getFrom sends a GET, which has to be answered with 200.
func getFrom(b *testing.B, h http.Handler, address string) {
	b.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		b.Fatalf("%s: status %d", address, w.Code)
	}
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// all returns the pages.
func (o *office) all() []consolePage {
	user, group := enduser.ByID(o.user), enduser.GroupByID(o.group)
	get := func(ctx context.Context) error { return second(o.Get(ctx, user)) }
	list := func(q enduser.Query) func(context.Context) error {
		q.Desc, q.Limit = true, 50
		return func(ctx context.Context) error { return second(o.List(ctx, q)) }
	}
	count := func(q enduser.Query) func(context.Context) error {
		return func(ctx context.Context) error { return second(o.Count(ctx, q)) }
	}
	changes := func(q enduser.ChangeQuery) func(context.Context) error {
		return func(ctx context.Context) error { return second(o.Changes(ctx, q)) }
	}
	newest := changes(enduser.ChangeQuery{Desc: true, Limit: 1})
	return []consolePage{
		{"overview", "", together(
			count(enduser.Query{}), count(enduser.Query{AddedAfter: o.now.Add(-24 * time.Hour)}),
			count(enduser.Query{AddedAfter: o.now.Truncate(24 * time.Hour)}),
			count(enduser.Query{ExpiringBefore: o.now.Add(24 * time.Hour)}), newest, o.endpoints,
		), ""},
		{"users", "users", list(enduser.Query{}), "end-users?order=desc&limit=50"},
		{"users-by-name", "users?q=Okafor", together(
			list(enduser.Query{Filter: enduser.Filter{Name: "Okafor"}}), brief(count(enduser.Query{Filter: enduser.Filter{Name: "Okafor"}})),
		), ""},
		{"users-of-a-group", "users?group=group-49", together(
			list(enduser.Query{Filter: enduser.Filter{Group: "group-49"}}), brief(count(enduser.Query{Filter: enduser.Filter{Group: "group-49"}})),
		), ""},
		{"user", "users/" + o.user, together(get, o.history, func(ctx context.Context) error {
			return errors.Join(second(o.Sealed(ctx, user)), second(o.Groups().Get(ctx, group)))
		}), ""},
		{"edit", "users/" + o.user + "/edit", get, "end-users/" + o.user},
		{"delete", "users/" + o.user + "/delete", get, "end-users/" + o.user},
		{"groups", "groups", o.groups, ""},
		{"group", "groups/" + o.group, together(
			func(ctx context.Context) error { return second(o.Groups().Get(ctx, group)) },
			count(enduser.Query{Filter: enduser.Filter{Group: "group-49"}}),
			func(ctx context.Context) error {
				return second(o.List(ctx, enduser.Query{Filter: enduser.Filter{Group: "group-49"}, Desc: true, Limit: 10}))
			},
		), ""},
		{"webhooks", "webhooks", o.endpoints, ""},
		{"webhook", "webhooks/" + o.hook, o.endpoint, ""},
		{"feed", "feed", together(newest, func(ctx context.Context) error {
			page, err := o.Changes(ctx, enduser.ChangeQuery{Desc: true, Limit: 100})
			if err != nil {
				return err
			}
			refs := make([]enduser.Ref, len(page.Changes))
			for i, c := range page.Changes {
				refs[i] = enduser.ByID(c.ID)
			}
			return second(o.GetAll(ctx, refs))
		}), ""},
	}
}

// together calls one after the other.
func together(calls ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, call := range calls {
			if err := call(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// brief gives a call as long as the list of users gives its count.
func brief(call func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, end := context.WithTimeout(ctx, 25*time.Millisecond)
		defer end()
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil
	}
}

func second[T any](_ T, err error) error { return err }

// history reads the newest 5,000 changes.
func (o *office) history(ctx context.Context) error {
	q := enduser.ChangeQuery{Desc: true, Limit: 1000}
	for range 5 {
		page, err := o.Changes(ctx, q)
		if err != nil {
			return err
		}
		q.Before = page.Position
	}
	return nil
}

// groups reads the groups, and counts the members of each.
func (o *office) groups(ctx context.Context) error {
	page, err := o.Groups().List(ctx, enduser.GroupQuery{Limit: 25})
	for i := range page.Groups {
		if err == nil {
			_, err = o.Count(ctx, enduser.Query{Filter: enduser.Filter{Group: page.Groups[i].ExternalID}})
		}
	}
	return err
}

// endpoints reads how far behind the webhooks are.
func (o *office) endpoints(ctx context.Context) error {
	for h, err := range o.Webhooks().All(ctx) {
		if err == nil {
			err = o.lag(ctx, h.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *office) lag(ctx context.Context, hook string) error {
	s, err := o.Webhooks().State(ctx, hook)
	if err != nil {
		return err
	}
	return second(o.Changes(ctx, enduser.ChangeQuery{After: s.Position, Limit: 100}))
}

// endpoint reads all about a webhook, and who its last events were about.
func (o *office) endpoint(ctx context.Context) error {
	hooks := o.Webhooks()
	attempts, err := hooks.Attempts(ctx, o.hook)
	if err != nil {
		return err
	}
	refs := make([]enduser.Ref, 0, 20)
	for i := range attempts[:min(len(attempts), 20)] {
		refs = append(refs, enduser.ByID(attempts[i].ID))
	}
	return errors.Join(
		second(hooks.Get(ctx, o.hook)), o.lag(ctx, o.hook),
		second(hooks.DeadLetters(ctx, o.hook, enduser.DeadLetterQuery{Desc: true})), second(o.GetAll(ctx, refs)),
	)
}
