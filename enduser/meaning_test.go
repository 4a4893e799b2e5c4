package enduser_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Whatever in a spec belongs to another user is a conflict, in whatever order it stands,
// for a user that is there as for a new one.
func TestEnsureOfWhatBelongsToOthers(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		account := func(id string) enduser.Account { return enduser.Account{Type: "irc", ID: id} }
		ann := must(acme.Create(ctx, enduser.Spec{ExternalID: "ann", Email: "ann@example.com", Accounts: []enduser.Account{account("a")}}))(t)
		bob := must(acme.Create(ctx, enduser.Spec{ExternalID: "bob", Email: "bob@example.com", Accounts: []enduser.Account{account("b"), account("c")}}))(t)
		must(acme.Create(ctx, enduser.Spec{ExternalID: "gone", Accounts: []enduser.Account{account("d")}, Email: "d@example.com", ExpiresIn: time.Second}))(t)
		w.advance(time.Second)
		before := feed(t, acme)
		for name, c := range map[string]struct {
			spec          enduser.Spec
			field, holder string
		}{
			"an account":                  {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("b")}}, "linked_accounts", bob.ID},
			"behind one that is new":      {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("x"), account("b")}}, "linked_accounts", bob.ID},
			"behind one that is its own":  {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("a"), account("c")}}, "linked_accounts", bob.ID},
			"behind one that identifies":  {enduser.Spec{Accounts: []enduser.Account{account("a"), account("b")}}, "linked_accounts", bob.ID},
			"the other way round":         {enduser.Spec{Accounts: []enduser.Account{account("b"), account("a")}}, "linked_accounts", ann.ID},
			"an address":                  {enduser.Spec{ExternalID: "ann", Email: "BOB@example.com"}, "email", bob.ID},
			"an address, by an account":   {enduser.Spec{Accounts: []enduser.Account{account("a")}, Email: "bob@example.com"}, "email", bob.ID},
			"an address, and a long name": {enduser.Spec{ExternalID: "ann", Email: "bob@example.com", Name: strings.Repeat("x", 999)}, "email", bob.ID},
			"an account, and a long name": {enduser.Spec{ExternalID: "ann", Accounts: []enduser.Account{account("b")}, Name: strings.Repeat("x", 999)}, "linked_accounts", bob.ID},
			"of a new user":               {enduser.Spec{ExternalID: "new", Accounts: []enduser.Account{account("x"), account("b")}}, "linked_accounts", bob.ID},
		} {
			wantConflict(t, "ensure: "+name, third(acme.Ensure(ctx, c.spec)), c.field, c.holder)
			if len(c.spec.Name) == 0 {
				wantConflict(t, "upsert: "+name, third(acme.Upsert(ctx, c.spec)), c.field, c.holder)
			}
		}
		for name, spec := range map[string]enduser.Spec{
			"all its own":           {ExternalID: "ann", Email: "Ann@example.com", Accounts: ann.Accounts},
			"what nobody has":       {ExternalID: "ann", Email: "x@example.com", Accounts: []enduser.Account{account("x")}},
			"what has expired":      {ExternalID: "ann", Email: "d@example.com", Accounts: []enduser.Account{account("d")}},
			"what nobody can have":  {ExternalID: "ann", Accounts: []enduser.Account{{Type: "irc"}}},
			"an address that is no": {ExternalID: "ann", Email: "x"},
		} {
			diff(t, name, upserted(acme.Ensure(ctx, spec))(t, enduser.Unchanged), ann)
		}
		many := enduser.Spec{ExternalID: "ann"}
		for i := range 40 {
			many.Accounts = append(many.Accounts, account(fmt.Sprint(i)))
		}
		wantInvalid(t, "many", third(acme.Ensure(ctx, many)), "linked_accounts too_many")
		diff(t, "feed", feed(t, acme), before)
	})
}

