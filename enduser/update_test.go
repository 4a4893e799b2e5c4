package enduser_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := must(w.acme.Create(ctx, everything()))(t)
		w.Advance(1500 * time.Millisecond)
		got := must(w.acme.As("bob").Update(ctx, enduser.ByID("u1"), func(u *enduser.Edit) error {
			diff(t, "what fn gets", u.User, want)
			u.ExternalID, u.Name, u.Email = "crm-9", "", "a@example.org"
			delete(u.Metadata, "plan")
			u.SystemProperties = nil
			u.Accounts = u.Accounts[1:]
			u.Groups = []string{"g9"}
			return nil
		}))(t)
		want.ExternalID, want.Name, want.Email = "crm-9", "", "a@example.org"
		want.Metadata, want.SystemProperties = enduser.Metadata{"seats": enduser.Int(9007199254740993)}, nil
		want.Accounts, want.Groups = want.Accounts[1:], []string{"g9"}
		want.UpdatedBy, want.UpdatedAt, want.Version, want.Revision = "bob", epoch.Add(1500*time.Millisecond), got.Version, 2
		diff(t, "updated", got, want)
		diff(t, "read", must(w.acme.Get(ctx, enduser.ByExternalID("crm-9")))(t), want)

		// Another spelling of the same ID is a change like any other.
		got = must(w.acme.Update(ctx, enduser.ByID("u1"), func(u *enduser.Edit) error { u.ExternalID = "CRM-9"; return nil }))(t)
		if got.ExternalID != "CRM-9" {
			t.Errorf("the spelling is %q", got.ExternalID)
		}
	})
}

func TestUpdateThatChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		want := must(w.acme.Create(ctx, everything()))(t)
		w.Advance(time.Minute)
		refuse := errors.New("refused")
		for name, c := range map[string]struct {
			fn   func(*enduser.Edit) error
			want error
		}{
			"nothing":  {func(*enduser.Edit) error { return nil }, nil},
			"the same": {func(u *enduser.Edit) error { u.Email = " " + u.Email; u.Metadata["gone"] = enduser.Null; return nil }, nil},
			"an error": {func(u *enduser.Edit) error { u.Name = "Eve"; u.Groups[0] = "x"; return refuse }, refuse},
		} {
			u, err := w.acme.Update(ctx, enduser.ByID("u1"), c.fn)
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if c.want == nil {
				diff(t, name, u, want)
			}
		}
		_, err := w.acme.Update(ctx, enduser.ByID("u1"), func(u *enduser.Edit) error {
			u.User = enduser.User{Name: "all of it"}
			return nil
		})
		wantInvalid(t, "everything read-only", err, "id read_only", "tenant_id read_only", "environment read_only",
			"created_by read_only", "updated_by read_only", "created_at read_only", "updated_at read_only", "added_at read_only",
			"version read_only", "revision read_only")
		diff(t, "after", must(w.acme.Get(ctx, enduser.ByID("u1")))(t), want)
		diff(t, "feed", feed(t, w.acme), []string{"created u1"})
	})
}

// A host may build the whole user anew, from a request for instance. What the
// Manager keeps beside the public fields is not lost by it.
func TestUpdateWithAUserBuiltAnew(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		old := must(w.acme.With(unique).Create(ctx, enduser.Spec{ExternalID: "a", Email: "a@example.com"}))(t)
		u := must(w.acme.Update(ctx, enduser.ByID(old.ID), func(u *enduser.Edit) error {
			u.User = enduser.User{
				ID: u.ID, Tenant: u.Tenant, Environment: u.Environment, Version: u.Version, Revision: u.Revision, AddedAt: u.AddedAt,
				CreatedBy: u.CreatedBy, UpdatedBy: u.UpdatedBy, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
				ExternalID: u.ExternalID, Email: u.Email, Name: "New",
			}
			return nil
		}))(t)
		read := must(w.acme.Get(ctx, enduser.ByID(old.ID)))(t)
		diff(t, "read", read, u)
		// The claim stands: not even a store that this policy does not ask lets it go.
		if _, err := st.Get(ctx, "acme", store.Key{Kind: "email.1", Value: "A@EXAMPLE.COM"}); err != nil {
			t.Errorf("the claim of the e-mail address was lost: %v", err)
		}
	})
}

