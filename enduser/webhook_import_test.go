package enduser_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A webhook that is imported is disabled, and begins when it is enabled.
func TestImportWebhook(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(st), t.Context()
		hooks := w.acme.Webhooks()
		in := enduser.WebhookImport{
			ID: "hook-1", URL: "https://example.com/hook", Description: "All", Events: []string{"group.*"}, Format: enduser.FormatAda,
			CreatedAt: epoch.Add(-time.Hour), UpdatedAt: epoch.Add(-time.Minute), CreatedBy: "eve", UpdatedBy: "mallory",
		}
		made, outcome, err := hooks.Import(ctx, in)
		ok(t, err)
		if outcome != enduser.Created || made.ID != in.ID || !made.Disabled || made.DisabledReason != "" || len(made.HeaderNames) > 0 ||
			!made.CreatedAt.Equal(in.CreatedAt) || !made.UpdatedAt.Equal(in.UpdatedAt) || made.CreatedBy != "eve" || made.UpdatedBy != "mallory" {
			t.Errorf("%s: %+v", outcome, made)
		}
		in.Description = "Another"
		if there, outcome, err := hooks.Import(ctx, in); err != nil || outcome != enduser.Unchanged || there.Description != "All" {
			t.Errorf("again: %s, %v, %+v", outcome, err, there)
		}
		_, _, err = hooks.Rotate(ctx, made.ID, 0)
		ok(t, err)
		_, err = hooks.Update(ctx, made.ID, func(e *enduser.WebhookEdit) error { e.URL += "/v2"; return nil }) // has a turn from now on
		ok(t, err)
		for range 3 {
			_, err = w.acme.Create(ctx, enduser.Spec{Name: "Ann"})
			ok(t, err)
		}
		_, err = hooks.Update(ctx, made.ID, func(e *enduser.WebhookEdit) error { e.Disabled = false; return nil })
		ok(t, err)
		latest, err := w.acme.Latest(ctx)
		ok(t, err)
		if state, err := hooks.State(ctx, made.ID); err != nil || state.Position != latest || !state.GappedAt.IsZero() {
			t.Errorf("it begins at %v, want %v: %v", state.Position, latest, err)
		}
	})
}

// An import takes no ID from anybody, and obeys the limits of Create.
func TestImportWebhookRefused(t *testing.T) {
	w, ctx := newWorld(memory.New(nil)), t.Context()
	u, err := w.acme.Create(ctx, enduser.Spec{Name: "Ann"})
	ok(t, err)
	good := enduser.WebhookImport{ID: "hook-1", URL: "https://example.com"}
	for name, test := range map[string]struct {
		change func(*enduser.WebhookImport)
		want   error
	}{
		"an ID that is a user's": {func(in *enduser.WebhookImport) { in.ID = u.ID }, enduser.ErrConflict},
		"an ID that is none":     {func(in *enduser.WebhookImport) { in.ID = "é" }, enduser.ErrInvalid},
		"no URL":                 {func(in *enduser.WebhookImport) { in.URL = "" }, enduser.ErrInvalid},
		"an unknown event":       {func(in *enduser.WebhookImport) { in.Events = []string{"moon.*"} }, enduser.ErrInvalid},
		"updated later":          {func(in *enduser.WebhookImport) { in.UpdatedAt = epoch.Add(time.Hour) }, enduser.ErrInvalid},
	} {
		in := good
		test.change(&in)
		if _, _, err := w.acme.Webhooks().Import(ctx, in); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for i := range 51 {
		in := good
		in.ID = fmt.Sprint("hook-", i)
		if _, _, err := w.acme.Webhooks().Import(ctx, in); (i == 50) != errors.Is(err, enduser.ErrInvalid) {
			t.Errorf("webhook %d: %v", i+1, err)
		}
	}
	keyless := enduser.New(memory.New(nil), nil)
	if _, _, err := keyless.Tenant("acme").Webhooks().Import(ctx, good); !errors.Is(err, enduser.ErrNoKeyring) {
		t.Errorf("without a keyring: %v", err)
	}
}
