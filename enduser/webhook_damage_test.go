package enduser_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// What a newer program has added to a webhook and its turn is kept by every write.
func TestWritesCarryWebhooksAlong(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h := hook(t, w.acme)
		edit := func(e *enduser.WebhookEdit) error { e.URL += "x"; return nil }
		for _, record := range []string{h.ID, h.ID + "/turn"} {
			enrich(t, st, record)
			for _, step := range []struct {
				what string
				call func() error
			}{
				{"update", func() error { return second(hooks.Update(ctx, h.ID, edit)) }},
				{"ping", func() error { return second(hooks.Ping(ctx, h.ID)) }},
				{"rotate", func() error { return third2(hooks.Rotate(ctx, h.ID, time.Second)) }},
				{"sweep", func() error {
					w.Advance(time.Minute)
					return second(w.users.Sweep(ctx))
				}},
				{"reseal", func() error {
					next := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
					return second(next.Reseal(ctx))
				}},
			} {
				if err := step.call(); err != nil {
					t.Fatalf("%s: %v", step.what, err)
				}
				carried(t, record+": "+step.what, st, record)
			}
			tamper(t, st, record, func(r *store.Record) { r.Unique = r.Unique[:len(r.Unique)-1] }) // the next has the key
		}
		tamper(t, st, h.ID, body(t, `{"sealed":`, `{"by":"x","sealed":`))
		must(hooks.Get(ctx, h.ID))(t)
	})
}

func TestWebhooksThatOnlyANewerProgramMayWrite(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h, other := hook(t, w.acme), hook(t, w.acme)
		edit := func(e *enduser.WebhookEdit) error { e.URL += "x"; return nil }
		tamper(t, st, h.ID, body(t, `"w":1`, `"w":2`))
		tamper(t, st, other.ID+"/turn", body(t, `"w":1`, `"w":2`))
		next := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		n, resealed := next.Reseal(ctx)
		if n != 1 {
			t.Errorf("sealed %d anew", n)
		}
		for what, err := range map[string]error{
			"update": second(hooks.Update(ctx, h.ID, edit)), "rotate": third2(hooks.Rotate(ctx, h.ID, 0)), "reseal": resealed,
			"update, turn": second(hooks.Update(ctx, other.ID, edit)), "ping, turn": second(hooks.Ping(ctx, other.ID)),
		} {
			wantErr(t, what, err, enduser.ErrNewer)
			if errors.Is(err, enduser.ErrCorrupt) {
				t.Errorf("%s: %v", what, err)
			}
		}
		must(hooks.State(ctx, other.ID))(t)
		must(hooks.Ping(ctx, h.ID))(t)
		tamper(t, st, other.ID, body(t, `"r":1`, `"r":2`))
		wantErr(t, "get", second(hooks.Get(ctx, other.ID)), enduser.ErrNewer)
		ok(t, hooks.Delete(ctx, h.ID))
		ok(t, hooks.Delete(ctx, other.ID))
		for _, kind := range []string{"webhook", "webhook-turn"} {
			if left := recordsOf(t, st, "acme", kind); len(left) > 0 {
				t.Errorf("%s: %d records are left", kind, len(left))
			}
		}
	})
}