func TestStamps(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.As("").Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
		if u.CreatedBy != "" || u.UpdatedBy != "" {
			t.Errorf("stamps %q and %q of nobody", u.CreatedBy, u.UpdatedBy)
		}
		w.Advance(time.Second)
		u = upserted(w.acme.As("bob").Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "A"}))(t, enduser.Updated)
		if u.CreatedBy != "" || u.UpdatedBy != "bob" || !u.CreatedAt.Equal(epoch) || !u.UpdatedAt.Equal(epoch.Add(time.Second)) {
			t.Errorf("stamps of the upsert: %+v", u)
		}
		// A clock that went back does not take the user back.
		w.Advance(-time.Hour)
		u = must(w.acme.As("eve").Link(ctx, enduser.ByID(u.ID), enduser.Account{Type: "irc", ID: "a"}))(t)
		if u.UpdatedBy != "eve" || !u.UpdatedAt.Equal(epoch.Add(time.Second)) {
			t.Errorf("stamps after the clock went back: %+v", u)
		}
	})
}

// Maps and slices that the caller hands in stay the caller's: many calls may share them,
// and a call neither changes nor keeps them.
func TestWritesLeaveTheCallersValuesAlone(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	acme := newWorld(memory.New(nil)).acme
	given := func() enduser.Spec {
		return enduser.Spec{
			ExternalID: "crm-7", Metadata: enduser.Metadata{"plan": enduser.String("pro"), "gone": enduser.Null},
			Accounts: []enduser.Account{{Type: "t", ID: "1"}}, Groups: []string{"g"},
		}
	}
	spec := given()
	for range 2 {
		u := must(first(acme.Upsert(ctx, spec)))(t)
		u.Metadata["mine"], u.Accounts[0].ID, u.Groups[0] = enduser.Int(1), "2", "h"
		diff(t, "the spec", spec, given())
	}
	u := must(acme.Update(ctx, enduser.ByExternalID("crm-7"), func(e *enduser.Edit) error { e.Metadata = spec.Metadata; return nil }))(t)
	u.Metadata["mine"] = enduser.Int(1)
	diff(t, "the map", spec, given())
}

// Whatever a policy accepts can be written, with the change note that goes with it.
func TestManyFieldsChangeAtOnce(t *testing.T) {
	t.Parallel()
	acme := newWorld(memory.New(nil)).acme.With(enduser.Policy{MaxMetadataKeys: 4096, MaxMetadataKey: 256, MaxMetadataBytes: 256 << 10})
	must(acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-7"}))(t)
	many := enduser.Metadata{}
	for i := range 800 {
		many[fmt.Sprintf("%s-%d", strings.Repeat("k", 100), i)] = enduser.Int(1)
	}
	must(first(acme.Upsert(t.Context(), enduser.Spec{ExternalID: "crm-7", Metadata: many})))(t)
}

// A value that is accepted can be read again: in the stored body it stands two levels
// deeper than alone.
func TestDeepMetadataCanBeRead(t *testing.T) {
	t.Parallel()
	acme := newWorld(memory.New(nil)).acme
	for depth := 28; depth <= 32; depth++ {
		value := must(enduser.JSON(strings.Repeat("[", depth) + `"[{"` + strings.Repeat("]", depth)))(t)
		u, err := acme.Create(t.Context(), enduser.Spec{Metadata: enduser.Metadata{"k": value}})
		if depth > 30 {
			wantErr(t, "too deep", err, enduser.ErrInvalid)
			continue
		}
		must(acme.Get(t.Context(), enduser.ByID(must(u, err)(t).ID)))(t)
	}
	must(acme.List(t.Context(), enduser.Query{}))(t)
}
