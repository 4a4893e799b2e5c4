package console_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The page of a user has all that is known, and of sensitive values names and age alone.
func TestUser(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	object := must(enduser.JSON(`{"b":[1,2],"a":"<i>\u202e"}`))(t)
	list := must(enduser.JSON(`["one"]`))(t)
	u := d.add(enduser.Spec{
		ExternalID: "crm-7", Name: "Ann Lee", FirstName: "Ann", LastName: "Lee", Email: "ann@example.com",
		Avatar: "https://example.com/a.png", Language: "de-AT",
		Accounts: []enduser.Account{{Type: "discord", ID: "8035"}},
		Groups:   []string{"team", "gone", "lost"},
		Metadata: enduser.Metadata{
			"plan": enduser.String("pro"), "seats": enduser.Int(12), "beta": enduser.Bool(true), "object": object, "list": list,
			"url": enduser.String("javascript:alert(1)"),
		},
		SystemProperties: enduser.Metadata{"source": enduser.String("import")},
		Sensitive:        map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.String("canary-1")), "pin": enduser.NewSecret(enduser.Int(90125))},
		ExpiresIn:        30 * time.Hour,
	})
	d.Advance(3 * time.Hour)
	must(d.acme.As("bob").Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error {
		e.SetSensitive("card", enduser.NewSecret(enduser.String("canary-2")))
		return nil
	}))(t)
	d.Advance(time.Hour)
	a := d.get("users/"+u.ID).want(200,
		"acme Users", "Ann Lee crm-7", "expires in 26 h", "Edit Associate Delete",
		"Name Ann Lee First name Ann Last name Lee E-mail ann@example.com Language de-AT", "https://example.com/a.png",
		"discord 8035", "team", "names 2 more, but there are no such groups: gone , lost",
		"beta boolean true", "list list 1 item", "object object 2 members", "plan text pro", "seats number 12", "url text javascript:alert(1)",
		`"seats": 12,`, "source text import",
		"card 1 h ago", "pin 4 h ago", "ssn 4 h ago", "in 23 h", "in 20 h",
		"Created 4 h ago 2026-05-04 03:02:01 UTC by crm", "Updated 1 h ago 2026-05-04 06:02:01 UTC by bob", "Expires in 26 h",
		"ID "+u.ID, "sensitive value card changed by bob , 1 h ago", "created by crm , 4 h ago",
		"This is all since the user was created.")
	a.lacks("canary", "90125", "<img", `src="https`, "<i>", `href="javascript`, "\u202e")
	for _, has := range []string{
		"<title>Ann Lee · Users · Rollbook</title>", `href="../groups/` + g.ID + `"`, `href="../users/` + u.ID + `/edit"`,
		`<a href="https://example.com/a.png" rel="noreferrer`, `\u202e`,
	} {
		a.has(has)
	}
	d.Advance(21 * time.Hour)
	a = d.get("users/" + u.ID)
	if text := a.text(); strings.Contains(text, "ssn") || !strings.Contains(text, "card") {
		t.Errorf("a day later: %s", text)
	}
	d.Advance(6 * time.Hour)
	d.get("users/" + u.ID).want(404)
}

// A user of whom nothing is known has a page, too.
func TestBareUser(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.acme = d.acme.As("")
	u := d.add(enduser.Spec{Language: "en"})
	d.get("users/"+u.ID).want(200, "User without a name", "no external ID permanent", "No account is linked.", "In no group.", "Metadata None.",
		"Sensitive values None.", "Expires never", "created by an unknown actor, just now").lacks("System properties", "Associate")
}

// An external ID, the ID of a group and what is no ID are no users.
func TestUnknownUser(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.add(enduser.Spec{ExternalID: "crm-7"})
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	for _, id := range []string{g.ID, "crm-7", "nobody", strings.Repeat("x", 300), "a%00b", "a%2Fb"} {
		d.get("users/"+id).want(404, "Not found There is nothing here.")
	}
}

