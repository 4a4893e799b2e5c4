package enduser_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// Of 16 that rotate one token at once exactly one wins; the others find no group,
// and the winner's token is the group's.
func TestConcurrentRotations(t *testing.T) {
	const rotators = 16
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		// Every other one comes through a Manager of its own, as if in another process.
		other := enduser.New(st, &enduser.Options{Now: w.now, Keyring: enduser.NewKeyring(testKey("k1"))}).Tenant("acme").As("ann")
		for try := range size.Pick(t, 5, 32, 200) {
			overlap := time.Duration(try%2) * time.Hour
			g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("team-", try)}))(t)
			token := must(w.acme.Groups().Reveal(ctx, g))(t)
			var won atomic.Int64
			var winner atomic.Value
			var wg sync.WaitGroup
			start := make(chan struct{})
			for i := range rotators {
				acme := []enduser.Tenant{w.acme, other}[i%2]
				wg.Go(func() {
					<-start
					rotated, _, err := acme.Groups().Rotate(ctx, enduser.GroupByToken(token), overlap)
					switch {
					case err == nil:
						won.Add(1)
						winner.Store(rotated)
					case !errors.Is(err, enduser.ErrNotFound):
						t.Errorf("try %d, caller %d: %v", try, i, err)
					}
				})
			}
			close(start)
			wg.Wait()
			if n := won.Load(); n != 1 {
				t.Fatalf("try %d: %d rotations won", try, n)
			}
			rotated, _ := winner.Load().(enduser.Group)
			diff(t, "the group", must(w.acme.Groups().Get(ctx, enduser.GroupByID(g.ID)))(t), rotated)
			accepts(t, fmt.Sprint("try ", try), w.acme, g.ID, []string{token, must(w.acme.Groups().Reveal(ctx, rotated))(t)}, overlap > 0, true)
			if n := len(changesAfter(t, w.acme, g.Revision)); n != 1 {
				t.Errorf("try %d: %d changes after the creation", try, n)
			}
		}
	})
}

// A rotation gets through while others update the group, and loses none of their
// updates.
func TestRotationsRacingUpdates(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for try := range size.Pick(t, 1, 4, 20) {
			g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("team-", try)}))(t)
			ref := enduser.GroupByID(g.ID)
			tokens := make([]string, callers)
			at(func(i int) {
				if i%8 == 0 {
					rotated, _, err := w.acme.Groups().Rotate(ctx, ref, time.Hour)
					if err != nil {
						t.Errorf("caller %d: %v", i, err)
						return
					}
					tokens[i], err = w.acme.Groups().Reveal(ctx, rotated)
					if err != nil {
						t.Errorf("caller %d: %v", i, err)
					}
					return
				}
				if _, err := w.acme.Groups().Update(ctx, ref, func(g *enduser.Group) error {
					g.Metadata[fmt.Sprint("k", i)] = enduser.Int(int64(i))
					return nil
				}); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
			got := must(w.acme.Groups().Get(ctx, ref))(t)
			if len(got.Metadata) != callers-callers/8 {
				t.Errorf("try %d: %d metadata, want %d", try, len(got.Metadata), callers-callers/8)
			}
			current := must(w.acme.Groups().Reveal(ctx, got))(t)
			seen := 0
			for i := 0; i < callers; i += 8 {
				if tokens[i] == current {
					seen++
				}
				if _, err := w.acme.Groups().Authenticate(ctx, tokens[i]); err != nil { // all within their overlap
					t.Errorf("try %d: the token of caller %d: %v", try, i, err)
				}
			}
			if n := len(changesAfter(t, w.acme, g.Revision)); seen != 1 || n != callers {
				t.Errorf("try %d: the current token is that of %d callers; %d changes", try, seen, n)
			}
		}
	})
}

