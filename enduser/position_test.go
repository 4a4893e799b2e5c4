package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Where a feed can be read from: the oldest entry, the origin, any entry, the newest, and
// from the newest back.
func TestPlacesInAFeed(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme
		origin := must(acme.Latest(ctx))(t)
		if origin.IsZero() {
			t.Fatal("the origin is the zero Position")
		}
		for name, q := range map[string]enduser.ChangeQuery{
			"oldest": {}, "newest": {Desc: true}, "after the origin": {After: origin}, "before the origin": {Desc: true, Before: origin},
		} {
			page := must(acme.Changes(ctx, q))(t)
			if page.Changes == nil || len(page.Changes) > 0 || page.Position != origin || page.More || page.Trimmed {
				t.Errorf("%s of an empty feed: %+v", name, page)
			}
		}
		want := ids(people(t, acme, 12))
		other := must(acme.In(enduser.Testing).Create(ctx, enduser.Spec{}))(t)
		reversed := slices.Clone(want)
		slices.Reverse(reversed)
		whole := readFeed(t, acme, enduser.ChangeQuery{})
		for i, c := range whole {
			for limit := 1; limit < 13; limit += 5 {
				what := fmt.Sprintf("change %d, limit %d", i, limit)
				diff(t, what+", after", changedIDs(readFeed(t, acme, enduser.ChangeQuery{After: c.Position, Limit: limit})), want[i+1:])
				before := enduser.ChangeQuery{Desc: true, Before: c.Position, Limit: limit}
				diff(t, what+", before", changedIDs(readFeed(t, acme, before)), reversed[len(want)-i:])
			}
		}
		diff(t, "after the origin", changedIDs(readFeed(t, acme, enduser.ChangeQuery{After: origin, Limit: 5})), want)
		diff(t, "from the newest", changedIDs(readFeed(t, acme, enduser.ChangeQuery{Desc: true, Limit: 5})), reversed)
		if latest := must(acme.Latest(ctx))(t); latest != whole[11].Position {
			t.Errorf("latest %v, want %v", latest, whole[11].Position)
		}
		diff(t, "the other environment", changedIDs(readFeed(t, acme.In(enduser.Testing), enduser.ChangeQuery{})), []string{other.ID})

		// Trimmed: the newest entry stays in any case.
		ok(t, acme.TrimChanges(ctx, whole[11].Position))
		for name, q := range map[string]enduser.ChangeQuery{"oldest": {}, "newest": {Desc: true}} {
			page := must(acme.Changes(ctx, q))(t)
			if diff(t, name, changedIDs(page.Changes), want[11:]); !page.Trimmed || page.More {
				t.Errorf("%s of a trimmed feed: %+v", name, page)
			}
		}
		page := must(acme.Changes(ctx, enduser.ChangeQuery{After: whole[11].Position}))(t)
		if len(page.Changes) > 0 || page.Position != whole[11].Position || page.Trimmed {
			t.Errorf("who has read the newest: %+v", page)
		}
		for name, p := range map[string]enduser.Position{"origin": origin, "one that was trimmed": whole[4].Position} {
			wantErr(t, name, second(acme.Changes(ctx, enduser.ChangeQuery{After: p})), enduser.ErrTrimmed)
			if err := acme.WaitChanges(ctx, p); err != nil {
				t.Errorf("%s: ErrTrimmed is something to read: %v", name, err)
			}
			if err := acme.TrimChanges(ctx, p); err != nil {
				t.Errorf("%s: trimmed already: %v", name, err)
			}
		}
		if latest := must(acme.Latest(ctx))(t); latest != whole[11].Position {
			t.Errorf("latest after the trim %v, want %v", latest, whole[11].Position)
		}
		must(acme.Get(ctx, enduser.ByID(want[0])))(t) // trimming takes no users away

		newest := whole[11].Position
		for what, q := range map[string]enduser.ChangeQuery{
			"limit": {Limit: 1001}, "negative limit": {Limit: -1}, "after and desc": {After: newest, Desc: true}, "before": {Before: newest},
		} {
			err := second(acme.Changes(ctx, q))
			sentinel(t, what, err)
			wantErr(t, what, err, enduser.ErrInvalid)
		}
	})
}

