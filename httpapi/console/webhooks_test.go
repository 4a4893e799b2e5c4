package console_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

const secretPath = "abcdefghijklmnopqrstuvwxyz"

// The list says of each webhook what it does, and how far it is behind.
func TestWebhookStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		d.get("webhooks").want(200, "No webhooks")
		hook(t, d.acme, enduser.WebhookSpec{URL: "https://crm.example.com/in", Events: []string{"end_user.*"}})
		list := func(parts ...string) {
			t.Helper()
			d.get("webhooks").want(200, parts...)
		}
		list("crm.example.com /in end_user.* nothing sent yet none never")
		d.add(enduser.Spec{})
		d.Advance(2 * time.Minute)
		d.add(enduser.Spec{})
		list("nothing sent yet 2 changes oldest 2 min ago")
		d.deliver(always(enduser.Result{Status: 204}))
		list("delivering none just now")
		d.add(enduser.Spec{})
		d.deliver(always(enduser.Result{Status: 500}))
		d.Advance(time.Hour)
		list("retrying first failed 1 h ago")
		for range 20 {
			d.Advance(12 * time.Hour)
			d.add(enduser.Spec{})
			d.deliver(always(enduser.Result{Status: 500}))
		}
		list("disabled: failing 3 days ago")

		gone := hook(t, d.acme, enduser.WebhookSpec{URL: "https://gone.example.com", Events: []string{"end_user.created", "group.*", "end_user.deleted"}})
		for range 101 {
			d.add(enduser.Spec{})
		}
		list("gone.example.com end_user.created, group.* and 1 more nothing sent yet 100+ changes")
		d.deliver(always(enduser.Result{Status: 410}))
		list("disabled: gone")
		d.get("webhooks/"+gone).want(200, "The endpoint answered 410.", "This webhook is disabled")

		hook(t, d.acme, enduser.WebhookSpec{URL: "https://off.example.com", Disabled: true})
		list("off.example.com all disabled just now")
		lost := hook(t, d.acme, enduser.WebhookSpec{URL: "https://lost.example.com"})
		d.add(enduser.Spec{})
		d.add(enduser.Spec{})
		latest := must(d.acme.Latest(t.Context()))(t)
		ok(t, d.acme.TrimChanges(t.Context(), latest))
		list("lost.example.com all nothing sent yet changes are lost")
		d.deliver(always(enduser.Result{Status: 204}))
		list("lost events just now")
		d.get("webhooks/"+lost).want(200, "lost events just now")
	})
}

// What could be a secret is cut, but for those who may change the webhook, on its own page.
func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	secret := enduser.NewSecret(enduser.String("header-canary"))
	h, key, err := d.acme.Webhooks().Create(t.Context(), enduser.WebhookSpec{
		URL: "https://hooks.example.com/services/T1/" + secretPath + "?token=canary", Headers: map[string]enduser.Secret{"X-Key": secret},
	})
	ok(t, err)
	d.get("webhooks").want(200, "hooks.example.com /services/T1/abcd…?…", "Parts of an address that could be a secret are cut").lacks(secretPath, "canary")
	d.get("webhooks/"+h.ID).want(200, "hooks.example.com /services/T1/abcd…?…", secretPath+"?token=canary", "X-Key", "Secrets one")
	d.denied = map[string]bool{"updateWebhook": true}
	for _, address := range []string{"webhooks/" + h.ID, "webhooks/" + h.ID + "/redeliver-since"} {
		d.get(address).want(200, "/services/T1/abcd…?…").lacks(secretPath, "canary", strings.TrimPrefix(key, "whsec_"))
	}

	_, second, err := d.acme.Webhooks().Rotate(t.Context(), h.ID, 24*time.Hour)
	ok(t, err)
	d.get("webhooks/"+h.ID).want(200, "Two secrets live until 2026-05-05 03:02:01 UTC").lacks("canary", strings.TrimPrefix(key, "whsec_"), strings.TrimPrefix(second, "whsec_"))
	d.Advance(24 * time.Hour)
	d.get("webhooks/"+h.ID).want(200, "Secrets one").lacks("Two secrets")
}

