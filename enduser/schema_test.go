package enduser_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// withSchema returns a process of its own on a store.
func withSchema(st store.Store, prefix string, s enduser.Schema) *enduser.Manager {
	return enduser.New(st, &enduser.Options{
		NewID: counter(prefix), Keyring: enduser.NewKeyring(testKey("k1")),
		Schema: func(string) enduser.Schema { return s },
	})
}

// permutations returns all orders of the numbers below n.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for _, p := range permutations(n - 1) {
		for i := range n {
			out = append(out, slices.Insert(slices.Clone(p), i, n-1))
		}
	}
	return out
}

// Processes with different schemas, and doors with different policies, write one user
// in every order. What it is found by stays; only Reindex takes away.
func TestNoWriteTakesAwayWhatAUserIsFoundBy(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		plan := withSchema(st, "p", enduser.Schema{IndexedMetadata: []string{"plan"}})
		tier := withSchema(st, "t", enduser.Schema{IndexedMetadata: []string{"tier"}, NoNameIndex: true})
		none := withSchema(st, "n", enduser.Schema{NoNameIndex: true})
		byPlan := enduser.Filter{Metadata: enduser.Metadata{"plan": enduser.String("pro")}}
		byName := enduser.Filter{Name: "ann"}
		for i, order := range permutations(4)[:size.Pick(t, 2, 12, 24)] {
			name, ext := fmt.Sprint("tenant-", i), "crm-7"
			find := func(after string) {
				t.Helper()
				for what, f := range map[string]enduser.Filter{"plan": byPlan, "name": byName} {
					if n := len(must(plan.Tenant(name).List(ctx, enduser.Query{Filter: f}))(t).Users); n != 1 {
						t.Errorf("order %v: after %s %d users are found by %s", order, after, n, what)
					}
				}
			}
			must(plan.Tenant(name).Create(ctx, enduser.Spec{
				ExternalID: ext, Name: "Ann Lee", Email: "ann@example.com",
				Metadata: enduser.Metadata{"plan": enduser.String("pro"), "tier": enduser.Int(1)},
			}))(t)
			steps := []struct {
				what string
				call func() error
			}{
				{"an upsert of another schema", func() error {
					return third(tier.Tenant(name).Upsert(ctx, enduser.Spec{ExternalID: ext, FirstName: "Ann"}))
				}},
				{"an update without schema", func() error {
					return second(none.Tenant(name).With(unique).Update(ctx, enduser.ByExternalID(ext), func(e *enduser.Edit) error {
						e.LastName = "Lee"
						return nil
					}))
				}},
				{"sensitive values of another schema", func() error {
					return third(tier.Tenant(name).Upsert(ctx, enduser.Spec{ExternalID: ext, Sensitive: secrets{"pin": secret("1")}}))
				}},
				{"a link through a strict door", func() error {
					strict := enduser.Policy{MaxMetadataKeys: 1, MaxName: 1}
					return second(none.Tenant(name).With(strict).Link(ctx, enduser.ByExternalID(ext), enduser.Account{Type: "irc", ID: "ann"}))
				}},
			}
			for _, step := range order {
				if err := steps[step].call(); err != nil {
					t.Fatalf("order %v: %s: %v", order, steps[step].what, err)
				}
				find(steps[step].what)
			}
			// Tier is found since a process that asks for it has written.
			byTier := enduser.Query{Filter: enduser.Filter{Metadata: enduser.Metadata{"tier": enduser.Int(1)}}}
			if n := len(must(tier.Tenant(name).List(ctx, byTier))(t).Users); n != 1 {
				t.Errorf("order %v: %d users are found by tier", order, n)
			}
			for _, want := range []int{1, 0} {
				if n := must(none.Tenant(name).Reindex(ctx))(t); n != want {
					t.Errorf("order %v: reindexed %d, want %d", order, n, want)
				}
			}
			for what, f := range map[string]enduser.Filter{"plan": byPlan, "name": byName} {
				if n := len(must(plan.Tenant(name).List(ctx, enduser.Query{Filter: f}))(t).Users); n != 0 {
					t.Errorf("order %v: after Reindex %d users are found by %s", order, n, what)
				}
			}
		}
	})
}

