package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
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

	user, group, hook string // IDs; the user is in the middle
	external          string // ID of the user
}

const (
	officeUsers  = 100_000
	officeGroups = 50
)

// BenchmarkConsole reports for each page of the console how long it takes (ms), and how many times
// as long as the calls of package enduser that it stands on (x-calls). A page of one user takes
// longer to write than to read, so look at ms there. The pages were loaded before, and remember
// what they do; overview-first is the overview of a console that remembers nothing.
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
						r.Add("ms", each(0, func() { o.get(b, "") }))
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

// consolePage is a page and the calls that it stands on.
type consolePage struct {
	name, address string
	calls         func(context.Context) error
}

func (p consolePage) compare(b *testing.B, o *office) {
	b.Helper()
	o.get(b, p.address) // not the first time
	page := func() { o.get(b, p.address) }
	calls := func() {
		if err := p.calls(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			const turns, length = 4, 50 * time.Millisecond // short turns, so that both meet the same noise
			var whole, parts float64
			for range turns {
				whole += each(length, page)
				parts += each(length, calls)
			}
			r.Add("ms", whole/turns)
			r.Add("x-calls", whole/parts)
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
}

// get loads a page.
func (o *office) get(b *testing.B, address string) {
	b.Helper()
	w := httptest.NewRecorder()
	o.pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+address, nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "</html>") {
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
		)},
		{"users", "users", list(enduser.Query{})},
		{"users-by-name", "users?q=Okafor", together(
			list(enduser.Query{Filter: enduser.Filter{Name: "Okafor"}}), brief(count(enduser.Query{Filter: enduser.Filter{Name: "Okafor"}})),
		)},
		{"users-of-a-group", "users?group=group-49", together(
			list(enduser.Query{Filter: enduser.Filter{Group: "group-49"}}), brief(count(enduser.Query{Filter: enduser.Filter{Group: "group-49"}})),
		)},
		{"user", "users/" + o.user, together(get, o.history, func(ctx context.Context) error {
			return errors.Join(second(o.Sealed(ctx, user)), second(o.Groups().Get(ctx, group)))
		})},
		{"edit", "users/" + o.user + "/edit", get},
		{"delete", "users/" + o.user + "/delete", get},
		{"groups", "groups", o.groups},
		{"group", "groups/" + o.group, together(
			func(ctx context.Context) error { return second(o.Groups().Get(ctx, group)) },
			count(enduser.Query{Filter: enduser.Filter{Group: "group-49"}}),
			func(ctx context.Context) error {
				return second(o.List(ctx, enduser.Query{Filter: enduser.Filter{Group: "group-49"}, Desc: true, Limit: 10}))
			},
		)},
		{"webhooks", "webhooks", o.endpoints},
		{"webhook", "webhooks/" + o.hook, o.endpoint},
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
		})},
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