// A provisional user becomes permanent by whoever says that it shall exist, and no
// deadline: once, by a change of its own type.
func TestProvisionalUsersThatAreEnsured(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		provisional := func(id string) enduser.User {
			return must(w.acme.Create(ctx, enduser.Spec{ExternalID: id, Name: "Ann", ExpiresIn: enduser.ProvisionalTTL}))(t)
		}
		a, b, c, d := provisional("a"), provisional("b"), provisional("c"), provisional("d")
		w.advance(time.Hour)
		kept := upserted(w.acme.As("bob").Ensure(ctx, enduser.Spec{ExternalID: "A", Name: "Other"}))(t, enduser.Updated)
		if !kept.ExpiresAt.IsZero() || kept.Name != "Ann" || kept.UpdatedBy != "bob" {
			t.Errorf("ensured %+v", kept)
		}
		diff(t, "again", upserted(w.acme.Ensure(ctx, enduser.Spec{ExternalID: "A", Name: "Other"}))(t, enduser.Unchanged), kept)
		if u := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "b"}))(t, enduser.Updated); !u.ExpiresAt.IsZero() {
			t.Errorf("upserted %+v", u)
		}
		if u := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "c", Name: "C"}))(t, enduser.Updated); !u.ExpiresAt.IsZero() || u.Name != "C" {
			t.Errorf("upserted %+v", u)
		}
		// With a deadline it keeps its own, and so it does when others write.
		diff(t, "with a deadline", upserted(w.acme.Ensure(ctx, enduser.Spec{ExternalID: "d", ExpiresIn: time.Minute}))(t, enduser.Unchanged), d)
		diff(t, "with a deadline", upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "d", ExpiresIn: time.Minute}))(t, enduser.Unchanged), d)
		merged := must(w.acme.Update(ctx, enduser.ByID(d.ID), func(e *enduser.Edit) error { enduser.Spec{Name: "D"}.Merge(e); return nil }))(t)
		if !merged.ExpiresAt.Equal(d.ExpiresAt) {
			t.Errorf("merged %+v", merged)
		}
		changes := changesAfter(t, w.acme, d.Revision)
		for i, want := range []enduser.Change{
			{Type: enduser.ChangeAssociated, ID: a.ID, Fields: []string{"expires_at"}},
			{Type: enduser.ChangeAssociated, ID: b.ID, Fields: []string{"expires_at"}},
			{Type: enduser.ChangeAssociated, ID: c.ID, Fields: []string{"name", "expires_at"}},
			{Type: enduser.ChangeUpdated, ID: d.ID, Fields: []string{"name"}},
		} {
			if i >= len(changes) || changes[i].Type != want.Type || changes[i].ID != want.ID || !slices.Equal(changes[i].Fields, want.Fields) {
				t.Fatalf("changes %+v, want %+v as number %d", changes, want, i)
			}
		}
		w.advance(enduser.ProvisionalTTL)
		diff(t, "left", ids(must(w.acme.List(ctx, enduser.Query{}))(t).Users), []string{a.ID, b.ID, c.ID})
	})
}

// Many that ensure a provisional user make it permanent once.
func TestProvisionalUsersThatManyEnsure(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
		at(func(i int) {
			call := w.acme.Ensure
			if i%2 == 0 {
				call = w.acme.Upsert
			}
			if got, _, err := call(ctx, enduser.Spec{ExternalID: "a"}); err != nil || got.ID != u.ID || !got.ExpiresAt.IsZero() {
				t.Errorf("%v, %v", got, err)
			}
		})
		diff(t, "feed", feed(t, w.acme), []string{"created u1", "associated u1"})
	})
}

var placeholders = []string{"undefined", "NULL", "(null)", "Nil", "none", "NaN", "[object Object]", "[OBJECT OBJECT]"}