// With ExactIDs spellings in another case are other IDs, for every call.
func TestExactIDs(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		w.schema = enduser.Schema{ExactIDs: true}
		acme := w.acme.With(unique)
		lower := upserted(acme.Upsert(ctx, enduser.Spec{ExternalID: "00q5x", Email: "a@example.com"}))(t, enduser.Created)
		upper := upserted(acme.Upsert(ctx, enduser.Spec{ExternalID: "00Q5X"}))(t, enduser.Created)
		if lower.ID == upper.ID || acme.SameExternalID("00q5x", "00Q5X") || !acme.SameExternalID("é", "e\u0301") {
			t.Errorf("%s and %s", lower.ID, upper.ID)
		}
		for id, want := range map[string]enduser.User{"00q5x": lower, "00Q5X": upper} {
			diff(t, id, must(acme.Get(ctx, enduser.ByExternalID(id)))(t), want)
			diff(t, id+" or ID", must(acme.Get(ctx, enduser.ByEitherID(id)))(t), want)
			page := must(acme.List(ctx, enduser.Query{Filter: enduser.Filter{ExternalID: id}}))(t)
			diff(t, id+" listed", ids(page.Users), []string{want.ID})
		}
		wantErr(t, "in another case", second(acme.Get(ctx, enduser.ByExternalID("00Q5x"))), enduser.ErrNotFound)

		// NFC still makes one ID of two spellings.
		composed := upserted(acme.Upsert(ctx, enduser.Spec{ExternalID: "\u00e9"}))(t, enduser.Created)
		same := upserted(acme.Upsert(ctx, enduser.Spec{ExternalID: "e\u0301"}))(t, enduser.Unchanged)
		if same.ID != composed.ID || same.ExternalID != "\u00e9" {
			t.Errorf("%s %q, want %s %q", same.ID, same.ExternalID, composed.ID, "\u00e9")
		}
		wantConflict(t, "create", second(acme.Create(ctx, enduser.Spec{ExternalID: "00q5x"})), "external_id", lower.ID)
		rename := func(e *enduser.Edit) error { e.ExternalID = "00Q5X"; return nil }
		wantConflict(t, "rename", second(acme.Update(ctx, enduser.ByID(lower.ID), rename)), "external_id", upper.ID)

		// An upsert that finds a user by something else gives it the ID that it says.
		acc := enduser.Account{Type: "irc", ID: "a"}
		must(acme.Link(ctx, enduser.ByID(lower.ID), acc))(t)
		got := must(acme.Update(ctx, enduser.ByID(lower.ID), func(e *enduser.Edit) error {
			enduser.Spec{ExternalID: "00q5X"}.Merge(e)
			return nil
		}))(t)
		if got.ExternalID != "00q5X" {
			t.Errorf("the external ID is %q", got.ExternalID)
		}
		// Addresses and words are compared as always, and so are groups.
		must(acme.Get(ctx, enduser.ByEmail("A@EXAMPLE.COM")))(t)
		g := made(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "Team"}))(t)
		if other := made(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "TEAM"}))(t); other.ID == g.ID {
			t.Errorf("one group, %s", g.ID)
		}
		// Nobody takes the ID of one without external ID, in its very spelling.
		nameless := must(acme.Create(ctx, enduser.Spec{}))(t)
		wantConflict(t, "own ID", second(acme.Create(ctx, enduser.Spec{ExternalID: nameless.ID})), "external_id", nameless.ID)
	})
}