// A position is good in its own feed alone.
func TestPositionsOfOtherFeeds(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		exact := enduser.New(st, &enduser.Options{Schema: func(string) enduser.Schema { return enduser.Schema{ExactIDs: true} }}).Tenant("acme")
		feeds := []enduser.Tenant{w.acme, w.acme.In(enduser.Testing), w.users.Tenant("other"), exact}
		for _, tenant := range feeds {
			must(tenant.Create(ctx, enduser.Spec{}))(t)
		}
		for i, from := range feeds {
			p := must(from.Latest(ctx))(t)
			p = must(enduser.ParsePosition(p.String()))(t)
			for j, tenant := range feeds {
				for what, err := range map[string]error{
					"after":  second(tenant.Changes(ctx, enduser.ChangeQuery{After: p})),
					"before": second(tenant.Changes(ctx, enduser.ChangeQuery{Desc: true, Before: p})),
					"trim":   tenant.TrimChanges(ctx, p),
				} {
					if what = fmt.Sprintf("%s: feed %d in feed %d", what, i, j); i != j {
						wantInvalid(t, what, err, "position invalid_cursor")
					} else if err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
				if i != j {
					wantInvalid(t, "wait", tenant.WaitChanges(ctx, p), "position invalid_cursor")
				}
			}
		}
	})
}

// TestPositionAt holds PositionAt against what it promises, where clocks are up to a
// minute off the true time, and changes are trimmed.
func TestPositionAt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		now, off := epoch, time.Duration(0)
		ids := counter("u")
		acme := enduser.New(memory.New(nil), &enduser.Options{
			Now: func() time.Time { return now.Add(off) }, NewID: ids,
		}).Tenant("acme")
		origin, err := acme.Latest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var trueTimes []time.Time
		longest := rapid.SampledFrom([]int{0, 10, 60, 300}).Draw(t, "longest pause")
		for range rapid.IntRange(0, 30).Draw(t, "changes") {
			now = now.Add(time.Duration(rapid.IntRange(0, longest).Draw(t, "pause")) * time.Second)
			off = rapid.SampledFrom([]time.Duration{-time.Minute, -time.Minute, 0, 7 * time.Second, time.Minute, time.Minute}).Draw(t, "off")
			if _, err := acme.Create(ctx, enduser.Spec{}); err != nil {
				t.Fatal(err)
			}
			trueTimes = append(trueTimes, now)
		}
		page, err := acme.Changes(ctx, enduser.ChangeQuery{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		whole, kept := page.Changes, 0
		if len(whole) > 0 && rapid.Bool().Draw(t, "trim") {
			kept = rapid.IntRange(0, len(whole)-1).Draw(t, "through")
			if err := acme.TrimChanges(ctx, whole[kept].Position); err != nil {
				t.Fatal(err)
			}
		}
		at := epoch
		if len(whole) > 0 {
			at = whole[rapid.IntRange(0, len(whole)-1).Draw(t, "beside")].At
		}
		at = at.Add(time.Duration(rapid.IntRange(-300, 300).Draw(t, "at")) * time.Second)
		p, err := acme.PositionAt(ctx, at)
		if errors.Is(err, enduser.ErrTrimmed) {
			if kept == 0 {
				t.Fatal("ErrTrimmed, and nothing was trimmed")
			}
			if oldest := whole[kept].At; oldest.Before(at.Add(-4 * time.Minute)) {
				t.Fatalf("ErrTrimmed for %v, and the oldest that is kept is of %v", at, oldest)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		follow := 0 // the first of the changes that follow the position
		if p != origin {
			follow = 1 + slices.IndexFunc(whole, func(c enduser.Change) bool { return c.Position == p })
			if follow == 0 {
				t.Fatalf("%v is no position of the feed", p)
			}
		}
		if p == origin && kept > 0 || p != origin && follow-1 < kept {
			t.Fatalf("the position is one that was trimmed")
		}
		for i := range follow {
			if !whole[i].At.Before(at) || !trueTimes[i].Before(at) {
				t.Fatalf("a change of %v, stamped %v, lies before the position at %v", trueTimes[i], whole[i].At, at)
			}
		}
		for _, c := range whole[follow:] {
			if p != origin && c.At.Before(at.Add(-4*time.Minute)) {
				t.Fatalf("a change stamped %v follows the position at %v", c.At, at)
			}
		}
		page, err = acme.Changes(ctx, enduser.ChangeQuery{After: p, Limit: 1000})
		if err != nil || len(page.Changes) != len(whole)-follow {
			t.Fatalf("%d changes follow, want %d: %v", len(page.Changes), len(whole)-follow, err)
		}
	})
}

// A wait ends with the write that it waits for, at once, and with no other.
func TestWaitChangesWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memory.New(nil))
		ctx := t.Context()
		after := must(w.acme.Latest(ctx))(t)
		for range 3 {
			var woken atomic.Int64
			begin := time.Now()
			for range 5 {
				go func() {
					if err := w.acme.WaitChanges(ctx, after); err != nil {
						t.Error(err)
					}
					woken.Add(1)
				}()
			}
			<-time.After(100 * time.Second) // beyond the times at which it looks again by itself
			must(w.acme.In(enduser.Testing).Create(ctx, enduser.Spec{}))(t)
			synctest.Wait()
			if n := woken.Load(); n != 0 {
				t.Errorf("%d woke without a change", n)
			}
			must(w.acme.Create(ctx, enduser.Spec{}))(t)
			synctest.Wait()
			if n := woken.Load(); n != 5 {
				t.Errorf("a change woke %d of 5", n)
			}
			if took := time.Since(begin); took != 100*time.Second {
				t.Errorf("woken after %v", took)
			}
			after = must(w.acme.Latest(ctx))(t)
		}
	})
}

