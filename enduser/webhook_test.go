package enduser_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// wholeHook is a spec with every field.
func wholeHook() enduser.WebhookSpec {
	return enduser.WebhookSpec{
		URL: "https://example.com/hook", Description: "The CRM", Events: []string{"end_user.*", "group.deleted"}, Format: enduser.FormatAda,
		Headers: secrets{"authorization": secret("Bearer 1"), "X-Key": secret("2"), "X-None": {}},
	}
}

// hooked is must for calls that return a webhook and its secret.
func hooked(w enduser.Webhook, key string, err error) func(testing.TB) (enduser.Webhook, string) {
	return func(t testing.TB) (enduser.Webhook, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(key, "whsec_") || len(key) != len("whsec_")+44 {
			t.Errorf("the secret is %q", key)
		}
		return w, key
	}
}

// hook creates a webhook with a URL alone.
func hook(t testing.TB, tenant enduser.Tenant) enduser.Webhook {
	t.Helper()
	w, _ := hooked(tenant.Webhooks().Create(t.Context(), enduser.WebhookSpec{URL: "https://example.com"}))(t)
	return w
}

func diffHooks(t testing.TB, what string, got, want enduser.Webhook) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(enduser.Webhook{}), cmp.Comparer(func(a, b enduser.Version) bool { return a == b })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// opens checks what a delivery to a webhook has.
func opens(t testing.TB, what string, tenant enduser.Tenant, id string, headers map[string]string, keys ...string) {
	t.Helper()
	h := must(tenant.Webhooks().Get(t.Context(), id))(t)
	gotHeaders, gotKeys, err := tenant.Webhooks().Open(t.Context(), h)
	ok(t, err)
	diff(t, what+": headers", gotHeaders, headers)
	diff(t, what+": secrets", gotKeys, keys)
}

func allHooks(t testing.TB, tenant enduser.Tenant) (ids []string) {
	t.Helper()
	for w, err := range tenant.Webhooks().All(t.Context()) {
		ok(t, err)
		ids = append(ids, w.ID)
	}
	return ids
}

func TestCreateWebhook(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		before := must(w.acme.Latest(ctx))(t)
		w.Advance(time.Minute)
		spec := wholeHook()
		h, key := hooked(hooks.Create(ctx, spec))(t)
		diffHooks(t, "created", h, enduser.Webhook{
			ID: "u2", Tenant: "acme", Environment: enduser.Customer, URL: "https://example.com/hook", Description: "The CRM",
			Events: []string{"end_user.*", "group.deleted"}, Format: enduser.FormatAda, HeaderNames: []string{"Authorization", "X-Key"},
			CreatedBy: "ann", UpdatedBy: "ann", CreatedAt: w.Now().UTC(), UpdatedAt: w.Now().UTC(), Version: h.Version, Revision: h.Revision,
		})
		spec.Events[0] = "changed"
		diffHooks(t, "read", must(hooks.Get(ctx, h.ID))(t), h)
		opens(t, "created", w.acme, h.ID, map[string]string{"Authorization": "Bearer 1", "X-Key": "2"}, key)
		state := must(hooks.State(ctx, h.ID))(t)
		if want := (enduser.WebhookState{Position: before}); state != want {
			t.Errorf("state %+v, want %+v", state, want)
		}
		if turn := must(hooks.Turn(ctx, h.ID))(t); !turn.Due.Equal(w.Now()) {
			t.Errorf("due %v: nobody looks at it", turn.Due)
		}
		diff(t, "no change", must(w.acme.Latest(ctx))(t), before)
		if log := must(hooks.Attempts(ctx, h.ID))(t); len(log) > 0 {
			t.Errorf("attempts %v", log)
		}
		if dead := must(hooks.DeadLetters(ctx, h.ID, enduser.DeadLetterQuery{}))(t); len(dead.DeadLetters) > 0 {
			t.Errorf("dead letters %v", dead)
		}
		// Nothing else is a webhook.
		for _, id := range []string{"u1", "u3", "U2", "u2/turn", "u2/log"} {
			wantErr(t, id, second(hooks.Get(ctx, id)), enduser.ErrNotFound)
		}
		wantInvalid(t, "no ID", second(hooks.Get(ctx, "")), "id required")
		wantErr(t, "as a user", second(w.acme.Get(ctx, enduser.ByID(h.ID))), enduser.ErrNotFound)
		wantErr(t, "deleted as a user", w.acme.Delete(ctx, enduser.ByID(h.ID+"/turn")), enduser.ErrNotFound)
		off := spec
		off.Disabled, off.Events = true, nil
		disabled, _ := hooked(hooks.Create(ctx, off))(t)
		if !disabled.Disabled || disabled.DisabledReason != "" || !disabled.DisabledAt.Equal(w.Now()) || disabled.Events != nil {
			t.Errorf("disabled: %+v", disabled)
		}
		if turn := must(hooks.Turn(ctx, disabled.ID))(t); !turn.Due.IsZero() {
			t.Errorf("a disabled webhook is due %v", turn.Due)
		}
		diff(t, "all", allHooks(t, w.acme), []string{h.ID, disabled.ID})
		for _, err := range hooks.All(ctx) { // a walk may end early
			ok(t, err)
			break
		}
	})
}

