package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/store"
)

// keyed is a call that takes an idempotency key. It returns what the caller gets beside the
// error.
type keyed func(ctx context.Context, acme enduser.Tenant) (any, error)

// reply is what a call returns of a user or group and its outcome or token.
type reply struct{ ID, Version, Beside string }

func userReply(u enduser.User, beside any, err error) (any, error) {
	return reply{u.ID, u.Version.String(), fmt.Sprint(beside)}, err
}

func groupReply(g enduser.Group, beside any, err error) (any, error) {
	return reply{g.ID, g.Version.String(), fmt.Sprint(beside)}, err
}

func webhookReply(h enduser.Webhook, beside any, err error) (any, error) {
	return reply{h.ID, h.Version.String(), fmt.Sprint(beside)}, err
}

// keyedCalls returns every call that takes a key, for a tenant that prepareKeyed has prepared.
func keyedCalls() map[string]keyed {
	kept, group := enduser.ByExternalID("kept"), enduser.GroupByExternalID("team")
	account := enduser.Account{Type: "irc", ID: "new"}
	user := func(call func(context.Context, enduser.Tenant) (enduser.User, error)) keyed {
		return func(ctx context.Context, acme enduser.Tenant) (any, error) {
			u, err := call(ctx, acme)
			return userReply(u, "", err)
		}
	}
	calls := map[string]keyed{
		"create": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Create(ctx, enduser.Spec{ExternalID: "new", Sensitive: map[string]enduser.Secret{"pin": secret("1234")}})
		}),
		"create nameless": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Create(ctx, enduser.Spec{Name: "Ann"})
		}),
		"update": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Update(ctx, kept, rename)
		}),
		"update nothing": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Update(ctx, kept, func(*enduser.Edit) error { return nil })
		}),
		"set sensitive": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Update(ctx, kept, func(e *enduser.Edit) error {
				e.ClearSensitive()
				e.SetSensitive("pin", secret("5678"))
				return nil
			})
		}),
		"associate": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Associate(ctx, enduser.ByExternalID("guest"))
		}),
		"associate nothing": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Associate(ctx, kept)
		}),
		"link": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Link(ctx, kept, account)
		}),
		"unlink": user(func(ctx context.Context, acme enduser.Tenant) (enduser.User, error) {
			return acme.Unlink(ctx, kept, enduser.Account{Type: "irc", ID: "kept"})
		}),
		"delete": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return nil, acme.Delete(ctx, kept)
		},
		"create group": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return groupReply(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "new"}))
		},
		"update group": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			g, err := acme.Groups().Update(ctx, group, func(g *enduser.Group) error { g.Name = "Team"; return nil })
			return groupReply(g, "", err)
		},
		"rotate": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return groupReply(acme.Groups().Rotate(ctx, group, time.Hour))
		},
		"create webhook": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return webhookReply(acme.Webhooks().Create(ctx, enduser.WebhookSpec{
				URL: "https://example.com/new", Headers: map[string]enduser.Secret{"X-Key": secret("a")},
			}))
		},
		"update webhook": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			h, err := acme.Webhooks().Update(ctx, keptWebhook, func(e *enduser.WebhookEdit) error { e.Disabled = true; return nil })
			return webhookReply(h, "", err)
		},
		"rotate webhook": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return webhookReply(acme.Webhooks().Rotate(ctx, keptWebhook, time.Hour))
		},
		"delete webhook": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return nil, acme.Webhooks().Delete(ctx, keptWebhook)
		},
		"delete group": func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return nil, acme.Groups().Delete(ctx, group)
		},
	}
	for name, s := range map[string]enduser.Spec{
		"new": {ExternalID: "new", ExpiresIn: time.Hour}, "existing": {ExternalID: "kept", Name: "Eve"}, "provisional": {ExternalID: "guest"},
		"unchanged": {ExternalID: "kept"},
	} {
		calls["ensure "+name] = func(ctx context.Context, acme enduser.Tenant) (any, error) { return userReply(acme.Ensure(ctx, s)) }
		calls["upsert "+name] = func(ctx context.Context, acme enduser.Tenant) (any, error) { return userReply(acme.Upsert(ctx, s)) }
	}
	for _, id := range []string{"new", "team"} {
		calls["ensure group "+id] = func(ctx context.Context, acme enduser.Tenant) (any, error) {
			return groupReply(acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: id}))
		}
	}
	return calls
}

// keptWebhook is the ID of the webhook that prepareKeyed makes.
const keptWebhook = "u4"

