package enduser_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// What is asked for waits in the turn, which is due at once, or when the lease of its owner ends.
func TestPingAndRedeliver(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h := hook(t, w.acme)
		for range 3 {
			must(w.acme.Create(ctx, enduser.Spec{}))(t)
		}
		changes := changesAfter(t, w.acme, 0)
		ok(t, hooks.SetAttempts(ctx, h.ID, changes,
			enduser.Attempt{Number: 1, At: epoch, Status: 200}, enduser.Attempt{Number: 8, At: epoch, Status: 500}))
		log := must(hooks.Attempts(ctx, h.ID))(t)
		if len(log) != 2 || log[0].ID != changes[1].ID || log[0].Status != 500 || log[1].Event != "end_user.created" {
			t.Fatalf("attempts %+v", log)
		}
		delivered, dead := log[1].EventID, log[0].EventID
		ok(t, hooks.SetAttempts(ctx, h.ID, slices.Repeat(changes[:1], 200), slices.Repeat([]enduser.Attempt{{At: epoch, Status: 204}}, 200)...))
		if log := must(hooks.Attempts(ctx, h.ID))(t); len(log) != 200 || log[199].EventID == dead {
			t.Errorf("%d attempts are kept", len(log))
		}
		lease := epoch.Add(time.Hour)
		ok(t, hooks.SetTurn(ctx, h.ID, changes[2].Position, "node", 1, lease))
		first := must(hooks.Ping(ctx, h.ID))(t)
		ok(t, hooks.Redeliver(ctx, h.ID, delivered))
		ok(t, hooks.Redeliver(ctx, h.ID, dead))
		ok(t, hooks.Redeliver(ctx, h.ID, dead)) // it waits already
		want := enduser.Turn{Due: lease, Owner: "node", Failed: 1, Queue: []string{first, delivered, dead}, Next: []time.Time{lease}}
		diff(t, "worked on", must(hooks.Turn(ctx, h.ID))(t), want)
		if state := must(hooks.State(ctx, h.ID))(t); state.Queued != 3 || state.Parked != 1 || state.DeadLetters != 1 {
			t.Errorf("state %+v", state)
		}
		ok(t, hooks.SetTurn(ctx, h.ID, changes[2].Position, "", 1, lease))
		want.Queue = append(want.Queue, must(hooks.Ping(ctx, h.ID))(t))
		want.Due, want.Owner = epoch, ""
		diff(t, "asleep", must(hooks.Turn(ctx, h.ID))(t), want)

		for len(want.Queue) < 20 {
			want.Queue = append(want.Queue, must(hooks.Ping(ctx, h.ID))(t))
		}
		wantInvalid(t, "one more", second(hooks.Ping(ctx, h.ID)), "queue too_many")
		ok(t, hooks.Redeliver(ctx, h.ID, dead))
		for _, id := range []string{"", "msg_none", first, "x/y", "\xff", string(make([]byte, 300))} {
			wantErr(t, fmt.Sprintf("%.9q", id), hooks.Redeliver(ctx, h.ID, id), enduser.ErrNotFound)
		}
		wantErr(t, "of another webhook", hooks.Redeliver(ctx, hook(t, w.acme).ID, dead), enduser.ErrNotFound)
		diff(t, "after that", must(hooks.Turn(ctx, h.ID))(t), want)
		diff(t, "feed", len(changesAfter(t, w.acme, 0)), 3)
	})
}

func TestDeadLetters(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h, other := hook(t, w.acme), hook(t, w.acme)
		var want []string
		for range 7 {
			want = append(want, must(w.acme.Create(ctx, enduser.Spec{}))(t).ID)
		}
		changes := changesAfter(t, w.acme, 0)
		for i := range want {
			ok(t, hooks.SetAttempts(ctx, h.ID, changes[i:], enduser.Attempt{Number: 8, At: w.Now(), Fault: "timeout"}))
			w.Advance(time.Minute)
		}
		ok(t, hooks.SetAttempts(ctx, other.ID, changes, enduser.Attempt{At: w.Now()}))
		for _, desc := range []bool{false, true} {
			var got []string
			for q := (enduser.DeadLetterQuery{Limit: 3, Desc: desc}); ; {
				page := must(hooks.DeadLetters(ctx, h.ID, q))(t)
				for _, d := range page.DeadLetters {
					if d.Event != "end_user.created" || d.Kind != "user" || d.Attempts != 8 || d.Fault != "timeout" || d.Position.IsZero() {
						t.Errorf("dead letter %+v", d)
					}
					got = append(got, d.ID)
				}
				if q.After = page.Next; q.After.IsZero() {
					break
				}
				wantInvalid(t, "another's cursor", second(hooks.DeadLetters(ctx, other.ID, q)), "cursor invalid_cursor")
			}
			if desc {
				slices.Reverse(got)
			}
			diff(t, fmt.Sprint("desc ", desc), got, want)
		}
		wantInvalid(t, "limit", second(hooks.DeadLetters(ctx, h.ID, enduser.DeadLetterQuery{Limit: 501})), "limit invalid_value")
		w.Advance(30*24*time.Hour - 4*time.Minute)
		must(w.users.Sweep(ctx))(t)
		if n := must(hooks.State(ctx, h.ID))(t).DeadLetters; n != 3 {
			t.Errorf("%d dead letters are left of those of the last 30 days, want 3", n)
		}
	})
}