func TestUpdateWebhook(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.As("bob").Webhooks()
		want, key := hooked(w.acme.Webhooks().Create(ctx, wholeHook()))(t)
		headers := map[string]string{"Authorization": "Bearer 1", "X-Key": "2"}
		step := func(what string, changes bool, edit func(*enduser.WebhookEdit), change func(*enduser.Webhook)) {
			t.Helper()
			w.Advance(time.Minute)
			got := must(hooks.Update(ctx, want.ID, func(e *enduser.WebhookEdit) error { edit(e); return nil }))(t)
			if changes {
				if got.Version == want.Version || got.Revision <= want.Revision {
					t.Errorf("%s: version %s, revision %d, was %s, %d", what, got.Version, got.Revision, want.Version, want.Revision)
				}
				change(&want)
				want.UpdatedBy, want.UpdatedAt, want.Version, want.Revision = "bob", w.Now().UTC(), got.Version, got.Revision
			}
			diffHooks(t, what, got, want)
			diffHooks(t, what+", read", must(hooks.Get(ctx, want.ID))(t), want)
			opens(t, what, w.acme, want.ID, headers, key)
		}
		step("nothing", false, func(*enduser.WebhookEdit) {}, nil)
		step("the same", false, func(e *enduser.WebhookEdit) {
			e.URL, e.Events = "https://example.com/hook", []string{"end_user.*", "group.deleted"}
			e.SetHeader("X-None", enduser.Secret{})
		}, nil)
		step("texts", true, func(e *enduser.WebhookEdit) { e.URL, e.Description, e.Format = "https://b.example", "", "" },
			func(h *enduser.Webhook) { h.URL, h.Description, h.Format = "https://b.example", "", "" })
		step("all events", true, func(e *enduser.WebhookEdit) { e.Events = []string{} }, func(h *enduser.Webhook) { h.Events = nil })
		headers = map[string]string{"X-Key": "3", "X-New": "4"}
		step("headers", true, func(e *enduser.WebhookEdit) {
			e.SetHeader("AUTHORIZATION", enduser.Secret{})
			e.SetHeader("x-key", secret("3"))
			e.SetHeader("x-new", secret("4"))
		}, func(h *enduser.Webhook) { h.HeaderNames = []string{"X-Key", "X-New"} })
		step("the same header, perhaps", true, func(e *enduser.WebhookEdit) { e.SetHeader("X-Key", secret("3")) }, func(*enduser.Webhook) {})
		step("disabled", true, func(e *enduser.WebhookEdit) { e.Disabled = true },
			func(h *enduser.Webhook) { h.Disabled, h.DisabledAt = true, w.Now().UTC() })
		step("enabled", true, func(e *enduser.WebhookEdit) { e.Disabled = false },
			func(h *enduser.Webhook) { h.Disabled, h.DisabledAt = false, time.Time{} })

		refuse := errors.New("refused")
		wantErr(t, "fn", second(hooks.Update(ctx, want.ID, func(*enduser.WebhookEdit) error { return refuse })), refuse)
		wantErr(t, "of nobody", second(hooks.Update(ctx, "nobody", func(*enduser.WebhookEdit) error { return nil })), enduser.ErrNotFound)
		wantInvalid(t, "http", second(hooks.Update(ctx, want.ID, func(e *enduser.WebhookEdit) error { e.URL = "http://a"; return nil })), "url invalid_value")
		wantInvalid(t, "too many headers", second(hooks.Update(ctx, want.ID, func(e *enduser.WebhookEdit) error {
			for i := range 9 {
				e.SetHeader(fmt.Sprint("N-", i), secret("x"))
			}
			return nil
		})), "headers too_many")
		diffHooks(t, "after that", must(hooks.Get(ctx, want.ID))(t), want)
		diff(t, "feed", feed(t, w.acme), []string{})
	})
}

