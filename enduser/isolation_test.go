package enduser_test

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// probe is everything by which one tenant could try to reach a user of another.
type probe struct {
	id, externalID, email string
	account               enduser.Account
	cursor                enduser.Cursor   // in front of the user
	position              enduser.Position // of its creation

	group groupProbe
	hook  hookProbe
}

// hookProbe is everything by which one tenant could try to reach a webhook of another, and the
// events that were sent to it.
type hookProbe struct{ id, eventID string }

// groupProbe is everything by which one tenant could try to reach a group of
// another.
type groupProbe struct{ id, externalID, token string }

// probeOf returns the probe of the last user of a tenant.
func probeOf(t testing.TB, tenant enduser.Tenant, u enduser.User) probe {
	t.Helper()
	page := must(tenant.List(t.Context(), enduser.Query{Limit: 1}))(t)
	return probe{u.ID, u.ExternalID, u.Email, u.Accounts[0], page.Next, must(tenant.Latest(t.Context()))(t), nobody().group, nobody().hook}
}

// nobody is what no user and no group has.
func nobody() probe {
	return probe{
		"nobody", "nobody", "nobody@example.com",
		enduser.Account{Type: "no", ID: "body"},
		enduser.Cursor{},
		enduser.Position{},
		groupProbe{"nobody", "nobody", strings.Repeat("0", 64)},
		hookProbe{"nobody", "msg_nobody"},
	}
}

// operations returns every call that names a user, by every place in which a name
// can stand. Each returns what the caller learns beside the error, as an error if
// it is anything.
func operations(t testing.TB) map[string]func(enduser.Tenant, probe) error {
	t.Helper()
	ctx := t.Context()
	ops := map[string]func(enduser.Tenant, probe) error{
		"create nothing taken": func(a enduser.Tenant, _ probe) error {
			u, err := a.Create(ctx, enduser.Spec{})
			if err != nil {
				return err
			}
			return a.Delete(ctx, enduser.ByID(u.ID))
		},
		"changes": func(a enduser.Tenant, _ probe) error { return second(a.Changes(ctx, enduser.ChangeQuery{Limit: 1})) },
		"trim":    func(a enduser.Tenant, _ probe) error { return a.TrimChanges(ctx, enduser.Position{}) },
		"wait": func(a enduser.Tenant, _ probe) error {
			// There is something to return, or the handle is not allowed.
			return a.WaitChanges(ctx, enduser.Position{})
		},
		"reindex": func(a enduser.Tenant, _ probe) error { return second(a.Reindex(ctx)) },
		"list":    func(a enduser.Tenant, _ probe) error { return second(a.List(ctx, enduser.Query{})) },
		"all": func(a enduser.Tenant, _ probe) error {
			for _, err := range a.All(ctx, enduser.Filter{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"list groups": func(a enduser.Tenant, _ probe) error { return second(a.Groups().List(ctx, enduser.GroupQuery{})) },
		"ensure group": func(a enduser.Tenant, _ probe) error {
			_, _, err := a.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "kept"})
			return err
		},
		"create group nothing taken": func(a enduser.Tenant, _ probe) error {
			g, _, err := a.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "short-lived"})
			if err != nil {
				return err
			}
			return a.Groups().Delete(ctx, enduser.GroupByID(g.ID))
		},
		"ensure": func(a enduser.Tenant, _ probe) error {
			_, _, err := a.Ensure(ctx, enduser.Spec{ExternalID: "kept"})
			return err
		},
		"upsert": func(a enduser.Tenant, _ probe) error {
			_, _, err := a.Upsert(ctx, enduser.Spec{ExternalID: "kept"})
			return err
		},
	}
	for by, ref := range refsOf() {
		for method, call := range map[string]func(enduser.Tenant, enduser.Ref) error{
			"get":       func(a enduser.Tenant, r enduser.Ref) error { return second(a.Get(ctx, r)) },
			"update":    func(a enduser.Tenant, r enduser.Ref) error { return second(a.Update(ctx, r, rename)) },
			"associate": func(a enduser.Tenant, r enduser.Ref) error { return second(a.Associate(ctx, r)) },
			"link": func(a enduser.Tenant, r enduser.Ref) error {
				return second(a.Link(ctx, r, enduser.Account{Type: "x", ID: "y"}))
			},
			"unlink": func(a enduser.Tenant, r enduser.Ref) error {
				return second(a.Unlink(ctx, r, enduser.Account{Type: "irc", ID: "a"}))
			},
			"delete":           func(a enduser.Tenant, r enduser.Ref) error { return a.Delete(ctx, r) },
			"reveal sensitive": func(a enduser.Tenant, r enduser.Ref) error { return second(a.RevealSensitive(ctx, r)) },
			"delete if": func(a enduser.Tenant, r enduser.Ref) error {
				return a.Delete(ctx, r, enduser.IfUser(func(enduser.User) error { return errors.New("fn was called with a user") }))
			},
		} {
			ops[method+" by "+by] = func(a enduser.Tenant, p probe) error { return call(a, ref(p)) }
		}
	}
	for by, ref := range groupRefsOf() {
		for method, call := range groupMethods(t) {
			ops[method+" by "+by] = func(a enduser.Tenant, p probe) error { return call(a, ref(p.group)) }
		}
	}
	for method, call := range hookMethods(t) {
		ops[method+" by ID"] = func(a enduser.Tenant, p probe) error { return call(a.Webhooks(), p.hook) }
	}
	ops["all webhooks"] = func(a enduser.Tenant, _ probe) error {
		for h, err := range a.Webhooks().All(ctx) {
			if err != nil {
				return err
			}
			if h.CreatedBy != "other" {
				return errors.New("a webhook of another tenant")
			}
		}
		return nil
	}
	ops["redeliver an event of another"] = func(a enduser.Tenant, p probe) error {
		h, _, err := a.Webhooks().Create(ctx, enduser.WebhookSpec{URL: "https://example.com"})
		if err != nil {
			return err
		}
		return cmp.Or(a.Webhooks().Redeliver(ctx, h.ID, p.hook.eventID), a.Webhooks().Delete(ctx, h.ID))
	}
	ops["authenticate group by token"] = func(a enduser.Tenant, p probe) error { return second(a.Groups().Authenticate(ctx, p.group.token)) }
	return ops
}

