package console_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The feed says what was changed, whose it is and by whom, the newest first.
func TestFeed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.schema.NoteExternalIDs = true
	d.get("feed").want(200, "No changes", "0 shown")
	u := d.add(enduser.Spec{ExternalID: "crm-7", Name: "Ann <b>Lee", ExpiresIn: time.Hour})
	_, err := d.acme.As("<i>bob\u202e").Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error {
		e.Email = "ann@example.com"
		e.Metadata["<script>x\u202e"] = enduser.Int(1)
		return nil
	})
	ok(t, err)
	must(d.acme.Associate(t.Context(), enduser.ByID(u.ID)))(t)
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "sales", Name: "Sales"})
	gone := d.add(enduser.Spec{ExternalID: "crm-8"})
	ok(t, d.acme.As("").Delete(t.Context(), enduser.ByID(gone.ID)))
	d.Advance(time.Minute)

	a := d.get("feed")
	var rows []string
	for _, row := range strings.Split(a.text(), "1 min ago 2026-05-04 03:02:01 UTC ")[1:] {
		row, _, _ = strings.Cut(row, " 6 shown")
		rows = append(rows, strings.TrimSpace(row))
	}
	want := []string{
		"user deleted crm-8 no longer there –",
		"user created " + gone.ID + " no longer there crm",
		"group created Sales crm",
		"user made permanent Ann <b>Lee crm",
		"user e-mail and metadata <script>x\ufffd changed Ann <b>Lee <i>bob\ufffd",
		"user created Ann <b>Lee crm",
	}
	if got := strings.Join(rows, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("rows:\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	a.has(`href="./users/`+u.ID+`"`, `href="./groups/`+g.ID+`"`).lacks("users/"+gone.ID, "<script>x", "Ann <b>", "<i>bob")

	d.denied = map[string]bool{"getEndUser": true}
	d.get("feed").want(200, "user created "+u.ID+" crm").lacks("Ann", "users/"+u.ID)
	d.denied, d.who.Tenant = nil, "umbrella"
	d.get("feed").want(200, "No changes")
	d.who.Tenant, d.who.Environment = "acme", enduser.Testing
	d.get("feed").want(200, "No changes")
}

// numbers returns those of the users that a page of the feed shows, in its order.
func (a *answer) numbers() (all []string) {
	for _, m := range regexp.MustCompile(`<bdi>n(\d+)</bdi>`).FindAllStringSubmatch(a.HTML, -1) {
		all = append(all, m[1])
	}
	return all
}

// Older and newer lead through the whole feed, with the filters that were chosen.
func TestFeedPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	for i := range 250 {
		u := d.add(enduser.Spec{Name: fmt.Sprintf("n%d", i)})
		d.edit(u.ID, func(e *enduser.Edit) {
			e.Metadata["plan"] = enduser.Int(1)
		})
	}
	for _, tt := range []struct {
		query string
		pages []int
	}{
		{"", []int{100, 100, 100, 100, 100}},
		{"?kind=user&field=metadata", []int{100, 100, 100, 100, 100}},
		{"?kind=group", []int{0}},
	} {
		a := d.get("feed" + tt.query)
		if strings.Contains(a.HTML, "data-tail") != true || a.link("Newer") != "" {
			t.Errorf("%q: the newest page", tt.query)
		}
		var there, back [][]string
		for i, want := range tt.pages {
			a.want(200)
			if got := a.numbers(); len(got) != want {
				t.Errorf("%q: page %d has %d rows", tt.query, i, len(got))
			}
			there = append(there, a.numbers())
			older := a.link("Older")
			if (older == "") != (i == len(tt.pages)-1) {
				t.Fatalf("%q: after page %d: %q", tt.query, i, older)
			}
			if strings.Contains(a.HTML, "data-tail") != (i == 0) {
				t.Errorf("%q: page %d can be live", tt.query, i)
			}
			if older != "" {
				a = d.get(older)
			}
		}
		for {
			back = append([][]string{a.numbers()}, back...)
			newer := a.link("Newer")
			if newer == "" {
				break
			}
			a = d.get(newer)
		}
		if fmt.Sprint(there) != fmt.Sprint(back) {
			t.Errorf("%q: there\n%v\nand back\n%v", tt.query, there, back)
		}
		a.has("data-tail")
	}
	a := d.get("feed?kind=user&field=email")
	a.want(200, "100 shown") // those who were created have changed altogether
	d.get("feed?kind=webhook").want(200, "No changes No change that is kept is of this kind and field.")
	for _, query := range []string{"kind=tenant", "x=1", "after=x", "before=x", "kind=user&kind=user", "after=x&before=x"} {
		d.get("feed?" + query).want(400)
	}
	other := must(d.users.Tenant("umbrella").Latest(t.Context()))(t)
	d.get("feed?after=" + other.String()).want(400)
}

// What is no longer kept is said, with a way on.
func TestFeedTrimmed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.add(enduser.Spec{})
	first := must(d.acme.Latest(t.Context()))(t)
	d.add(enduser.Spec{})
	latest := must(d.acme.Latest(t.Context()))(t)
	d.add(enduser.Spec{})
	ok(t, d.acme.TrimChanges(t.Context(), latest))
	d.get("feed").want(200, "Older changes are no longer kept.", "2 shown")
	d.get("feed?after="+first.String()).want(410, "The changes from there on are no longer kept", "Show the newest changes")
	d.get("feed/new?after=" + first.String()).want(410)
}

// A filter that passes little may take longer than a page may: the page says so and leads on.
func TestFeedOutOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		d := newDesk(t, slowFeed{st, nil}, &console.Options{Options: httpapi.Options{ReadFor: 3500 * time.Millisecond}})
		fast := newDesk(t, st, nil)
		first := fast.add(enduser.Spec{})
		u := fast.add(enduser.Spec{})
		for i := range 5000 {
			_, err := fast.acme.Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error {
				e.Name = fmt.Sprint(i)
				return nil
			})
			ok(t, err)
		}
		a := d.get("feed?field=email")
		for range 10 {
			if a.Status == 200 {
				break
			}
			a.want(503, "Nothing was found in the changes that could be read in time.", "Look further")
			a = d.get(a.link("Look further"))
		}
		a.want(200, "2 shown", first.ID)
		begin := must(fast.acme.Changes(t.Context(), enduser.ChangeQuery{Limit: 2}))(t)
		// The tail goes on from where it came to.
		q := url.Values{"field": {"email"}, "after": {begin.Position.String()}}
		a = d.get("feed/new?" + q.Encode())
		if after := a.attribute("after"); a.Status != 200 || after == q.Get("after") || a.attribute("more") != "true" {
			t.Errorf("status %d, at %q, more %q", a.Status, after, a.attribute("more"))
		}
	})
}

// attribute returns a data attribute of the first element that has it.
func (a *answer) attribute(name string) string {
	m := regexp.MustCompile(`data-` + name + `="([^"]*)"`).FindStringSubmatch(a.HTML)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}
