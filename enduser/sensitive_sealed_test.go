package enduser_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// sealedOf returns all sealed values of a tenant.
func sealedOf(t *testing.T, tenant enduser.Tenant) (all []enduser.SealedValues) {
	t.Helper()
	for s, err := range tenant.AllSealed(t.Context()) {
		ok(t, err)
		all = append(all, s)
	}
	return all
}

// Sealed values go to the same user of another store, and are what they were until their deadline.
func TestImportSealed(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx, from, to := t.Context(), newWorld(memory.New(nil)), newWorld(st)
		u, err := from.acme.Create(ctx, enduser.Spec{ExternalID: "Ann", Sensitive: map[string]enduser.Secret{
			"ssn": enduser.NewSecret(enduser.String("123")), "pin": enduser.NewSecret(enduser.Int(7)),
		}})
		ok(t, err)
		_, err = from.acme.Create(ctx, enduser.Spec{ExternalID: "Bob"})
		ok(t, err)
		all := sealedOf(t, from.acme)
		if len(all) != 1 || all[0].UserID != u.ID || len(all[0].Values) != 2 || strings.Contains(fmt.Sprintf("%v %s", all, all[0].Values[1].Sealed), "123") {
			t.Fatalf("sealed: %v", all)
		}
		for _, err := range to.acme.ImportAll(ctx, func(yield func(enduser.Import) bool) {
			yield(enduser.Import{ID: u.ID, Spec: enduser.Spec{ExternalID: "Ann"}})
		}, nil) {
			ok(t, err)
		}
		before, err := to.acme.Get(ctx, enduser.ByID(u.ID))
		ok(t, err)
		to.Advance(time.Hour)
		for _, want := range []enduser.Outcome{enduser.Updated, enduser.Unchanged} {
			if got, err := to.acme.ImportSealed(ctx, all[0]); err != nil || got != want {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
		}
		after, err := to.acme.Get(ctx, enduser.ByID(u.ID))
		ok(t, err)
		if !after.UpdatedAt.Equal(before.UpdatedAt) || after.Version == before.Version {
			t.Errorf("the user: %+v", after)
		}
		values, err := to.acme.RevealSensitive(ctx, enduser.ByID(u.ID))
		ok(t, err)
		if diff := cmp.Diff(map[string]enduser.Value{"ssn": enduser.String("123"), "pin": enduser.Int(7)}, values); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(all, sealedOf(t, to.acme)); diff != "" {
			t.Error(diff)
		}
		// One that was written later stays; one that was removed comes back.
		_, err = to.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error {
			e.SetSensitive("ssn", enduser.NewSecret(enduser.String("new")))
			e.SetSensitive("pin", enduser.Secret{})
			return nil
		})
		ok(t, err)
		_, err = to.acme.ImportSealed(ctx, all[0])
		ok(t, err)
		values, err = to.acme.RevealSensitive(ctx, enduser.ByID(u.ID))
		if err != nil || values["ssn"] != enduser.String("new") || values["pin"] != enduser.Int(7) {
			t.Errorf("merged: %v, %v", values, err)
		}
		ok(t, to.acme.Delete(ctx, enduser.ByID(u.ID)))
		if left := sealedOf(t, to.acme); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// The sealed values of one user are those that are live, and nobody else's.
func TestSealed(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		ann, err := w.acme.Create(ctx, enduser.Spec{ExternalID: "Ann", Sensitive: map[string]enduser.Secret{"ssn": secret("123")}})
		ok(t, err)
		bob, err := w.acme.Create(ctx, enduser.Spec{ExternalID: "Bob", Sensitive: map[string]enduser.Secret{"card": secret("456")}})
		ok(t, err)
		_, err = w.acme.Create(ctx, enduser.Spec{ExternalID: "Cy"})
		ok(t, err)
		w.Advance(time.Hour)
		_, err = w.acme.Update(ctx, enduser.ByID(ann.ID), func(e *enduser.Edit) error {
			e.SetSensitive("pin", secret("7"))
			return nil
		})
		ok(t, err)
		all := sealedOf(t, w.acme)
		withoutKeys := enduser.New(st, &enduser.Options{Now: w.Now}).Tenant("acme")
		for ref, want := range map[enduser.Ref]enduser.SealedValues{
			enduser.ByID(ann.ID): all[0], enduser.ByExternalID("BOB"): all[1], enduser.ByExternalID("Cy"): {},
		} {
			got, err := withoutKeys.Sealed(ctx, ref)
			if want.UserID == "" {
				want.UserID = got.UserID
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v, %s", err, diff)
			}
		}
		if got := all[0].Values; len(got) != 2 || got[0].Key != "pin" || !got[1].Until.Equal(epoch.Add(enduser.SensitiveTTL)) {
			t.Errorf("all sealed: %v", got)
		}
		for _, none := range []enduser.Tenant{w.acme.In(enduser.Testing), w.users.Tenant("umbrella")} {
			if got, err := none.Sealed(ctx, enduser.ByID(ann.ID)); !errors.Is(err, enduser.ErrNotFound) {
				t.Errorf("of another tenant: %v, %v", got, err)
			}
		}
		w.Advance(enduser.SensitiveTTL - time.Hour)
		if got, err := w.acme.Sealed(ctx, enduser.ByID(ann.ID)); err != nil || len(got.Values) != 1 || got.Values[0].Key != "pin" {
			t.Errorf("later: %v, %v", got, err)
		}
		if got, err := w.acme.Sealed(ctx, enduser.ByID(bob.ID)); err != nil || len(got.Values) > 0 {
			t.Errorf("later: %v, %v", got, err)
		}
	})
}

