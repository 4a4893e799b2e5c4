package enduser_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// versionStep is a call that writes, or does not.
type versionStep[T any] struct {
	what  string
	wrote bool
	call  func() (T, error)
}

// checkVersions takes the steps: every write gives another version, a read gets that of
// the last write, and a call that writes nothing leaves it.
func checkVersions[T any](t *testing.T, made T, version func(T) enduser.Version, get func() (T, error), steps []versionStep[T]) {
	t.Helper()
	last := version(made)
	seen := map[enduser.Version]string{last: "create"}
	for _, step := range steps {
		got := version(must(step.call())(t))
		if before, again := seen[got]; step.wrote && again {
			t.Errorf("%s: the version of %s", step.what, before)
		}
		if !step.wrote && got != last {
			t.Errorf("%s: version %s, was %s", step.what, got, last)
		}
		last = got
		seen[last] = step.what
		if read := version(must(get())(t)); read != last {
			t.Errorf("%s: version %s, and %s when read", step.what, last, read)
		}
	}
}

func TestVersionsOfUsers(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
		ref, irc := enduser.ByID(u.ID), enduser.Account{Type: "irc", ID: "a"}
		pin := enduser.Spec{ExternalID: "a", ExpiresIn: 1, Sensitive: secrets{"pin": secret("1")}}
		checkVersions(t, u, func(u enduser.User) enduser.Version { return u.Version }, func() (enduser.User, error) { return w.acme.Get(ctx, ref) }, []versionStep[enduser.User]{
			{"get", false, func() (enduser.User, error) { return w.acme.Get(ctx, ref) }},
			{"ensure", false, func() (enduser.User, error) {
				return first(w.acme.Ensure(ctx, enduser.Spec{ExternalID: "A", Name: "x", ExpiresIn: 1}))
			}},
			{"the same upsert", false, func() (enduser.User, error) {
				return first(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: 1}))
			}},
			{"upsert", true, func() (enduser.User, error) {
				return first(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "A", ExpiresIn: 1}))
			}},
			{"update", true, func() (enduser.User, error) { return w.acme.Update(ctx, ref, rename) }},
			{"the same update", false, func() (enduser.User, error) { return w.acme.Update(ctx, ref, rename) }},
			{"sensitive values alone", true, func() (enduser.User, error) { return first(w.acme.Upsert(ctx, pin)) }},
			{"the same sensitive values", true, func() (enduser.User, error) { return first(w.acme.Upsert(ctx, pin)) }},
			{"cleared values", true, func() (enduser.User, error) {
				return w.acme.Update(ctx, ref, func(e *enduser.Edit) error { e.ClearSensitive(); return nil })
			}},
			{"link", true, func() (enduser.User, error) { return w.acme.Link(ctx, ref, irc) }},
			{"unlink", true, func() (enduser.User, error) { return w.acme.Unlink(ctx, ref, irc) }},
			{"associate", true, func() (enduser.User, error) { return w.acme.Associate(ctx, ref) }},
			{"associate again", false, func() (enduser.User, error) { return w.acme.Associate(ctx, ref) }},
			{"reindex", true, func() (enduser.User, error) {
				must(w.acme.Update(ctx, ref, func(e *enduser.Edit) error { e.Metadata["plan"] = enduser.Int(1); return nil }))(t)
				w.schema.IndexedMetadata = []string{"plan"}
				if n := must(w.acme.Reindex(ctx))(t); n != 1 {
					t.Errorf("reindexed %d", n)
				}
				return w.acme.Get(ctx, ref)
			}},
			{"reindex again", false, func() (enduser.User, error) {
				must(w.acme.Reindex(ctx))(t)
				return w.acme.Get(ctx, ref)
			}},
		})
		for listed, err := range w.acme.All(ctx, enduser.Filter{}) {
			if read := must(w.acme.Get(ctx, ref))(t); err != nil || listed.Version != read.Version {
				t.Errorf("version %s, and %s in a list: %v", read.Version, listed.Version, err)
			}
		}
	})
}