// What a credential may not do is not on the page.
func TestUserRights(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	u := d.add(enduser.Spec{ExternalID: "crm-7", Groups: []string{"team", "gone"}, ExpiresIn: time.Hour})
	for action, gone := range map[string]string{
		"updateEndUser": "users/" + u.ID + "/edit", "associateEndUser": "users/" + u.ID + "/associate",
		"deleteEndUser": "users/" + u.ID + "/delete", "getGroup": "groups/" + g.ID, "listChanges": `class="history"`,
	} {
		d.denied = nil
		d.get("users/" + u.ID).has(gone)
		d.denied = map[string]bool{action: true}
		d.get("users/"+u.ID).want(200, "team", "gone").lacks(gone)
	}
	d.denied = map[string]bool{"listChanges": true, "getGroup": true}
	d.get("users/"+u.ID).want(200, "This key may not read the feed of changes.").lacks("no such groups")
}

// A user that cannot be read can be deleted.
func TestUnreadableUser(t *testing.T) {
	st := memory.New(nil)
	d := newDesk(t, st, nil)
	for data, want := range map[string]string{
		`{`: "is damaged", `{"r":9,"w":9}`: "A newer version of the program has written this user",
	} {
		u := d.add(enduser.Spec{Name: "Ann"})
		tamper(t, st, u.ID, func(r *store.Record) { r.Data = []byte(data) })
		d.get("users/"+u.ID).want(200, want, "Unreadable user", u.ID).has("users/" + u.ID + "/delete")
		d.denied = map[string]bool{"deleteEndUser": true}
		d.get("users/" + u.ID).lacks("users/" + u.ID + "/delete")
		d.denied = nil
	}
	u := d.add(enduser.Spec{Name: "Ann", Sensitive: map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.String("canary"))}})
	tamper(t, st, "sensitive/"+u.ID, damaged)
	d.get("users/"+u.ID).want(200, "Sensitive values – This cannot be read now.")
}

func TestUserFails(t *testing.T) {
	st := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, st, nil)
	u := d.add(enduser.Spec{Name: "Ann"})
	st.Fail(errors.New("secret detail"))
	d.get("users/" + u.ID).want(503).lacks("secret detail")
}

// Nothing of a user can add to the page, or change the order of what is around it.
func TestHostileUser(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	const evil = "<script>alert(1)</script>{{.User}}\"' \u202e\u2066\u200e&amp;"
	metadata := enduser.Metadata{}
	for i := range 256 {
		metadata[fmt.Sprintf("<b>%d\u202e", i)] = enduser.String(evil)
	}
	var accounts []enduser.Account
	for i := range 16 {
		accounts = append(accounts, enduser.Account{Type: "<b>", ID: fmt.Sprint(`"><img src=x>`, i)})
	}
	d.acme = d.acme.As("<b>ann\u202e").With(enduser.Policy{MaxMetadataBytes: 100_000})
	u := d.add(enduser.Spec{
		Name: evil + strings.Repeat("W", 256-len([]rune(evil))), FirstName: evil, LastName: evil,
		Email: `"<b>"@example.com`, Metadata: metadata, SystemProperties: metadata, Accounts: accounts, Groups: []string{`"onload="x`},
	})
	for _, address := range []string{"users", "users/" + u.ID, "users?q=%3Cscript%3E%E2%80%AE&group=%22%3E%3Cb%3E"} {
		a := d.get(address)
		_, main, _ := strings.Cut(a.HTML, "<main")
		main, _, _ = strings.Cut(main, "</main>")
		title, _, _ := strings.Cut(a.HTML, "</title>")
		for _, never := range []string{"<script", "<b>", "<img", `"onload`, "ZgotmplZ"} {
			if strings.Contains(main, never) {
				t.Errorf("%s: the page has %q", address, never)
			}
		}
		text, _, _ := strings.Cut(main, `name="q"`)
		if strings.ContainsAny(text+title, "\u202e\u2066\x00") {
			t.Errorf("%s: the page has characters that change the order of others", address)
		}
	}
}