// What was sealed elsewhere, has expired, or is nobody's is not written.
func TestImportSealedRefused(t *testing.T) {
	w, ctx := newWorld(memory.New(nil)), t.Context()
	_, err := w.acme.Create(ctx, enduser.Spec{ExternalID: "Ann", Sensitive: map[string]enduser.Secret{"ssn": secret("ann")}})
	ok(t, err)
	bob, err := w.acme.Create(ctx, enduser.Spec{ExternalID: "Bob"})
	ok(t, err)
	good := sealedOf(t, w.acme)[0]
	other := newWorld(memory.New(nil))
	foreign := enduser.New(memory.New(nil), &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"))})
	for name, test := range map[string]struct {
		to     enduser.Tenant
		change func(*enduser.SealedValues)
		want   error
	}{
		"another user":       {w.acme, func(s *enduser.SealedValues) { s.UserID = bob.ID }, enduser.ErrCorrupt},
		"another key":        {w.acme, func(s *enduser.SealedValues) { s.Values[0].Key = "pin" }, enduser.ErrCorrupt},
		"a later deadline":   {w.acme, func(s *enduser.SealedValues) { s.Values[0].Until = s.Values[0].Until.Add(time.Second) }, enduser.ErrCorrupt},
		"a deadline too far": {w.acme, func(s *enduser.SealedValues) { s.Values[0].Until = s.Values[0].Until.Add(48 * time.Hour) }, enduser.ErrExpired},
		"no deadline":        {w.acme, func(s *enduser.SealedValues) { s.Values[0].Until = time.Time{} }, enduser.ErrExpired},
		"a key that is none": {w.acme, func(s *enduser.SealedValues) { s.Values[0].Key = "a b" }, enduser.ErrInvalid},
		"another tenant":     {w.users.Tenant("umbrella"), func(*enduser.SealedValues) {}, enduser.ErrCorrupt},
		"nobody":             {other.acme, func(*enduser.SealedValues) {}, enduser.ErrNotFound},
		"another keyring":    {foreign.Tenant("acme"), func(*enduser.SealedValues) {}, enduser.ErrNoKey},
		"no keyring":         {enduser.New(memory.New(nil), &enduser.Options{Now: w.Now}).Tenant("acme"), func(*enduser.SealedValues) {}, enduser.ErrNoKeyring},
	} {
		in := enduser.SealedValues{UserID: good.UserID, Values: append([]enduser.SealedValue(nil), good.Values...)}
		test.change(&in)
		if outcome, err := test.to.ImportSealed(ctx, in); !errors.Is(err, test.want) || outcome != 0 {
			t.Errorf("%s: %s, %v, want %v", name, outcome, err, test.want)
		}
	}
	if diff := cmp.Diff([]enduser.SealedValues{good}, sealedOf(t, w.acme)); diff != "" {
		t.Error(diff)
	}
	w.Advance(25 * time.Hour)
	if left := sealedOf(t, w.acme); len(left) > 0 {
		t.Errorf("expired: %v", left)
	}
	if outcome, err := w.acme.ImportSealed(ctx, good); !errors.Is(err, enduser.ErrExpired) {
		t.Errorf("expired: %s, %v", outcome, err)
	}
}

// A user that has expired has no values, although nobody has swept it.
func TestAllSealedOfExpired(t *testing.T) {
	w := newWorld(memory.New(nil))
	_, err := w.acme.Create(t.Context(), enduser.Spec{Name: "Ann", ExpiresIn: time.Minute, Sensitive: map[string]enduser.Secret{"ssn": secret("1")}})
	ok(t, err)
	w.Advance(time.Hour)
	if left := sealedOf(t, w.acme); len(left) > 0 {
		t.Errorf("%v", left)
	}
}
