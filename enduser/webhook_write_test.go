package enduser_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// Without a keyring no secret can be sealed, and everything else works.
func TestWebhooksWithoutKeyring(t *testing.T) {
	t.Parallel()
	ctx, st := t.Context(), memory.New(nil)
	w := newWorld(st)
	h := hook(t, w.acme)
	bare := enduser.New(st, &enduser.Options{Now: w.Now}).Tenant("acme").Webhooks()
	wantErr(t, "create", third2(bare.Create(ctx, enduser.WebhookSpec{URL: "https://a"})), enduser.ErrNoKeyring)
	wantInvalid(t, "create an invalid one", third2(bare.Create(ctx, enduser.WebhookSpec{})), "url required")
	wantErr(t, "rotate", third2(bare.Rotate(ctx, h.ID, 0)), enduser.ErrNoKeyring)
	wantErr(t, "set a header", second(bare.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.SetHeader("A", secret("x")); return nil })), enduser.ErrNoKeyring)
	must(bare.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Description = "x"; return nil }))(t)
	must(bare.Ping(ctx, h.ID))(t)
	ok(t, bare.Delete(ctx, h.ID))
}

// An environment has at most 50 webhooks, also if many are created at once.
func TestWebhookLimit(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		for range 40 {
			hook(t, w.acme)
		}
		made := make([]string, callers)
		at(func(i int) {
			h, _, err := hooks.Create(ctx, enduser.WebhookSpec{URL: "https://example.com"})
			if err != nil && !errors.Is(err, enduser.ErrInvalid) && !errors.Is(err, enduser.ErrContended) {
				t.Errorf("at once: %v", err)
			}
			made[i] = h.ID
		})
		for len(allHooks(t, w.acme)) < 50 { // calls may have been contended
			hook(t, w.acme)
		}
		wantInvalid(t, "one more", third2(hooks.Create(ctx, enduser.WebhookSpec{URL: "https://example.com"})), "webhooks too_many")
		all := allHooks(t, w.acme)
		if len(all) != 50 {
			t.Errorf("%d webhooks", len(all))
		}
		hook(t, w.acme.In(enduser.Testing))
		ok(t, hooks.Delete(ctx, all[17]))
		hook(t, w.acme)
		wantInvalid(t, "one more again", third2(hooks.Create(ctx, enduser.WebhookSpec{URL: "https://example.com"})), "webhooks too_many")
	})
}

// A handle that was not made by a Manager, or with a bad name, does nothing.
func TestWebhooksOfBadHandles(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	for what, hooks := range map[string]enduser.Webhooks{
		"zero": {}, "no name": w.users.Tenant("").Webhooks(), "environment": w.acme.In("prod").Webhooks(), "actor": w.acme.As("\x00").Webhooks(),
	} {
		calls := hookMethods(t)
		calls["create"] = func(h enduser.Webhooks, _ hookProbe) error {
			return third2(h.Create(ctx, enduser.WebhookSpec{URL: "https://example.com"}))
		}
		calls["all"] = func(h enduser.Webhooks, _ hookProbe) error {
			for _, err := range h.All(ctx) {
				return err
			}
			return nil
		}
		calls["redeliver since"] = func(h enduser.Webhooks, _ hookProbe) error { return h.RedeliverSince(ctx, "a", enduser.Position{}) }
		for call, fn := range calls {
			wantErr(t, what+": "+call, fn(hooks, nobody().hook), enduser.ErrInvalid)
		}
	}
}

// Two changes at one version: one of them is made.
func TestConditionsOfWebhooks(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h := hook(t, w.acme)
		rename := func(e *enduser.WebhookEdit) error { e.Description += "x"; return nil }
		won := make([]bool, callers)
		at(func(i int) {
			_, err := hooks.Update(ctx, h.ID, rename, enduser.IfVersion(h.Version))
			if won[i] = err == nil; !won[i] {
				wantErr(t, "at once", err, enduser.ErrVersion)
			}
		})
		if got := must(hooks.Get(ctx, h.ID))(t); got.Description != "x" {
			t.Errorf("%v: %q", won, got.Description)
		}
		old := enduser.IfVersion(h.Version)
		spec := enduser.WebhookSpec{URL: "https://example.com"}
		for what, err := range map[string]error{
			"update":                  second(hooks.Update(ctx, h.ID, rename, old)),
			"rotate":                  third2(hooks.Rotate(ctx, h.ID, 0, old)),
			"delete":                  hooks.Delete(ctx, h.ID, old),
			"update where there none": second(hooks.Update(ctx, h.ID, rename, enduser.IfAbsent())),
			"create over one":         third2(hooks.Create(ctx, spec, enduser.IfExists())),
			"create at a version":     third2(hooks.Create(ctx, spec, old)),
		} {
			wantErr(t, what, err, enduser.ErrVersion)
		}
		for _, cond := range []enduser.Condition{
			enduser.IfUser(func(enduser.User) error { return nil }), enduser.IfGroup(func(enduser.Group) error { return nil }),
		} {
			for what, err := range map[string]error{
				"create": third2(hooks.Create(ctx, spec, cond)), "update": second(hooks.Update(ctx, h.ID, rename, cond)),
				"rotate": third2(hooks.Rotate(ctx, h.ID, 0, cond)), "delete": hooks.Delete(ctx, h.ID, cond),
			} {
				wantInvalid(t, what, err, "condition invalid_value")
			}
		}
		hooked(hooks.Create(ctx, spec, enduser.IfAbsent()))(t)
		ok(t, hooks.Delete(ctx, h.ID, enduser.IfNotVersion(h.Version), enduser.IfExists()))
		wantErr(t, "deleted", hooks.Delete(ctx, h.ID), enduser.ErrNotFound)
	})
}

