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
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
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
		for range hooks.All(ctx) {
			break
		}
	})
}

// What is wrong is named, all at once, and nothing is written.
func TestInvalidWebhooks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	hooks := w.acme.Webhooks()
	good := enduser.WebhookSpec{URL: "https://example.com"}
	for i, row := range []struct {
		change func(*enduser.WebhookSpec)
		want   []string
	}{
		{func(s *enduser.WebhookSpec) { s.URL = "" }, []string{"url required"}},
		{func(s *enduser.WebhookSpec) { s.URL = "https://example.com/" + strings.Repeat("x", 2029) }, []string{"url too_long"}},
		{func(s *enduser.WebhookSpec) { s.URL = "https://example.com/\x00" }, []string{"url invalid_characters"}},
		{func(s *enduser.WebhookSpec) { s.URL = "https://example.com/\xff" }, []string{"url invalid_utf8"}},
		{func(s *enduser.WebhookSpec) { s.URL = " https://example.com/" }, []string{"url invalid_format"}},
		{func(s *enduser.WebhookSpec) { s.Description = strings.Repeat("x", 257) }, []string{"description too_long"}},
		{func(s *enduser.WebhookSpec) { s.Description = "a\nb" }, []string{"description invalid_characters"}},
		{func(s *enduser.WebhookSpec) { s.Format = "xml" }, []string{"format invalid_value"}},
		{func(s *enduser.WebhookSpec) { s.Format = "native" }, []string{"format invalid_value"}},
		{
			func(s *enduser.WebhookSpec) {
				s.Events = []string{"end_user.created", "end_user", "end_user.created", "*", ""}
			},
			[]string{"events[1] invalid_value", "events[2] duplicate", "events[3] invalid_value", "events[4] invalid_value"},
		},
		{
			func(s *enduser.WebhookSpec) { s.Events = []string{"webhook.ping", "user.created", "x.*", "END_USER.*"} },
			[]string{"events[0] invalid_value", "events[1] invalid_value", "events[2] invalid_value", "events[3] invalid_value"},
		},
		{func(s *enduser.WebhookSpec) { s.Events = make([]string, 51) }, []string{"events too_many"}},
		{
			func(s *enduser.WebhookSpec) { s.URL, s.Format, s.Description = "x", "x", "\x00" },
			[]string{"url invalid_format", "format invalid_value", "description invalid_characters"},
		},
	} {
		s := good
		row.change(&s)
		wantInvalid(t, fmt.Sprint("row ", i), third(hooks.Create(ctx, s)), row.want...)
	}
	for _, url := range []string{
		"example.com", "//example.com", "/hook", "https:example.com", "https://", "https:///hook", "https://:443/", "https://user@example.com", "https://user:pw@example.com",
		"https://@example.com", "https://example.com#", "https://example.com/#a", "https://example.com/a b", "https://example.com/%zz", "https://example.com:0/",
		"https://example.com:65536/", "https://example.com:x/", "https://[::1", "https://example.com\\@b.c", "https://exa<mple.com", "https://{host}/",
	} {
		wantInvalid(t, url, third(hooks.Create(ctx, enduser.WebhookSpec{URL: url})), "url invalid_format")
	}
	for _, url := range []string{"http://example.com", "ftp://example.com/", "file://host/etc", "gopher://example.com", "HTTP://example.com"} {
		wantInvalid(t, url, third(hooks.Create(ctx, enduser.WebhookSpec{URL: url})), "url invalid_value")
	}
	for name, want := range map[string]string{
		"": "headers invalid_value", "a b": "headers invalid_value", "a:": "headers invalid_value", "a\r\nb": "headers invalid_value", "\u00e9": "headers invalid_value",
		"a\x00": "headers invalid_value", strings.Repeat("x", 129): "headers invalid_value",
		"host": "headers.host invalid_value", "Content-Type": "headers.Content-Type invalid_value", "content-length": "headers.content-length invalid_value",
		"webhook-id": "headers.webhook-id invalid_value", "WEBHOOK-SIGNATURE": "headers.WEBHOOK-SIGNATURE invalid_value", "svix-id": "headers.svix-id invalid_value",
		"connection": "headers.connection invalid_value", "te": "headers.te invalid_value", "transfer-encoding": "headers.transfer-encoding invalid_value",
		"Proxy-Authorization": "headers.Proxy-Authorization invalid_value", "upgrade": "headers.upgrade invalid_value", "expect": "headers.expect invalid_value",
		"trailer": "headers.trailer invalid_value", "keep-alive": "headers.keep-alive invalid_value", "accept-encoding": "headers.accept-encoding invalid_value",
	} {
		s := good
		s.Headers = secrets{name: secret("x")}
		wantInvalid(t, name, third(hooks.Create(ctx, s)), want)
	}
	for value, code := range map[string]string{
		"": "required", strings.Repeat("x", 4097): "too_long", "a\r\nX-Other: b": "invalid_characters", "a\nb": "invalid_characters", "a\x00b": "invalid_characters",
		" a": "invalid_characters", "a\t": "invalid_characters", "\u00e9": "invalid_characters", "\x7f": "invalid_characters",
	} {
		s := good
		s.Headers = secrets{"X-Key": secret(value)}
		wantInvalid(t, fmt.Sprintf("%.9q", value), third(hooks.Create(ctx, s)), "headers.X-Key "+code)
	}
	s := good
	s.Headers = secrets{"X-Key": enduser.NewSecret(enduser.Int(1)), "x-key": secret("a")}
	wantInvalid(t, "number, twice", third(hooks.Create(ctx, s)), "headers.X-Key invalid_value", "headers.x-key duplicate")
	s.Headers = make(secrets)
	for i := range 11 {
		s.Headers[fmt.Sprint("X-", i)] = secret("x")
	}
	wantInvalid(t, "11 headers", third(hooks.Create(ctx, s)), "headers too_many")
	delete(s.Headers, "X-3")
	hooked(hooks.Create(ctx, s))(t)
	for i := range 30 {
		s.Headers[fmt.Sprint("Y-", i)] = secret("x")
	}
	wantInvalid(t, "40 headers", third(hooks.Create(ctx, s)), "headers too_many")
	if all := allHooks(t, w.acme); len(all) != 1 {
		t.Errorf("%d webhooks were written", len(all))
	}
	for _, url := range []string{
		"https://example.com", "HTTPS://EXAMPLE.com:443/a/b?c=%20&d=\u00e9", "https://b\u00fccher.example/", "https://10.0.0.1:8443/", "https://[::1]/", "https://localhost",
		"https://example.com/" + strings.Repeat("x", 2028),
	} {
		if h, _, err := hooks.Create(ctx, enduser.WebhookSpec{URL: url}); err != nil || h.URL != url {
			t.Errorf("%.40q: %v", url, err)
		}
	}
	insecure := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1")), InsecureWebhooks: true})
	hooked(insecure.Tenant("acme").Webhooks().Create(ctx, enduser.WebhookSpec{URL: "http://localhost:8080"}))(t)
	wantInvalid(t, "insecure", third(insecure.Tenant("acme").Webhooks().Create(ctx, enduser.WebhookSpec{URL: "ftp://a"})), "url invalid_value")
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
		h = must(hooks.Get(ctx, h.ID))(t)
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
