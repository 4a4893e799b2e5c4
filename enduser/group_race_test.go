package enduser_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// Of 16 callers that ensure a group at once, in two spellings, one creates it, and all get
// the same token. Of 16 that rotate it at once one wins: its token is the group's, and the
// others find no group.
func TestConcurrentRotations(t *testing.T) {
	const rotators = 16
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		// Every other one comes through a Manager of its own, as if in another process.
		other := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k1"))}).Tenant("acme").As("ann")
		for try := range size.Pick(t, 5, 32, 200) {
			overlap := time.Duration(try%2) * time.Hour
			together := func(f func(i int, groups enduser.Groups)) {
				atonce.Do(rotators, func(i int) { f(i, []enduser.Tenant{w.acme, other}[i%2].Groups()) })
			}
			var made, won atomic.Int64
			var winner atomic.Value
			tokens := make([]string, rotators)
			before := len(feed(t, w.acme))
			together(func(i int, groups enduser.Groups) {
				id := fmt.Sprint([]string{"é", "e\u0301"}[i/2%2], try)
				g, outcome, err := groups.Ensure(ctx, enduser.GroupSpec{ExternalID: id})
				if err == nil {
					tokens[i], err = groups.Reveal(ctx, g)
				}
				if err != nil {
					t.Errorf("try %d, caller %d: %v", try, i, err)
				}
				if outcome == enduser.Created {
					made.Add(1)
				}
			})
			token := tokens[0]
			if n := len(slices.Compact(tokens)); n != 1 || made.Load() != 1 || len(feed(t, w.acme)) != before+1 {
				t.Fatalf("try %d: %d calls created the group, tokens differ %d times", try, made.Load(), n-1)
			}
			g := must(w.acme.Groups().Authenticate(ctx, token))(t)
			together(func(i int, groups enduser.Groups) {
				rotated, _, err := groups.Rotate(ctx, enduser.GroupByToken(token), overlap)
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(rotated)
				case !errors.Is(err, enduser.ErrNotFound):
					t.Errorf("try %d, caller %d: %v", try, i, err)
				}
			})
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

// Rotations and updates of one group at once all succeed, and lose nothing of each other.
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

// Two sweepers and a caller that rotates lose nothing of each other.
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
				w.Advance(300 * time.Millisecond)
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
		w.Advance(time.Second)
		must(w.users.Sweep(ctx))(t)
		if r := must(st.Get(ctx, "acme", store.ID(g.ID)))(t); len(r.Unique) != 3 || !r.Due.IsZero() {
			t.Errorf("%d keys are left, due %v", len(r.Unique), r.Due)
		}
		if n := len(feed(t, w.acme)); n != 1+rotations {
			t.Errorf("%d changes, want %d", n, 1+rotations)
		}
	})
}