// What stands for a missing ID is none, unless the policy allows it.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	acme := newWorld(memory.New(nil)).acme
	lax := acme.With(enduser.Policy{Placeholders: true})
	group := func(id string) enduser.GroupSpec { return enduser.GroupSpec{ProvidedID: id} }
	for _, id := range placeholders {
		spec := enduser.Spec{ExternalID: id, Accounts: []enduser.Account{{Type: "irc", ID: id}}, Groups: []string{id}}
		want := []string{"external_id placeholder", "groups[0] placeholder", "linked_accounts[0].id placeholder"}
		wantInvalid(t, id+": create", second(acme.Create(ctx, spec)), want...)
		wantInvalid(t, id+": ensure", third(acme.Ensure(ctx, spec)), want...)
		wantInvalid(t, id+": upsert", third(acme.Upsert(ctx, spec)), want...)
		wantInvalid(t, id+": group", third(acme.Groups().Create(ctx, group(id))), "provided_id placeholder")
		wantInvalid(t, id+": ensure group", third(acme.Groups().Ensure(ctx, group(id))), "provided_id placeholder")
	}
	u := must(acme.Create(ctx, enduser.Spec{Name: "null", FirstName: "None"}))(t)
	ref := enduser.ByID(u.ID)
	wantInvalid(t, "update", second(acme.Update(ctx, ref, func(e *enduser.Edit) error { e.ExternalID = "null"; return nil })), "external_id placeholder")
	wantInvalid(t, "link", second(acme.Link(ctx, ref, enduser.Account{Type: "irc", ID: "null"})), "linked_accounts[0].id placeholder")
	for i, id := range []string{"0", "-1", "true", "nulls", "none-1", "\"null\"", "undefined "[:9] + "1"} {
		must(acme.Create(ctx, enduser.Spec{ExternalID: id, Accounts: []enduser.Account{{Type: fmt.Sprint(i), ID: id}}, Groups: []string{id}}))(t)
	}
	// Where a policy allows them they are IDs, also for a door that would not allow them.
	there := must(lax.Create(ctx, enduser.Spec{ExternalID: "undefined", Groups: []string{"nil"}, Accounts: []enduser.Account{{Type: "irc", ID: "none"}}}))(t)
	diff(t, "ensured", upserted(acme.Ensure(ctx, enduser.Spec{ExternalID: "Undefined"}))(t, enduser.Unchanged), there)
	upserted(acme.Upsert(ctx, enduser.Spec{ExternalID: "undefined", Name: "x", Groups: []string{"nil"}, Accounts: there.Accounts}))(t, enduser.Updated)
	g := made(lax.Groups().Create(ctx, group("null")))(t)
	diff(t, "ensured group", ensured(acme.Groups().Ensure(ctx, group("null")))(t, enduser.Unchanged), g)
}

// Clear takes away what Upsert has no other word for, and nothing of a new user.
func TestSpecClear(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		all := []string{"name", "first_name", "last_name", "email", "avatar", "language"}
		spec := everything()
		spec.Clear, spec.ExpiresIn = all, 0
		u := upserted(w.acme.With(unique).Upsert(ctx, spec))(t, enduser.Created)
		if u.Name == "" || u.Email == "" || u.Language == "" {
			t.Errorf("created %+v", u)
		}
		got := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: u.ExternalID, Name: "Eve", Clear: all}))(t, enduser.Updated)
		want := u.Clone()
		want.Name, want.FirstName, want.LastName, want.Email, want.Avatar, want.Language = "Eve", "", "", "", "", ""
		want.Version, want.Revision, want.UpdatedAt = got.Version, got.Revision, got.UpdatedAt
		diff(t, "cleared", got, want)
		upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: u.ExternalID, Clear: all[1:]}))(t, enduser.Unchanged)
		must(w.acme.With(unique).Create(ctx, enduser.Spec{Email: u.Email}))(t) // its address is free
		for name, member := range map[string]string{"id": "external_id", "metadata": "metadata", "nothing": "", "case": "Name"} {
			spec := enduser.Spec{ExternalID: u.ExternalID, Clear: []string{"name", member}}
			wantInvalid(t, name, third(w.acme.Upsert(ctx, spec)), "clear[1] invalid_value")
			wantInvalid(t, name, w.acme.Check(spec), "clear[1] invalid_value")
			spec.ExternalID = "new"
			wantInvalid(t, name, third(w.acme.Upsert(ctx, spec)), "clear[1] invalid_value")
			wantInvalid(t, name+" merged", second(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { spec.Merge(e); return nil })), "clear[1] invalid_value")
		}
		if u := must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t); u.Name != "Eve" {
			t.Errorf("%+v", u)
		}
	})
}

