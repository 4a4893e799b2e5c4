package console_test

import (
	"errors"
	"fmt"
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

// Pages lead to each other in both directions, on a store that answers as little at a time as it
// may, too.
func TestPages(t *testing.T) {
	d := newDesk(t, storetest.Stingy(memory.New(nil)), nil)
	var all []string
	for i := range 120 {
		d.add(enduser.Spec{ExternalID: fmt.Sprintf("u%d", i), Name: "Ann", Groups: []string{"g"}, ExpiresIn: time.Hour})
		d.add(enduser.Spec{Name: "Bob"})
		all = append([]string{fmt.Sprintf("u%d", i)}, all...)
	}
	for name, first := range map[string]string{
		"by name": "users?q=ann", "by group": "users?group=g", "by span": "users?created=24h&group=g",
	} {
		t.Run(name, func(t *testing.T) {
			var there, back []string
			var pages int
			a := d.get(first)
			for ; ; pages++ {
				there = append(there, a.rows()...)
				older := a.link("Older")
				if older == "" {
					break
				}
				a = d.get(older)
				d.Advance(time.Second) // spans stay where they were
			}
			for {
				back = append(a.rows(), back...)
				newer := a.link("Newer")
				if newer == "" {
					break
				}
				a = d.get(newer)
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
	a := d.get("users?expiring=2h")
	rows := a.rows()
	for a.link("Later") != "" {
		a = d.get(a.link("Later"))
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
			d.add(enduser.Spec{Name: "Ann"})
		}
		for address, want := range map[string]string{
			"users":             " 50 shown Older",
			"users?q=ann":       " 50 shown of 60 Older",
			"users?created=24h": " 50 shown of 60 Older",
			"users?q=bob":       " 0 shown",
		} {
			d.get(address).want(200, want)
		}
		a := d.get("users?q=ann")
		d.get(a.link("Older")).want(200, "10 shown")
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
		d.add(spec)
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
			a := d.find(test.parameters...).want(200, test.chips)
			if got := strings.Join(a.rows(), " "); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	a := d.find("q", "ann", "group", "g", "key", "plan", "value", "pro", "from", "2026-05-01")
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
	d.add(enduser.Spec{ExternalID: "a", Name: "Ann"})
	for range 60 {
		d.add(enduser.Spec{Name: "Bob"})
	}
	other := d.get("users?q=bob")
	values := must(url.ParseQuery(strings.TrimPrefix(other.link("Older"), "users?")))(t)
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
		a := d.get(address).want(400, want...)
		values, _ := url.ParseQuery(address[len("users?"):])
		for name := range values {
			typed := values.Get(name)
			if name != "after" && name != "before" && utf8.ValidString(values.Get(name)) && !strings.Contains(a.HTML, `value="`+strings.ReplaceAll(typed, "<", "&lt;")+`"`) {
				t.Errorf("%s: %q is lost", address, typed)
			}
		}
	}
	a := d.get("users?q=bob&" + cursor + "x")
	d.get(a.link("Show this list from its beginning")).want(200, "50 shown")
	d.schema.NoNameIndex = true
	d.get("users?q=ann&as=name").want(400, "Names are not indexed here.")
	d.get("users?q=ann").want(200, "Nobody has this ID or external ID.")
	for _, address := range []string{"users?foo=1", "users?q=a&q=b", "users?limit=5", "users?%zz"} {
		d.get(address).want(400).lacks(`id="results"`)
	}
}

// A tenant whose metadata is not indexed is not asked for any.
func TestNoIndexedMetadata(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.get("users").lacks(`name="key"`)
	d.schema.IndexedMetadata = []string{"plan"}
	d.get("users").has(`<option value="plan">plan</option>`)
}

func TestEmptyLists(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.get("users").want(200, "No users yet", "curl ")
	var users []enduser.User
	for range 51 {
		users = append(users, d.add(enduser.Spec{Name: "Ann"}))
	}
	a := d.get("users")
	older := a.link("Older")
	ok(t, d.acme.Delete(t.Context(), enduser.ByID(users[0].ID)))
	d.get(older).want(200, "No users here any more", "Show this list from its beginning")
	d.find("group", "none").want(200, "No user matches all of the filters above.")
}

func TestUserRow(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	d.add(enduser.Spec{Email: "only@example.com", Groups: []string{"a", "b", "c", "d"}, ExpiresIn: 3 * time.Hour})
	d.add(enduser.Spec{FirstName: "Ann", LastName: "Lee"})
	d.add(enduser.Spec{Avatar: "https://example.com/a.png"})
	d.add(enduser.Spec{ExternalID: "crm-7", Name: "\u200b\u200b"})
	d.get("users").want(200, "only@example.com only@example.com a , b +2", "expires in 3 h", "Ann Lee no e-mail no group", "User without a name", "crm-7 crm-7", "permanent")
}

// Users that cannot be read are named, and do not hide the others.
func TestUnreadableInList(t *testing.T) {
	st := memory.New(nil)
	d := newDesk(t, st, nil)
	d.add(enduser.Spec{ExternalID: "good"})
	bad := d.add(enduser.Spec{ExternalID: "bad", Email: "bad@example.com"})
	tamper(t, st, bad.ID, damaged)
	d.get("users").want(200, "1 of this page cannot be read", bad.ID, "good")
	for _, text := range []string{"bad", "bad@example.com", bad.ID} {
		a := d.find("q", text, "as", map[string]string{"bad": "external_id"}[text])
		if a.Location != "./users/"+bad.ID && !strings.Contains(a.text(), "1 of this page cannot be read") {
			t.Errorf("%s: %v", text, a)
		}
	}
}

func TestListFails(t *testing.T) {
	st := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, st, nil)
	d.add(enduser.Spec{ExternalID: "a"})
	st.Fail(errors.New("secret detail"))
	for _, address := range []string{"users", "users?q=a", "users?q=a-1", "users?expiring=24h"} {
		d.get(address).want(503).lacks("secret detail")
	}
}
