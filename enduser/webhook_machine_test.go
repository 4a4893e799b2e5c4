package enduser_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// hookModel is what a webhook should be.
type hookModel struct {
	url, description string
	disabled         bool
	headers          map[string]string
	keys             []string // the newest first
	until            time.Time
	queued           int
	version          enduser.Version
}

// Random calls on a few webhooks, of two processes, do what a model says. A version changes when
// a person changes the configuration, and at no other time.
func TestWebhookMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ctx, st := t.Context(), memory.New(nil)
		w := newWorld(st)
		second := enduser.New(st, &enduser.Options{Now: w.Now, NewID: counter("v"), Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		model := make(map[string]*hookModel)
		pick := func(rt *rapid.T) (enduser.Webhooks, string, *hookModel) {
			hooks := rapid.SampledFrom([]*enduser.Manager{w.users, second}).Draw(rt, "process").Tenant("acme").Webhooks()
			ids := make([]string, 0, len(model)+1)
			for id := range model {
				ids = append(ids, id)
			}
			slices.Sort(ids)
			id := rapid.SampledFrom(append(ids, "nobody")).Draw(rt, "id")
			return hooks, id, model[id]
		}
		expect := func(rt *rapid.T, err error, m *hookModel, also ...error) bool {
			want := append(also, nil)[0]
			if m == nil {
				want = enduser.ErrNotFound
			}
			if !errors.Is(err, want) {
				rt.Fatalf("error %v, want %v", err, want)
			}
			return err == nil
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				spec := enduser.WebhookSpec{URL: "https://example.com", Disabled: rapid.Bool().Draw(rt, "disabled"), Headers: secrets{"A": secret("1")}}
				h, key, err := w.acme.Webhooks().Create(ctx, spec)
				if err != nil {
					rt.Fatal(err)
				}
				model[h.ID] = &hookModel{url: spec.URL, disabled: spec.Disabled, headers: map[string]string{"A": "1"}, keys: []string{key}, version: h.Version}
			},
			"update": func(rt *rapid.T) {
				hooks, id, m := pick(rt)
				description, disabled := rapid.SampledFrom([]string{"", "x"}).Draw(rt, "description"), rapid.Bool().Draw(rt, "disabled")
				h, err := hooks.Update(ctx, id, func(e *enduser.WebhookEdit) error { e.Description, e.Disabled = description, disabled; return nil })
				if expect(rt, err, m) {
					if changed := m.description != description || m.disabled != disabled; changed == (h.Version == m.version) {
						rt.Fatalf("changed %v, version %s after %s", changed, h.Version, m.version)
					}
					m.description, m.disabled, m.version = description, disabled, h.Version
				}
			},
			"header": func(rt *rapid.T) {
				hooks, id, m := pick(rt)
				name, value := rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "name"), rapid.SampledFrom([]string{"", "1", "2"}).Draw(rt, "value")
				h, err := hooks.Update(ctx, id, func(e *enduser.WebhookEdit) error {
					if value == "" {
						e.SetHeader(name, enduser.Secret{})
					} else {
						e.SetHeader(name, secret(value))
					}
					return nil
				})
				if expect(rt, err, m) {
					if delete(m.headers, name); value != "" {
						m.headers[name] = value
					}
					m.version = h.Version
				}
			},
			"rotate": func(rt *rapid.T) {
				hooks, id, m := pick(rt)
				overlap := rapid.SampledFrom([]time.Duration{0, time.Hour, 48 * time.Hour}).Draw(rt, "overlap")
				h, key, err := hooks.Rotate(ctx, id, overlap)
				if expect(rt, err, m) {
					old := m.keys[0]
					m.keys, m.until, m.version = []string{key}, time.Time{}, h.Version
					if overlap > 0 {
						m.keys, m.until = append(m.keys, old), w.Now().Add(overlap)
					}
				}
			},
			"delete": func(rt *rapid.T) {
				hooks, id, m := pick(rt)
				if expect(rt, hooks.Delete(ctx, id), m) {
					delete(model, id)
				}
			},
			"ping": func(rt *rapid.T) {
				hooks, id, m := pick(rt)
				var want error
				switch {
				case m != nil && m.disabled:
					want = enduser.ErrDisabled
				case m != nil && m.queued == 20:
					want = enduser.ErrInvalid
				}
				_, err := hooks.Ping(ctx, id)
				if expect(rt, err, m, want) {
					m.queued++
				}
			},
			"time": func(rt *rapid.T) {
				w.Advance(time.Duration(rapid.Int64Range(1, int64(30*time.Hour)).Draw(rt, "time")).Round(time.Millisecond))
			},
			"sweep": func(rt *rapid.T) {
				if _, err := w.users.Sweep(ctx); err != nil {
					rt.Fatal(err)
				}
				for id, m := range model {
					version := must(w.acme.Webhooks().Get(ctx, id))(t).Version
					dropped := !m.until.IsZero() && !w.Now().Before(m.until)
					if !dropped && version != m.version {
						rt.Fatalf("a sweep has changed %s", id)
					}
					if dropped {
						m.until, m.version = time.Time{}, version
					}
				}
			},
			"": func(rt *rapid.T) {
				for id, m := range model {
					h, err := second.Tenant("acme").Webhooks().Get(ctx, id)
					if err != nil {
						rt.Fatal(err)
					}
					state, err := w.acme.Webhooks().State(ctx, id)
					if err != nil {
						rt.Fatal(err)
					}
					if len(m.keys) > 1 && !w.Now().Before(m.until) {
						m.keys = m.keys[:1]
					}
					if until := h.OldSecretUntil; len(m.keys) > 1 && !until.Equal(m.until) || len(m.keys) == 1 && until.After(w.Now()) {
						rt.Fatalf("the old secret of %s ends at %v, want %v", id, until, m.until)
					}
					headers, keys, err := second.Tenant("acme").Webhooks().Open(ctx, h)
					if err != nil {
						rt.Fatal(err)
					}
					if h.URL != m.url || h.Description != m.description || h.Disabled != m.disabled || state.Queued != m.queued {
						rt.Fatalf("%+v %+v, want %+v", h, state, m)
					}
					diff(t, "headers", headers, m.headers)
					diff(t, "secrets", keys, m.keys)
				}
			},
		})
	})
}
