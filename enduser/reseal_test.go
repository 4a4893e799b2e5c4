package enduser_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Three keys follow one another, in the steps that NewKeyring describes, over groups in
// several tenants and environments. At no step is anything unreadable, and in the end
// nothing needs the old keys.
func TestKeyRotation(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		groups := size.Pick(t, 28, 2000, 10_000)
		if _, slow := st.(interface{ Close() error }); slow { // each write goes to a disk or a server
			groups = size.Pick(t, 28, 200, 1000)
		}
		nextID := counter("g")
		open := func(keys ...string) *enduser.Manager {
			ring := make([]enduser.Key, len(keys))
			for i, id := range keys {
				ring[i] = testKey(id)
			}
			return enduser.New(st, &enduser.Options{Now: w.Now, NewID: nextID, Keyring: enduser.NewKeyring(ring[0], ring[1:]...)})
		}
		place := func(m *enduser.Manager, i int) enduser.Tenant {
			return m.Tenant(fmt.Sprint("tenant-", i%7)).In([]enduser.Environment{enduser.Customer, enduser.Testing}[i%2]).As("ann")
		}
		tokens := make([]string, groups)
		first := open("k1")
		for i := range groups {
			tenant := place(first, i)
			tokens[i] = must(tenant.Groups().Reveal(ctx, made(tenant.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i)}))(t)))(t)
		}
		u := must(place(first, 0).Create(ctx, enduser.Spec{Sensitive: secrets{"a": secret("1"), "b": secret("2")}}))(t)
		readable := func(what string, m *enduser.Manager) {
			t.Helper()
			for i := range groups {
				tenant := place(m, i)
				g, err := tenant.Groups().Get(ctx, enduser.GroupByToken(tokens[i]))
				if err != nil {
					t.Fatalf("%s: group %d: %v", what, i, err)
				}
				if token, err := tenant.Groups().Reveal(ctx, g); err != nil || token != tokens[i] {
					t.Fatalf("%s: group %d: %v", what, i, err)
				}
			}
		}
		counts := func(what string, m *enduser.Manager, want map[string]int) {
			t.Helper()
			diff(t, what, must(m.CountSealed(ctx))(t), want)
		}
		counts("the first", first, map[string]int{"k1": groups + 2})
		for _, step := range []struct{ old, next string }{{"k1", "k2"}, {"k2", "k3"}} {
			behind, front := open(step.old, step.next), open(step.next, step.old)
			readable(step.next+" behind", behind)
			if n := must(behind.Reseal(ctx))(t); n != 0 {
				t.Errorf("%s behind: sealed %d anew", step.next, n)
			}
			readable(step.next+" in front", front)
			fed := changesAfter(t, place(front, 3), 0)
			before := must(place(front, 3).Groups().Get(ctx, enduser.GroupByToken(tokens[3])))(t)
			w.Advance(time.Minute)
			if n := must(front.Reseal(ctx))(t); n != groups {
				t.Errorf("%s: sealed %d anew, want %d", step.next, n, groups)
			}
			if n := must(front.Reseal(ctx))(t); n != 0 {
				t.Errorf("%s: sealed %d anew the second time", step.next, n)
			}
			after := must(place(front, 3).Groups().Get(ctx, enduser.GroupByToken(tokens[3])))(t)
			if after.Revision <= before.Revision || after.Version == before.Version {
				t.Errorf("%s: revision %d, was %d", step.next, after.Revision, before.Revision)
			}
			before.Version, before.Revision = after.Version, after.Revision
			diff(t, "neither actor nor time is new", after, before)
			diff(t, "no change in the feed", changesAfter(t, place(front, 3), 0), fed)
			// Sensitive values are left to their deadline.
			want := map[string]int{step.next: groups}
			if step.old == "k1" {
				want["k1"] = 2
				reveals(t, step.next, place(front, 0), enduser.ByID(u.ID), values{"a": enduser.String("1"), "b": enduser.String("2")})
				counts(step.next, front, want)
				w.Advance(enduser.SensitiveTTL)
				must(front.Sweep(ctx))(t)
				delete(want, "k1")
			}
			counts(step.next+" alone is needed", front, want)
			readable(step.next+" alone", open(step.next))
		}
	})
}

