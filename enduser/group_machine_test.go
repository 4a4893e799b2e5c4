package enduser_test

import (
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
)

// modelGroup is a group as the model has it. Its token is rotated without overlap.
type modelGroup struct {
	enduser.Group

	token string
	old   []string
	seen  map[enduser.Version]bool
}

// changeGroup says in the feed what happened to a group.
func (m *model) changeGroup(kind enduser.ChangeType, id, actor string, fields []string) {
	m.change(kind, id, actor, fields)
	m.feed[len(m.feed)-1].Kind = "group"
}

func (m *machine) groupID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"g", "G", "h", "É", "é", "e\u0301"}).Draw(t, "external ID")
}

// groupRef draws a reference and returns the group that it names, if any.
func (m *machine) groupRef(t *rapid.T, mod *model) (enduser.GroupRef, *modelGroup) {
	p := nobody().group
	if len(mod.groups) > 0 {
		g := rapid.SampledFrom(mod.groups).Draw(t, "group")
		p = groupProbe{g.ID, g.ExternalID, g.token}
		if len(g.old) > 0 && rapid.IntRange(0, 3).Draw(t, "old token") == 0 {
			p.token = g.old[len(g.old)-1]
		}
	}
	if rapid.Bool().Draw(t, "own spelling") {
		p.externalID = m.groupID(t)
	}
	by := rapid.SampledFrom([]string{"ID", "external ID", "token"}).Draw(t, "by")
	i := slices.IndexFunc(mod.groups, func(g *modelGroup) bool {
		switch by {
		case "ID":
			return g.ID == p.id
		case "token":
			return g.token == p.token
		default:
			return groupKey(g.ExternalID) == groupKey(p.externalID)
		}
	})
	if i < 0 {
		return groupRefsOf()[by](p), nil
	}
	return groupRefsOf()[by](p), mod.groups[i]
}

func sameGroup(t *rapid.T, got enduser.Group, want *modelGroup) {
	t.Helper()
	if want.Version.IsZero() { // it was written just now
		want.Version = got.Version
		if want.seen[got.Version] || got.Version.IsZero() {
			t.Fatalf("version %q again", got.Version)
		}
		want.seen[got.Version] = true
	}
	if d := cmp.Diff(want.Group, got, sameUsers); d != "" {
		t.Fatalf("group (-want +got):\n%s", d)
	}
}

// demo returns nothing, or that a group is for demonstrations.
func demo(t *rapid.T) enduser.Metadata {
	if !rapid.Bool().Draw(t, "demo") {
		return nil
	}
	return enduser.Metadata{"demo": enduser.Bool(true)}
}

func (m *machine) createGroup(t *rapid.T) {
	tenant, mod, _, actor := m.turn(t)
	s := enduser.GroupSpec{ExternalID: m.groupID(t), Name: name(t), SystemProperties: demo(t)}
	i := slices.IndexFunc(mod.groups, func(g *modelGroup) bool { return groupKey(g.ExternalID) == groupKey(s.ExternalID) })
	var g enduser.Group
	var err error
	outcome := enduser.Created
	if rapid.Bool().Draw(t, "ensure") {
		g, outcome, err = tenant.Groups().Ensure(m.ctx, s)
	} else if g, _, err = tenant.Groups().Create(m.ctx, s); i >= 0 {
		conflict, ok := errors.AsType[*enduser.ConflictError](err)
		if !ok || *conflict != (enduser.ConflictError{Kind: "group", Field: "external_id", HolderID: mod.groups[i].ID}) {
			t.Fatalf("error %v, want a conflict with %s", err, mod.groups[i].ID)
		}
		return
	}
	if err != nil || (outcome == enduser.Created) != (i < 0) {
		t.Fatalf("%v, %v", outcome, err)
	}
	if i >= 0 {
		sameGroup(t, g, mod.groups[i])
		return
	}
	mod.changeGroup(enduser.ChangeCreated, g.ID, actor, nil)
	want := &modelGroup{Group: enduser.Group{
		ID: g.ID, ExternalID: s.ExternalID, Number: g.Number, Tenant: tenant.Name(), Environment: tenant.Environment(), Name: s.Name, SystemProperties: s.SystemProperties,
		CreatedBy: actor, UpdatedBy: actor, CreatedAt: mod.now, UpdatedAt: mod.now, AddedAt: mod.now, Revision: mod.revision,
	}, seen: make(map[enduser.Version]bool)}
	sameGroup(t, g, want)
	if want.token, err = tenant.Groups().Reveal(m.ctx, g); err != nil {
		t.Fatal(err)
	}
	mod.groups = append(mod.groups, want)
}

