package enduser_test

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
)

// refusedAs compares an error with the conflicts that the model knows, and reports whether
// there is one.
func refusedAs(t *rapid.T, err error, conflicts []enduser.ConflictError) bool {
	t.Helper()
	if len(conflicts) == 0 {
		if err != nil {
			t.Fatalf("error %v, want none", err)
		}
		return true
	}
	got, ok := errors.AsType[*enduser.ConflictError](err)
	if !ok || !slices.Contains(conflicts, *got) {
		t.Fatalf("error %v, want one of %v", err, conflicts)
	}
	return false
}

// named judges the error of a call with a reference.
func named(t *rapid.T, err error, found []*modelUser) bool {
	t.Helper()
	want := error(nil)
	switch len(found) {
	case 0:
		want = enduser.ErrNotFound
	case 1:
		return true
	default:
		want = enduser.ErrAmbiguous
	}
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	return false
}

func same(t *rapid.T, got enduser.User, want *modelUser) {
	t.Helper()
	if want.Version.IsZero() { // it was written just now
		want.Version = got.Version
		if want.seen[got.Version] || got.Version.IsZero() {
			t.Fatalf("version %q again", got.Version)
		}
		want.seen[got.Version] = true
	}
	if d := cmp.Diff(want.User, got, sameUsers); d != "" {
		t.Fatalf("user (-want +got):\n%s", d)
	}
}

func (m *machine) create(t *rapid.T) {
	tenant, mod, policy, actor := m.turn(t)
	s := m.spec(t)
	u, err := tenant.Create(m.ctx, s)
	m.created(t, tenant, mod, policy, actor, s, u, err)
}

func (m *machine) created(t *rapid.T, tenant enduser.Tenant, mod *model, policy enduser.Policy, actor string, s enduser.Spec, u enduser.User, err error) {
	t.Helper()
	id := u.ID
	if err != nil {
		id = "refused"
	}
	want, conflicts := mod.create(id, actor, tenant, s, policy)
	if refusedAs(t, err, conflicts) {
		same(t, u, want)
	}
}

// unidentified reports whether a spec identifies nobody, and checks that it was refused
// then.
func unidentified(t *rapid.T, err error, s enduser.Spec, policy enduser.Policy) bool {
	t.Helper()
	if s.ExternalID != "" || len(s.Accounts) > 0 || policy.UniqueEmail && strings.TrimSpace(s.Email) != "" {
		return false
	}
	if !errors.Is(err, enduser.ErrInvalid) {
		t.Fatalf("error %v for a spec that identifies nobody", err)
	}
	return true
}

func (m *machine) ensure(t *rapid.T) {
	tenant, mod, policy, actor := m.turn(t)
	s := m.spec(t)
	u, outcome, err := tenant.Ensure(m.ctx, s)
	if unidentified(t, err, s, policy) {
		return
	}
	if errors.Is(err, enduser.ErrAmbiguous) && mod.ambiguous(s, policy) {
		return
	}
	if want := mod.identified(s, policy); want != nil {
		if !refusedAs(t, err, mod.others(s, policy, want)) {
			return
		}
		outcomes := map[bool]enduser.Outcome{false: enduser.Unchanged, true: enduser.Updated}
		if kept, _ := mod.keep(want, actor, policy, s, func(*enduser.User) {}); outcome != outcomes[kept] {
			t.Fatalf("%v, kept %v", outcome, kept)
		}
		same(t, u, want)
		return
	}
	if err == nil && outcome != enduser.Created {
		t.Fatalf("%v %s", outcome, u.ID)
	}
	m.created(t, tenant, mod, policy, actor, s, u, err)
}

func (m *machine) upsert(t *rapid.T) {
	tenant, mod, policy, actor := m.turn(t)
	s := m.spec(t)
	u, outcome, err := tenant.Upsert(m.ctx, s)
	if unidentified(t, err, s, policy) {
		return
	}
	if errors.Is(err, enduser.ErrAmbiguous) && mod.ambiguous(s, policy) {
		return
	}
	want := mod.identified(s, policy)
	if want == nil {
		if err == nil && outcome != enduser.Created {
			t.Fatalf("%v %s", outcome, u.ID)
		}
		m.created(t, tenant, mod, policy, actor, s, u, err)
		return
	}
	changed, conflicts := mod.keep(want, actor, policy, s, func(u *enduser.User) { merge(s, u) })
	if refusedAs(t, err, conflicts) {
		if (outcome == enduser.Updated) != changed || (outcome == enduser.Unchanged) == changed {
			t.Fatalf("outcome %v, changed %v", outcome, changed)
		}
		same(t, u, want)
	}
}

