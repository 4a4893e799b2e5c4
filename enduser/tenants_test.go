package enduser_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestTenants(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		ok(t, w.users.Ready(ctx))
		w.furnish(t, "acme", 3)
		for _, name := range []string{"e/x", "t/acme", "c/ready", "ready", "a\n"[:1]} {
			must(w.users.Tenant(name).Create(ctx, enduser.Spec{}))(t)
		}
		gone := must(w.users.Tenant("empty").Create(ctx, enduser.Spec{}))(t)
		ok(t, w.users.Tenant("empty").Delete(ctx, enduser.ByID(gone.ID)))
		type row struct {
			name    string
			env     enduser.Environment
			exact   bool
			counted [3]enduser.Count
		}
		list := func(opts *enduser.TenantsOptions) (rows []row) {
			for info, err := range w.users.Tenants(ctx, opts) {
				ok(t, err)
				if h := info.Handle; h.Name() != info.Name || h.Environment() != info.Environment || h.SameExternalID("a", "A") == info.ExactIDs {
					t.Errorf("the handle of %+v", info)
				}
				rows = append(rows, row{info.Name, info.Environment, info.ExactIDs, [3]enduser.Count{info.Users, info.Groups, info.Webhooks}})
			}
			slices.SortFunc(rows, func(a, b row) int {
				return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.env, b.env), cmp.Compare(fmt.Sprint(a.exact), fmt.Sprint(b.exact)))
			})
			return rows
		}
		n := func(n int) enduser.Count { return enduser.Count{N: n, Exact: true} }
		rows := func(whole, one, none [3]enduser.Count) (rows []row) {
			for _, r := range []struct {
				name string
				n    [3]enduser.Count
			}{{"a", one}, {"acme", whole}, {"c/ready", one}, {"e/x", one}, {"empty", none}, {"ready", one}, {"t/acme", one}} {
				envs, exact := []enduser.Environment{enduser.Customer}, []bool{false}
				if r.name == "acme" {
					envs, exact = append(envs, enduser.Testing), append(exact, true)
				}
				slices.Sort(envs)
				for _, env := range envs {
					for _, exact := range exact {
						rows = append(rows, row{r.name, env, exact, r.n})
					}
				}
			}
			return rows
		}
		var nothing [3]enduser.Count
		sameRows := func(what string, got, want []row) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s:\n%v\n%v", what, got, want)
			}
		}
		sameRows("uncounted", list(nil), rows(nothing, nothing, nothing))
		one := [3]enduser.Count{n(1), n(0), n(0)}
		sameRows("counted", list(&enduser.TenantsOptions{Count: 100}), rows([3]enduser.Count{n(4), n(1), n(1)}, one, [3]enduser.Count{n(0), n(0), n(0)}))
		w.Advance(2 * time.Hour) // one of acme's users has expired
		sameRows("later", list(&enduser.TenantsOptions{Count: 100}), rows([3]enduser.Count{n(3), n(1), n(1)}, one, [3]enduser.Count{n(0), n(0), n(0)}))
		for info, err := range w.users.Tenants(ctx, &enduser.TenantsOptions{Count: 2}) {
			if ok(t, err); info.Name == "acme" && (info.Users.Exact || info.Users.N > 2) {
				t.Errorf("capped: %+v", info)
			}
		}
		for _, err := range w.users.Tenants(ctx, &enduser.TenantsOptions{Count: store.MaxCount + 1}) {
			wantErr(t, "a larger cap", err, enduser.ErrInvalid)
		}
		for _, err := range w.users.Tenants(ctx, nil) {
			ok(t, err)
			break
		}
	})
}

// A loop over the tenants may delete them.
func TestTenantsDeleted(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		const tenants = 120 // more than a page
		for i := range tenants {
			must(w.users.Tenant(fmt.Sprint("tenant ", i)).Create(ctx, enduser.Spec{}))(t)
		}
		seen := make(map[string]int)
		for info, err := range w.users.Tenants(ctx, nil) {
			ok(t, err)
			seen[info.Name]++
			must(w.users.DeleteTenant(ctx, info.Name, nil))(t)
		}
		if len(seen) != tenants {
			t.Errorf("%d tenants", len(seen))
		}
	})
}

func TestTenantsFails(t *testing.T) {
	t.Parallel()
	st := &faultstore.Store{Store: memory.New(nil)}
	w := newWorld(st)
	must(w.acme.Create(t.Context(), enduser.Spec{}))(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	for _, err := range w.users.Tenants(ctx, &enduser.TenantsOptions{Count: 1}) {
		n++
		wantErr(t, "the context has ended", err, context.Canceled)
	}
	diff(t, "errors", n, 1)
}