// The name that is shown is the one that is found.
func TestDisplayName(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for want, s := range map[string]enduser.Spec{
			"Ada Lovelace": {FirstName: "Ada", LastName: "Lovelace"}, "Grace": {FirstName: "Grace"}, "Hopper": {LastName: "Hopper"},
			"Countess": {Name: "Countess", FirstName: "Augusta", LastName: "King"}, "": {},
		} {
			u := must(w.acme.Create(ctx, s))(t)
			if got := u.DisplayName(); got != want {
				t.Errorf("%+v is shown as %q, want %q", s, got, want)
			}
			if want == "" {
				continue
			}
			diff(t, want, ids(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: strings.ToUpper(want)}}))(t).Users), []string{u.ID})
		}
		for _, hidden := range []string{"Augusta", "King"} {
			diff(t, hidden, len(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: hidden}}))(t).Users), 0)
		}
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "x", FirstName: "Jean"}))(t)
		u = must(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.FirstName, e.LastName = "John", "Doe"; return nil }))(t)
		for name, n := range map[string]int{"Jean": 0, "doe john": 1} {
			diff(t, name, len(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: name, ExternalID: "x"}}))(t).Users), n)
			diff(t, name, len(must(w.acme.List(ctx, enduser.Query{Filter: enduser.Filter{Name: name}}))(t).Users), n)
		}
	})
}

// A filter that nobody can match under any policy is a mistake.
func TestFiltersThatNobodyMatches(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	w.schema = enduser.Schema{IndexedMetadata: []string{"plan"}}
	for name, c := range map[string]struct {
		filter enduser.Filter
		want   string
	}{
		"no address":           {enduser.Filter{Email: "not-an-address"}, "email invalid_format"},
		"a long address":       {enduser.Filter{Email: strings.Repeat("a", 251) + "@b.c"}, "email too_long"},
		"an external ID":       {enduser.Filter{ExternalID: "a<b"}, "external_id invalid_characters"},
		"one with a space":     {enduser.Filter{ExternalID: "a "}, "external_id surrounding_space"},
		"a long one":           {enduser.Filter{ExternalID: strings.Repeat("a", 256)}, "external_id too_long"},
		"an invisible one":     {enduser.Filter{ExternalID: "a\u200b"}, "external_id invalid_characters"},
		"a name without words": {enduser.Filter{Name: "+"}, "name invalid_value"},
		"a blank name":         {enduser.Filter{Name: " "}, "name invalid_value"},
		"no account type":      {enduser.Filter{Account: enduser.Account{ID: "1"}}, "account_type required"},
		"no account ID":        {enduser.Filter{Account: enduser.Account{Type: "1"}}, "account_id required"},
		"a long account type":  {enduser.Filter{Account: enduser.Account{Type: strings.Repeat("t", 256), ID: "1"}}, "account_type too_long"},
		"a group":              {enduser.Filter{Group: "a "}, "group surrounding_space"},
		"another group":        {enduser.Filter{Group: "<a"}, "group invalid_characters"},
		"null":                 {enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.Null}}, "metadata.plan invalid_value"},
		"what is not indexed":  {enduser.Filter{Metadata: enduser.Metadata{"tier": enduser.Int(1)}}, "metadata invalid_value"},
	} {
		wantInvalid(t, name, second(w.acme.List(ctx, enduser.Query{Filter: c.filter})), c.want)
		wantInvalid(t, name+": count", second(w.acme.Count(ctx, enduser.Query{Filter: c.filter})), c.want)
		for _, err := range w.acme.All(ctx, c.filter) {
			wantInvalid(t, name+": all", err, c.want)
		}
	}
}

