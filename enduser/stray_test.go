package enduser_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// year is how far ahead the clock of a Manager is here.
const year = 365 * 24 * time.Hour

// ahead returns a Manager on the store whose clock is ahead of the world's.
func (w *world) ahead(st store.Store, skew time.Duration) *enduser.Manager {
	return enduser.New(st, &enduser.Options{
		Now: func() time.Time { return w.Now().Add(skew) }, NewID: counter(fmt.Sprint("ahead", skew)),
		Keyring: enduser.NewKeyring(testKey("k1")),
	})
}

// Sensitive values that a clock a year ahead has written are expired at once for calls
// with the right time, and a sweep removes their bytes within the hour, and no others.
func TestClockAheadForOneWrite(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		wrong := w.ahead(st, year).Tenant("acme")
		good := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "good", Sensitive: secrets{"k": secret("v")}}))(t)
		alone := must(wrong.Create(ctx, enduser.Spec{ExternalID: "alone", Sensitive: secrets{"k": secret("v")}}))(t)
		both := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "both", Sensitive: secrets{"gone": secret("v")}}))(t)
		must(wrong.Update(ctx, enduser.ByID(both.ID), func(e *enduser.Edit) error { e.SetSensitive("k", secret("far")); return nil }))(t)
		must(w.acme.Update(ctx, enduser.ByID(both.ID), func(e *enduser.Edit) error { e.SetSensitive("near", secret("w")); return nil }))(t)
		k, near := values{"k": enduser.String("v")}, values{"near": enduser.String("w")}
		check := func(when string, left ...string) {
			t.Helper()
			reveals(t, when+": good", w.acme, enduser.ByID(good.ID), k)
			reveals(t, when+": alone", w.acme, enduser.ByID(alone.ID), values{})
			reveals(t, when+": both", w.acme, enduser.ByID(both.ID), near)
			diff(t, when, sorted(sensitiveOf(t, st, "acme")), sorted(left))
		}
		check("written", good.ID, alone.ID, both.ID)
		sweepNone(t, w)
		check("swept by one that has just begun", good.ID, alone.ID, both.ID)
		w.Advance(time.Hour)
		sweepNone(t, w)
		check("swept an hour later", good.ID, both.ID)
		must(w.acme.Get(ctx, enduser.ByID(alone.ID)))(t)
	})
}

// A Manager whose clock is behind when it begins, or falls back, deletes no values for
// that until its clock has gone on for an hour.
func TestStraysOfAManagerWhoseClockIsSet(t *testing.T) {
	ctx, st := t.Context(), memory.New(nil)
	w := newWorld(st)
	u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}}))(t)
	skew := -50 * year
	late := enduser.New(st, &enduser.Options{Now: func() time.Time { return w.Now().Add(skew) }})
	for _, step := range []time.Duration{-50 * year, 59 * time.Minute, 50*year - 59*time.Minute, -year, 10 * time.Minute, year} {
		if skew += step; step == -50*year {
			skew = step
		}
		must(late.Sweep(ctx))(t)
		reveals(t, fmt.Sprint("swept at ", skew), w.acme, enduser.ByID(u.ID), values{"k": enduser.String("v")})
	}
}

// Whatever the clock of the writer, a value that can be read has a deadline within 24 hours
// and five minutes of the reader's clock. If the writer's clock is at most five minutes off,
// its values can be read until their deadline.
func TestNoDeadlineIsFurther(t *testing.T) {
	const tolerance = 5 * time.Minute
	rapid.Check(t, func(rt *rapid.T) {
		st := memory.New(nil)
		w := newWorld(st)
		skew := time.Duration(rapid.OneOf(
			rapid.Int64Range(-int64(2*tolerance/time.Millisecond), int64(2*tolerance/time.Millisecond)),
			rapid.Int64Range(-int64(year/time.Millisecond), int64(year/time.Millisecond)),
			rapid.SampledFrom([]int64{tolerance.Milliseconds(), tolerance.Milliseconds() + 1}),
		).Draw(rt, "skew")) * time.Millisecond
		ref := enduser.ByExternalID("a")
		if _, err := w.ahead(st, skew).Tenant("acme").Create(t.Context(), enduser.Spec{ExternalID: "a", Sensitive: secrets{"k": secret("v")}}); err != nil {
			rt.Fatal(err)
		}
		deadline := w.Now().Add(skew + enduser.SensitiveTTL)
		end := max(0, (skew + enduser.SensitiveTTL).Milliseconds())
		passed := time.Duration(rapid.OneOf(
			rapid.Int64Range(0, int64(2*enduser.SensitiveTTL/time.Millisecond)), rapid.SampledFrom([]int64{max(0, end-1), end}),
		).Draw(rt, "passed")) * time.Millisecond
		w.Advance(passed)
		got, err := w.acme.RevealSensitive(t.Context(), ref)
		if err != nil {
			rt.Fatal(err)
		}
		left := deadline.Sub(w.Now())
		if want := left > 0 && left <= enduser.SensitiveTTL+tolerance; want != (len(got) == 1) {
			rt.Errorf("%v before the deadline: %d values", left, len(got))
		}
	})
}

// A token that such a clock has rotated out is accepted for at most the longest overlap.
func TestRotatedByAClockAhead(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		for i, skew := range []time.Duration{5 * time.Minute, year} {
			id := fmt.Sprint("team", i)
			_, token, err := w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: id})
			if err != nil {
				t.Fatal(err)
			}
			made(w.ahead(st, skew).Tenant("acme").Groups().Rotate(ctx, enduser.GroupByExternalID(id), enduser.MaxOverlap))(t)
			_, err = w.acme.Groups().Authenticate(ctx, token)
			if wrong := skew == year; wrong != (err != nil) {
				t.Errorf("%v ahead: %v", skew, err)
			}
		}
		g := must(w.acme.Groups().Update(ctx, enduser.GroupByExternalID("team1"), func(g *enduser.Group) error { g.Name = "x"; return nil }))(t)
		if due := must(st.Get(ctx, "acme", store.ID(g.ID)))(t).Due; !due.IsZero() {
			t.Errorf("due %v after a write", due)
		}
	})
}
