package enduser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

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
			w.Advance(time.Second)
			heir := must(w.acme.Create(ctx, enduser.Spec{ExternalID: u.ID}))(t)
			if got := must(w.acme.Get(ctx, enduser.ByEitherID(u.ID)))(t); got.ID != heir.ID {
				t.Errorf("%s names %s, want %s", u.ID, got.ID, heir.ID)
			}
			must(w.users.Sweep(ctx))(t)
			diff(t, "after", must(w.acme.Get(ctx, enduser.ByEitherID(u.ID)))(t), heir)
		}
		// So is the ID of a group: it is no user's.
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		namesake := must(w.acme.Create(ctx, enduser.Spec{ExternalID: g.ID}))(t)
		diff(t, "a group's ID", must(w.acme.Get(ctx, enduser.ByEitherID(g.ID)))(t), namesake)
	})
}