func groupRefsOf() map[string]func(groupProbe) enduser.GroupRef {
	return map[string]func(groupProbe) enduser.GroupRef{
		"ID":          func(p groupProbe) enduser.GroupRef { return enduser.GroupByID(p.id) },
		"external ID": func(p groupProbe) enduser.GroupRef { return enduser.GroupByExternalID(p.externalID) },
		"token":       func(p groupProbe) enduser.GroupRef { return enduser.GroupByToken(p.token) },
	}
}

// groupMethods returns every call that names a group by a reference.
func groupMethods(t testing.TB) map[string]func(enduser.Tenant, enduser.GroupRef) error {
	t.Helper()
	ctx := t.Context()
	return map[string]func(enduser.Tenant, enduser.GroupRef) error{
		"get group": func(a enduser.Tenant, r enduser.GroupRef) error { return second(a.Groups().Get(ctx, r)) },
		"update group": func(a enduser.Tenant, r enduser.GroupRef) error {
			return second(a.Groups().Update(ctx, r, func(g *enduser.Group) error { g.Name = "Eve"; return nil }))
		},
		"rotate token": func(a enduser.Tenant, r enduser.GroupRef) error { return third(a.Groups().Rotate(ctx, r, time.Hour)) },
		"delete group": func(a enduser.Tenant, r enduser.GroupRef) error { return a.Groups().Delete(ctx, r) },
		"rotate token if": func(a enduser.Tenant, r enduser.GroupRef) error {
			return third(a.Groups().Rotate(ctx, r, 0, enduser.IfGroup(func(enduser.Group) error { return errors.New("fn was called with a group") })))
		},
		"delete group if": func(a enduser.Tenant, r enduser.GroupRef) error {
			return a.Groups().Delete(ctx, r, enduser.IfGroup(func(enduser.Group) error { return errors.New("fn was called with a group") }))
		},
	}
}