// reborn is a store that can be exchanged while somebody waits in it, as one is that is
// restored under a program that runs.
type reborn struct {
	store.Store // nil: nothing else is called

	is atomic.Pointer[memory.Store]
}

func (r *reborn) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	return r.is.Load().Apply(ctx, tenant, b)
}

func (r *reborn) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return r.is.Load().Changes(ctx, tenant, q)
}

func (r *reborn) Wait(ctx context.Context, tenant string, after store.Revision) error {
	return r.is.Load().Wait(ctx, tenant, after)
}

// A reader that waits beyond the end of a feed that went back in time is told within half
// a minute, though nobody writes.
func TestWaitChangesSeesALostHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		st := new(reborn)
		st.is.Store(memory.New(nil))
		acme := newWorld(st).acme
		people(t, acme, 5)
		after := must(acme.Latest(ctx))(t)
		done := make(chan time.Duration, 1)
		begin := time.Now()
		go func() {
			if err := acme.WaitChanges(ctx, after); err != nil {
				t.Error(err)
			}
			done <- time.Since(begin)
		}()
		<-time.After(45 * time.Second)
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("woken before anything happened")
		default:
		}
		lost := st.is.Load()
		st.is.Store(memory.New(nil))
		people(t, acme, 3)
		if took := <-done; took > 75*time.Second {
			t.Errorf("woken after %v", took)
		}
		wantErr(t, "changes", second(acme.Changes(ctx, enduser.ChangeQuery{After: after})), enduser.ErrTrimmed)

		// One that the store caught up with is told, too.
		st.is.Store(lost)
		must(acme.Changes(ctx, enduser.ChangeQuery{After: after}))(t)
		st.is.Store(memory.New(nil))
		people(t, acme, 9)
		if err := acme.WaitChanges(ctx, after); err != nil {
			t.Error(err)
		}
		wantErr(t, "caught up", second(acme.Changes(ctx, enduser.ChangeQuery{After: after})), enduser.ErrTrimmed)
		wantErr(t, "trim", acme.TrimChanges(ctx, after), enduser.ErrTrimmed)
		diff(t, "not trimmed", len(readFeed(t, acme, enduser.ChangeQuery{})), 9)
	})
}

// forgetful is a store that cannot read some entries of its feed.
type forgetful struct {
	store.Store

	damaged store.Revision
}

func (f *forgetful) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	page, err := f.Store.Changes(ctx, tenant, q)
	for i, c := range page.Changes {
		if c.Seq == f.damaged {
			page.Changes[i] = store.Change{Seq: c.Seq, Damaged: true}
		}
	}
	return page, err
}

// An entry that cannot be read says that something changed. It has its place, from which
// reading goes on.
func TestUnreadableChanges(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		f := &forgetful{Store: st, damaged: 4}
		w := newWorld(f)
		u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
		for i, note := range []string{"", `{"type":"created","at":1`, `{"type":"created","at":1}`} {
			r := store.Record{ID: fmt.Sprint("r", i), Kind: "user", Data: []byte("?")}
			must(st.Apply(ctx, "acme", store.Ops(store.Create(r, []byte(note)))))(t)
		}
		whole := readFeed(t, w.acme, enduser.ChangeQuery{})
		var got []string
		for i, c := range whole {
			got = append(got, fmt.Sprint(c.Type, " ", c.Kind, " ", c.ID))
			after := readFeed(t, w.acme, enduser.ChangeQuery{After: c.Position, Limit: 1})
			diff(t, fmt.Sprint("after ", i), after, whole[i+1:])
		}
		diff(t, "feed", got, []string{"created user " + u.ID, "unreadable user r0", "unreadable user r1", "unreadable  "})
		if latest := must(w.acme.Latest(ctx))(t); latest != whole[3].Position {
			t.Errorf("latest %v, want %v", latest, whole[3].Position)
		}
		if p := must(w.acme.PositionAt(ctx, epoch.Add(time.Hour)))(t); p != whole[0].Position {
			t.Errorf("the position of now is %v, want that of the last entry that tells its time", p)
		}
	})
}