// prepareKeyed writes what the calls of keyedCalls need, with the first IDs of a counter("u").
func prepareKeyed(t testing.TB, acme enduser.Tenant) {
	t.Helper()
	ctx := t.Context()
	must(acme.Create(ctx, enduser.Spec{
		ExternalID: "kept", Accounts: []enduser.Account{{Type: "irc", ID: "kept"}}, Sensitive: map[string]enduser.Secret{"a": secret("b")},
	}))(t)
	must(acme.Create(ctx, enduser.Spec{ExternalID: "guest", ExpiresIn: time.Hour}))(t)
	made(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
	hook, _, err := acme.Webhooks().Create(ctx, enduser.WebhookSpec{URL: "https://example.com/", Events: []string{"group.*"}})
	ok(t, err)
	diff(t, "the webhook's ID", hook.ID, keptWebhook)
}

// process returns a Manager of another process on the store, with the clock of w.
func (w *world) process(st store.Store, ids string) *enduser.Manager {
	return enduser.New(st, &enduser.Options{Now: w.Now, NewID: counter(ids), Keyring: enduser.NewKeyring(testKey("k1"))})
}

// answers returns the records of answers.
func answers(t testing.TB, st store.Store) []store.Record {
	t.Helper()
	return recordsOf(t, st, "acme", "answer")
}

// TestIdempotentCalls: a call that is repeated with its key, by another process, returns the
// same and writes nothing.
func TestIdempotentCalls(t *testing.T) {
	for name, call := range keyedCalls() {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, st store.Store) {
				w := newWorld(st)
				prepareKeyed(t, w.acme)
				key := &enduser.Idempotency{Key: "order-7"}
				first, err := call(key.Context(t.Context()), w.acme)
				if err != nil || key.Replayed() {
					t.Fatalf("first: %v, replayed %v", err, key.Replayed())
				}
				entries, records := feed(t, w.acme), len(answers(t, st))
				for _, users := range []*enduser.Manager{w.users, w.process(st, "v")} {
					again, err := call(key.Context(t.Context()), users.Tenant("acme").As("ann"))
					if err != nil || !key.Replayed() {
						t.Errorf("again: %v, replayed %v", err, key.Replayed())
					}
					diff(t, "again", again, first)
				}
				diff(t, "feed", feed(t, w.acme), entries)
				if records != 1 || len(answers(t, st)) != 1 {
					t.Errorf("%d answers, then %d", records, len(answers(t, st)))
				}
			})
		})
	}
}

// TestReplayShowsNow: a repeated call shows the user or group as it is, with the outcome of the
// first call and its token, and says so if it is gone.
func TestReplayShowsNow(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		ctx := enduser.Idempotent(t.Context(), "order-7")
		s := enduser.Spec{ExternalID: "a", ExpiresIn: 2 * time.Hour}
		u := upserted(w.acme.Upsert(ctx, s))(t, enduser.Created)
		now := must(w.acme.Update(t.Context(), enduser.ByID(u.ID), rename))(t)
		diff(t, "changed since", upserted(w.acme.Upsert(ctx, s))(t, enduser.Created), now)
		w.Advance(2 * time.Hour)
		_, outcome, err := w.acme.Upsert(ctx, s)
		gone, is := errors.AsType[*enduser.GoneError](err)
		if !is || !errors.Is(err, enduser.ErrNotFound) || outcome != enduser.Created {
			t.Fatalf("expired since: %v, %v", outcome, err)
		}
		diff(t, "expired since", *gone, enduser.GoneError{Kind: "user", ID: u.ID, Outcome: enduser.Created})

		groups := w.acme.Groups()
		spec := enduser.GroupSpec{ExternalID: "g"}
		ctx = enduser.Idempotent(t.Context(), "order-8")
		g, token, err := groups.Create(ctx, spec)
		ok(t, err)
		rotated, second, err := groups.Rotate(t.Context(), enduser.GroupByID(g.ID), 0)
		ok(t, err)
		again, shown, err := groups.Create(ctx, spec)
		if err != nil || shown != token || again.Version != rotated.Version || second == token {
			t.Errorf("rotated since: %v, %v, the same token: %v", again, err, shown == token)
		}
		if err := groups.Delete(t.Context(), enduser.GroupByID(g.ID)); err != nil {
			t.Fatal(err)
		}
		again, shown, err = groups.Create(ctx, spec)
		if gone, is = errors.AsType[*enduser.GoneError](err); !is || again.ID != "" || shown != "" {
			t.Fatalf("deleted since: %v", err)
		}
		diff(t, "deleted since", *gone, enduser.GoneError{Kind: "group", ID: g.ID, Outcome: enduser.Created})
	})
}

