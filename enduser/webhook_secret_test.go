package enduser_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// No print, log or JSON of what a caller has in its hands shows a header or a secret, nor does an
// error. A URL may have a secret in it, and logs do not show it.
func TestWebhooksShowNoSecrets(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	hooks := w.acme.Webhooks()
	const header, part = "Bearer canary-b5d1e0aa7c", "url-canary-77aa01"
	spec := enduser.WebhookSpec{URL: "https://example.com", Headers: secrets{"Authorization": secret(header)}}
	h, key := hooked(hooks.Create(ctx, spec))(t)
	d := enduser.Delivery{ID: "msg_1", Webhook: h}
	d.Open(map[string]string{"Authorization": header}, key)
	if d.Headers()["Authorization"] != header || d.Secrets()[0] != key || new(enduser.Delivery).Secrets() != nil || new(enduser.Delivery).Headers() != nil {
		t.Error("a delivery does not have what it was given")
	}
	hidden := []string{header, key, strings.TrimPrefix(key, "whsec_")}
	must(hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error {
		e.SetHeader("X-Key", secret(header))
		showsNothing(t, "edit", *e, hidden...)
		return nil
	}))(t)
	for what, v := range map[string]any{"spec": spec, "webhook": h, "delivery": d, "pointer to a delivery": &d} {
		showsNothing(t, what, v, hidden...)
	}
	spec.URL += "/" + part
	h, _ = hooked(hooks.Create(ctx, spec))(t)
	if text := logged(h) + fmt.Sprint(h); strings.Contains(text, part) || !strings.Contains(text, h.ID) {
		t.Errorf("the log of a webhook:\n%s", text)
	}
	if text := string(must(json.Marshal(h))(t)); !strings.Contains(text, part) || strings.Contains(text, "sealed") {
		t.Errorf("the JSON of a webhook is %s", text)
	}
	for what, spec := range map[string]enduser.WebhookSpec{
		"URL":    {URL: "http://" + part},
		"fault":  {URL: "https://" + part + ":x/%"},
		"event":  {URL: "https://a", Events: []string{part}},
		"format": {URL: "https://a", Format: part},
		"header": {URL: "https://a", Headers: secrets{"Host": secret(part), "X": secret(part + "\n"), part + " ": secret("x")}},
		"text":   {URL: "https://a", Description: part + "\x00"},
	} {
		checkError(t, what, third2(hooks.Create(ctx, spec)), part)
	}
}

// What is sealed cannot be moved: to another webhook, another header, or another tenant.
func TestSealedTextsOfWebhooksAreBound(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		hooks := w.acme.Webhooks()
		spec := enduser.WebhookSpec{URL: "https://example.com", Headers: secrets{"A": secret("1"), "B": secret("2")}}
		one, _ := hooked(hooks.Create(ctx, spec))(t)
		two, _ := hooked(hooks.Create(ctx, spec))(t)
		whole := string(must(st.Get(ctx, "acme", store.ID(one.ID)))(t).Data)
		reads := func() error { return third(hooks.Open(ctx, must(hooks.Get(ctx, two.ID))(t))) }
		ok(t, reads())
		good := string(must(st.Get(ctx, "acme", store.ID(two.ID)))(t).Data)
		sealed := func(text, before string) string {
			_, rest, found := strings.Cut(text, before+`"sealed":"`)
			value, _, closed := strings.Cut(rest, `"`)
			if !found || !closed {
				t.Fatalf("no %s in %s", before, text)
			}
			return value
		}
		for what, change := range map[string][2]string{
			"the secret of another webhook": {sealed(good, `"secrets":[{`), sealed(whole, `"secrets":[{`)},
			"the header of another webhook": {sealed(good, `"name":"A",`), sealed(whole, `"name":"A",`)},
			"another header":                {sealed(good, `"name":"A",`), sealed(good, `"name":"B",`)},
			"a header as secret":            {sealed(good, `"secrets":[{`), sealed(good, `"name":"B",`)},
			"a name":                        {`"name":"A"`, `"name":"C"`},
		} {
			tamper(t, st, two.ID, func(r *store.Record) { r.Data = []byte(good) })
			tamper(t, st, two.ID, body(t, change[0], change[1]))
			wantErr(t, what, reads(), enduser.ErrCorrupt)
		}
	})
}

// Both secrets of a rotation and all headers are sealed anew, and none needs the old key then.
func TestResealWebhooks(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		h, old := hooked(w.acme.Webhooks().Create(ctx, wholeHook()))(t)
		_, key := hooked(w.acme.Webhooks().Rotate(ctx, h.ID, time.Hour))(t)
		diff(t, "sealed", must(w.users.CountSealed(ctx))(t), map[string]int{"k1": 4})
		next := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		for _, want := range []int{1, 0} {
			if n := must(next.Reseal(ctx))(t); n != want {
				t.Errorf("sealed %d anew, want %d", n, want)
			}
		}
		diff(t, "sealed anew", must(next.CountSealed(ctx))(t), map[string]int{"k2": 4})
		alone := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"))})
		opens(t, "with the new key alone", alone.Tenant("acme"), h.ID, map[string]string{"Authorization": "Bearer 1", "X-Key": "2"}, key, old)
		without := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k1"))}).Tenant("acme").Webhooks()
		wantErr(t, "without the key", third(without.Open(ctx, must(without.Get(ctx, h.ID))(t))), enduser.ErrNoKey)
		// A header that is set is sealed under the key for new secrets, and the others stay as
		// they are: that needs no old key.
		must(without.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error { e.SetHeader("X-Key", secret("3")); return nil }))(t)
		diff(t, "one set", must(next.CountSealed(ctx))(t), map[string]int{"k1": 1, "k2": 3})
	})
}