// hookMethods returns every call that names a webhook.
func hookMethods(t testing.TB) map[string]func(enduser.Webhooks, hookProbe) error {
	t.Helper()
	ctx := t.Context()
	return map[string]func(enduser.Webhooks, hookProbe) error{
		"get webhook": func(h enduser.Webhooks, p hookProbe) error { return second(h.Get(ctx, p.id)) },
		"update webhook": func(h enduser.Webhooks, p hookProbe) error {
			return second(h.Update(ctx, p.id, func(*enduser.WebhookEdit) error { return errors.New("fn was called with a webhook") }))
		},
		"rotate webhook":    func(h enduser.Webhooks, p hookProbe) error { return third2(h.Rotate(ctx, p.id, 0)) },
		"delete webhook":    func(h enduser.Webhooks, p hookProbe) error { return h.Delete(ctx, p.id) },
		"state of webhook":  func(h enduser.Webhooks, p hookProbe) error { return second(h.State(ctx, p.id)) },
		"attempts":          func(h enduser.Webhooks, p hookProbe) error { return second(h.Attempts(ctx, p.id)) },
		"ping":              func(h enduser.Webhooks, p hookProbe) error { return second(h.Ping(ctx, p.id)) },
		"redeliver":         func(h enduser.Webhooks, p hookProbe) error { return h.Redeliver(ctx, p.id, p.eventID) },
		"stop redelivery":   func(h enduser.Webhooks, p hookProbe) error { return h.StopRedelivery(ctx, p.id) },
		"count redelivered": func(h enduser.Webhooks, p hookProbe) error { return third3(h.CountSince(ctx, p.id, epoch)) },
		"dead letters": func(h enduser.Webhooks, p hookProbe) error {
			return second(h.DeadLetters(ctx, p.id, enduser.DeadLetterQuery{}))
		},
	}
}

func third3(_ enduser.Count, _ enduser.Position, err error) error { return err }

func refsOf() map[string]func(probe) enduser.Ref {
	return map[string]func(probe) enduser.Ref{
		"ID":          func(p probe) enduser.Ref { return enduser.ByID(p.id) },
		"external ID": func(p probe) enduser.Ref { return enduser.ByExternalID(p.externalID) },
		"e-mail":      func(p probe) enduser.Ref { return enduser.ByEmail(p.email) },
		"account":     func(p probe) enduser.Ref { return enduser.ByAccount(p.account) },
	}
}

func rename(u *enduser.Edit) error { u.Name = "Eve"; return nil }

// pairs are handles that share nothing, with names chosen to collide wherever
// names are glued together, cut or used as patterns.
func pairs(tb testing.TB, users *enduser.Manager) map[string][2]enduser.Tenant {
	tb.Helper()
	long := strings.Repeat("x", 254)
	out := map[string][2]enduser.Tenant{
		"environments": {users.Tenant("a"), users.Tenant("a").In(enduser.Testing)},
	}
	for _, names := range [][2]string{
		{"a", "b"},
		{"a", "A"},
		{"a", "a "},
		{"a", "ab"},
		{"a", "a:"},
		{"a", "a/"},
		{"a", "t/a"},
		{"a", "c/a"},
		{"t/a", "c/t/a"},
		{"t/t/a", "t/a"},
		{"c/a", "c/c/a"},
		{"%", "_"},
		{"*", "a"},
		{"a}b{x", "a}b{y"},
		{"{", "}"},
		{"'", "''"},
		{"é", "e\u0301"},
		{long + "a", long + "b"},
		{"0", "00"},
		{"1", "01"},
	} {
		for _, e := range [][2]enduser.Environment{
			{enduser.Customer, enduser.Customer},
			{enduser.Testing, enduser.Customer},
			{enduser.Customer, enduser.Testing},
			{enduser.Testing, enduser.Testing},
		}[:size.Pick(tb, 1, 4, 4)] {
			out[fmt.Sprintf("%.9q %s, %.9q %s", names[0], e[0], names[1], e[1])] = [2]enduser.Tenant{
				users.Tenant(names[0]).In(e[0]), users.Tenant(names[1]).In(e[1]),
			}
		}
	}
	return out
}

// The victim's data are reached by nothing that the other does, and the other gets
// the same answers, to the letter, as if the victim did not exist.
func TestIsolation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		w.schema = enduser.Schema{IndexedMetadata: []string{"plan"}}
		for name, pair := range pairs(t, w.users) {
			both := [][2]enduser.Tenant{pair, {pair[1], pair[0]}}
			if size.At(t) == size.Quick { // half of the pairs the one way, half the other
				both = both[len(name)%2:][:1]
			}
			for _, handles := range both {
				isolate(t, name, handles[0], handles[1])
			}
		}
	})
}

