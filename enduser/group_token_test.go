package enduser_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// accepts checks which of some tokens Authenticate accepts, as tokens of a group.
func accepts(t testing.TB, what string, tenant enduser.Tenant, group string, tokens []string, want ...bool) {
	t.Helper()
	for i, token := range tokens {
		g, err := tenant.Groups().Authenticate(t.Context(), token)
		switch {
		case i < len(want) && want[i] && (err != nil || g.ID != group):
			t.Errorf("%s: token %d: %v, %s", what, i, err, g.ID)
		case i >= len(want) || !want[i]:
			wantErr(t, fmt.Sprintf("%s: token %d", what, i), err, enduser.ErrNotFound)
		}
	}
}

// A token has 256 random bits, in 64 lower-case digits. Each bit is set in about half of
// 2,000 tokens: a difference of 6 standard deviations happens once in 500 million runs.
func TestTokensAreRandom(t *testing.T) {
	t.Parallel()
	w := newWorld(memory.New(nil))
	g := made(w.acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "team"}))(t)
	const n = 2000
	var ones [256]int
	seen := make(map[string]bool)
	for range n {
		token := must(w.acme.Groups().Reveal(t.Context(), g))(t)
		b, err := hex.DecodeString(token)
		if err != nil || len(token) != 64 || token != strings.ToLower(token) || seen[token] {
			t.Fatalf("a token of %d characters, %v, seen %v", len(token), err, seen[token])
		}
		seen[token] = true
		for i := range ones {
			ones[i] += int(b[i/8] >> (i % 8) & 1)
		}
		g = made(w.acme.Groups().Rotate(t.Context(), enduser.GroupByToken(token), 0))(t)
	}
	for i, count := range ones {
		if count < n/2-134 || count > n/2+134 {
			t.Errorf("bit %d is set in %d of %d tokens", i, count, n)
		}
	}
}

// A token that was rotated out is accepted until just before its deadline. No call that
// changes a group finds it by that token.
func TestRotateToken(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team", Name: "Team"}))(t)
		stale := g
		tokens := []string{must(w.acme.Groups().Reveal(ctx, g))(t)}
		rotate := func(overlap time.Duration) {
			t.Helper()
			before := g
			g = made(w.acme.As("bob").Groups().Rotate(ctx, enduser.GroupByToken(tokens[len(tokens)-1]), overlap))(t)
			tokens = append(tokens, must(w.acme.Groups().Reveal(ctx, g))(t))
			before.Version, before.Revision, before.UpdatedBy, before.UpdatedAt = g.Version, g.Revision, "bob", w.Now().UTC()
			diff(t, "rotated", g, before)
			change := changesAfter(t, w.acme, g.Revision-1)
			diff(t, "feed", change, []enduser.Change{{
				Revision: g.Revision, Type: enduser.ChangeUpdated, Kind: "group", ID: g.ID, Actor: "bob", At: w.Now().UTC(), Fields: []string{"token"},
			}})
		}
		rotate(time.Minute)
		accepts(t, "at once", w.acme, g.ID, tokens, true, true)
		for method, call := range groupMethods(t) {
			wantErr(t, method+" by the old token", call(w.acme, enduser.GroupByToken(tokens[0])), enduser.ErrNotFound)
		}
		w.Advance(time.Minute - time.Millisecond)
		accepts(t, "a millisecond before", w.acme, g.ID, tokens, true, true)
		diff(t, "by the old one", must(w.acme.Groups().Authenticate(ctx, tokens[0]))(t), g)
		w.Advance(time.Millisecond)
		accepts(t, "at the deadline", w.acme, g.ID, tokens, false, true)

		// A stale Group reveals the token that it had then.
		if shown := must(w.acme.Groups().Reveal(ctx, stale))(t); shown != tokens[0] {
			t.Error("the stale group shows another token")
		}
		rotate(time.Hour)
		rotate(2 * time.Hour)
		accepts(t, "two with an overlap", w.acme, g.ID, tokens, false, true, true, true)
		w.Advance(time.Hour)
		accepts(t, "an hour later", w.acme, g.ID, tokens, false, false, true, true)
		rotate(0) // no old token is accepted any more
		accepts(t, "without overlap", w.acme, g.ID, tokens, false, false, false, false, true)
		w.Advance(-2 * time.Hour)
		accepts(t, "a clock that was set back", w.acme, g.ID, tokens, false, false, false, false, true)
	})
}