// first returns the first of three results, and the error.
func first[T, U any](v T, _ U, err error) (T, error) { return v, err }

func TestVersionsOfGroups(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		groups := w.acme.Groups()
		g := made(groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		ref := enduser.GroupByID(g.ID)
		reseal := func() (enduser.Group, error) {
			next := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
			if n := must(next.Reseal(ctx))(t); n > 1 {
				t.Errorf("resealed %d", n)
			}
			return groups.Get(ctx, ref)
		}
		checkVersions(t, g, func(g enduser.Group) enduser.Version { return g.Version }, func() (enduser.Group, error) { return groups.Get(ctx, ref) }, []versionStep[enduser.Group]{
			{"ensure", false, func() (enduser.Group, error) { return first(groups.Ensure(ctx, enduser.GroupSpec{ExternalID: "team"})) }},
			{"update", true, func() (enduser.Group, error) {
				return groups.Update(ctx, ref, func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil })
			}},
			{"the same", false, func() (enduser.Group, error) {
				return groups.Update(ctx, ref, func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil })
			}},
			{"rotate", true, func() (enduser.Group, error) { return first(groups.Rotate(ctx, ref, time.Second)) }},
			{"sweep", true, func() (enduser.Group, error) {
				w.Advance(time.Minute)
				must(w.users.Sweep(ctx))(t)
				return groups.Get(ctx, ref)
			}},
			{"reseal", true, reseal},
			{"reseal again", false, reseal},
		})
	})
}

// No two writes share a version, also if they write the same to stores that count alike.
func TestVersionsOfTwoStores(t *testing.T) {
	t.Parallel()
	seen := make(map[enduser.Version]bool)
	for range 50 {
		w := newWorld(memory.New(nil))
		u := must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a", ExpiresIn: 1}))(t)
		v := must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "b"}))(t)
		for _, version := range []enduser.Version{u.Version, v.Version} {
			if seen[version] {
				t.Fatalf("version %s again", version)
			}
			seen[version] = true
		}
	}
}

// Conditions are asked in their order, all of them, and again after a lost race; one of
// the other kind is a mistake.
func TestConditions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
	ref := enduser.ByID(u.ID)
	var asked []string
	ask := func(name string, err error) enduser.Condition {
		return enduser.IfUser(func(got enduser.User) error {
			asked = append(asked, name+" "+got.Name)
			got.Groups = append(got.Groups, "x") // its own
			return err
		})
	}
	refuse, wrong := errors.New("refused"), enduser.IfGroup(func(enduser.Group) error { return errors.New("asked about a group") })
	wantInvalid(t, "of a group", second(w.acme.Update(ctx, ref, rename, wrong)), "condition invalid_value")
	_, err := w.acme.Update(ctx, ref, rename, enduser.Condition{}, ask("one", nil), ask("two", refuse), ask("three", nil))
	wantErr(t, "update", err, refuse)
	diff(t, "asked", asked, []string{"one ", "two "})

	asked = nil
	once := true
	got := must(w.acme.Update(ctx, ref, func(e *enduser.Edit) error {
		if once {
			once = false
			must(w.acme.Update(ctx, ref, func(e *enduser.Edit) error { e.Name = "Other"; return nil }))(t)
		}
		e.FirstName = "A"
		return nil
	}, ask("again", nil)))(t)
	diff(t, "asked", asked, []string{"again ", "again Other"})
	if got.Name != "Other" || got.FirstName != "A" {
		t.Errorf("updated %q %q", got.Name, got.FirstName)
	}
	// A version that is overtaken during the call does not hold any more.
	once = true
	_, err = w.acme.Update(ctx, ref, func(e *enduser.Edit) error {
		if once {
			once = false
			must(w.acme.Update(ctx, ref, func(e *enduser.Edit) error { e.Name = "Third"; return nil }))(t)
		}
		e.FirstName = "B"
		return nil
	}, enduser.IfVersion(got.Version))
	wantErr(t, "overtaken", err, enduser.ErrVersion)
}