// Of all that ensure one group at once, in any case, one creates it, and all show
// the same token.
func TestConcurrentEnsureGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		spellings := []string{"Team-é", "Team-e\u0301"}
		for try := range size.Pick(t, 2, 8, 100) {
			acme := w.users.Tenant(fmt.Sprint("acme-", try))
			var created atomic.Int64
			tokens := make([]string, callers)
			at(func(i int) {
				g, outcome, err := acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: spellings[i%2]})
				if err != nil {
					t.Errorf("try %d, caller %d: %v", try, i, err)
					return
				}
				if outcome == enduser.Created {
					created.Add(1)
				}
				if tokens[i], err = acme.Groups().Reveal(ctx, g); err != nil {
					t.Errorf("try %d, caller %d: %v", try, i, err)
				}
			})
			for i := range tokens {
				if tokens[i] != tokens[0] {
					t.Errorf("try %d: callers 0 and %d are shown different tokens", try, i)
				}
			}
			if created.Load() != 1 || len(feed(t, acme)) != 1 {
				t.Errorf("try %d: %d calls created the group, feed %q", try, created.Load(), feed(t, acme))
			}
		}
	})
}

// Two sweepers, or a sweeper and those who rotate, lose nothing of each other.
func TestSweepsRacingRotations(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		ref := enduser.GroupByID(g.ID)
		var wg sync.WaitGroup
		rotations := size.Pick(t, 13, 80, 200)
		wg.Go(func() {
			for range rotations {
				if _, _, err := w.acme.Groups().Rotate(ctx, ref, time.Second); err != nil {
					t.Errorf("rotate: %v", err)
				}
				w.advance(300 * time.Millisecond)
			}
		})
		for range 2 {
			wg.Go(func() {
				for range rotations / 2 {
					if _, err := w.users.Sweep(ctx); err != nil {
						t.Errorf("sweep: %v", err)
					}
				}
			})
		}
		wg.Wait()
		w.advance(time.Second)
		must(w.users.Sweep(ctx))(t)
		if r := must(st.Get(ctx, "acme", store.ID(g.ID)))(t); len(r.Unique) != 3 || !r.Due.IsZero() {
			t.Errorf("%d keys are left, due %v", len(r.Unique), r.Due)
		}
		if n := len(feed(t, w.acme)); n != 1+rotations {
			t.Errorf("%d changes, want %d", n, 1+rotations)
		}
	})
}

// Changes of groups whose outcome is unknown are reported and not repeated.
func TestUnknownOutcomesOfGroups(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		f := &faulty{Store: st}
		w := newWorld(f)
		lost := fmt.Errorf("connection lost: %w", store.ErrUnknown)
		for i, hook := range []func(h func(int64, []store.Op) error){
			func(h func(int64, []store.Op) error) { f.before = h }, func(h func(int64, []store.Op) error) { f.after = h },
		} {
			id, acme := "team", w.users.Tenant(fmt.Sprint("acme-", i))
			g, outcome, err := acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: id})
			g = ensured(g, outcome, err)(t, enduser.Created)
			token := must(acme.Groups().Reveal(ctx, g))(t)
			diff(t, id, must(acme.Groups().Authenticate(ctx, token))(t), g)

			hook(func(int64, []store.Op) error { return lost })
			ref := enduser.GroupByID(g.ID)
			before := f.applies.Load()
			wantErr(t, "rotate", third(acme.Groups().Rotate(ctx, ref, 0)), enduser.ErrUnknown)
			wantErr(t, "update", second(acme.Groups().Update(ctx, ref, func(g *enduser.Group) error { g.Name += "x"; return nil })), enduser.ErrUnknown)
			wantErr(t, "delete", acme.Groups().Delete(ctx, ref), enduser.ErrUnknown)
			if n := f.applies.Load() - before; n != 3 {
				t.Errorf("%d writes for three calls", n)
			}
			hook(nil)
			want := []string{"created " + g.ID}
			if i == 1 { // all was done
				want = append(want, "updated "+g.ID, "updated "+g.ID, "deleted "+g.ID)
			}
			diff(t, id+": feed", feed(t, acme), want)
			if i == 0 {
				accepts(t, id, acme, g.ID, []string{token}, true)
				if err := acme.Groups().Delete(ctx, ref); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