// Reseal loses nothing of rotations, updates and deletions at the same time.
func TestResealRacingWrites(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		next := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		for try := range size.Pick(t, 1, 4, 20) {
			for i := range 24 {
				made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i)}))(t)
			}
			var wg sync.WaitGroup
			tokens := make([]string, 24)
			for i := range 24 {
				wg.Go(func() {
					ref := enduser.GroupByExternalID(fmt.Sprint("g", i))
					var err error
					switch i % 3 {
					case 0:
						var g enduser.Group
						if g, _, err = w.acme.Groups().Rotate(ctx, ref, 0); err == nil {
							tokens[i], err = w.acme.Groups().Reveal(ctx, g)
						}
					case 1:
						_, err = w.acme.Groups().Update(ctx, ref, func(g *enduser.Group) error { g.Name = "x"; return nil })
					default:
						err = w.acme.Groups().Delete(ctx, ref)
					}
					if err != nil {
						t.Errorf("try %d, group %d: %v", try, i, err)
					}
				})
			}
			for range 2 { // two nodes that seal anew
				wg.Go(func() {
					if _, err := next.Reseal(ctx); err != nil {
						t.Errorf("try %d: reseal: %v", try, err)
					}
				})
			}
			wg.Wait()
			must(next.Reseal(ctx))(t)
			diff(t, "sealed", must(next.CountSealed(ctx))(t), map[string]int{"k2": 16})
			for i := range 24 {
				g, err := next.Tenant("acme").Groups().Get(ctx, enduser.GroupByExternalID(fmt.Sprint("g", i)))
				switch {
				case i%3 == 2:
					wantErr(t, "deleted", err, enduser.ErrNotFound)
					continue
				case err != nil:
					t.Errorf("try %d, group %d: %v", try, i, err)
				case i%3 == 1 && g.Name != "x":
					t.Errorf("try %d, group %d: the update is lost", try, i)
				}
				if token := must(next.Tenant("acme").Groups().Reveal(ctx, g))(t); i%3 == 0 && token != tokens[i] {
					t.Errorf("try %d, group %d: the rotation is lost", try, i)
				}
				ok(t, w.acme.Groups().Delete(ctx, enduser.GroupByID(g.ID)))
			}
		}
	})
}

func TestResealErrors(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		f := &faultstore.Store{Store: st}
		w := newWorld(f)
		bare := enduser.New(f, nil)
		if n := must(bare.Reseal(ctx))(t); n != 0 || len(must(bare.CountSealed(ctx))(t)) != 0 {
			t.Error("an empty store has secrets")
		}
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}}))(t)
		wantErr(t, "without keyring", second(bare.Reseal(ctx)), enduser.ErrNoKeyring)
		diff(t, "counting needs none", must(bare.CountSealed(ctx))(t), map[string]int{"k1": 2})

		next := enduser.New(f, &enduser.Options{Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		for _, fault := range []struct{ is, want error }{
			{store.ErrUnavailable, enduser.ErrUnavailable}, {store.ErrUnknown, enduser.ErrUnknown}, {errors.New("driver: bad"), enduser.ErrUnavailable},
		} {
			f.OnApply = func(int64, []store.Op) error { return fault.is }
			n, err := next.Reseal(ctx)
			wantErr(t, "write", err, fault.want)
			f.OnApply = nil
			if n != 0 {
				t.Errorf("sealed %d", n)
			}
			f.OnList = func() error { return fault.is }
			wantErr(t, "read", second(next.Reseal(ctx)), fault.want)
			wantErr(t, "count", second(next.CountSealed(ctx)), fault.want)
			f.OnList = nil
		}
		// A sealed text of another version is ErrCorrupt.
		tamper(t, st, g.ID, body(t, `"token":"A`, `"token":"C`))
		wantErr(t, "reseal", second(next.Reseal(ctx)), enduser.ErrCorrupt)
		wantErr(t, "count", second(next.CountSealed(ctx)), enduser.ErrCorrupt)
		wantErr(t, "reveal", second(w.acme.Groups().Reveal(ctx, must(w.acme.Groups().Get(ctx, enduser.GroupByID(g.ID)))(t))), enduser.ErrCorrupt)
	})
}

// A damaged group keeps Reseal from no other group, and CountSealed from no other secret.
func TestResealSkipsDamagedGroups(t *testing.T) {
	ctx, st := t.Context(), memory.New(nil)
	w := newWorld(st)
	for i := range 3 {
		made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i)}))(t)
	}
	made(w.users.Tenant("zeta").Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"}))(t)
	groups := must(w.acme.Groups().List(ctx, enduser.GroupQuery{}))(t).Groups
	tamper(t, st, groups[0].ID, func(r *store.Record) { r.Data = []byte("?") })
	next := enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
	n, err := next.Reseal(ctx)
	wantErr(t, "reseal", err, enduser.ErrCorrupt)
	if n != 3 {
		t.Errorf("sealed %d anew, want the 3 that can be read: %v", n, err)
	}
	counts, err := next.CountSealed(ctx)
	wantErr(t, "count", err, enduser.ErrCorrupt)
	diff(t, "counted beside the damaged one", counts, map[string]int{"k2": 3})
}