// write runs a call that changes one user.
func (m *machine) write(t *rapid.T, kind enduser.ChangeType, call func(enduser.Tenant, enduser.Ref) (enduser.User, error), fn func(*enduser.User)) {
	t.Helper()
	tenant, mod, policy, actor := m.turn(t)
	ref, found := m.ref(t, mod)
	u, err := call(tenant, ref)
	if !named(t, err, found) {
		return
	}
	_, conflicts := mod.write(found[0], actor, kind, policy, fn)
	if refusedAs(t, err, conflicts) {
		same(t, u, found[0])
	}
}

func (m *machine) update(t *rapid.T) {
	var fn func(*enduser.User)
	switch rapid.IntRange(0, 7).Draw(t, "what") {
	case 0:
		id := m.externalID(t)
		fn = func(u *enduser.User) { u.ExternalID = id }
	case 1:
		s := name(t)
		fn = func(u *enduser.User) { u.Name = s }
	case 2, 3:
		s := email(t)
		fn = func(u *enduser.User) { u.Email = s }
	case 4:
		a := account(t)
		fn = func(u *enduser.User) { u.Accounts = []enduser.Account{a} }
	case 5:
		fn = func(u *enduser.User) { u.Groups = nil }
	case 6:
		md := metadata(t)
		fn = func(u *enduser.User) { merge(enduser.Spec{Metadata: md}, u) }
	default:
		fn = func(*enduser.User) {}
	}
	m.write(t, enduser.ChangeUpdated, func(tenant enduser.Tenant, ref enduser.Ref) (enduser.User, error) {
		return tenant.Update(m.ctx, ref, func(e *enduser.Edit) error { fn(&e.User); return nil })
	}, fn)
}

func (m *machine) associate(t *rapid.T) {
	m.write(t, enduser.ChangeAssociated, func(tenant enduser.Tenant, ref enduser.Ref) (enduser.User, error) {
		return tenant.Associate(m.ctx, ref)
	}, func(u *enduser.User) { u.ExpiresAt = time.Time{} })
}

func (m *machine) link(t *rapid.T) {
	a := account(t)
	m.write(t, enduser.ChangeUpdated, func(tenant enduser.Tenant, ref enduser.Ref) (enduser.User, error) {
		return tenant.Link(m.ctx, ref, a)
	}, func(u *enduser.User) { merge(enduser.Spec{Accounts: []enduser.Account{a}}, u) })
}

func (m *machine) unlink(t *rapid.T) {
	a := account(t)
	m.write(t, enduser.ChangeUpdated, func(tenant enduser.Tenant, ref enduser.Ref) (enduser.User, error) {
		return tenant.Unlink(m.ctx, ref, a)
	}, func(u *enduser.User) {
		u.Accounts = slices.DeleteFunc(slices.Clone(u.Accounts), func(b enduser.Account) bool { return a == b })
	})
}

func (m *machine) delete(t *rapid.T) {
	tenant, mod, _, actor := m.turn(t)
	ref, found := m.ref(t, mod)
	refuse := errors.New("refused")
	refused := rapid.IntRange(0, 3).Draw(t, "refuse") == 0
	err := tenant.Delete(m.ctx, ref, enduser.IfUser(func(u enduser.User) error {
		if len(found) != 1 || u.ID != found[0].ID {
			t.Fatalf("fn gets %s", u.ID)
		}
		if refused {
			return refuse
		}
		return nil
	}))
	if !named(t, err, found) {
		return
	}
	switch {
	case refused && !errors.Is(err, refuse), !refused && err != nil:
		t.Fatalf("error %v", err)
	case !refused:
		mod.end(found[0], enduser.ChangeDeleted, actor)
	}
}

func (m *machine) get(t *rapid.T) {
	tenant, mod, _, _ := m.turn(t)
	ref, found := m.ref(t, mod)
	u, err := tenant.Get(m.ctx, ref)
	if named(t, err, found) {
		if err != nil {
			t.Fatal(err)
		}
		same(t, u, found[0])
	}
}

func (m *machine) list(t *rapid.T) {
	tenant, mod, _, _ := m.turn(t)
	var f enduser.Filter
	if rapid.IntRange(0, 3).Draw(t, "by external ID") == 0 {
		f.ExternalID = m.externalID(t)
	}
	if rapid.IntRange(0, 3).Draw(t, "by account") == 0 {
		f.Account = account(t)
	}
	if rapid.Bool().Draw(t, "by group") {
		f.Group = group(t)
	}
	if rapid.Bool().Draw(t, "by plan") {
		f.Metadata = enduser.Metadata{"plan": enduser.Int(1)}
	}
	f.Name, f.Email = name(t), email(t)
	q := enduser.Query{Filter: f, Desc: rapid.Bool().Draw(t, "desc"), Limit: rapid.IntRange(1, 4).Draw(t, "limit")}
	var want []string
	for _, u := range mod.alive() {
		if selects(f, u) {
			want = append(want, u.ID)
		}
	}
	if q.Desc {
		slices.Reverse(want)
	}
	var got []string
	for {
		page, err := tenant.List(m.ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ids(page.Users)...)
		if page.Next.IsZero() {
			break
		}
		q.After = page.Next
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%+v: list %v, want %v", q, got, want)
	}
}