// Characters that change the order of a text, or hide it, are made visible wherever a name stands.
func TestHiddenCharacters(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	const evil = "a\u202eb\u2066c\u200f"
	d.acme = d.acme.As("crm\u202e")
	u := d.add(enduser.Spec{Name: evil})
	g, _, err := d.acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "g", Name: evil})
	ok(t, err)
	id := hook(t, d.acme, enduser.WebhookSpec{URL: "https://example.com/?\u202e", Description: evil})
	for _, page := range []string{
		"", "users", "users/" + u.ID, "users/" + u.ID + "/delete", "groups", "groups/" + g.ID, "groups/" + g.ID + "/rotate",
		"webhooks", "webhooks/" + id, "webhooks/" + id + "/redeliver-since", "feed",
	} {
		d.get(page).want(200).lacks("\u202e", "\u2066", "\u200f")
	}
}

// Each part and each button needs its own right.
func TestWebhookRights(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		id := hook(t, d.acme, enduser.WebhookSpec{})
		u := d.add(enduser.Spec{Name: "Ann"})
		d.deliver(always(enduser.Result{Status: 500}))
		page := "webhooks/" + id
		for action, tt := range map[string]struct{ page, gone string }{
			"getWebhook":          {"webhooks", "webhooks/" + id},
			"getWebhookState":     {page, "Last success"},
			"listWebhookAttempts": {page, "Attempts"},
			"listDeadLetters":     {page, `id="dead"`},
			"getEndUser":          {page, "Ann"},
			"testWebhook":         {page, "Send a test ping"},
			"redeliverEvent":      {page, ">Redeliver<"},
			"countRedelivery":     {page, "Redeliver all"},
			"startRedelivery":     {page, "Redeliver all"},
		} {
			d.denied = nil
			d.get(tt.page).has(tt.gone)
			d.denied = map[string]bool{action: true}
			d.get(tt.page).want(200).lacks(tt.gone)
		}
		// Without the right to see users, an attempt shows whom it is about by ID, and no more.
		d.denied = map[string]bool{"getEndUser": true}
		d.get(page).want(200, u.ID).lacks(`href="../users/`)
	})
}

// A page says nothing that only the feed or the attempts tell to a key without a right to them.
func TestWebhookStateAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		id := hook(t, d.acme, enduser.WebhookSpec{})
		page := "webhooks/" + id
		d.add(enduser.Spec{})
		d.deliver(always(enduser.Result{Status: 500}))
		event := d.get(page).form().Get("event")
		d.add(enduser.Spec{})
		from := d.get(page + "/redeliver-since?since=2026-05-04T00:00").form().Get("from")
		d.post(page+"/redeliver-since", url.Values{"from": {from}}).wantTo("../../" + page)
		for _, address := range []string{"", "webhooks", page} {
			d.denied = nil
			d.get(address).want(200, "1 change")
			d.denied = map[string]bool{"listChanges": true}
			d.get(address).want(200).lacks("1 change", "it has come to")
		}
		d.denied = map[string]bool{"listWebhookAttempts": true}
		if a := d.post(page+"/redeliver", url.Values{"event": {event}}); a.Status != 303 || strings.Contains(a.Location, "seen") {
			t.Errorf("status %d, to %s", a.Status, a.Location)
		}
	})
}

// A webhook that cannot be read is named, and the others are there. Parts of a page that cannot be
// read say so.
func TestUnreadableWebhooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		d := newDesk(t, st, nil)
		bad := hook(t, d.acme, enduser.WebhookSpec{URL: "https://bad.example.com"})
		good := hook(t, d.acme, enduser.WebhookSpec{URL: "https://good.example.com"})
		u, gone := d.add(enduser.Spec{Name: "Ann"}), d.add(enduser.Spec{Name: "Bob"})
		d.deliver(always(enduser.Result{Status: 204}))
		ok(t, d.acme.Delete(t.Context(), enduser.ByID(gone.ID)))
		tamper(t, st, bad, damaged)
		tamper(t, st, u.ID, damaged)
		d.get("webhooks").want(200, "Some webhooks cannot be read", bad, "good.example.com").lacks("bad.example.com")
		a := d.get("webhooks/"+good).want(200, u.ID+" cannot be read", gone.ID+" no longer there")
		a.has("users/" + u.ID).lacks("users/" + gone.ID)
		tamper(t, st, good+"/log", damaged)
		tamper(t, st, good+"/turn", damaged)
		d.get("webhooks/"+good).want(200, "Attempts This is damaged, and cannot be read.", "Deliveries This is damaged, and cannot be read.")
		d.get("webhooks/" + bad).want(500).lacks("canary")
	})
}