// TestFailedCallsLeaveTheKeyFree: a call that failed can be repeated, and another can have its
// key.
func TestFailedCallsLeaveTheKeyFree(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		ctx := enduser.Idempotent(t.Context(), "k")
		ref := enduser.ByExternalID("a")
		refused := errors.New("refused")
		wantErr(t, "nobody there", second(w.acme.Update(ctx, ref, rename)), enduser.ErrNotFound)
		wantErr(t, "nobody to delete", w.acme.Delete(ctx, ref), enduser.ErrNotFound)
		wantErr(t, "invalid", second(w.acme.Create(ctx, enduser.Spec{ExternalID: "\x00"})), enduser.ErrInvalid)
		_, _, err := w.acme.Upsert(ctx, enduser.Spec{ExternalID: "a"}, enduser.IfExists())
		wantErr(t, "a condition", err, enduser.ErrVersion)
		a := must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a"}))(t)
		wantConflict(t, "taken", second(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"})), "external_id", a.ID)
		wantErr(t, "its own error", second(w.acme.Update(ctx, ref, func(*enduser.Edit) error { return refused })), refused)
		func() {
			defer func() { _ = recover() }()
			_, _ = w.acme.Update(ctx, ref, func(*enduser.Edit) error { panic("a mistake of the host") }) //nolint:forbidigo // what is tested
		}()
		if n := len(answers(t, st)); n != 0 {
			t.Errorf("%d answers", n)
		}
		must(w.acme.Update(ctx, ref, rename))(t)
		wantErr(t, "another call", w.acme.Delete(ctx, ref), enduser.ErrIdempotencyMismatch)
	})
}

// TestOneKeyBelongsToOneCall: a key with another call is refused, and says nothing in another
// tenant, environment or scope.
func TestOneKeyBelongsToOneCall(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		ctx := enduser.Idempotent(t.Context(), "k")
		meta := func(n int64) enduser.Metadata { return enduser.Metadata{"n": enduser.Int(n)} }
		spec := enduser.Spec{ExternalID: "a", Groups: []string{"x", "y"}, Metadata: meta(1)}
		u := upserted(w.acme.Upsert(ctx, spec))(t, enduser.Created)
		for name, other := range map[string]enduser.Spec{
			"external ID": {ExternalID: "b", Groups: []string{"x", "y"}, Metadata: meta(1)},
			"group":       {ExternalID: "a", Groups: []string{"xy"}, Metadata: meta(1)},
			"metadata":    {ExternalID: "a", Groups: []string{"x", "y"}, Metadata: meta(2)},
			"properties":  {ExternalID: "a", Groups: []string{"x", "y"}, Metadata: meta(1), SystemProperties: meta(1)},
			"cleared":     {ExternalID: "a", Groups: []string{"x", "y"}, Metadata: meta(1), Clear: []string{"name"}},
			"account":     {ExternalID: "a", Groups: []string{"x", "y"}, Metadata: meta(1), Accounts: []enduser.Account{{Type: "x", ID: "y"}}},
			"deadline":    {ExternalID: "a", Groups: []string{"x", "y"}, Metadata: meta(1), ExpiresIn: 1},
			"secret":      {ExternalID: "a", Groups: []string{"x", "y"}, Metadata: meta(1), Sensitive: map[string]enduser.Secret{"a": secret("b")}},
		} {
			wantErr(t, name, third(w.acme.Upsert(ctx, other)), enduser.ErrIdempotencyMismatch)
		}
		groups := w.acme.Groups()
		for name, err := range map[string]error{
			"ensure":       third(w.acme.Ensure(ctx, spec)),
			"create":       second(w.acme.Create(ctx, spec)),
			"update":       second(w.acme.Update(ctx, enduser.ByExternalID("a"), rename)),
			"link":         second(w.acme.Link(ctx, enduser.ByExternalID("a"), enduser.Account{Type: "x", ID: "y"})),
			"delete":       w.acme.Delete(ctx, enduser.ByID(u.ID)),
			"create group": third(groups.Create(ctx, enduser.GroupSpec{ExternalID: "a"})),
			"delete group": groups.Delete(ctx, enduser.GroupByID(u.ID)),
		} {
			wantErr(t, name, err, enduser.ErrIdempotencyMismatch)
		}
		for name, other := range map[string]enduser.Tenant{
			"tenant": w.users.Tenant("umbrella").As("ann"), "environment": w.acme.In(enduser.Testing), "actor": w.acme.As("bob"),
		} {
			if _, _, err := other.Ensure(ctx, enduser.Spec{ExternalID: "a"}); err != nil {
				t.Errorf("another %s: %v", name, err)
			}
		}
		request := &enduser.Idempotency{Key: "k", Scope: "ann", Digest: []byte("1")}
		if _, _, err := w.acme.Ensure(request.Context(ctx), spec); err != nil || request.Replayed() {
			t.Errorf("another scope: %v", err)
		}
		if _, _, err := w.acme.Upsert(request.Context(ctx), enduser.Spec{ExternalID: "b"}); err != nil || !request.Replayed() {
			t.Errorf("the same digest: %v", err)
		}
		request.Digest = []byte("2")
		wantErr(t, "another digest", third(w.acme.Ensure(request.Context(ctx), spec)), enduser.ErrIdempotencyMismatch)
		request.Digest = []byte("1")
		wantErr(t, "the same digest for a group", third(groups.Create(request.Context(ctx), enduser.GroupSpec{ExternalID: "a"})), enduser.ErrIdempotencyMismatch)
	})
}