// invalid makes calls that have to change nothing.
func (m *machine) invalid(t *rapid.T) {
	tenant, mod, policy, _ := m.turn(t)
	s := m.spec(t)
	s.Name = "a\x00"
	_, _, err := tenant.Upsert(m.ctx, s)
	if ambiguous := errors.Is(err, enduser.ErrAmbiguous) && mod.ambiguous(s, policy); !ambiguous && !errors.Is(err, enduser.ErrInvalid) {
		t.Fatalf("upsert: %v", err)
	}
	ref, found := m.ref(t, mod)
	_, err = tenant.Update(m.ctx, ref, func(u *enduser.Edit) error { u.Revision++; return nil })
	if named(t, err, found) && !errors.Is(err, enduser.ErrInvalid) {
		t.Fatalf("update: %v", err)
	}
}

func (m *machine) trim(t *rapid.T) {
	tenant, mod, _, _ := m.turn(t)
	page, err := tenant.Changes(m.ctx, enduser.ChangeQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Changes) == 0 {
		return
	}
	i := rapid.IntRange(0, len(page.Changes)-1).Draw(t, "through")
	// Not between users that expired together: which came first is not said.
	for i > 0 && page.Changes[i-1].Type == enduser.ChangeExpired && page.Changes[i].Type == enduser.ChangeExpired {
		i--
	}
	if err := tenant.TrimChanges(m.ctx, page.Changes[i].Position); err != nil {
		t.Fatal(err)
	}
	mod.trimmed = max(mod.trimmed, page.Changes[i].Revision-1) // every revision has its change here
}

func (m *machine) wait(t *rapid.T) {
	m.Advance(time.Duration(rapid.IntRange(1, 6).Draw(t, "seconds")) * time.Second)
}

func (m *machine) sweep(t *rapid.T) {
	want := 0
	for _, mod := range m.models {
		mod.now = m.Now().UTC()
		expired := find(mod.users, func(u *modelUser) bool { return !mod.live(u) })
		slices.SortStableFunc(expired, func(a, b *modelUser) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
		for _, u := range expired {
			mod.end(u, enduser.ChangeExpired, "")
		}
		want += len(expired)
	}
	if got, err := m.users.Sweep(m.ctx); err != nil || got != want {
		t.Fatalf("swept %d, %v, want %d", got, err, want)
	}
}

// check compares all that there is.
func (m *machine) check(t *rapid.T) {
	for env, mod := range m.models {
		mod.now = m.Now().UTC()
		tenant := m.tenant.In(env)
		i, alive := 0, mod.alive()
		for u, err := range tenant.All(m.ctx, enduser.Filter{}) {
			if err != nil || i == len(alive) {
				t.Fatalf("All: %v, %s, want %d users", err, u.ID, len(alive))
			}
			same(t, u, alive[i])
			i++
		}
		if i != len(alive) {
			t.Fatalf("All yields %d users, want %d", i, len(alive))
		}
		m.checkGroups(t, tenant, mod)
		if mod.trimmed > 1 && !mod.first.IsZero() {
			if _, err := tenant.Changes(m.ctx, enduser.ChangeQuery{After: mod.first}); !errors.Is(err, enduser.ErrTrimmed) {
				t.Fatalf("trimmed through %d: %v", mod.trimmed, err)
			}
		}
		page, err := tenant.Changes(m.ctx, enduser.ChangeQuery{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		got := page.Changes
		if page.Trimmed != (mod.trimmed > 0) || page.More {
			t.Fatalf("trimmed %t, more %t, want %t and no more", page.Trimmed, page.More, mod.trimmed > 0)
		}
		if len(got) > 0 && got[0].Revision == 1 {
			mod.first = got[0].Position
		}
		want := mod.feed[mod.trimmed:] // every revision has its change
		// Which of several expired users ends first is not said.
		if d := cmp.Diff(settle(want), settle(got), sameUsers); d != "" {
			t.Fatalf("feed (-want +got):\n%s", d)
		}
	}
}

// settle sorts runs of expired changes by ID.
func settle(changes []enduser.Change) []enduser.Change {
	out := slices.Clone(changes)
	for i := range out {
		for j := i; j > 0 && out[j].Type == enduser.ChangeExpired && out[j-1].Type == enduser.ChangeExpired && out[j].ID < out[j-1].ID; j-- {
			out[j], out[j-1] = out[j-1], out[j]
			out[j].Revision, out[j-1].Revision = out[j-1].Revision, out[j].Revision
		}
	}
	return out
}