// wrote records a write of a group in the model.
func (m *model) wrote(g *modelGroup, actor string, fields []string) {
	m.changeGroup(enduser.ChangeUpdated, g.ID, actor, fields)
	g.Version, g.Revision, g.UpdatedBy = enduser.Version{}, m.revision, actor
	if g.UpdatedAt.Before(m.now) {
		g.UpdatedAt = m.now
	}
}

func (m *machine) updateGroup(t *rapid.T) {
	tenant, mod, _, actor := m.turn(t)
	ref, want := m.groupRef(t, mod)
	rename, own, plan := name(t), demo(t), metadata(t)["plan"]
	got, err := tenant.Groups().Update(m.ctx, ref, func(g *enduser.Group) error {
		g.Name, g.SystemProperties, g.Metadata["plan"] = rename, own, plan
		return nil
	})
	if want == nil {
		if !errors.Is(err, enduser.ErrNotFound) {
			t.Fatalf("update of none: %v", err)
		}
		return
	}
	var fields []string
	if want.Name != rename {
		fields = append(fields, "name")
	}
	if want.Metadata["plan"] != plan {
		fields = append(fields, "metadata.plan")
	}
	if want.SystemProperties["demo"] != own["demo"] {
		fields = append(fields, "system_properties.demo")
	}
	if len(fields) > 0 {
		want.Name, want.SystemProperties, want.Metadata = rename, own, nil
		if !plan.IsNull() {
			want.Metadata = enduser.Metadata{"plan": plan}
		}
		mod.wrote(want, actor, fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	sameGroup(t, got, want)
}

func (m *machine) rotateGroup(t *rapid.T) {
	tenant, mod, _, actor := m.turn(t)
	ref, want := m.groupRef(t, mod)
	got, _, err := tenant.Groups().Rotate(m.ctx, ref, 0)
	if want == nil {
		if !errors.Is(err, enduser.ErrNotFound) {
			t.Fatalf("rotation of none: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	mod.wrote(want, actor, []string{"token"})
	sameGroup(t, got, want)
	want.old = append(want.old, want.token)
	if want.token, err = tenant.Groups().Reveal(m.ctx, got); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) deleteGroup(t *rapid.T) {
	tenant, mod, _, actor := m.turn(t)
	ref, want := m.groupRef(t, mod)
	err := tenant.Groups().Delete(m.ctx, ref)
	if want == nil {
		if !errors.Is(err, enduser.ErrNotFound) {
			t.Fatalf("deletion of none: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	mod.changeGroup(enduser.ChangeDeleted, want.ID, actor, nil)
	mod.groups = slices.DeleteFunc(mod.groups, func(g *modelGroup) bool { return g == want })
}

// checkGroups compares all groups, and what their tokens are good for.
func (m *machine) checkGroups(t *rapid.T, tenant enduser.Tenant, mod *model) {
	page, err := tenant.Groups().List(m.ctx, enduser.GroupQuery{Limit: 500})
	if err != nil || len(page.Groups) != len(mod.groups) {
		t.Fatalf("%d groups, %v, want %d", len(page.Groups), err, len(mod.groups))
	}
	for i, want := range mod.groups {
		sameGroup(t, page.Groups[i], want)
		if g, err := tenant.Groups().Authenticate(m.ctx, want.token); err != nil || g.ID != want.ID {
			t.Fatalf("the token of %s: %v, %s", want.ID, err, g.ID)
		}
		for _, old := range want.old[max(0, len(want.old)-1):] {
			if _, err := tenant.Groups().Authenticate(m.ctx, old); !errors.Is(err, enduser.ErrNotFound) {
				t.Fatalf("an old token of %s: %v", want.ID, err)
			}
		}
	}
}
