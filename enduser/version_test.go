package enduser_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Every write gives a user another version, and whoever reads the user gets that of the
// last write. What writes nothing leaves it.
func TestVersionsOfUsers(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
		ref, irc := enduser.ByID(u.ID), enduser.Account{Type: "irc", ID: "a"}
		seen := map[enduser.Version]string{u.Version: "create"}
		last := u.Version
		pin := enduser.Spec{ExternalID: "a", ExpiresIn: 1, Sensitive: secrets{"pin": secret("1")}}
		for _, step := range []struct {
			what  string
			wrote bool
			call  func() (enduser.User, error)
		}{
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
		} {
			got := must(step.call())(t)
			if before, again := seen[got.Version]; step.wrote && again {
				t.Errorf("%s: the version of %s", step.what, before)
			}
			if !step.wrote && got.Version != last {
				t.Errorf("%s: version %s, was %s", step.what, got.Version, last)
			}
			last = got.Version
			seen[last] = step.what
			if read := must(w.acme.Get(ctx, ref))(t); read.Version != last {
				t.Errorf("%s: version %s, and %s when read", step.what, last, read.Version)
			}
			for listed, err := range w.acme.All(ctx, enduser.Filter{}) {
				if err != nil || listed.Version != last {
					t.Errorf("%s: version %s, and %s in a list: %v", step.what, last, listed.Version, err)
				}
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
		ref, last := enduser.GroupByID(g.ID), g.Version
		seen := map[enduser.Version]string{last: "create"}
		reseal := func() (enduser.Group, error) {
			next := enduser.New(st, &enduser.Options{Now: w.now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
			if n := must(next.Reseal(ctx))(t); n > 1 {
				t.Errorf("resealed %d", n)
			}
			return groups.Get(ctx, ref)
		}
		for _, step := range []struct {
			what  string
			wrote bool
			call  func() (enduser.Group, error)
		}{
			{"ensure", false, func() (enduser.Group, error) { return first(groups.Ensure(ctx, enduser.GroupSpec{ExternalID: "team"})) }},
			{"update", true, func() (enduser.Group, error) {
				return groups.Update(ctx, ref, func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil })
			}},
			{"the same", false, func() (enduser.Group, error) {
				return groups.Update(ctx, ref, func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil })
			}},
			{"rotate", true, func() (enduser.Group, error) { return first(groups.Rotate(ctx, ref, time.Second)) }},
			{"sweep", true, func() (enduser.Group, error) {
				w.advance(time.Minute)
				must(w.users.Sweep(ctx))(t)
				return groups.Get(ctx, ref)
			}},
			{"reseal", true, reseal},
			{"reseal again", false, reseal},
		} {
			got := must(step.call())(t)
			if before, again := seen[got.Version]; step.wrote && again {
				t.Errorf("%s: the version of %s", step.what, before)
			}
			if !step.wrote && got.Version != last {
				t.Errorf("%s: version %s, was %s", step.what, got.Version, last)
			}
			last = got.Version
			seen[last] = step.what
			if read := must(groups.Get(ctx, ref))(t); read.Version != last {
				t.Errorf("%s: version %s, and %s when read", step.what, last, read.Version)
			}
		}
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

func TestIfVersion(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		old := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
		now := must(w.acme.Update(ctx, enduser.ByID(old.ID), rename))(t)
		ref := enduser.ByID(old.ID)
		set := func(e *enduser.Edit) error { e.Name += "!"; return nil }
		for name, cond := range map[string]enduser.Condition{
			"an old one": enduser.IfVersion(old.Version), "none": enduser.IfVersion(), "zero": enduser.IfVersion(enduser.Version{}),
			"zero and old": enduser.IfVersion(enduser.Version{}, old.Version),
		} {
			wantErr(t, name+": update", second(w.acme.Update(ctx, ref, set, cond)), enduser.ErrVersion)
			wantErr(t, name+": associate", second(w.acme.Associate(ctx, ref, cond)), enduser.ErrVersion)
			wantErr(t, name+": delete", w.acme.Delete(ctx, ref, cond), enduser.ErrVersion)
		}
		diff(t, "after refusals", must(w.acme.Get(ctx, ref))(t), now)
		must(w.acme.Update(ctx, ref, set, enduser.IfVersion(old.Version, now.Version)))(t)
		wantErr(t, "after the update", second(w.acme.Update(ctx, ref, set, enduser.IfVersion(now.Version))), enduser.ErrVersion)
		last := must(w.acme.Associate(ctx, ref, enduser.IfVersion(must(w.acme.Get(ctx, ref))(t).Version)))(t)
		wantErr(t, "nobody", w.acme.Delete(ctx, enduser.ByID("nobody"), enduser.IfVersion(last.Version)), enduser.ErrNotFound)
		if err := w.acme.Delete(ctx, ref, enduser.IfVersion(last.Version)); err != nil {
			t.Error(err)
		}

		groups := w.acme.Groups()
		first := made(groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		rotated := made(groups.Rotate(ctx, enduser.GroupByID(first.ID), 0, enduser.IfVersion(first.Version)))(t)
		stale, byID := enduser.IfVersion(first.Version), enduser.GroupByID(first.ID)
		wantErr(t, "rotate", third(groups.Rotate(ctx, byID, 0, stale)), enduser.ErrVersion)
		wantErr(t, "update group", second(groups.Update(ctx, byID, func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil }, stale)), enduser.ErrVersion)
		wantErr(t, "delete group", groups.Delete(ctx, byID, stale), enduser.ErrVersion)
		if err := groups.Delete(ctx, byID, enduser.IfVersion(rotated.Version)); err != nil {
			t.Error(err)
		}
	})
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

func TestVersionText(t *testing.T) {
	t.Parallel()
	u := must(newWorld(memory.New(nil)).acme.Create(t.Context(), enduser.Spec{}))(t)
	text := u.Version.String()
	if len(text) != 20 {
		t.Errorf("text %q", text)
	}
	if got := must(enduser.ParseVersion(text))(t); got != u.Version {
		t.Errorf("%q is parsed as %s", text, got)
	}
	if got := must(enduser.ParseVersion(""))(t); !got.IsZero() || got.String() != "" {
		t.Errorf("the zero version is %q", got)
	}
	var back struct{ V enduser.Version }
	encoded := must(json.Marshal(struct{ V enduser.Version }{u.Version}))(t)
	if err := json.Unmarshal(encoded, &back); err != nil || back.V != u.Version {
		t.Errorf("%s: %v, %s", encoded, err, back.V)
	}
	for _, bad := range []string{"x", text[1:], text + "A", " " + text, text[:19] + "=", "B" + text[1:], text[:19] + "!", fmt.Sprintf("%q", text)} {
		if _, err := enduser.ParseVersion(bad); !errors.Is(err, enduser.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