// With a new URL, or enabled again, a webhook is tried at once and its failures are forgotten,
// but not while somebody works on it. Disabled, it is nobody's.
func TestUpdateWakes(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		must(w.acme.Create(ctx, enduser.Spec{}))(t)
		h := hook(t, w.acme)
		at, lease := must(w.acme.Latest(ctx))(t), epoch.Add(time.Hour)
		for what, row := range map[string]struct {
			edit  func(*enduser.WebhookEdit)
			owner string
			want  enduser.Turn
		}{
			"description": {func(e *enduser.WebhookEdit) { e.Description += "x" }, "", enduser.Turn{Due: lease, Failed: 9, Next: []time.Time{lease}}},
			"URL":         {func(e *enduser.WebhookEdit) { e.URL += "x" }, "", enduser.Turn{Due: epoch, Next: []time.Time{epoch}}},
			"URL, worked on": {
				func(e *enduser.WebhookEdit) { e.URL += "x" }, "node",
				enduser.Turn{Due: lease, Owner: "node", Next: []time.Time{epoch}},
			},
			"disabled": {func(e *enduser.WebhookEdit) { e.Disabled = true }, "node", enduser.Turn{Next: []time.Time{epoch}}},
		} {
			ok(t, hooks.SetTurn(ctx, h.ID, at, row.owner, 9, lease))
			must(hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { row.edit(e); return nil }))(t)
			diff(t, what, must(hooks.Turn(ctx, h.ID))(t), row.want)
			if state := must(hooks.State(ctx, h.ID))(t); state.Position != at || state.RetryAt.IsZero() != (what != "description") {
				t.Errorf("%s: %+v", what, state)
			}
			must(hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.Disabled = false; return nil }))(t)
			if turn := must(hooks.Turn(ctx, h.ID))(t); what == "disabled" && !turn.Due.Equal(epoch) {
				t.Errorf("enabled again: %+v", turn)
			}
		}
	})
}

func TestRotateWebhook(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		h, first := hooked(hooks.Create(ctx, enduser.WebhookSpec{URL: "https://example.com"}))(t)
		rotate := func(overlap time.Duration) string {
			t.Helper()
			w.Advance(time.Second)
			got, key := hooked(hooks.Rotate(ctx, h.ID, overlap))(t)
			if got.Version == h.Version || got.Revision <= h.Revision || !got.UpdatedAt.Equal(w.Now()) {
				t.Errorf("rotated: %+v", got)
			}
			want := time.Time{}
			if overlap > 0 {
				want = w.Now().Add(overlap)
			}
			if !got.OldSecretUntil.Equal(want) {
				t.Errorf("the old secret ends at %v, want %v", got.OldSecretUntil, want)
			}
			h = got
			diffHooks(t, "rotated", must(hooks.Get(ctx, h.ID))(t), h)
			return key
		}
		second := rotate(time.Hour)
		opens(t, "once", w.acme, h.ID, nil, second, first)
		third := rotate(time.Minute)
		opens(t, "twice", w.acme, h.ID, nil, third, second)
		w.Advance(time.Minute - time.Millisecond)
		opens(t, "just before", w.acme, h.ID, nil, third, second)
		w.Advance(time.Millisecond)
		opens(t, "over", w.acme, h.ID, nil, third)
		if must(w.users.Sweep(ctx))(t); len(must(w.users.CountSealed(ctx))(t)) != 1 || must(w.users.CountSealed(ctx))(t)["k1"] != 1 {
			t.Errorf("sealed after a sweep: %v", must(w.users.CountSealed(ctx))(t))
		}
		opens(t, "swept", w.acme, h.ID, nil, third)
		if h = must(hooks.Get(ctx, h.ID))(t); !h.OldSecretUntil.IsZero() {
			t.Errorf("the old secret ends at %v, and is none", h.OldSecretUntil)
		}
		rotate(time.Hour)
		last := rotate(0)
		opens(t, "without overlap", w.acme, h.ID, nil, last)
		for _, overlap := range []time.Duration{-1, enduser.MaxOverlap + 1} {
			wantInvalid(t, overlap.String(), third2(hooks.Rotate(ctx, h.ID, overlap)), "overlap invalid_value")
		}
		wantErr(t, "of nobody", third2(hooks.Rotate(ctx, "nobody", 0)), enduser.ErrNotFound)
		diff(t, "feed", feed(t, w.acme), []string{})
	})
}

// A secret whose deadline a wrong clock has set too far away is used no more.
func TestRotateWithAWrongClock(t *testing.T) {
	ctx, st := t.Context(), memory.New(nil)
	w := newWorld(st)
	h := hook(t, w.acme)
	_, key := hooked(w.ahead(st, year).Tenant("acme").Webhooks().Rotate(ctx, h.ID, time.Hour))(t)
	opens(t, "for the right clock", w.acme, h.ID, nil, key)
}

func third2(_ enduser.Webhook, _ string, err error) error { return err }
