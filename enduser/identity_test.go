package enduser_test

import (
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Upsert and Ensure need something that identifies a user: without it every call would
// make one. Create does not.
func TestSpecsThatIdentifyNobody(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		email := enduser.Spec{Email: "a@example.com"}
		for name, c := range map[string]struct {
			tenant enduser.Tenant
			spec   enduser.Spec
			more   []string
		}{
			"a name":                    {w.acme, enduser.Spec{Name: "x"}, nil},
			"nothing":                   {w.acme.With(unique), enduser.Spec{}, nil},
			"an address that is shared": {w.acme, email, nil},
			"an empty address":          {w.acme.With(unique), enduser.Spec{Email: " \t"}, nil},
			"something wrong":           {w.acme, enduser.Spec{Name: "\n", ExpiresIn: -1}, []string{"expires_in invalid_value", "name invalid_characters"}},
			"another thing wrong":       {w.acme, enduser.Spec{Name: "\n"}, []string{"name invalid_characters"}},
		} {
			want := append(c.more, "external_id required")
			wantInvalid(t, name+": ensure", third(c.tenant.Ensure(ctx, c.spec)), want...)
			wantInvalid(t, name+": upsert", third(c.tenant.Upsert(ctx, c.spec)), want...)
		}
		if n := len(feed(t, w.acme)); n != 0 {
			t.Errorf("%d changes", n)
		}
		upserted(w.acme.With(unique).Upsert(ctx, email))(t, enduser.Created)
		upserted(w.acme.With(unique).Upsert(ctx, email))(t, enduser.Unchanged)
		must(w.acme.Create(ctx, enduser.Spec{Name: "x"}))(t)
	})
}

// A policy says what a write sets and never what it keeps: a spec may identify a user by
// what the policy would not allow to be set, and repeat what the user has.
func TestUpsertOfWhatAPolicyWouldNotAllow(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		lax := enduser.Policy{MaxExternalID: 255}
		long := enduser.Spec{
			ExternalID: strings.Repeat("x", 44), Name: strings.Repeat("n", 20), Email: "a@example.com",
			Accounts: []enduser.Account{{Type: "irc", ID: "a"}}, Groups: []string{"g", "h"},
		}
		u := must(w.acme.With(lax).Create(ctx, long))(t)
		strict := w.acme.With(enduser.Policy{
			UniqueEmail: true, AccountTypes: []string{"slack"}, MaxExternalID: 36, MaxName: 3, MaxGroups: 1, MaxAccounts: 1, MaxEmail: 3,
		})
		shout := long
		shout.ExternalID = strings.ToUpper(long.ExternalID)
		for name, spec := range map[string]enduser.Spec{
			"all of it": long, "in another case": shout, "by the account": {Accounts: long.Accounts, Name: long.Name},
			"by the address": {Email: long.Email},
		} {
			diff(t, name+": ensured", upserted(strict.Ensure(ctx, spec))(t, enduser.Unchanged), u)
			diff(t, name+": upserted", upserted(strict.Upsert(ctx, spec))(t, enduser.Unchanged), u)
		}
		short := shout
		short.Name = "Ann"
		u = upserted(strict.Upsert(ctx, short))(t, enduser.Updated)
		if u.Name != "Ann" || u.ExternalID != long.ExternalID {
			t.Errorf("%q %q", u.Name, u.ExternalID)
		}
		// What it sets is validated.
		short.Name, short.Language = "Annie", "--"
		wantInvalid(t, "set", third(strict.Upsert(ctx, short)), "name too_long", "language invalid_format")
		diff(t, "ensured", upserted(strict.Ensure(ctx, short))(t, enduser.Unchanged), u)
		// Who is new has to obey.
		other := enduser.Spec{ExternalID: strings.Repeat("y", 44), Name: "Annie"}
		wantInvalid(t, "new", third(strict.Upsert(ctx, other)), "external_id too_long", "name too_long")
		wantInvalid(t, "new", third(strict.Ensure(ctx, other)), "external_id too_long", "name too_long")
		wantInvalid(t, "create", second(strict.Create(ctx, long)), "external_id too_long", "name too_long", "email too_long",
			"groups too_many", "linked_accounts[0].type invalid_value")
		// What nobody can have is no question for the store.
		hopeless := enduser.Spec{ExternalID: "a\x00"}
		wantInvalid(t, "hopeless", third(strict.Upsert(ctx, hopeless)), "external_id invalid_characters")
	})
}

