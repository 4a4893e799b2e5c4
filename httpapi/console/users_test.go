package console_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// rows returns the external IDs of the users that a page lists.
func (a *answer) rows() (ids []string) {
	for _, m := range regexp.MustCompile(`<bdi class="sub cut mono" title="([^"]*)">`).FindAllStringSubmatch(a.HTML, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// link returns the address of a link, relative to the root, "" if the page has none.
func (a *answer) link(text string) string {
	m := regexp.MustCompile(`<a[^>]* href="(?:\./)?(?:\.\./)*([^"]*)"[^>]*>(?:<svg.*?</svg>)?` + regexp.QuoteMeta(text)).FindStringSubmatch(a.HTML)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// find returns the answer to a search.
func (d *desk) find(tb testing.TB, parameters ...string) answer {
	tb.Helper()
	values := make(url.Values)
	for i := 0; i < len(parameters); i += 2 {
		values.Add(parameters[i], parameters[i+1])
	}
	return d.get(tb, "users?"+values.Encode())
}

// What names one user leads to that user; everything else is a list that says what the text was
// taken for.
func TestSearch(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.add(t, enduser.Spec{ExternalID: "lee", Name: "Bob"})
	ann := d.add(t, enduser.Spec{
		ExternalID: "crm-7", Name: "Ann Lee", Email: "ann@example.com", Accounts: []enduser.Account{{Type: "discord", ID: "8035"}},
	})
	d.add(t, enduser.Spec{ExternalID: "x1", Email: "two@example.com"})
	d.add(t, enduser.Spec{ExternalID: "x2", Email: "TWO@example.com"})
	mail := d.add(t, enduser.Spec{ExternalID: "Cy@example.com", Name: "Cy 300"})
	colon := d.add(t, enduser.Spec{ExternalID: "crm:8"})
	shy := d.add(t, enduser.Spec{ExternalID: "shy"})
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
			a := d.find(t, "q", test.text, "as", test.as)
			if test.as == "external_id" && test.text2 == "" {
				u, err := d.acme.Get(t.Context(), enduser.ByExternalID(test.text))
				ok(t, err)
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
	u := d.add(t, enduser.Spec{ExternalID: "lee", Groups: []string{"g"}})
	d.add(t, enduser.Spec{ExternalID: "crm-7", Name: "Lee", Groups: []string{"g"}})
	a := d.find(t, "q", "lee", "group", "g")
	if a = d.get(t, a.link("external ID")); a.Location != "./users/"+u.ID {
		t.Errorf("as external ID: %v", a)
	}
	a = d.find(t, "q", "lee", "as", "external_id", "group", "none")
	a.want(t, 200, "Nobody who matches the other filters has this external ID.", "Search as name · ID")
	if a = d.get(t, a.link("name")); a.Status != 200 || len(a.rows()) > 0 {
		t.Errorf("as name: %v", a.rows())
	}
}

// Without the right to open users nobody is led to one.
func TestSearchWithoutGet(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(t, enduser.Spec{ExternalID: "crm-7"})
	d.denied = map[string]bool{"getEndUser": true}
	a := d.find(t, "q", "crm-7")
	a.want(t, 200, "was taken for an external ID")
	if strings.Contains(a.HTML, u.ID) || len(a.rows()) != 1 {
		t.Errorf("%v, or the page has the ID", a.rows())
	}
	a = d.find(t, "q", u.ID)
	a.want(t, 200, "Nobody has this external ID or name.")
	a = d.find(t, "q", u.ID, "as", "id")
	a.want(t, 400, "This key may not open users")
	a = d.get(t, "users/"+u.ID)
	a.want(t, 403)
	d.denied = map[string]bool{"listEndUsers": true}
	a = d.find(t, "q", "crm-7")
	a.want(t, 403)
}

// Pages lead to each other in both directions, on a store that answers as little at a time as it
// may, too.
func TestPages(t *testing.T) {
	d := newDesk(t, storetest.Stingy(memory.New(nil)), nil)
	var all []string
	for i := range 120 {
		d.add(t, enduser.Spec{ExternalID: fmt.Sprintf("u%d", i), Name: "Ann", Groups: []string{"g"}, ExpiresIn: time.Hour})
		d.add(t, enduser.Spec{Name: "Bob"})
		all = append([]string{fmt.Sprintf("u%d", i)}, all...)
	}
	for name, first := range map[string]string{
		"by name": "users?q=ann", "by group": "users?group=g", "by span": "users?created=24h&group=g",
	} {
		t.Run(name, func(t *testing.T) {
			var there, back []string
			var pages int
			a := d.get(t, first)
			for ; ; pages++ {
				there = append(there, a.rows()...)
				older := a.link("Older")
				if older == "" {
					break
				}
				a = d.get(t, older)
				d.Advance(time.Second) // spans stay where they were
			}
			for {
				back = append(a.rows(), back...)
				newer := a.link("Newer")
				if newer == "" {
					break
				}
				a = d.get(t, newer)
			}
			if pages < 2 {
				t.Errorf("%d pages", pages)
			}
			if diff := cmp.Diff(all, there); diff != "" {
				t.Error("there:", diff)
			}
			if diff := cmp.Diff(all, back); diff != "" {
				t.Error("back:", diff)
			}
		})
	}
	a := d.get(t, "users?expiring=2h")
	rows := a.rows()
	for a.link("Later") != "" {
		a = d.get(t, a.link("Later"))
		rows = append(rows, a.rows()...)
	}
	if len(rows) != 120 || rows[0] != "u0" || rows[119] != "u119" {
		t.Errorf("by deadline: %v", rows)
	}
	if a.link("Newer") != "" {
		t.Error("a list by deadline leads back")
	}
}

// The first page of a search says how many there are.
func TestTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		for range 60 {
			d.add(t, enduser.Spec{Name: "Ann"})
		}
		for address, want := range map[string]string{
			"users":             " 50 shown Older",
			"users?q=ann":       " 50 shown of 60 Older",
			"users?created=24h": " 50 shown of 60 Older",
			"users?q=bob":       " 0 shown",
		} {
			a := d.get(t, address)
			a.want(t, 200, want)
		}
		a := d.get(t, "users?q=ann")
		a = d.get(t, a.link("Older"))
		a.want(t, 200, "10 shown")
	})
}

func TestFilters(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.schema.IndexedMetadata = []string{"plan", "seats"}
	for i, spec := range []enduser.Spec{
		{ExternalID: "a", Groups: []string{"g", "x y&z"}, Metadata: enduser.Metadata{"plan": enduser.String("pro"), "seats": enduser.Int(5)}},
		{ExternalID: "b", Groups: []string{"g"}, ExpiresIn: 30 * time.Hour},
		{ExternalID: "c", Name: "Ann", Metadata: enduser.Metadata{"plan": enduser.String("pro")}},
		{ExternalID: "d", Name: "Ann", Groups: []string{"g"}, ExpiresIn: 240 * time.Hour},
	} {
		d.Set(time.Date(2026, 5, 1+i, 0, 0, 0, 0, time.UTC)) // the first moment of a day
		d.add(t, spec)
	}
	d.Set(time.Date(2026, 5, 4, 23, 59, 59, 0, time.UTC))
	d.denied = map[string]bool{"getEndUser": true} // so that one user is a list, too
	for _, test := range []struct {
		parameters []string
		want       string
		chips      string // what is on the page
	}{
		{nil, "d c a", ""}, // b has expired
		{[]string{"group", "g"}, "d a", "Group: g"},
		{[]string{"group", "G"}, "", "Group: G"},
		{[]string{"group", "x y&z"}, "a", "Group: x y&z"},
		{[]string{"key", "plan", "value", "pro"}, "c a", "Metadata: plan = pro"},
		{[]string{"key", "seats", "value", "5"}, "a", "Metadata: seats = 5"},
		{[]string{"key", "seats", "value", "5", "group", "g", "q", "ann"}, "", "Search: ann"},
		{[]string{"q", "ann", "group", "g"}, "d", "Group: g"},
		{[]string{"q", "a", "as", "external_id", "group", "none"}, "", "Group: none"},
		{[]string{"from", "2026-05-03"}, "d c", "Created from: 2026-05-03"},
		{[]string{"to", "2026-05-03"}, "c a", "Created until: 2026-05-03"},
		{[]string{"from", "2026-05-03", "to", "2026-05-03"}, "c", "Created until: 2026-05-03"},
		{[]string{"created", "24h"}, "d", "Created since: 24 hours ago"},
		{[]string{"created", "2026-05-03T00:00:00Z"}, "d c", "Created since: 2026-05-03 00:00 UTC"},
		{[]string{"expiring", "24h"}, "", "Expiring before: 24 hours from now"},
		{[]string{"expiring", "300h"}, "d", "Expiring before: 300 hours from now"},
		{[]string{"expiring", "300h", "q", "ann", "group", "g"}, "d", "Expiring before"},
		{[]string{"group", "", "from", ""}, "d c a", ""},
	} {
		t.Run(strings.Join(test.parameters, " "), func(t *testing.T) {
			a := d.find(t, test.parameters...)
			a.want(t, 200, test.chips)
			if got := strings.Join(a.rows(), " "); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	a := d.find(t, "q", "ann", "group", "g", "key", "plan", "value", "pro", "from", "2026-05-01")
	for label, want := range map[string]string{
		"Search": "users?from=2026-05-01&group=g&key=plan&value=pro", "Group": "users?from=2026-05-01&key=plan&q=ann&value=pro",
		"Metadata": "users?from=2026-05-01&group=g&q=ann", "Created from": "users?group=g&key=plan&q=ann&value=pro",
	} {
		if got := a.link(`<span class="visually-hidden">Remove the filter</span> ` + label); got != want {
			t.Errorf("without %s: %s, want %s", label, got, want)
		}
	}
	if got := a.link("Remove all"); got != "users" {
		t.Errorf("without all: %s", got)
	}
}

// What cannot be a value is said at its field, with all that was typed.
func TestFilterFaults(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.schema.IndexedMetadata = []string{"plan"}
	d.add(t, enduser.Spec{ExternalID: "a", Name: "Ann"})
	for range 60 {
		d.add(t, enduser.Spec{Name: "Bob"})
	}
	other := d.get(t, "users?q=bob")
	values, err := url.ParseQuery(strings.TrimPrefix(other.link("Older"), "users?"))
	ok(t, err)
	cursor := "after=" + values.Get("after")
	for address, want := range map[string][]string{
		"users?from=31.01.2026&q=ann&group=%3C":                 {"A day is needed", "This cannot be the external ID of a group."},
		"users?to=2026-02-30":                                   {"A day is needed"},
		"users?from=0001-01-01":                                 {"A day is needed"},
		"users?from=2026-05-02&to=2026-05-01":                   {"This is before the first day."},
		"users?key=plan":                                        {"Enter the value of this key."},
		"users?value=pro":                                       {"Choose the key that has this value."},
		"users?key=secret&value=pro":                            {"Users cannot be found by this key."},
		"users?key=plan&value=%ff":                              {"No user can have this value."},
		"users?created=yesterday":                               {"Created since: A time is needed"},
		"users?created=0s":                                      {"Created since: A time is needed"},
		"users?expiring=-24h":                                   {"Expiring before: A time is needed"},
		"users?expiring=99999h":                                 {"Expiring before: A time is needed"},
		"users?expiring=9999-12-31T23:59:59Z":                   {"Expiring before: A time is needed"},
		"users?after=x":                                         {"does not belong to this list", "Show this list from its beginning"},
		"users?group=g&" + cursor:                               {"does not belong to this list"},
		"users?" + cursor + "&before=" + cursor[len("after="):]: {"does not belong to this list"},
		"users?expiring=24h&before=" + cursor[len("after="):]:   {"does not belong to this list"},
	} {
		a := d.get(t, address)
		a.want(t, 400, want...)
		values, _ := url.ParseQuery(address[len("users?"):])
		for name := range values {
			typed := values.Get(name)
			if name != "after" && name != "before" && utf8.ValidString(values.Get(name)) && !strings.Contains(a.HTML, `value="`+strings.ReplaceAll(typed, "<", "&lt;")+`"`) {
				t.Errorf("%s: %q is lost", address, typed)
			}
		}
	}
	a := d.get(t, "users?q=bob&"+cursor+"x")
	a = d.get(t, a.link("Show this list from its beginning"))
	a.want(t, 200, "50 shown")
	d.schema.NoNameIndex = true
	a = d.get(t, "users?q=ann&as=name")
	a.want(t, 400, "Names are not indexed here.")
	a = d.get(t, "users?q=ann")
	a.want(t, 200, "Nobody has this ID or external ID.")
	for _, address := range []string{"users?foo=1", "users?q=a&q=b", "users?limit=5", "users?%zz"} {
		a := d.get(t, address)
		a.want(t, 400)
		if strings.Contains(a.HTML, `id="results"`) {
			t.Errorf("%s is a list", address)
		}
	}
}

// A tenant whose metadata is not indexed is not asked for any.
func TestNoIndexedMetadata(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	a := d.get(t, "users")
	if strings.Contains(a.HTML, `name="key"`) {
		t.Error("the form asks for metadata")
	}
	d.schema.IndexedMetadata = []string{"plan"}
	a = d.get(t, "users")
	if !strings.Contains(a.HTML, `<option value="plan">plan</option>`) {
		t.Error("the form does not ask for metadata")
	}
}

func TestEmptyLists(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	a := d.get(t, "users")
	a.want(t, 200, "No users yet", "curl ")
	var users []enduser.User
	for range 51 {
		users = append(users, d.add(t, enduser.Spec{Name: "Ann"}))
	}
	a = d.get(t, "users")
	older := a.link("Older")
	ok(t, d.acme.Delete(t.Context(), enduser.ByID(users[0].ID)))
	a = d.get(t, older)
	a.want(t, 200, "No users here any more", "Show this list from its beginning")
	a = d.find(t, "group", "none")
	a.want(t, 200, "No user matches all of the filters above.")
}

func TestUserRow(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.add(t, enduser.Spec{Email: "only@example.com", Groups: []string{"a", "b", "c", "d"}, ExpiresIn: 3 * time.Hour})
	d.add(t, enduser.Spec{FirstName: "Ann", LastName: "Lee"})
	d.add(t, enduser.Spec{Avatar: "https://example.com/a.png"})
	d.add(t, enduser.Spec{ExternalID: "crm-7", Name: "\u200b\u200b"})
	a := d.get(t, "users")
	a.want(t, 200, "only@example.com only@example.com a , b +2", "expires in 3 h", "Ann Lee none none", "User without a name", "crm-7 crm-7", "permanent")
}

// Users that cannot be read are named, and do not hide the others.
func TestUnreadableInList(t *testing.T) {
	st := memory.New(nil)
	d := newDesk(t, st, nil)
	d.add(t, enduser.Spec{ExternalID: "good"})
	bad := d.add(t, enduser.Spec{ExternalID: "bad", Email: "bad@example.com"})
	rewrite(t, st, bad.ID, "{")
	a := d.get(t, "users")
	a.want(t, 200, "1 of this page cannot be read", bad.ID, "good")
	for _, text := range []string{"bad", "bad@example.com", bad.ID} {
		a = d.find(t, "q", text, "as", map[string]string{"bad": "external_id"}[text])
		if a.Location != "./users/"+bad.ID && !strings.Contains(a.text(), "1 of this page cannot be read") {
			t.Errorf("%s: %v", text, a)
		}
	}
}

func TestListFails(t *testing.T) {
	st := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, st, nil)
	d.add(t, enduser.Spec{ExternalID: "a"})
	st.Fail(errors.New("secret detail"))
	for _, address := range []string{"users", "users?q=a", "users?q=a-1", "users?expiring=24h"} {
		a := d.get(t, address)
		a.want(t, 503)
		if strings.Contains(a.HTML, "secret detail") {
			t.Errorf("%s: the page has the error of the store", address)
		}
	}
}