// Deleting a webhook leaves no record of it.
func TestDeleteWebhook(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h, other := hook(t, w.acme), hook(t, w.acme)
		var changes []enduser.Change
		attempts := make([]enduser.Attempt, 150)
		for i := range attempts {
			attempts[i].At = epoch
			must(w.acme.Create(ctx, enduser.Spec{}))(t)
		}
		changes = changesAfter(t, w.acme, 0)
		for i := 0; i < len(attempts); i += 50 {
			ok(t, hooks.SetAttempts(ctx, h.ID, changes[i:], attempts[i:i+50]...))
		}
		ok(t, hooks.SetAttempts(ctx, other.ID, changes, enduser.Attempt{At: epoch}))
		if n := must(hooks.State(ctx, h.ID))(t).DeadLetters; n != 150 {
			t.Errorf("%d dead letters", n)
		}
		ok(t, hooks.Delete(ctx, h.ID))
		for what, err := range map[string]error{
			"get": second(hooks.Get(ctx, h.ID)), "state": second(hooks.State(ctx, h.ID)), "attempts": second(hooks.Attempts(ctx, h.ID)),
			"dead letters": second(hooks.DeadLetters(ctx, h.ID, enduser.DeadLetterQuery{})), "ping": second(hooks.Ping(ctx, h.ID)),
			"delete": hooks.Delete(ctx, h.ID),
		} {
			wantErr(t, what, err, enduser.ErrNotFound)
		}
		for kind, want := range map[string]int{"webhook": 1, "webhook-turn": 1, "webhook-log": 1, "webhook-dead": 1} {
			if got := recordsOf(t, st, "acme", kind); len(got) != want || !strings.HasPrefix(got[0].ID, other.ID) {
				t.Errorf("%s: %d records are left, want %d", kind, len(got), want)
			}
		}
	})
}

// The secret of a write whose outcome is unknown is returned: it is right if the write happened.
func TestUnknownWebhookWrites(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := &faultstore.Store{Store: memory.New(nil)}
	w := newWorld(f)
	hooks := w.acme.Webhooks()
	lose := func(int64, []store.Op) error { return store.ErrUnknown }
	f.OnApplied = lose
	h, key, err := hooks.Create(ctx, wholeHook())
	wantErr(t, "create", err, enduser.ErrUnknown)
	f.OnApplied = nil
	if !h.Version.IsZero() || allHooks(t, w.acme)[0] != h.ID {
		t.Errorf("created %+v", h)
	}
	headers := map[string]string{"Authorization": "Bearer 1", "X-Key": "2"}
	opens(t, "created", w.acme, h.ID, headers, key)
	f.OnApplied = lose
	_, next, err := hooks.Rotate(ctx, h.ID, time.Hour)
	wantErr(t, "rotate", err, enduser.ErrUnknown)
	f.OnApplied = nil
	opens(t, "rotated", w.acme, h.ID, headers, next, key)
	f.OnApply = lose
	for what, err := range map[string]error{
		"update": second(hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.URL += "x"; return nil })),
		"delete": hooks.Delete(ctx, h.ID), "ping": second(hooks.Ping(ctx, h.ID)),
	} {
		wantErr(t, what, err, enduser.ErrUnknown)
	}
	f.OnApply = nil
	for _, fault := range []error{store.ErrUnavailable, errors.New("driver: bad")} {
		f.Fail(fault)
		for what, err := range map[string]error{
			"create": third2(hooks.Create(ctx, wholeHook())), "get": second(hooks.Get(ctx, h.ID)), "state": second(hooks.State(ctx, h.ID)),
			"rotate": third2(hooks.Rotate(ctx, h.ID, 0)), "delete": hooks.Delete(ctx, h.ID), "redeliver": hooks.Redeliver(ctx, h.ID, "x"),
			"count": func() error { _, _, err := hooks.CountSince(ctx, h.ID, epoch); return err }(),
		} {
			wantErr(t, what, err, enduser.ErrUnavailable)
		}
	}
}