// A user that is new or known is one call of the store.
func TestOneCallOfTheStore(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := &counting{Store: memory.New(nil)}
	w := newWorld(c)
	spec := enduser.Spec{ExternalID: "a", Name: "Ann"}
	for _, row := range []struct {
		what                 string
		call                 func() error
		gets, lists, applies int
	}{
		{"new", func() error { return third(w.acme.Ensure(ctx, spec)) }, 0, 0, 1},
		{"known", func() error { return third(w.acme.Ensure(ctx, spec)) }, 0, 0, 1},
		{"known, upserted", func() error { return third(w.acme.Upsert(ctx, spec)) }, 0, 0, 1},
		{"merged", func() error { return third(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "A", Name: "A."})) }, 0, 0, 2},
		{"create", func() error { return second(w.acme.Create(ctx, enduser.Spec{Name: "x"})) }, 0, 0, 1},
		{"unique", func() error { return second(w.acme.With(unique).Create(ctx, enduser.Spec{Email: "a@example.com"})) }, 0, 1, 1},
		{"update", func() error { return second(w.acme.Update(ctx, enduser.ByID("u1"), rename)) }, 1, 0, 1},
		{"the same update", func() error { return second(w.acme.Update(ctx, enduser.ByID("u1"), rename)) }, 1, 0, 0},
		{"group", func() error { return third(w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "g"})) }, 0, 0, 1},
		{"known group", func() error { return third(w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "g"})) }, 0, 0, 1},
		{"delete", func() error { return w.acme.Delete(ctx, enduser.ByID("u1")) }, 1, 0, 1},
	} {
		c.reset()
		if err := row.call(); err != nil {
			t.Errorf("%s: %v", row.what, err)
		}
		if c.gets != row.gets || c.lists != row.lists || c.applies != row.applies {
			t.Errorf("%s: %d gets, %d lists, %d applies, want %d, %d, %d",
				row.what, c.gets, c.lists, c.applies, row.gets, row.lists, row.applies)
		}
	}
}

// Check has no effect: not even an ID is used up.
func TestCheckUsesNoID(t *testing.T) {
	t.Parallel()
	n := 0
	users := enduser.New(memory.New(nil), &enduser.Options{NewID: func() string { n++; return "u1" }})
	if err := users.Tenant("acme").Check(everything()); err != nil {
		t.Error(err)
	}
	wantInvalid(t, "wrong", users.Tenant("acme").Check(enduser.Spec{Name: "\n", Email: "x"}), "name invalid_characters", "email invalid_format")
	if err := users.Tenant("acme").Check(enduser.Spec{}); err != nil {
		t.Error("Create needs no identity, and Check says what Create would:", err)
	}
	if n != 0 {
		t.Errorf("%d IDs were used", n)
	}
}

func TestNewWithoutStore(t *testing.T) {
	t.Parallel()
	err := guard(func() error { enduser.New(nil, nil); return nil })
	if err == nil || !strings.Contains(err.Error(), "enduser.New: the store is nil") {
		t.Errorf("%v", err)
	}
}

func TestValueString(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]enduser.Value{
		"pro": enduser.String("pro"), "a\"b\n": enduser.String("a\"b\n"), "12": enduser.Int(12), "true": enduser.Bool(true),
		"null": enduser.Null, `{"a":[1,"x"]}`: must(enduser.JSON(`{"a": [1, "x"]}`))(t), "1.5": enduser.Float(1.5),
	} {
		if got := v.String(); got != want {
			t.Errorf("String of %s is %q, want %q", v.Text(), got, want)
		}
	}
}