// CountSince counts what RedeliverSince sends: what the webhook selects, up to where it is.
func TestRedeliverSince(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h, _ := hooked(hooks.Create(ctx, enduser.WebhookSpec{URL: "https://example.com", Events: []string{"end_user.created"}}))(t)
		other := hook(t, w.acme)
		none, _, err := hooks.CountSince(ctx, h.ID, epoch.Add(-year))
		ok(t, err)
		diff(t, "at the beginning", none, enduser.Count{Exact: true})
		for range 5 {
			w.Advance(time.Hour)
			u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
			must(w.acme.Update(ctx, enduser.ByID(u.ID), rename))(t)
		}
		changes := changesAfter(t, w.acme, 0)
		here := changes[7].Position // of the fourth update
		ok(t, hooks.SetTurn(ctx, h.ID, here, "", 0, epoch))
		ok(t, hooks.SetTurn(ctx, other.ID, here, "", 0, epoch))
		count := func(what, id string, at time.Time, want int) enduser.Position {
			t.Helper()
			got, from, err := hooks.CountSince(ctx, id, at)
			ok(t, err)
			diff(t, what, got, enduser.Count{N: want, Exact: true})
			return from
		}
		count("all", h.ID, epoch, 4)
		count("all events", other.ID, epoch, 8)
		count("none", h.ID, epoch.Add(10*time.Hour), 0)
		from := count("two", h.ID, epoch.Add(3*time.Hour), 2)
		ok(t, hooks.RedeliverSince(ctx, h.ID, from))
		want := enduser.Redelivery{RequestedAt: w.Now().UTC(), Position: from, Through: here}
		if got := must(hooks.State(ctx, h.ID))(t).Redelivery; got == nil || *got != want {
			t.Errorf("redelivery %+v, want %+v", got, want)
		}
		if turn := must(hooks.Turn(ctx, h.ID))(t); !turn.Due.Equal(w.Now()) {
			t.Errorf("due %v", turn.Due)
		}
		later := count("one", h.ID, epoch.Add(4*time.Hour), 1)
		ok(t, hooks.RedeliverSince(ctx, h.ID, later))
		if got := must(hooks.State(ctx, h.ID))(t).Redelivery; got.Position != later {
			t.Errorf("the second redelivery is from %v", got.Position)
		}
		must(hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Disabled = true; return nil }))(t)
		for what, err := range map[string]error{
			"ping": second(hooks.Ping(ctx, h.ID)), "redeliver": hooks.Redeliver(ctx, h.ID, "x"), "redeliver since": hooks.RedeliverSince(ctx, h.ID, from),
		} {
			wantErr(t, what, err, enduser.ErrDisabled)
		}
		ok(t, hooks.StopRedelivery(ctx, h.ID))
		if got := must(hooks.State(ctx, h.ID))(t).Redelivery; got != nil {
			t.Errorf("stopped: %+v", got)
		}
		if turn := must(hooks.Turn(ctx, h.ID))(t); !turn.Due.IsZero() {
			t.Errorf("disabled and due %v", turn.Due)
		}
		ok(t, hooks.StopRedelivery(ctx, other.ID))
		ok(t, hooks.RedeliverSince(ctx, other.ID, changes[9].Position)) // it has not passed them yet
		if got := must(hooks.State(ctx, other.ID))(t).Redelivery; got != nil {
			t.Errorf("redelivers what was not delivered: %+v", got)
		}
		wantInvalid(t, "from nowhere", hooks.RedeliverSince(ctx, other.ID, enduser.Position{}), "position invalid_cursor")
		foreign := must(w.acme.In(enduser.Testing).Latest(ctx))(t)
		wantInvalid(t, "of another feed", hooks.RedeliverSince(ctx, other.ID, foreign), "position invalid_cursor")
		ok(t, w.acme.TrimChanges(ctx, changes[5].Position))
		wantErr(t, "trimmed", hooks.RedeliverSince(ctx, other.ID, from), enduser.ErrTrimmed)
		_, _, err = hooks.CountSince(ctx, other.ID, epoch)
		wantErr(t, "count of what was trimmed", err, enduser.ErrTrimmed)
	})
}

// A count reads no more than 10,000 changes.
func TestCountSinceIsBounded(t *testing.T) {
	ctx, st := t.Context(), memory.New(nil)
	w := newWorld(st)
	hooks := w.acme.Webhooks()
	h := hook(t, w.acme)
	n := size.Pick(t, 10_001, 10_001, 25_000)
	u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
	for i := 1; i < n; i++ {
		must(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.Name = fmt.Sprint(i); return nil }))(t)
	}
	latest := must(w.acme.Latest(ctx))(t)
	ok(t, hooks.SetTurn(ctx, h.ID, latest, "", 0, epoch))
	got, _, err := hooks.CountSince(ctx, h.ID, epoch)
	ok(t, err)
	diff(t, "count", got, enduser.Count{N: 10_000})
}

// While a node writes the turn, each request of many is kept once.
func TestPingsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h := hook(t, w.acme)
		before := must(w.acme.Latest(ctx))(t)
		sent := make([]string, 12)
		atonce.Do(len(sent), func(i int) {
			var err error
			if sent[i], err = hooks.Ping(ctx, h.ID); err != nil {
				t.Error(err)
			}
			if i%3 == 0 {
				if _, err := hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.URL += "x"; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
		turn := must(hooks.Turn(ctx, h.ID))(t)
		slices.Sort(turn.Queue)
		slices.Sort(sent)
		diff(t, "queued", turn.Queue, sent)
		diff(t, "position", must(hooks.State(ctx, h.ID))(t).Position, before)
	})
}
