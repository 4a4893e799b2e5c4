package console_test

import (
	"html"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store/memory"
)

// addGroup makes a group, and returns it with its token.
func (d *desk) addGroup(s enduser.GroupSpec) (enduser.Group, string) {
	d.Helper()
	g, token, err := d.acme.Groups().Create(d.Context(), s)
	ok(d, err)
	return g, token
}

// The list has each group once, with its members, and leads to each group's page.
func TestGroups(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.get("groups").want(http.StatusOK, "No groups")
	d.get("groups/nobody").want(http.StatusNotFound)
	const n = 60
	for i := range n {
		id := "team & co. " + strconv.Itoa(i)
		d.addGroup(enduser.GroupSpec{ExternalID: id, Name: "<b>" + strings.Repeat("x", 240) + strconv.Itoa(i)})
		for range i % 3 {
			d.add(enduser.Spec{Groups: []string{id, "team & co. 0"}})
		}
	}
	seen, to := 0, "groups"
	for to != "" {
		page := d.get(to).want(http.StatusOK)
		page.lacks("<b>", "not counted")
		for i := seen; strings.Contains(page.HTML, ">team &amp; co. "+strconv.Itoa(i)+"<"); i++ {
			members := i % 3
			if i == 0 {
				members = n
			}
			want := `href="./users?group=team+%26+co.+` + strconv.Itoa(i) + `" aria-label="` + strconv.Itoa(members) + " members of "
			if !strings.Contains(html.UnescapeString(page.HTML), want) {
				t.Errorf("group %d lacks %s", i, want)
			}
			seen++
		}
		_, next, _ := strings.Cut(page.HTML, `rel="next" href="./groups`)
		next, _, _ = strings.Cut(next, `"`)
		to = ""
		if next != "" {
			to = "groups" + strings.ReplaceAll(next, "&amp;", "&")
		}
	}
	if seen != n {
		t.Errorf("%d groups, want %d", seen, n)
	}
	for _, query := range []string{"?after=x", "?after=a&before=b", "?limit=3", "?after=&after="} {
		d.get("groups" + query).want(http.StatusBadRequest)
	}
}

// Members that cannot be counted in time are "–", with the reason, and the page comes without
// them.
func TestGroupsWithoutMembers(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, f, &console.Options{OverviewFor: time.Nanosecond})
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	d.add(enduser.Spec{ExternalID: "a", Groups: []string{"team"}})
	d.get("groups").want(http.StatusOK, "Members are not counted. The store did not answer in 1e-09 s.").has("not counted: members of team")
	d.get("groups/"+g.ID).want(http.StatusOK, "Members (–)", "could not be read in time")
	d.denied = map[string]bool{"listEndUsers": true}
	for _, path := range []string{"groups", "groups/" + g.ID} {
		d.get(path).lacks("Members", "not counted")
	}
}

// The page of a group has what is known of it, and offers what the credential may do.
func TestGroup(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	g, token := d.addGroup(enduser.GroupSpec{
		ExternalID: "team", Name: "<i>Team", Metadata: metadataOf(t, `{"n":9007199254740993,"s":"<u>"}`), SystemProperties: metadataOf(t, `{"seat":1}`),
	})
	for i := range 12 {
		d.add(enduser.Spec{ExternalID: "u" + strconv.Itoa(i), Name: "<b>Ann", Groups: []string{"team"}})
	}
	path := "groups/" + g.ID
	page := d.get(path).want(http.StatusOK, "<i>Team", "team", strconv.FormatInt(g.Number, 10), "9007199254740993", "<u>", `"seat": 1`,
		"Members (12)", "u11", "u2", "All members", "one token", "crm", "Rotate token")
	page.lacks(">u1<", "<i>", "<u>", "<b>", token) // the ten newest, and no markup
	_, _, err := d.acme.Groups().Rotate(t.Context(), enduser.GroupByID(g.ID), time.Hour)
	ok(t, err)
	for _, path := range []string{path, "groups"} {
		d.get(path).want(http.StatusOK, "old tokens accepted")
	}
	d.get(path).want(http.StatusOK, epoch.Add(time.Hour).Format("2006-01-02 15:04:05 UTC"))
	d.Advance(time.Hour)
	for _, path := range []string{path, "groups"} {
		d.get(path).want(http.StatusOK, "one token")
	}
	d.denied = map[string]bool{"rotateGroupToken": true}
	d.get(path).lacks("/rotate")
	d.denied = map[string]bool{"getEndUser": true}
	d.get(path).has(">u11<").lacks(`href="../users/`)
	d.denied = map[string]bool{"getGroup": true}
	d.get("groups").lacks(g.ID)
}

// Groups that cannot be read are named, and the others are shown.
func TestUnreadableGroups(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	d := newDesk(t, st, nil)
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	d.addGroup(enduser.GroupSpec{ExternalID: "other"})
	tamper(t, st, g.ID, damaged)
	d.get("groups").want(http.StatusOK, "cannot be read", g.ID, "other")
	d.get("groups/"+g.ID).want(http.StatusInternalServerError, "damaged")
}