// Metadata is found by value and by text, on every backend, by lists, counts and beside
// what is unique.
func TestMetadataFilters(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		w.schema = enduser.Schema{IndexedMetadata: []string{"v"}}
		value := func(text string) enduser.Value { return must(enduser.JSON(text))(t) }
		texts := []string{"5", "5.0", `"5"`, `"5.0"`, `"1.10"`, "1.1", "true", `"true"`, `{"a":1,"b":2.0}`, `{"b":2,"a":1}`, `"12345"`, "12345"}
		users := make(map[string]string)
		for i, text := range texts {
			u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: fmt.Sprint("crm-", i), Metadata: enduser.Metadata{"v": value(text)}}))(t)
			users[u.ID] = text
		}
		for _, c := range []struct {
			filter enduser.Value
			want   []string
		}{
			{enduser.Int(5), []string{"5", "5.0", `"5"`}},
			{enduser.Float(5), []string{"5", "5.0", `"5"`}},
			{value("5.00"), []string{"5", "5.0", `"5"`}},
			{enduser.String("5"), []string{"5", "5.0", `"5"`}},
			{enduser.String("5.0"), []string{"5.0", `"5.0"`}},
			{enduser.String("1.10"), []string{`"1.10"`}},
			{enduser.String("1.1"), []string{"1.1"}},
			{enduser.Bool(true), []string{"true", `"true"`}},
			{value(`{"b":2,"a":1.0}`), []string{`{"a":1,"b":2.0}`, `{"b":2,"a":1}`}},
			{enduser.String("12345"), []string{`"12345"`, "12345"}},
			{enduser.String("x"), nil},
		} {
			f := enduser.Filter{Metadata: enduser.Metadata{"v": c.filter}}
			var got []string
			for _, u := range must(w.acme.List(ctx, enduser.Query{Filter: f}))(t).Users {
				got = append(got, users[u.ID])
			}
			diff(t, c.filter.Text(), got, c.want)
			diff(t, c.filter.Text()+": count", must(w.acme.Count(ctx, enduser.Query{Filter: f}))(t), enduser.Count{N: len(c.want), Exact: true})
			for i, text := range texts {
				f.ExternalID = fmt.Sprint("crm-", i)
				n := len(must(w.acme.List(ctx, enduser.Query{Filter: f}))(t).Users)
				if (n == 1) != slices.Contains(c.want, text) {
					t.Errorf("%s finds %s: %d", c.filter.Text(), text, n)
				}
			}
		}
	})
}

// A deadline is a time that texts can have.
func TestDeadlinesOutOfRange(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
	set := func(at time.Time) error {
		return second(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.ExpiresAt = at; return nil }))
	}
	for _, at := range []time.Time{
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(math.MaxInt64/1000, 0), time.Unix(1<<62, 0),
		time.Date(584_556_079, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), time.Unix(-1<<62, 0),
	} {
		wantInvalid(t, at.String(), set(at), "expires_at invalid_value")
	}
	if err := set(time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)); err != nil {
		t.Error(err)
	}
	late := enduser.New(memory.New(nil), &enduser.Options{Now: func() time.Time { return time.Date(9900, 1, 1, 0, 0, 0, 0, time.UTC) }})
	wantInvalid(t, "expires in", third(late.Tenant("acme").Upsert(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: math.MaxInt64})), "expires_at invalid_value")
	wantInvalid(t, "check", late.Tenant("acme").Check(enduser.Spec{ExpiresIn: math.MaxInt64}), "expires_at invalid_value")
}

// A bound that no deadline can reach selects all provisional users, or none.
func TestBoundsOfDeadlinesOutOfRange(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		u := must(w.acme.Create(ctx, enduser.Spec{ExpiresIn: time.Hour}))(t)
		for _, c := range []struct {
			at   time.Time
			want []string
		}{
			{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), []string{u.ID}},
			{time.Date(584_556_079, 1, 1, 0, 0, 0, 0, time.UTC), []string{u.ID}},
			{time.Unix(math.MaxInt64/100, 0), []string{u.ID}},
			{time.Unix(-math.MaxInt64/100, 0), []string{}},
			{time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), []string{}},
		} {
			q := enduser.Query{ExpiringBefore: c.at}
			diff(t, c.at.String(), ids(must(w.acme.List(ctx, q))(t).Users), c.want)
			diff(t, c.at.String(), must(w.acme.Count(ctx, q))(t), enduser.Count{N: len(c.want), Exact: true})
		}
	})
}

