package enduser_test

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
)

// ok is must for calls that return only an error.
func ok(t interface {
	Helper()
	Fatal(args ...any)
}, err error,
) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// team creates a group with an external ID and returns its token too.
func team(t testing.TB, tenant enduser.Tenant, id string) (enduser.Group, string) {
	t.Helper()
	g, token, err := tenant.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: id})
	ok(t, err)
	return g, token
}

// ensured is must for EnsureGroup; it also checks the outcome.
func ensured(g enduser.Group, outcome enduser.Outcome, err error) func(testing.TB, enduser.Outcome) enduser.Group {
	return func(t testing.TB, want enduser.Outcome) enduser.Group {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if outcome != want {
			t.Errorf("outcome %v, want %v", outcome, want)
		}
		return g
	}
}

// wholeSpec returns a spec with every field.
func wholeSpec() enduser.GroupSpec {
	return enduser.GroupSpec{
		ExternalID: "Team-É", Name: "The Team",
		Metadata:         enduser.Metadata{"region": enduser.String("emea"), "gone": enduser.Null},
		SystemProperties: enduser.Metadata{"public": enduser.String("db-1")},
	}
}

func TestCreateGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g := made(w.acme.Groups().Create(ctx, wholeSpec()))(t)
		diff(t, "created", g, enduser.Group{
			ID: "u1", ExternalID: "Team-É", Number: g.Number, Tenant: "acme", Environment: enduser.Customer, Name: "The Team",
			Metadata: enduser.Metadata{"region": enduser.String("emea")}, SystemProperties: enduser.Metadata{"public": enduser.String("db-1")},
			CreatedBy: "ann", UpdatedBy: "ann", CreatedAt: epoch, UpdatedAt: epoch, AddedAt: epoch, Version: g.Version, Revision: 1,
		})
		token := must(w.acme.Groups().Reveal(ctx, g))(t)
		for by, ref := range map[string]enduser.GroupRef{
			"ID": enduser.GroupByID(g.ID), "external ID": enduser.GroupByExternalID("Team-É"),
			"external ID as it may be composed": enduser.GroupByExternalID("Team-E\u0301"), "token": enduser.GroupByToken(token),
		} {
			diff(t, "by "+by, must(w.acme.Groups().Get(ctx, ref))(t), g)
		}
		diff(t, "by its token", must(w.acme.Groups().Authenticate(ctx, token))(t), g)
		for by, ref := range map[string]enduser.GroupRef{
			"ID": enduser.GroupByID("U1"), "external ID": enduser.GroupByExternalID("Team"), "token": enduser.GroupByToken(token[1:]),
			"external ID in another case": enduser.GroupByExternalID("team-É"),
			"ID as external ID":           enduser.GroupByExternalID(g.ID), "external ID as ID": enduser.GroupByID(g.ExternalID),
			"token as external ID": enduser.GroupByExternalID(token), "hash as token": enduser.GroupByToken(strings.Repeat("0", 64)),
		} {
			wantErr(t, "nobody by "+by, second(w.acme.Groups().Get(ctx, ref)), enduser.ErrNotFound)
		}
		diff(t, "feed", changesAfter(t, w.acme, 0), []enduser.Change{
			{Revision: 1, Type: enduser.ChangeCreated, Kind: "group", ID: "u1", Actor: "ann", At: epoch},
		})
	})
}

// If a group exists, Create returns a conflict and Ensure the group; neither changes it.
func TestGroupsThatExist(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g := made(w.acme.Groups().Create(ctx, wholeSpec()))(t)
		token := must(w.acme.Groups().Reveal(ctx, g))(t)
		w.Advance(time.Minute)
		for _, spelling := range []string{"Team-É", "Team-E\u0301"} {
			_, _, err := w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: spelling, Name: "other"})
			wantConflict(t, spelling, err, "external_id", g.ID)
			if want := "enduser: conflict: external_id belongs to group " + g.ID; err.Error() != want {
				t.Errorf("%q, want %q", err, want)
			}
			again := ensured(w.acme.As("bob").Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: spelling, Name: "other"}))(t, enduser.Unchanged)
			diff(t, "ensured", again, g)
			if shown := must(w.acme.Groups().Reveal(ctx, again))(t); shown != token {
				t.Error("the token is another")
			}
		}
		diff(t, "feed", feed(t, w.acme), []string{"created " + g.ID})

		// In the other environment, and of another tenant, it is another group.
		for _, other := range []enduser.Tenant{w.acme.In(enduser.Testing), w.users.Tenant("umbrella")} {
			if made := ensured(other.Groups().Ensure(ctx, wholeSpec()))(t, enduser.Created); made.ID == g.ID || made.Revision != 1 {
				t.Errorf("%s: %s, number %d", other, made.ID, made.Number)
			}
		}
	})
}

func TestUpdateGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		token := must(w.acme.Groups().Reveal(ctx, want))(t)
		w.Advance(time.Minute)
		step := func(what string, refs enduser.GroupRef, fields []string, change func(*enduser.Group)) {
			t.Helper()
			if len(fields) > 0 {
				want = want.Clone()
				if want.Metadata == nil {
					want.Metadata = make(enduser.Metadata)
				}
				if want.SystemProperties == nil {
					want.SystemProperties = make(enduser.Metadata)
				}
				change(&want)
				want.Version = enduser.Version{}
				want.Revision, want.UpdatedBy, want.UpdatedAt = want.Revision+1, "bob", w.Now().UTC()
			}
			got := must(w.acme.As("bob").Groups().Update(ctx, refs, func(g *enduser.Group) error { change(g); return nil }))(t)
			diff(t, what, got, want)
			diff(t, what+", read", must(w.acme.Groups().Get(ctx, enduser.GroupByID(want.ID)))(t), want)
			if len(fields) > 0 {
				changes := changesAfter(t, w.acme, want.Revision-1)
				diff(t, what+", feed", changes, []enduser.Change{{
					Revision: want.Revision, Type: enduser.ChangeUpdated, Kind: "group", ID: want.ID, Actor: "bob", At: w.Now().UTC(), Fields: fields,
				}})
			}
		}
		step("name", enduser.GroupByID(want.ID), []string{"name"}, func(g *enduser.Group) { g.Name = "Team" })
		step("nothing", enduser.GroupByExternalID("team"), nil, func(*enduser.Group) {})
		step("the same", enduser.GroupByToken(token), nil, func(g *enduser.Group) { g.Name = "Team" })
		step("a null that was not there", enduser.GroupByToken(token), nil, func(g *enduser.Group) { g.SystemProperties["x"] = enduser.Null })
		step("keys", enduser.GroupByToken(token), []string{"metadata.a", "metadata.b", "system_properties.m"}, func(g *enduser.Group) {
			g.Metadata["a"], g.Metadata["b"], g.SystemProperties["m"] = enduser.Int(1), enduser.Bool(true), enduser.Int(2)
		})
		step("one away", enduser.GroupByID(want.ID), []string{"metadata.a"}, func(g *enduser.Group) {
			delete(g.Metadata, "a")
		})
		step("all away", enduser.GroupByID(want.ID), []string{"name", "metadata.b", "system_properties.m"}, func(g *enduser.Group) {
			g.Name, g.Metadata, g.SystemProperties = "", nil, nil
		})
		if n := len(feed(t, w.acme)); n != 5 {
			t.Errorf("%d changes, want 5", n)
		}
		if shown := must(w.acme.Groups().Reveal(ctx, must(w.acme.Groups().Get(ctx, enduser.GroupByID(want.ID)))(t)))(t); shown != token {
			t.Error("updates changed the token")
		}

		refuse := errors.New("refused")
		fn := func(g *enduser.Group) error { g.Name = "x"; return refuse }
		wantErr(t, "fn refuses", second(w.acme.Groups().Update(ctx, enduser.GroupByID(want.ID), fn)), refuse)
		wantErr(t, "fn is not called", second(w.acme.Groups().Update(ctx, enduser.GroupByID("nobody"), fn)), enduser.ErrNotFound)
		diff(t, "after refusals", must(w.acme.Groups().Get(ctx, enduser.GroupByID(want.ID)))(t), want)
	})
}

// A caller shares no map with the store or another caller.
func TestGroupsShareNothing(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		s := wholeSpec()
		g := made(w.acme.Groups().Create(ctx, s))(t)
		mine := enduser.Metadata{"region": enduser.String("apac")}
		g = must(w.acme.Groups().Update(ctx, enduser.GroupByID(g.ID), func(g *enduser.Group) error { g.Metadata = mine; return nil }))(t)
		mine["region"], s.SystemProperties["public"] = enduser.Null, enduser.Int(1)
		if g.Metadata["region"] != enduser.String("apac") {
			t.Error("the returned group shares the caller's map")
		}
		g.Metadata["region"] = enduser.Int(7)
		read := must(w.acme.Groups().Get(ctx, enduser.GroupByID(g.ID)))(t)
		diff(t, "metadata", read.Metadata, enduser.Metadata{"region": enduser.String("apac")})
		diff(t, "system_properties", read.SystemProperties, enduser.Metadata{"public": enduser.String("db-1")})
		if _, ok := s.Metadata["gone"]; !ok {
			t.Error("the spec's map was changed")
		}
	})
}