// A group says until when one of its old tokens is accepted, also after it was read anew.
func TestOldTokensUntil(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	groups := w.acme.Groups()
	g := made(groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
	now := w.Now()
	for i, tt := range []struct {
		overlap time.Duration
		want    time.Time
	}{
		{0, time.Time{}},
		{time.Hour, now.Add(time.Hour)},
		{time.Minute, now.Add(time.Hour)}, // the older one is accepted for longer
		{2 * time.Hour, now.Add(2 * time.Hour)},
		{0, time.Time{}},
	} {
		rotated := made(groups.Rotate(ctx, enduser.GroupByID(g.ID), tt.overlap))(t)
		read := must(groups.Get(ctx, enduser.GroupByID(g.ID)))(t)
		if got, again := rotated.OldTokensUntil(), read.OldTokensUntil(); !got.Equal(tt.want) || !again.Equal(tt.want) {
			t.Errorf("rotation %d: until %v, and %v when it is read, want %v", i, got, again, tt.want)
		}
	}
}

func TestOverlapLimits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	g, token := team(t, w.acme, "team")
	tokens := []string{token}
	for _, overlap := range []time.Duration{-1, -time.Hour, enduser.MaxOverlap + 1} {
		wantInvalid(t, overlap.String(), third(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), overlap)), "overlap invalid_value")
	}
	accepts(t, "refused", w.acme, g.ID, tokens, true)
	g = made(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), enduser.MaxOverlap))(t)
	tokens = append(tokens, must(w.acme.Groups().Reveal(ctx, g))(t))
	w.Advance(enduser.MaxOverlap - time.Millisecond)
	accepts(t, "30 days", w.acme, g.ID, tokens, true, true)
	// An overlap below the precision of time counts as none.
	g = made(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), time.Nanosecond))(t)
	tokens = append(tokens, must(w.acme.Groups().Reveal(ctx, g))(t))
	accepts(t, "a nanosecond", w.acme, g.ID, tokens, true, false, true)
	w.Advance(time.Millisecond)
	accepts(t, "30 days later", w.acme, g.ID, tokens, false, false, true)
}

// Of the tokens that were rotated out, the last eight are accepted, and the keys of the
// others are free. Expired tokens make room for live ones.
func TestPreviousTokensAreBounded(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		var tokens []string
		var want []bool
		for i := range 12 {
			tokens = append(tokens, must(w.acme.Groups().Reveal(ctx, g))(t))
			want = append(want, i >= 4)
			g = made(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), time.Hour))(t)
		}
		accepts(t, "twelve", w.acme, g.ID, tokens, want...)
		if keys := must(st.Get(ctx, "acme", store.ID(g.ID)))(t).Unique; len(keys) != 2+1+8 {
			t.Errorf("%d keys", len(keys))
		}
		live, first := team(t, w.acme, "live")
		ref := enduser.GroupByID(live.ID)
		made(w.acme.Groups().Rotate(ctx, ref, enduser.MaxOverlap))(t)
		for range 7 {
			made(w.acme.Groups().Rotate(ctx, ref, time.Second))(t)
		}
		w.Advance(time.Hour)
		made(w.acme.Groups().Rotate(ctx, ref, time.Second))(t)
		accepts(t, "live", w.acme, live.ID, []string{first}, true)
	})
}

// Sweep drops expired tokens and frees their keys. It adds nothing to the feed and
// changes nothing else.
func TestSweepDropsTokens(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g, token := team(t, w.acme, "team")
		tokens := []string{token}
		for i := range 3 {
			g = made(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), time.Duration(i+1)*time.Minute))(t)
			tokens = append(tokens, must(w.acme.Groups().Reveal(ctx, g))(t))
		}
		fed, last := feed(t, w.acme), g.Version
		for i := range 5 {
			if n := must(w.users.Sweep(ctx))(t); n != 0 {
				t.Errorf("swept %d users", n)
			}
			r := must(st.Get(ctx, "acme", store.ID(g.ID)))(t)
			if left := max(0, 3-i); len(r.Unique) != 3+left || r.Due.IsZero() != (left == 0) {
				t.Errorf("after %d minutes: %d keys, due %v", i, len(r.Unique), r.Due)
			}
			accepts(t, fmt.Sprint(i, " minutes"), w.acme, g.ID, tokens, i < 1, i < 2, i < 3, true)
			got := must(w.acme.Groups().Get(ctx, enduser.GroupByID(g.ID)))(t)
			if want := g.Revision + int64(min(i, 3)); got.Revision != want {
				t.Errorf("after %d minutes: revision %d, want %d", i, got.Revision, want)
			}
			if swept := i > 0 && i <= 3; swept != (got.Version != last) {
				t.Errorf("after %d minutes: version %s, was %s", i, got.Version, last)
			}
			last = got.Version
			got.Version, got.Revision = g.Version, g.Revision
			diff(t, "the group", got, g)
			w.Advance(time.Minute)
		}
		diff(t, "feed", feed(t, w.acme), fed)
	})
}

