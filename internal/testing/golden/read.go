package golden

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store"
)

//go:embed testdata/golden.txt
var golden string

// Check compares what a Manager says about a store with what it said when the script had run. It
// repeats calls that the store remembers, and so needs a store that can be written.
func Check(tb testing.TB, st store.Store) {
	tb.Helper()
	if diff := cmp.Diff(strings.Split(golden, "\n"), strings.Split(read(tb, st), "\n")); diff != "" {
		tb.Errorf("the golden store reads differently (-golden +now):\n%s", diff)
	}
}

// read returns what a Manager says about a store, without what is drawn at random.
func read(tb testing.TB, st store.Store) string {
	tb.Helper()
	r := &reader{tb: tb, ctx: tb.Context(), users: manager(tb, st, clock.At(end))}
	r.tenants()
	r.people()
	r.sensitive()
	r.groups()
	r.webhooks()
	r.answers()
	r.expiry()
	r.changes()
	r.delivery()
	return r.text.String()
}

type reader struct {
	tb    testing.TB
	ctx   context.Context
	users *enduser.Manager
	text  strings.Builder
}

// line writes a line. Errors are written as what they are: their texts may change.
func (r *reader) line(format string, args ...any) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = nameOf(err)
		}
	}
	fmt.Fprintf(&r.text, format+"\n", args...)
}

func nameOf(err error) string {
	for name, is := range inOrder(map[string]error{
		"not found": enduser.ErrNotFound, "trimmed": enduser.ErrTrimmed, "another version": enduser.ErrVersion,
		"another call": enduser.ErrIdempotencyMismatch,
	}) {
		if errors.Is(err, is) {
			return name
		}
	}
	return err.Error()
}

func (r *reader) title(text string) { r.line("\n# %s", text) }

// handles are those of all tenants and environments that the script has written.
func (r *reader) handles() []enduser.Tenant {
	t := r.users.Tenant
	return []enduser.Tenant{t(acme), t(acme).In(enduser.Testing), t(hooked), t(exact), t(odd)}
}

// kept returns a text that a caller was given when the store was written.
func (r *reader) kept(what string) string {
	r.tb.Helper()
	u, err := r.users.Tenant(keep).Get(r.ctx, enduser.ByExternalID(keep))
	must(r.tb, err)
	text, ok := u.Metadata[what].Str()
	if !ok {
		r.tb.Fatalf("no keepsake %q", what)
	}
	return text
}

func (r *reader) tenants() {
	r.title("tenants")
	var lines []string // each store has an order of its own
	for t, err := range r.users.Tenants(r.ctx, &enduser.TenantsOptions{Count: 100}) {
		lines = append(lines, fmt.Sprintf("%q %v exact=%v users=%+v groups=%+v webhooks=%+v %v",
			t.Name, t.Environment, t.ExactIDs, t.Users, t.Groups, t.Webhooks, err))
	}
	slices.Sort(lines)
	r.line("%s", strings.Join(lines, "\n"))
}

func (r *reader) people() {
	for _, t := range r.handles() {
		r.title(fmt.Sprintf("users of %q, %v", t.Name(), t.Environment()))
		for u, err := range t.All(r.ctx, enduser.Filter{}) {
			r.line("%s %v", r.user(u), err)
		}
	}
	t := r.users.Tenant(acme)
	r.title("found by")
	for what, ref := range inOrder(map[string]enduser.Ref{
		"external ID":      enduser.ByExternalID("crm-e\u0301"),
		"account":          enduser.ByAccount(enduser.Account{Type: "slack", ID: "U1"}),
		"address":          enduser.ByEmail("ann@xn--bcher-kva.example"),
		"claimed address":  enduser.ByEmail("ONLY@one.example"),
		"a deleted user's": enduser.ByExternalID("deleted"),
		"an expired one's": enduser.ByExternalID("expired"),
		"exact":            enduser.ByExternalID("nobody"),
	}) {
		u, err := t.Get(r.ctx, ref)
		r.line("%s: %s %v", what, u.ID, err)
	}
	for _, id := range []string{"001A", "001a", "001B"} {
		u, err := r.users.Tenant(exact).Get(r.ctx, enduser.ByExternalID(id))
		r.line("%s exactly: %s %v", id, u.ID, err)
	}
	for what, f := range inOrder(map[string]enduser.Filter{
		"name": {Name: "listed"}, "plan": {Metadata: enduser.Metadata{"plan": enduser.String("team")}},
		"old plan": {Metadata: enduser.Metadata{"plan": enduser.String("pro")}}, "group": {Group: "rotated"},
		"e-mail": {Email: "only@one.example"}, "account": {Account: enduser.Account{Type: "slack", ID: "U1"}},
	}) {
		n, err := t.Count(r.ctx, enduser.Query{Filter: f})
		r.line("by %s: %+v %v", what, n, err)
	}
	cursor, err := enduser.ParseCursor(r.kept("cursor"))
	must(r.tb, err)
	page, err := t.List(r.ctx, enduser.Query{After: cursor, Limit: 3})
	var ids []string
	for _, u := range page.Users {
		ids = append(ids, u.ID)
	}
	r.line("after the cursor: %s %v", ids, err)
	version, err := enduser.ParseVersion(r.kept("version"))
	must(r.tb, err)
	_, err = t.Update(r.ctx, enduser.ByExternalID("crm-é"), func(*enduser.Edit) error { return nil }, enduser.IfVersion(version))
	r.line("the version from before: %v", err)
}