// A deleted group leaves neither tokens nor its external ID taken. Conditions get a copy of
// the group, and refuse rotations and deletions.
func TestDeleteGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for i, by := range []func(enduser.Group, string) enduser.GroupRef{
			func(g enduser.Group, _ string) enduser.GroupRef { return enduser.GroupByID(g.ID) },
			func(enduser.Group, string) enduser.GroupRef { return enduser.GroupByExternalID("team") },
			func(_ enduser.Group, token string) enduser.GroupRef { return enduser.GroupByToken(token) },
		} {
			spec := wholeSpec()
			spec.ExternalID = "team"
			g, old, err := w.acme.Groups().Create(ctx, spec)
			ok(t, err)
			var refuse error
			cond := enduser.IfGroup(func(got enduser.Group) error {
				diff(t, "fn gets", got, g)
				got.Metadata["region"] = enduser.Null // its own
				return refuse
			})
			g, token, err := w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), time.Hour, cond)
			ok(t, err)
			diff(t, "metadata", g.Metadata, enduser.Metadata{"region": spec.Metadata["region"]})
			ref := by(g, token)
			refuse = errors.New("refused")
			wantErr(t, "fn refuses a rotation", third(w.acme.Groups().Rotate(ctx, ref, 0, cond)), refuse)
			wantErr(t, "fn refuses a deletion", w.acme.Groups().Delete(ctx, ref, cond), refuse)
			diff(t, "after refusals", must(w.acme.Groups().Get(ctx, ref))(t), g)
			accepts(t, "after refusals", w.acme, g.ID, []string{old, token}, true, true)
			ok(t, w.acme.As("bob").Groups().Delete(ctx, ref))
			wantErr(t, "again", w.acme.Groups().Delete(ctx, ref), enduser.ErrNotFound)
			accepts(t, "deleted", w.acme, g.ID, []string{old, token})
			change := changesAfter(t, w.acme, int64(3*i+2))
			if len(change) != 1 || change[0].Type != enduser.ChangeDeleted || change[0].Kind != "group" || change[0].ID != g.ID || change[0].Actor != "bob" {
				t.Errorf("feed %+v", change)
			}
		}
		// The ID is free again.
		made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "Team"}))(t)
	})
}

// A number of 31 bits that is taken is drawn again, with the same stamp. The number stays
// the group's until the group is deleted. Comparisons of whole groups in other tests show
// that no write changes it.
func TestGroupNumberIsTaken(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		var drawn []store.Key
		var notes []string
		f := &faultstore.Store{Store: st}
		w := newWorld(f)
		first := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "first"}))(t)
		holder := must(st.Get(ctx, "acme", store.ID(first.ID)))(t)
		f.OnApply = func(n int64, ops []store.Op) error {
			key := ops[0].New.Unique[1]
			drawn, notes = append(drawn, key), append(notes, string(ops[0].Note))
			if n < 10 {
				return &store.TakenError{Require: -1, Key: key, Holder: holder}
			}
			return nil
		}
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		for _, key := range drawn {
			if n, err := strconv.ParseInt(key.Value, 10, 64); err != nil || n <= 0 || n > math.MaxInt32 {
				t.Errorf("the number %v has more than 31 bits: %v", key, err)
			}
		}
		if want := fmt.Sprint(g.Number); len(drawn) != 9 || drawn[0] == drawn[1] || drawn[8] != (store.Key{Kind: "group_number", Value: want}) {
			t.Errorf("drawn %v, number %s", drawn, want)
		}
		if notes[0] != notes[8] {
			t.Errorf("notes %q", notes)
		}
		f.OnApply = nil
		g = must(w.acme.Groups().Update(ctx, enduser.GroupByID(g.ID), func(got *enduser.Group) error { got.Name = "x"; return nil }))(t)
		if r := must(st.Get(ctx, "acme", drawn[8]))(t); r.ID != g.ID {
			t.Errorf("the number is that of %s", r.ID)
		}
		renumber := func(g *enduser.Group) error { g.Number++; g.Version = enduser.Version{}; return nil }
		wantInvalid(t, "update", second(w.acme.Groups().Update(ctx, enduser.GroupByID(g.ID), renumber)), "number read_only", "version read_only")
		ok(t, w.acme.Groups().Delete(ctx, enduser.GroupByID(g.ID)))
		wantErr(t, "the number", second(st.Get(ctx, "acme", drawn[8])), store.ErrNotFound)
	})
}
