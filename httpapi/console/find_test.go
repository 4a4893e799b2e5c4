package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// find returns the answer to a search.
func (d *desk) find(parameters ...string) *answer {
	d.Helper()
	values := make(url.Values)
	for i := 0; i < len(parameters); i += 2 {
		values.Add(parameters[i], parameters[i+1])
	}
	return d.get("users?" + values.Encode())
}

// What names one user leads to that user; everything else is a list that says what the text was
// taken for.
func TestSearch(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.add(enduser.Spec{ExternalID: "lee", Name: "Bob"})
	ann := d.add(enduser.Spec{
		ExternalID: "crm-7", Name: "Ann Lee", Email: "ann@example.com", Accounts: []enduser.Account{{Type: "discord", ID: "8035"}},
	})
	d.add(enduser.Spec{ExternalID: "x1", Email: "two@example.com"})
	d.add(enduser.Spec{ExternalID: "x2", Email: "TWO@example.com"})
	mail := d.add(enduser.Spec{ExternalID: "Cy@example.com", Name: "Cy 300"})
	colon := d.add(enduser.Spec{ExternalID: "crm:8"})
	shy := d.add(enduser.Spec{ExternalID: "shy"})
	for _, test := range []struct {
		text, as string
		to       string   // the user that the search leads to
		rows     []string // of a list
		text2    string   // that the page has
	}{
		{text: ann.ID, to: ann.ID},
		{text: " " + ann.ID + " ", to: ann.ID},
		{text: "CRM-7", to: ann.ID},
		{text: "ANN@Example.com", to: ann.ID},
		{text: "discord:8035", to: ann.ID},
		{text: "cy@EXAMPLE.com", to: mail.ID}, // nobody has the address, one the external ID
		{text: "crm:8", to: colon.ID},         // nobody has the account
		{text: "shy", to: shy.ID},             // nobody has the name
		{text: "two@example.com", rows: []string{"x2", "x1"}, text2: "“ two@example.com ” was taken for an e-mail address. Search as external ID · name"},
		{text: "lee", rows: []string{"crm-7"}, text2: "“ lee ” was taken for a name. Search as ID · external ID"},
		{text: "LEE ann", rows: []string{"crm-7"}, text2: "was taken for a name"},
		{text: "300", rows: []string{"Cy@example.com"}, text2: "was taken for a name."},
		{text: "nobody-9", text2: "Nobody has this ID, external ID or name."},
		{text: "nobody@example.com", text2: "Nobody has this e-mail address, external ID or name."},
		{text: "lee", as: "external_id", to: ""},
		{text: "crm-7", as: "name", text2: "Nobody has this name."},
		{text: "crm-7", as: "email", text2: "An e-mail address is needed"},
		{text: "crm-7", as: "account", text2: "An account is a type and an ID"},
		{text: "***", as: "name", text2: "A name needs 1 to 8 words"},
		{text: "<>", as: "external_id", text2: "This cannot be an external ID"},
		{text: strings.Repeat("x", 37), as: "id", text2: "has this ID"},
		{text: strings.Repeat("x", 300), as: "id", text2: "An ID has at most"},
		{text: "crm-7", as: "e-mail", text2: "There is no such way to search."},
		{text: "<>", text2: "This is no ID, e-mail address, account or name."},
		{text: "a\x00b", text2: "This is no ID"},
		{text: "\xff", text2: "This is no ID"},
	} {
		t.Run(test.text+" "+test.as, func(t *testing.T) {
			a := d.find("q", test.text, "as", test.as)
			if test.as == "external_id" && test.text2 == "" {
				u := must(d.acme.Get(t.Context(), enduser.ByExternalID(test.text)))(t)
				test.to = u.ID
			}
			if test.to != "" {
				if a.Status != http.StatusSeeOther || a.Location != "./users/"+test.to {
					t.Errorf("%d %s, want users/%s", a.Status, a.Location, test.to)
				}
				return
			}
			if !strings.Contains(a.text(), test.text2) || a.Location != "" {
				t.Errorf("%d %s, without %q: %s", a.Status, a.Location, test.text2, a.text())
			}
			if diff := cmp.Diff(test.rows, a.rows()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A search for the same text as something else begins at the link that offers it.
func TestSearchAs(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "lee", Groups: []string{"g"}})
	d.add(enduser.Spec{ExternalID: "crm-7", Name: "Lee", Groups: []string{"g"}})
	a := d.find("q", "lee", "group", "g")
	if a = d.get(a.link("external ID")); a.Location != "./users/"+u.ID {
		t.Errorf("as external ID: %v", a)
	}
	a = d.find("q", "lee", "as", "external_id", "group", "none").want(200, "Nobody who matches the other filters has this external ID.", "Search as name · ID")
	if a = d.get(a.link("name")); a.Status != 200 || len(a.rows()) > 0 {
		t.Errorf("as name: %v", a.rows())
	}
}

// Without the right to open users nobody is led to one.
func TestSearchWithoutGet(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "crm-7"})
	d.denied = map[string]bool{"getEndUser": true}
	a := d.find("q", "crm-7").want(200, "was taken for an external ID")
	if strings.Contains(a.HTML, u.ID) || len(a.rows()) != 1 {
		t.Errorf("%v, or the page has the ID", a.rows())
	}
	d.find("q", u.ID).want(200, "Nobody has this external ID or name.")
	d.find("q", u.ID, "as", "id").want(400, "This key may not open users")
	d.get("users/" + u.ID).want(403)
	d.denied = map[string]bool{"listEndUsers": true}
	d.find("q", "crm-7").want(403)
}

// slowList is a store that needs a second for each part of a list, and whose parts are empty but
// for the last.
type slowList struct {
	store.Store

	parts int
}

func (s slowList) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return store.Page{}, ctx.Err()
	}
	at := store.Revision(s.parts)
	if q.Before > 0 {
		at = q.Before - 1
	}
	if at > 1 {
		return store.Page{Next: at}, nil
	}
	q.Before = 0
	return s.Store.List(ctx, tenant, q)
}

// A search that takes too long says so, and goes on from where it was.
func TestSearchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, slowList{memory.New(nil), 10}, &console.Options{Options: httpapi.Options{ReadFor: 3500 * time.Millisecond}})
		d.add(enduser.Spec{ExternalID: "crm-7", Name: "Ann"})
		a := d.get("users?q=ann")
		for range 3 {
			a.want(503, "There was no time to search further.", "Search: ann")
			if len(a.rows()) > 0 || strings.Contains(a.text(), "Nobody") {
				t.Error(a.text())
			}
			if a = d.get(a.link("Search on from here")); a.Status == 200 {
				break
			}
		}
		a.want(200)
		if diff := cmp.Diff([]string{"crm-7"}, a.rows()); diff != "" {
			t.Error(diff)
		}
	})
}

// A list of which nothing could be read in time is not said to be empty.
func TestListTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, slowList{memory.New(nil), 10}, &console.Options{Options: httpapi.Options{ReadFor: 500 * time.Millisecond}})
		for _, address := range []string{"users", "users?q=ann"} {
			a := d.get(address)
			a.want(503, "There was no time to search further.")
			if strings.Contains(a.text(), "No users") || strings.Contains(a.text(), "Nobody") {
				t.Error(a.text())
			}
			if again := a.link("Search on from here"); !strings.HasPrefix(again, address) {
				t.Errorf("%s: %s", address, again)
			}
		}
	})
}