// Who was handed an ID by the Manager goes on being named by it, and nobody else is, while
// others try to take it as their external ID.
func TestOwnIDsNameNobodyElse(t *testing.T) {
	for _, exact := range []bool{false, true} {
		each(t, func(t *testing.T, st store.Store) {
			ctx := t.Context()
			users := enduser.New(st, &enduser.Options{Schema: func(string) enduser.Schema { return enduser.Schema{ExactIDs: exact} }})
			acme := users.Tenant("acme")
			u := must(acme.Create(ctx, enduser.Spec{Name: "Ann"}))(t)
			spell := func(i int) string {
				if i%2 == 0 && !exact {
					return strings.ToUpper(u.ID)
				}
				return u.ID
			}
			at(func(i int) {
				var err error
				switch i % 4 {
				case 0:
					_, err = acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.ExternalID = fmt.Sprint("crm-", i/8%2); return nil })
				case 1:
					_, err = acme.Create(ctx, enduser.Spec{ExternalID: spell(i / 4)})
				case 2:
					_, _, err = acme.Upsert(ctx, enduser.Spec{ExternalID: spell(i / 4), Name: "Eve"})
				default:
					other := must(acme.Create(ctx, enduser.Spec{}))(t)
					_, err = acme.Update(ctx, enduser.ByID(other.ID), func(e *enduser.Edit) error { e.ExternalID = spell(i / 4); return nil })
				}
				if i%4 > 0 {
					wantConflict(t, "taken", err, "external_id", u.ID)
				} else if err != nil {
					t.Error(err)
				}
				if got, err := acme.Get(ctx, enduser.ByEitherID(spell(i))); err != nil || got.ID != u.ID {
					t.Errorf("%v, %v", got, err)
				}
			})
			// In a tenant that compares exactly another case is another ID.
			if exact {
				must(acme.Create(ctx, enduser.Spec{ExternalID: strings.ToUpper(u.ID)}))(t)
			}
			// A group's ID is not a user's.
			if g := must(acme.Get(ctx, enduser.ByEitherID(u.ID)))(t); g.ID != u.ID {
				t.Error(g.ID)
			}
			if err := acme.Delete(ctx, enduser.ByEitherID(u.ID)); err != nil {
				t.Error(err)
			}
			must(acme.Create(ctx, enduser.Spec{ExternalID: u.ID}))(t)
		})
	}
}

// The own ID of a user that has expired is free, before and after a sweep.
func TestOwnIDsOfUsersThatExpired(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for _, s := range []enduser.Spec{{ExpiresIn: time.Second}, {ExternalID: "known", ExpiresIn: time.Second}} {
			u := must(w.acme.Create(ctx, s))(t)
			wantConflict(t, "before", second(w.acme.Create(ctx, enduser.Spec{ExternalID: u.ID})), "external_id", u.ID)
			w.advance(time.Second)
			heir := must(w.acme.Create(ctx, enduser.Spec{ExternalID: u.ID}))(t)
			if got := must(w.acme.Get(ctx, enduser.ByEitherID(u.ID)))(t); got.ID != heir.ID {
				t.Errorf("%s names %s, want %s", u.ID, got.ID, heir.ID)
			}
			must(w.users.Sweep(ctx))(t)
			diff(t, "after", must(w.acme.Get(ctx, enduser.ByEitherID(u.ID)))(t), heir)
		}
	})
}

// Two groups are one exactly if their IDs are one text after normalization, for the
// token as for the users who name them.
func TestGroupIDsAreExact(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"00Q5x", "00q5x", "é", "e\u0301", "É", "ß", "ẞ", "ss", "K", "k", "i", "ı", "σ", "ς"})
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		acme := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1"))}).Tenant("acme")
		if _, _, err := acme.Groups().Create(ctx, enduser.GroupSpec{ProvidedID: a}); err != nil {
			t.Fatal(err)
		}
		same := enduser.SameGroupID(a, b)
		if want := a == b || a+b == "ée\u0301" || b+a == "ée\u0301"; same != want {
			t.Fatalf("SameGroupID(%q, %q) is %v", a, b, same)
		}
		_, outcome, err := acme.Groups().Ensure(ctx, enduser.GroupSpec{ProvidedID: b})
		if err != nil || (outcome == enduser.Unchanged) != same {
			t.Fatalf("%q after %q: %v, %v", b, a, outcome, err)
		}
		_, err = acme.Create(ctx, enduser.Spec{Groups: []string{a, b}})
		if errors.Is(err, enduser.ErrInvalid) != same || err != nil && !same {
			t.Fatalf("a member of %q and %q: %v", a, b, err)
		}
		if _, err := acme.Create(ctx, enduser.Spec{Groups: []string{a}}); err != nil {
			t.Fatal(err)
		}
		page, err := acme.List(ctx, enduser.Query{Filter: enduser.Filter{Group: b}})
		want := 1
		if !same {
			want = 1 // who is in both
		}
		if err != nil || len(page.Users) != want {
			t.Fatalf("members of %q: %v, %v", b, page.Users, err)
		}
	})
}