// isolate fills victim, lets other try everything, and empties both.
func isolate(t *testing.T, name string, victim, other enduser.Tenant) {
	t.Helper()
	ctx := t.Context()
	victim, other = victim.With(unique).As("victim"), other.With(unique).As("other")
	spec := enduser.Spec{
		ExternalID: "crm-7", Name: "Ann", Email: "ann@example.com", Groups: []string{"g"},
		Accounts: []enduser.Account{{Type: "irc", ID: "a"}}, Metadata: enduser.Metadata{"plan": enduser.String("pro")},
		Sensitive: map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.String("078-05-1120"))}, ExpiresIn: time.Hour,
	}
	team := made(victim.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g", Name: "Team"}))(t)
	token := must(victim.Groups().Reveal(ctx, team))(t)
	first := must(victim.Create(ctx, enduser.Spec{ExternalID: "first", ExpiresIn: time.Hour}))(t)
	want := must(victim.Create(ctx, spec))(t)
	fed := changesAfter(t, victim, first.Revision-1)
	base := must(other.Create(ctx, enduser.Spec{}))(t).Revision // and there is something to wait for
	foreign, missing := probeOf(t, victim, want), nobody()
	foreign.group = groupProbe{team.ID, team.ExternalID, token}
	target, key := hooked(victim.Webhooks().Create(ctx, wholeHook()))(t)
	ok(t, victim.Webhooks().SetAttempts(ctx, target.ID, fed, enduser.Attempt{At: epoch, Status: 500}))
	foreign.hook = hookProbe{target.ID, must(victim.Webhooks().Attempts(ctx, target.ID))(t)[0].EventID}
	for op, call := range operations(t) {
		got, expected := call(other, foreign), call(other, missing)
		if fmt.Sprintf("%#v", unwrapped(got)) != fmt.Sprintf("%#v", unwrapped(expected)) {
			t.Errorf("%s: %s: %v for a user of another tenant, %v for nobody", name, op, got, expected)
		}
		if strings.Contains(op, " by ") {
			wantErr(t, name+": "+op, got, enduser.ErrNotFound)
		}
	}
	for what, q := range map[string]enduser.Query{
		"all": {}, "external ID": {Filter: enduser.Filter{ExternalID: "CRM-7"}}, "e-mail": {Filter: enduser.Filter{Email: spec.Email}},
		"account": {Filter: enduser.Filter{Account: spec.Accounts[0]}}, "name": {Filter: enduser.Filter{Name: "ann"}},
		"group": {Filter: enduser.Filter{Group: "g"}}, "metadata": {Filter: enduser.Filter{Metadata: spec.Metadata}},
		"name and group": {Filter: enduser.Filter{Name: "ann", Group: "g"}}, "newest first": {Desc: true},
	} {
		for _, u := range must(other.List(ctx, q))(t).Users {
			if u.CreatedBy != "other" || u.Tenant != other.Name() || u.Environment != other.Environment() {
				t.Errorf("%s: list, %s: %s of %q %s", name, what, u.ID, u.Tenant, u.Environment)
			}
		}
	}
	// Cursors and positions are bound to the tenant.
	for what, err := range map[string]error{
		"after":      second(other.List(ctx, enduser.Query{After: foreign.cursor})),
		"before":     second(other.List(ctx, enduser.Query{Before: foreign.cursor})),
		"changes":    second(other.Changes(ctx, enduser.ChangeQuery{After: foreign.position})),
		"newest":     second(other.Changes(ctx, enduser.ChangeQuery{Before: foreign.position, Desc: true})),
		"wait":       other.WaitChanges(ctx, foreign.position),
		"trim":       other.TrimChanges(ctx, foreign.position),
		"at version": second(other.Update(ctx, enduser.ByID(want.ID), rename, enduser.IfVersion(want.Version))),
	} {
		if what == "at version" {
			wantErr(t, name+": "+what, err, enduser.ErrNotFound)
			continue
		}
		wantErr(t, name+": "+what, err, enduser.ErrInvalid)
	}
	for _, g := range must(other.Groups().List(ctx, enduser.GroupQuery{}))(t).Groups {
		if g.CreatedBy != "other" || g.Tenant != other.Name() || g.Environment != other.Environment() {
			t.Errorf("%s: list of groups: %s of %q %s", name, g.ID, g.Tenant, g.Environment)
		}
	}
	// A group that the other came by opens nothing with the other's handle.
	wantErr(t, name+": reveal", second(other.Groups().Reveal(ctx, team)), enduser.ErrInvalid)
	forged := team
	forged.Tenant, forged.Environment = other.Name(), other.Environment()
	wantErr(t, name+": reveal a forged one", second(other.Groups().Reveal(ctx, forged)), enduser.ErrCorrupt)
	// Nor does a webhook whose record the other came by: what is sealed is bound to the tenant.
	wantErr(t, name+": open", third(other.Webhooks().Open(ctx, target)), enduser.ErrCorrupt)
	for _, c := range changesAfter(t, other, base-1) {
		if c.Actor != "other" || c.ID == want.ID {
			t.Errorf("%s: the feed shows %+v", name, c)
		}
	}
	// Revisions count only what the tenant did itself.
	plain := spec
	plain.Sensitive = nil // those are written without a change
	same := upserted(other.Upsert(ctx, plain))(t, enduser.Created)
	const quiet = 8 // two webhooks, their turns, and the deletions of all four: they have no change
	if n := len(changesAfter(t, other, base)); same.Revision != base+int64(n)+quiet {
		t.Errorf("%s: revision %d after %d changes behind %d", name, same.Revision, n, base)
	}
	must(other.Update(ctx, enduser.ByEmail(spec.Email), rename))(t)
	if values := must(other.RevealSensitive(ctx, enduser.ByEmail(spec.Email)))(t); len(values) != 0 {
		t.Errorf("%s: the other has values %v", name, values)
	}
	theirs := made(other.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"}))(t)
	made(other.Groups().Rotate(ctx, enduser.GroupByExternalID("g"), 0))(t)
	if err := other.Groups().Delete(ctx, enduser.GroupByID(theirs.ID)); err != nil {
		t.Error(err)
	}
	if err := other.Delete(ctx, enduser.ByExternalID("crm-7")); err != nil {
		t.Error(err)
	}
	if err := other.TrimChanges(ctx, must(other.Latest(ctx))(t)); err != nil {
		t.Error(err)
	}
	diff(t, name+": the victim's user", must(victim.Get(ctx, enduser.ByID(want.ID)))(t), want)
	diff(t, name+": the victim's values", must(victim.RevealSensitive(ctx, enduser.ByID(want.ID)))(t), map[string]enduser.Value{"ssn": enduser.String("078-05-1120")})
	diff(t, name+": the victim's group", must(victim.Groups().Authenticate(ctx, token))(t), team)
	diffHooks(t, name+": the victim's webhook", must(victim.Webhooks().Get(ctx, target.ID))(t), target)
	opens(t, name+": the victim's webhook", victim, target.ID, map[string]string{"Authorization": "Bearer 1", "X-Key": "2"}, key)
	if n := must(victim.Webhooks().State(ctx, target.ID))(t); n.DeadLetters != 1 || n.Queued != 0 {
		t.Errorf("%s: the victim's webhook: %+v", name, n)
	}
	diff(t, name+": the victim's feed", changesAfter(t, victim, first.Revision-1), fed)

	// Clean for the next pair: the names are used again.
	for _, tenant := range []enduser.Tenant{victim, other} {
		for u, err := range tenant.All(ctx, enduser.Filter{}) {
			ok(t, tenant.Delete(ctx, enduser.ByID(must(u, err)(t).ID)))
		}
		for _, id := range allHooks(t, tenant) {
			ok(t, tenant.Webhooks().Delete(ctx, id))
		}
		for _, g := range must(tenant.Groups().List(ctx, enduser.GroupQuery{}))(t).Groups {
			ok(t, tenant.Groups().Delete(ctx, enduser.GroupByID(g.ID)))
		}
	}
}

// unwrapped lists an error and everything in it.
func unwrapped(err error) []string {
	if err == nil {
		return nil
	}
	out := []string{fmt.Sprintf("%T %+v", err, err)}
	switch e := err.(type) { //nolint:errorlint // takes the tree apart
	case interface{ Unwrap() error }:
		out = append(out, unwrapped(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			out = append(out, unwrapped(inner)...)
		}
	}
	return out
}

// Sweeping looks at all tenants, and puts each change where it belongs.
func TestSweepKeepsTenantsApart(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := make(map[string]enduser.Tenant)
		for _, pair := range pairs(t, w.users) {
			for _, tenant := range pair {
				key := fmt.Sprint(tenant.Name(), "|", tenant.Environment())
				if _, done := want[key]; done {
					continue
				}
				want[key] = tenant
				must(tenant.Create(ctx, enduser.Spec{ExternalID: "goes", ExpiresIn: time.Minute}))(t)
				must(tenant.Create(ctx, enduser.Spec{ExternalID: "stays"}))(t)
			}
		}
		w.Advance(time.Minute)
		if n := must(w.users.Sweep(ctx))(t); n != len(want) {
			t.Errorf("swept %d, want %d", n, len(want))
		}
		for key, tenant := range want {
			changes := changesAfter(t, tenant, 2)
			if len(changes) != 1 || changes[0].Type != enduser.ChangeExpired {
				t.Errorf("%q: %+v", key, changes)
			}
			must(tenant.Get(ctx, enduser.ByExternalID("stays")))(t)
		}
	})
}