func (r *reader) user(u enduser.User) string {
	return fmt.Sprintf("%s %q name=%q first=%q last=%q email=%q avatar=%q language=%q metadata=%s system=%s accounts=%q groups=%q"+
		" created=%s %q updated=%s %q added=%s expires=%s%s", u.ID, u.ExternalID, u.Name, u.FirstName, u.LastName, u.Email, u.Avatar,
		u.Language, u.Metadata.AppendJSON(nil), u.SystemProperties.AppendJSON(nil), u.Accounts, u.Groups,
		at(u.CreatedAt), u.CreatedBy, at(u.UpdatedAt), u.UpdatedBy, at(u.AddedAt), at(u.ExpiresAt), r.state(u.Tenant, u.Revision, u.Version))
}

// state shows a revision, unless deliveries have written beside it.
func (r *reader) state(tenant string, revision int64, v enduser.Version) string {
	if tenant == hooked {
		return fmt.Sprintf(" version=%v", !v.IsZero())
	}
	return fmt.Sprintf(" revision=%d version=%v", revision, !v.IsZero())
}

func at(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func (r *reader) sensitive() {
	r.title("sensitive values")
	for _, id := range []string{"crm-é", "associated", "expired"} {
		values, err := r.users.Tenant(acme).RevealSensitive(r.ctx, enduser.ByExternalID(id))
		r.line("%s: %s %v", id, enduser.Metadata(values).AppendJSON(nil), err)
	}
}

func (r *reader) groups() {
	r.title("groups")
	groups := r.users.Tenant(acme).Groups()
	for g, err := range groups.All(r.ctx) {
		r.line("%s %q name=%q metadata=%s system=%s number=%v created=%s %q updated=%s %q%s %v", g.ID, g.ExternalID, g.Name,
			g.Metadata.AppendJSON(nil), g.SystemProperties.AppendJSON(nil), g.Number > 0,
			at(g.CreatedAt), g.CreatedBy, at(g.UpdatedAt), g.UpdatedBy, r.state(g.Tenant, g.Revision, g.Version), err)
		token, err := groups.Reveal(r.ctx, g)
		r.line("its token is known: %v %v", slices.Contains([]string{
			r.kept("token"), r.kept("new token"), r.kept("remembered token"),
		}, token), err)
	}
	for _, what := range []string{"token", "old token", "new token", "remembered token", "token of a group that was deleted"} {
		g, err := groups.Authenticate(r.ctx, r.kept(what))
		r.line("%s: %q %v", what, g.ExternalID, err)
	}
}

func (r *reader) webhooks() {
	r.title("webhooks")
	hooks := r.users.Tenant(hooked).Webhooks()
	for h, err := range hooks.All(r.ctx) {
		r.line("%s %s %q %q %v %q disabled=%v %q created=%s %q updated=%s %q%s %v", h.ID, h.URL, h.Description, h.Events, h.Format,
			h.HeaderNames, h.Disabled, h.DisabledReason, at(h.CreatedAt), h.CreatedBy, at(h.UpdatedAt), h.UpdatedBy,
			r.state(h.Tenant, h.Revision, h.Version), err)
		attempts, err := hooks.Attempts(r.ctx, h.ID)
		for _, a := range attempts {
			r.line("attempt %d of %q, %s %s: %d %q", a.Number, a.Event, a.Kind, a.ID, a.Status, a.Fault)
		}
		s, err2 := hooks.State(r.ctx, h.ID)
		r.line("%v; failures=%d parked=%d queued=%d dead=%d %v", err, s.Failures, s.Parked, s.Queued, s.DeadLetters, err2)
		letters, err := hooks.DeadLetters(r.ctx, h.ID, enduser.DeadLetterQuery{})
		for _, l := range letters.DeadLetters {
			r.line("dead: %q, %s %s after %d: %d", l.Event, l.Kind, l.ID, l.Attempts, l.Status)
		}
		r.line("%v", err)
	}
}

// delivery opens the secrets of a webhook, as a delivery does.
func (r *reader) delivery() {
	r.title("delivery")
	hooks := r.users.Tenant(hooked).Webhooks()
	id := ""
	for h, err := range hooks.All(r.ctx) {
		must(r.tb, err)
		id = h.ID // the last one
	}
	_, err := hooks.Ping(r.ctx, id)
	must(r.tb, err)
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	pings := make(pinged, 1)
	ended := make(chan error, 1)
	go func() { ended <- r.users.Deliver(ctx, pings, nil) }()
	select {
	case d := <-pings:
		r.line("headers %v, %d secrets, the newest known: %v", d.Headers(), len(d.Secrets()), slices.Contains(d.Secrets(), r.kept("webhook secret")))
	case err := <-ended:
		r.tb.Fatalf("Deliver: %v", err)
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		r.tb.Fatalf("Deliver: %v", err)
	}
}

// pinged is a Sender that gets the first ping.
type pinged chan *enduser.Delivery

// Send implements enduser.Sender.
func (p pinged) Send(_ context.Context, d *enduser.Delivery) enduser.Result {
	if d.Event.Type == "webhook.ping" {
		select {
		case p <- d:
		default:
		}
	}
	return enduser.Result{Status: 204}
}

// answers repeats calls that were remembered: they return what they did, and write nothing.
func (r *reader) answers() {
	r.title("answers")
	t := r.users.Tenant(acme).As(actor)
	u, err := t.Create(enduser.Idempotent(r.ctx, "create"), remembered())
	r.line("%s %v", u.ID, err)
	g, token, err := t.Groups().Create(enduser.Idempotent(r.ctx, "group"), rememberedGroup())
	r.line("%s %v %v", g.ID, token == r.kept("remembered token"), err)
	_, err = t.Create(enduser.Idempotent(r.ctx, "create"), enduser.Spec{Name: "another"})
	r.line("%v", err)
}

func (r *reader) expiry() {
	r.title("expiry")
	for u, err := range r.users.Tenant(acme).Expiring(r.ctx, end.Add(72*time.Hour)) {
		r.line("%s %s %v", u.ID, at(u.ExpiresAt), err)
	}
}

func (r *reader) changes() {
	for _, t := range r.handles() {
		r.title(fmt.Sprintf("changes of %q, %v", t.Name(), t.Environment()))
		page, err := t.Changes(r.ctx, enduser.ChangeQuery{})
		r.page(page, err)
	}
	t := r.users.Tenant(acme).In(enduser.Testing)
	for _, what := range []string{"position", "trimmed position"} {
		r.title("changes after the " + what)
		p, err := enduser.ParsePosition(r.kept(what))
		must(r.tb, err)
		page, err := t.Changes(r.ctx, enduser.ChangeQuery{After: p})
		r.page(page, err)
	}
}

func (r *reader) page(page enduser.ChangePage, err error) {
	for _, c := range page.Changes {
		r.line("%v %s %s by %q at %s fields=%q external=%q", c.Type, c.Kind, c.ID, c.Actor, at(c.At), c.Fields, c.ExternalID)
	}
	r.line("more=%v trimmed=%v %v", page.More, page.Trimmed, err)
}

// inOrder ranges over a map in the order of its keys.
func inOrder[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