// TestIdempotencyKeys: which keys are valid, and what takes no key.
func TestIdempotencyKeys(t *testing.T) {
	w := newWorld(backends.Memory(t))
	for key, code := range map[string]string{
		"": enduser.CodeRequired, strings.Repeat("k", 256): enduser.CodeLength, "a\x00": enduser.CodeCharacter, "é": enduser.CodeCharacter,
		"a\x7f": enduser.CodeCharacter, "\xff": enduser.CodeCharacter,
	} {
		_, err := w.acme.Create(enduser.Idempotent(t.Context(), key), enduser.Spec{})
		invalid, ok := errors.AsType[*enduser.InvalidError](err)
		if !ok || len(invalid.Violations) != 1 || invalid.Violations[0].Code != code || invalid.Violations[0].Field.Name != "idempotency_key" {
			t.Errorf("%q: %v", key, err)
		}
	}
	for i, key := range []string{"k", " ~", strings.Repeat("k", 255)} {
		u := must(w.acme.Create(enduser.Idempotent(t.Context(), key), enduser.Spec{Name: fmt.Sprint(i)}))(t)
		diff(t, "again", must(w.acme.Create(enduser.Idempotent(t.Context(), key), enduser.Spec{Name: fmt.Sprint(i)}))(t), u)
	}
	ctx := enduser.Idempotent(t.Context(), "reads")
	u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
	diff(t, "Get", must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t), u)
	if page := must(w.acme.List(ctx, enduser.Query{}))(t); len(page.Users) != 4 {
		t.Errorf("List: %d users", len(page.Users))
	}
	if swept := must(w.users.Sweep(ctx))(t); swept != 0 {
		t.Errorf("Sweep: %d", swept)
	}
	must(w.acme.Reindex(ctx))(t)
}

// TestCallsInsideACall: a call in the middle of another takes no key, or one of its own.
func TestCallsInsideACall(t *testing.T) {
	w := newWorld(backends.Memory(t))
	must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: "a"}))(t)
	ctx := enduser.Idempotent(t.Context(), "k")
	inside := func(ctx context.Context) error { return third(w.acme.Ensure(ctx, enduser.Spec{ExternalID: "b"})) }
	u := must(w.acme.Update(ctx, enduser.ByExternalID("a"), func(e *enduser.Edit) error {
		wantErr(t, "with the key of the outer call", inside(ctx), enduser.ErrInProgress)
		ok(t, inside(enduser.WithoutIdempotency(ctx)))
		ok(t, inside(enduser.Idempotent(ctx, "l")))
		e.Name = "Ann"
		return nil
	}))(t)
	diff(t, "again", must(w.acme.Update(ctx, enduser.ByExternalID("a"), rename))(t), u)
}

// TestKeysEnd: after a day the key is free, whether a sweep has run or not, and no earlier.
func TestKeysEnd(t *testing.T) {
	for _, swept := range []bool{false, true} {
		t.Run(fmt.Sprintf("swept %v", swept), func(t *testing.T) {
			each(t, func(t *testing.T, st store.Store) {
				w := newWorld(st)
				ctx := enduser.Idempotent(t.Context(), "k")
				sweep := func() {
					if swept {
						must(w.users.Sweep(t.Context()))(t)
					}
				}
				first := must(w.acme.Create(ctx, enduser.Spec{Name: "Ann"}))(t)
				w.Advance(enduser.IdempotencyTTL - time.Millisecond)
				sweep()
				diff(t, "before", must(w.acme.Create(ctx, enduser.Spec{Name: "Ann"}))(t), first)
				w.Advance(time.Millisecond)
				sweep()
				if n := len(answers(t, st)); swept != (n == 0) {
					t.Errorf("%d answers", n)
				}
				then := must(w.acme.Create(ctx, enduser.Spec{Name: "Bob"}))(t)
				diff(t, "from then on", must(w.acme.Create(ctx, enduser.Spec{Name: "Bob"}))(t), then)
				if n := len(answers(t, st)); then.ID == first.ID || n != 1 {
					t.Errorf("%v again; %d answers", then, n)
				}
				// A clock that was ahead cannot keep a key for longer.
				w.Set(epoch)
				if later := must(w.acme.Create(ctx, enduser.Spec{Name: "Eve"}))(t); later.ID == then.ID {
					t.Error("a key of the future holds")
				}
			})
		})
	}
}
