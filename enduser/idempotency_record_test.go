package enduser_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// withKeys returns a Manager of another process with other keys, the first of which seals.
func (w *world) withKeys(st store.Store, ids ...string) enduser.Tenant {
	ring := make([]enduser.Key, len(ids))
	for i, id := range ids {
		ring[i] = testKey(id)
	}
	users := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(ring[0], ring[1:]...)})
	return users.Tenant("acme").As("ann")
}

// TestTokensOfAnswers: the token in an answer is sealed for that answer. It is counted, and
// sealed anew, as the tokens of groups are.
func TestTokensOfAnswers(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		ctx := t.Context()
		key := func(k string) *enduser.Idempotency { return &enduser.Idempotency{Key: k} }
		create := func(acme enduser.Tenant) (string, error) {
			_, token, err := acme.Groups().Create(key("create").Context(ctx), enduser.GroupSpec{ExternalID: "g"})
			return token, err
		}
		rotate := func(acme enduser.Tenant) (string, error) {
			_, token, err := acme.Groups().Rotate(key("rotate").Context(ctx), enduser.GroupByExternalID("g"), time.Minute)
			return token, err
		}
		first, next := must(create(w.acme))(t), must(rotate(w.acme))(t)
		if _, _, err := w.acme.Ensure(key("no token").Context(ctx), enduser.Spec{ExternalID: "a"}); err != nil {
			t.Fatal(err)
		}
		both := func(what string, acme enduser.Tenant) {
			t.Helper()
			if a, b := must(create(acme))(t), must(rotate(acme))(t); a != first || b != next {
				t.Errorf("%s: other tokens", what)
			}
		}
		both("at first", w.acme)
		diff(t, "sealed", must(w.users.CountSealed(ctx))(t), map[string]int{"k1": 3})
		rekeyed := w.withKeys(st, "k2", "k1")
		users := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		for _, n := range []int{3, 0} {
			if got := must(users.Reseal(ctx))(t); got != n {
				t.Errorf("sealed %d anew, want %d", got, n)
			}
		}
		diff(t, "sealed anew", must(users.CountSealed(ctx))(t), map[string]int{"k2": 3})
		both("sealed anew", rekeyed)
		both("without the old key", w.withKeys(st, "k2"))
		for what, err := range map[string]error{"create": second(create(w.acme)), "rotate": second(rotate(w.acme))} {
			wantErr(t, what+" without the key", err, enduser.ErrNoKey)
		}

		// A token that is moved to another answer is not shown.
		moved := make(map[string]string)
		for _, r := range answers(t, st) {
			if _, rest, is := strings.Cut(string(r.Data), `"token":"`); is {
				moved[r.ID], _, _ = strings.Cut(rest, `"`)
			}
		}
		for _, r := range answers(t, st) {
			for id, sealed := range moved {
				if own, is := moved[r.ID]; is && id != r.ID {
					tamper(t, st, r.ID, body(t, own, sealed))
				}
			}
		}
		for what, err := range map[string]error{"create": second(create(rekeyed)), "rotate": second(rotate(rekeyed))} {
			wantErr(t, what+" with a token that was moved", err, enduser.ErrCorrupt)
		}
		w.Advance(enduser.IdempotencyTTL)
		must(w.users.Sweep(ctx))(t)
		if n := len(answers(t, st)); n != 0 {
			t.Errorf("%d answers after the sweep", n)
		}
	})
}

// TestUnreadableAnswers: a key whose answer cannot be read has no second effect, and says why. A
// sweep deletes the answer in time.
func TestUnreadableAnswers(t *testing.T) {
	for what, of := range map[string]struct {
		from, to      string
		again, reseal error
	}{
		"damaged":    {`"request"`, `"requst"`, enduser.ErrCorrupt, enduser.ErrCorrupt},
		"newer":      {`"r":1`, `"r":2`, enduser.ErrNewer, enduser.ErrNewer},
		"by a newer": {`"w":1`, `"w":2`, nil, enduser.ErrNewer},
	} {
		t.Run(what, func(t *testing.T) {
			each(t, func(t *testing.T, st store.Store) {
				w := newWorld(st)
				ctx := enduser.Idempotent(t.Context(), "k")
				g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"}))(t)
				tamper(t, st, answers(t, st)[0].ID, body(t, of.from, of.to))
				_, _, err := w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"})
				wantErr(t, "again", err, of.again)
				if unreadable, is := errors.AsType[*enduser.UnreadableError](err); of.again != nil && (!is || unreadable.Kind != "answer") {
					t.Errorf("again: %v", err)
				}
				users := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
				n, err := users.Reseal(t.Context())
				wantErr(t, "Reseal", err, of.reseal)
				if n != 1 { // the group
					t.Errorf("sealed %d anew", n)
				}
				w.Advance(enduser.IdempotencyTTL)
				if n, err := w.users.Sweep(t.Context()); n != 0 || err != nil || len(answers(t, st)) != 0 {
					t.Errorf("Sweep: %d, %v", n, err)
				}
				ok(t, w.acme.Groups().Delete(t.Context(), enduser.GroupByID(g.ID)))
				made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"}))(t)
			})
		})
	}
}

// TestResealCarriesAnswersAlong: what a newer program has added to an answer stays.
func TestResealCarriesAnswersAlong(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		ctx := enduser.Idempotent(t.Context(), "k")
		g, token, err := w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"})
		ok(t, err)
		id := answers(t, st)[0].ID
		enrich(t, st, id)
		users := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		if n := must(users.Reseal(t.Context()))(t); n != 2 {
			t.Errorf("sealed %d anew", n)
		}
		carried(t, "Reseal", st, id)
		again, shown, err := w.withKeys(st, "k2").Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"})
		if err != nil || again.ID != g.ID || shown != token {
			t.Errorf("again: %v, %v, the same token %v", again, err, shown == token)
		}
	})
}

// TestDamagedAnswer: the same of an answer that the store cannot read, which no call on users
// or groups deletes.
func TestDamagedAnswer(t *testing.T) {
	damaging(t, func(t *testing.T, st store.Store, damage func(tenant, id string)) {
		w := newWorld(st)
		ctx := enduser.Idempotent(t.Context(), "k")
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
		id := answers(t, st)[0].ID
		damage("acme", id)
		wantErr(t, "again", second(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"})), enduser.ErrCorrupt)
		wantErr(t, "deleted as a user", w.acme.Delete(t.Context(), enduser.ByID(id)), enduser.ErrNotFound)
		wantErr(t, "deleted as a group", w.acme.Groups().Delete(t.Context(), enduser.GroupByID(id)), enduser.ErrNotFound)
		wantErr(t, "got as a user", second(w.acme.Get(t.Context(), enduser.ByID(id))), enduser.ErrCorrupt)
		if n := must(w.acme.Count(t.Context(), enduser.Query{}))(t); n.N != 1 {
			t.Errorf("%d users", n.N)
		}
	})
}