// Processes that disagree on ExactIDs see two tenants, and never make two users of one
// ID inside one of them, however their calls interleave.
func TestProcessesThatDisagreeOnExactIDs(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		now := clock.At(epoch)
		process := func(prefix string, exact bool) *enduser.Manager {
			return enduser.New(st, &enduser.Options{
				Now: now.Now, NewID: counter(prefix), Keyring: enduser.NewKeyring(testKey("k1")),
				Schema: func(string) enduser.Schema { return enduser.Schema{ExactIDs: exact} },
			})
		}
		folded, exact := process("f", false), process("e", true)
		spellings := []string{"crm", "CRM", "Crm"}
		for i := range size.Pick(t, 3, 20, 50) {
			name := fmt.Sprint("tenant-", i)
			var wg sync.WaitGroup
			for _, id := range slices.Concat(spellings, spellings) {
				for _, m := range []*enduser.Manager{folded, exact} {
					wg.Go(func() {
						if _, _, err := m.Tenant(name).Upsert(ctx, enduser.Spec{ExternalID: id}); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			for want, m := range map[int]*enduser.Manager{1: folded, 3: exact} {
				seen := make(map[string]bool)
				for u, err := range m.Tenant(name).All(ctx, enduser.Filter{}) {
					if err != nil {
						t.Fatal(err)
					}
					seen[u.ID] = true
				}
				if len(seen) != want {
					t.Errorf("%s: %d users, want %d", name, len(seen), want)
				}
			}
		}
		// Walks over all tenants take it from the name that they find, not from the schema.
		must(exact.Tenant("swept").Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Minute}))(t)
		must(exact.Tenant("swept").In(enduser.Testing).Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Minute}))(t)
		made(exact.Tenant("swept").Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		now.Advance(time.Hour)
		if n := must(folded.Sweep(ctx))(t); n != 2 {
			t.Errorf("swept %d, want 2", n)
		}
		if counts := must(folded.CountSealed(ctx))(t); counts["k1"] != 1 {
			t.Errorf("counts %v", counts)
		}
		changes := changesAfter(t, exact.Tenant("swept"), 2)
		if len(changes) != 1 || changes[0].Type != enduser.ChangeExpired {
			t.Errorf("changes %+v", changes)
		}
	})
}

// Names of tenants that look like those of the store are their own tenants.
func TestTenantsWithPrefixes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	st := memory.New(nil)
	exact := map[bool]*enduser.Manager{
		false: withSchema(st, "f", enduser.Schema{}), true: withSchema(st, "e", enduser.Schema{ExactIDs: true}),
	}
	handles := make(map[string]enduser.Tenant)
	for _, prefix := range []string{"", "t/", "e/", "et/", "c/"} {
		for _, inner := range []string{"", "t/", "e/", "et/", "c/"} {
			for is, m := range exact {
				for _, env := range []enduser.Environment{enduser.Customer, enduser.Testing} {
					tenant := m.Tenant(prefix + inner + "a").In(env)
					handles[fmt.Sprint(tenant, is)] = tenant
				}
			}
		}
	}
	for what, tenant := range handles {
		must(tenant.Create(ctx, enduser.Spec{ExternalID: "a", Name: what}))(t)
	}
	for what, tenant := range handles {
		if u := must(tenant.Get(ctx, enduser.ByExternalID("a")))(t); u.Name != what {
			t.Errorf("%s has the user of %s", what, u.Name)
		}
	}
}

// SameExternalID of a handle that is nothing is a plain comparison.
func TestSameExternalIDOfTheZeroTenant(t *testing.T) {
	t.Parallel()
	if (enduser.Tenant{}).SameExternalID("a", "b") || !(enduser.Tenant{}).SameExternalID("a", strings.ToUpper("a")) {
		t.Error("SameExternalID of the zero Tenant")
	}
}

// A handle says by what users can be found. What is done to the answer changes nothing.
func TestSchemaOfAHandle(t *testing.T) {
	given := enduser.Schema{IndexedMetadata: []string{"b", "a", "b"}, NoNameIndex: true}
	want := enduser.Schema{IndexedMetadata: []string{"a", "b"}, NoNameIndex: true}
	acme := withSchema(memory.New(nil), "id", given).Tenant("acme")
	for range 2 {
		got := acme.Schema()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		got.IndexedMetadata[0] = "c"
	}
	if got := (enduser.Tenant{}).Schema(); len(got.IndexedMetadata) > 0 {
		t.Errorf("a handle of no Manager has the schema %v", got)
	}

	sorted := enduser.Schema{IndexedMetadata: []string{"a", "b"}} // which needs no sorting, and is the host's own
	withSchema(memory.New(nil), "id", sorted).Tenant("acme").Schema().IndexedMetadata[0] = "c"
	if sorted.IndexedMetadata[0] != "a" {
		t.Error("what is done to the answer changes the host's schema")
	}
}
