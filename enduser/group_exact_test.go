package enduser_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Two groups are one exactly if their IDs are one text after normalization, for the
// token as for the users who name them.
func TestGroupIDsAreExact(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"00Q5x", "00q5x", "é", "e\u0301", "É", "ß", "ẞ", "ss", "K", "k", "i", "ı", "σ", "ς"})
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		acme := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1"))}).Tenant("acme")
		ok(t, third(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: a})))
		same := enduser.SameGroupID(a, b)
		if want := a == b || a+b == "ée\u0301" || b+a == "ée\u0301"; same != want {
			t.Fatalf("SameGroupID(%q, %q) is %v", a, b, same)
		}
		_, outcome, err := acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: b})
		if err != nil || (outcome == enduser.Unchanged) != same {
			t.Fatalf("%q after %q: %v, %v", b, a, outcome, err)
		}
		_, err = acme.Create(ctx, enduser.Spec{Groups: []string{a, b}})
		if errors.Is(err, enduser.ErrInvalid) != same || err != nil && !same {
			t.Fatalf("a member of %q and %q: %v", a, b, err)
		}
		ok(t, second(acme.Create(ctx, enduser.Spec{Groups: []string{a}})))
		page, err := acme.List(ctx, enduser.Query{Filter: enduser.Filter{Group: b}})
		if err != nil || len(page.Users) != 1 { // the one that names a, or the one that names both
			t.Fatalf("members of %q: %v, %v", b, page.Users, err)
		}
	})
}