func TestTokensElsewhere(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g, token := team(t, w.acme, "team")
		for _, other := range []enduser.Tenant{w.acme.In(enduser.Testing), w.users.Tenant("umbrella"), w.users.Tenant("ACME")} {
			made(other.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
			wantErr(t, other.String(), second(other.Groups().Authenticate(ctx, token)), enduser.ErrNotFound)
			wantErr(t, other.String()+" reveals", second(other.Groups().Reveal(ctx, g)), enduser.ErrInvalid)
			forged := g
			forged.Tenant, forged.Environment = other.Name(), other.Environment()
			wantErr(t, other.String()+" reveals a forged one", second(other.Groups().Reveal(ctx, forged)), enduser.ErrCorrupt)
		}
		near := []string{
			"", " ", token[:63], token + "0", " " + token, token + "\n", strings.ToUpper(token), token + "\x00", token[:32], "Token " + token,
			strings.Repeat("0", 64), "\xff", strings.Repeat("x", 1<<20), g.ID, g.ExternalID,
		}
		for i := range token { // each character, changed
			b := []byte(token)
			b[i] ^= 1
			near = append(near, string(b))
		}
		for _, text := range near {
			if strings.ToUpper(token) == token { // all digits: once in 10^13 runs
				break
			}
			wantErr(t, fmt.Sprintf("%.70q", text), second(w.acme.Groups().Authenticate(ctx, text)), enduser.ErrNotFound)
		}
		accepts(t, "itself", w.acme, g.ID, []string{token}, true)
		for what, group := range map[string]enduser.Group{"zero": {}, "made up": {ID: g.ID, ExternalID: g.ExternalID, Tenant: "acme", Revision: g.Revision}} {
			wantInvalid(t, what, second(w.acme.Groups().Reveal(ctx, group)), "group invalid_value")
		}
	})
}

// An update that writes back an older Group does not bring back a token that was rotated
// out meanwhile.
func TestUpdateKeepsTheToken(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		before, old := team(t, w.acme, "team")
		now := must(w.acme.Groups().Reveal(ctx, made(w.acme.Groups().Rotate(ctx, enduser.GroupByID(before.ID), 0))(t)))(t)
		changed := must(w.acme.Groups().Update(ctx, enduser.GroupByID(before.ID), func(g *enduser.Group) error {
			saved := before
			saved.Name, saved.Version, saved.Revision, saved.UpdatedAt, saved.UpdatedBy = "New", g.Version, g.Revision, g.UpdatedAt, g.UpdatedBy
			*g = saved
			return nil
		}))(t)
		if changed.Name != "New" || must(w.acme.Groups().Reveal(ctx, changed))(t) != now {
			t.Errorf("the update gave %+v", changed)
		}
		wantErr(t, "the old token", second(w.acme.Groups().Authenticate(ctx, old)), enduser.ErrNotFound)
		must(w.acme.Groups().Authenticate(ctx, now))(t)
	})
}

// Changes of groups whose outcome is unknown are reported and not repeated. Create and
// Rotate return the token beside the error; it is the group's if the change was done.
func TestUnknownOutcomesOfGroups(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		lost := func(int64, []store.Op) error { return fmt.Errorf("connection lost: %w", store.ErrUnknown) }
		for _, done := range []bool{false, true} {
			f := &faultstore.Store{Store: st}
			acme := newWorld(f).users.Tenant(fmt.Sprint("acme-", done))
			groups := acme.Groups()
			g, token := team(t, acme, "team")
			if f.OnApply = lost; done {
				f.OnApply, f.OnApplied = nil, lost
			}
			sent := f.Applies()
			nobody, none, err := groups.Rotate(ctx, enduser.GroupByID("nobody"), 0)
			wantErr(t, "rotate nobody", err, enduser.ErrNotFound)
			ref := enduser.GroupByID(g.ID)
			rotated, next, err := groups.Rotate(ctx, ref, time.Hour)
			wantErr(t, "rotate", err, enduser.ErrUnknown)
			accepts(t, fmt.Sprint("rotated ", done), acme, g.ID, []string{token, next}, true, done)
			wantErr(t, "update", second(groups.Update(ctx, ref, func(g *enduser.Group) error { g.Name += "x"; return nil })), enduser.ErrUnknown)
			wantErr(t, "delete", groups.Delete(ctx, ref), enduser.ErrUnknown)
			created, first, err := groups.Create(ctx, wholeSpec())
			wantErr(t, "create", err, enduser.ErrUnknown)
			accepts(t, fmt.Sprint("created ", done), acme, created.ID, []string{first}, done)
			if n := f.Applies() - sent; n != 4 {
				t.Errorf("%d writes for four calls", n)
			}
			if none != "" || nobody.ID != "" || rotated.ID != g.ID || next == token || created.Name != wholeSpec().Name {
				t.Errorf("beside the errors: %+v and %q, %+v, %+v", nobody, none, rotated, created)
			}
			if !rotated.Version.IsZero() || !created.Version.IsZero() || created.Revision != 0 {
				t.Errorf("versions %v and %v, revision %d", rotated.Version, created.Version, created.Revision)
			}
			f.OnApply, f.OnApplied = nil, nil
			want := []string{"created " + g.ID}
			if done {
				want = append(want, "updated "+g.ID, "updated "+g.ID, "deleted "+g.ID, "created "+created.ID)
				_, none, err = groups.Create(ctx, wholeSpec())
				wantConflict(t, "again", err, "external_id", created.ID)
				if none != "" {
					t.Errorf("token %q beside a conflict", none)
				}
			}
			diff(t, "feed", feed(t, acme), want)
		}
	})
}