// A damaged webhook is named, is in no other's way, and can be deleted. In place of a damaged turn
// there is a new one, which says that it has lost events.
func TestDamagedWebhooks(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		bad, good, lame, odd := hook(t, w.acme), hook(t, w.acme), hook(t, w.acme), hook(t, w.acme)
		ok(t, hooks.SetAttempts(ctx, lame.ID, changesAfter(t, w.acme, 0), enduser.Attempt{At: epoch, Status: 500}))
		damage("acme", bad.ID)
		damage("acme", lame.ID+"/turn")
		tamper(t, st, odd.ID, func(r *store.Record) { r.Data = []byte("{") })
		tamper(t, st, odd.ID+"/turn", func(r *store.Record) { r.Data = []byte("{") })
		why := map[string]error{bad.ID: enduser.ErrCorrupt, odd.ID: enduser.ErrCorrupt}
		got, lost := gathered(t, why, "all", hooks.All(ctx), func(h enduser.Webhook) string { return h.ID })
		diff(t, "all", got, []string{good.ID, lame.ID})
		diff(t, "all: unreadable", lost, sorted([]string{bad.ID, odd.ID}))
		edit := func(e *enduser.WebhookEdit) error { e.URL += "x"; return nil }
		for _, id := range lost {
			for what, err := range map[string]error{
				"get": second(hooks.Get(ctx, id)), "update": second(hooks.Update(ctx, id, edit)), "rotate": third2(hooks.Rotate(ctx, id, 0)),
				"ping": second(hooks.Ping(ctx, id)), "count": third3(hooks.CountSince(ctx, id, epoch)),
			} {
				wantErr(t, what, err, enduser.ErrCorrupt)
				if unreadable, ok := errors.AsType[*enduser.UnreadableError](err); !ok || unreadable.ID != id {
					t.Errorf("%s: %v does not name %s", what, err, id)
				}
			}
			wantErr(t, "delete at a version", hooks.Delete(ctx, id, enduser.IfVersion(good.Version)), enduser.ErrVersion)
		}
		// There is room for all that are allowed, whichever slot the damaged one holds.
		var room []string
		for range 46 {
			room = append(room, hook(t, w.acme).ID)
		}
		_, _, err := hooks.Create(ctx, enduser.WebhookSpec{URL: "https://example.com"})
		if err == nil {
			t.Error("there is a 51st webhook")
		}
		for _, id := range lost {
			ok(t, hooks.Delete(ctx, id))
			wantErr(t, "deleted", hooks.Delete(ctx, id), enduser.ErrNotFound)
		}
		hook(t, w.acme)
		wantErr(t, "state", second(hooks.State(ctx, lame.ID)), enduser.ErrCorrupt)
		wantErr(t, "its turn, as a user", w.acme.Delete(ctx, enduser.ByID(lame.ID+"/turn")), enduser.ErrNotFound)
		u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
		damage("acme", u.ID)
		wantErr(t, "a damaged user", hooks.Delete(ctx, u.ID), enduser.ErrNotFound)
		ok(t, w.acme.Delete(ctx, enduser.ByID(u.ID)))
		must(hooks.Ping(ctx, lame.ID))(t)
		if state := must(hooks.State(ctx, lame.ID))(t); !state.GappedAt.Equal(epoch) || state.Queued != 1 || !state.Position.IsZero() {
			t.Errorf("in place of a damaged turn: %+v", state)
		}
		damage("acme", lame.ID+"/log")
		wantErr(t, "attempts", second(hooks.Attempts(ctx, lame.ID)), enduser.ErrCorrupt)
		wantErr(t, "redeliver", hooks.Redeliver(ctx, lame.ID, "msg_none"), enduser.ErrCorrupt)
		dead := must(hooks.DeadLetters(ctx, lame.ID, enduser.DeadLetterQuery{}))(t).DeadLetters[0]
		damage("acme", lame.ID+"/dead/"+dead.EventID)
		page := must(hooks.DeadLetters(ctx, lame.ID, enduser.DeadLetterQuery{}))(t)
		if len(page.DeadLetters) > 0 || len(page.Unreadable) != 1 {
			t.Errorf("dead letters %+v", page)
		}
		ok(t, hooks.Delete(ctx, lame.ID))
		for _, id := range append(room, good.ID) {
			ok(t, hooks.Delete(ctx, id))
		}
		for kind, want := range map[string]int{"webhook": 1, "webhook-turn": 1, "webhook-log": 0, "webhook-dead": 0} {
			n := 0
			for q := (store.Query{Kind: kind}); ; {
				page := must(st.List(ctx, "acme", q))(t)
				n += len(page.Records) + len(page.Damaged)
				if q.After = page.Next; q.After == 0 {
					break
				}
			}
			if n != want {
				t.Errorf("%s: %d records are left, want %d", kind, n, want)
			}
		}
	})
}
