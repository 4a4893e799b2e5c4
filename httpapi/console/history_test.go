package console_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// history returns the part of a user's page that is its history.
func (d *desk) history(id string) string {
	d.Helper()
	a := d.get("users/" + id).want(200)
	_, history, _ := strings.Cut(a.text(), " History ")
	return history
}

// rename gives a user one name after another.
func (d *desk) rename(id string, times int) {
	d.Helper()
	for i := range times {
		d.edit(id, func(e *enduser.Edit) { e.Name = strconv.Itoa(i) })
	}
}

func TestHistory(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "crm-7", ExpiresIn: time.Hour})
	other := d.add(enduser.Spec{ExternalID: "crm-8"})
	d.Advance(time.Minute)
	must(d.acme.As("ann").Associate(t.Context(), enduser.ByID(u.ID)))(t)
	d.Advance(time.Minute)
	must(d.acme.As("").Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error {
		e.Name, e.Email = "Ann", "ann@example.com"
		return nil
	}))(t)
	d.rename(other.ID, 3)
	d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	d.Advance(time.Minute)
	d.edit(u.ID, func(e *enduser.Edit) {
		e.Name, e.Email, e.Language, e.Groups = "Bob", "bob@example.com", "en", []string{"team"}
		e.Metadata["plan"] = enduser.String("pro")
	})
	want := "name, e-mail, language and 2 more changed by crm, just now 2026-05-04 03:05:01 UTC " +
		"All 5 fields name, e-mail, language, metadata plan, groups " +
		"name and e-mail changed by an unknown actor, 1 min ago 2026-05-04 03:04:01 UTC " +
		"made permanent by ann, 2 min ago 2026-05-04 03:03:01 UTC " +
		"created by crm, 3 min ago 2026-05-04 03:02:01 UTC " +
		"This is all since the user was created."
	if got := strings.ReplaceAll(d.history(u.ID), " ,", ","); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A user that was deleted and imported again has both lives in the feed.
func TestHistoryOfImported(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "crm-7"})
	ok(t, d.acme.Delete(t.Context(), enduser.ByID(u.ID)))
	for _, err := range d.acme.ImportAll(t.Context(), func(yield func(enduser.Import) bool) {
		yield(enduser.Import{ID: u.ID, Spec: enduser.Spec{ExternalID: "crm-7"}})
	}, nil) {
		ok(t, err)
	}
	got := d.history(u.ID)
	if strings.Count(got, "created by crm") != 2 || strings.Count(got, "deleted by crm") != 1 {
		t.Error(got)
	}
}

// A history looks through 5,000 changes, and says how far back that is.
func TestHistoryIsLimited(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "crm-7"})
	other := d.add(enduser.Spec{ExternalID: "crm-8"})
	d.rename(other.ID, 10)
	d.Advance(time.Hour)
	d.rename(u.ID, 1)
	d.Advance(time.Hour)
	d.rename(other.ID, 4998)
	if got := d.history(u.ID); !strings.HasPrefix(got, "name changed by crm , 1 h ago") ||
		!strings.HasSuffix(got, "Looked through 5,000 changes of the feed, back to 2026-05-04 03:02:01 UTC. Older changes are not looked at.") {
		t.Error(got)
	}
	d.rename(other.ID, 2)
	if got := d.history(u.ID); got != "Nothing was found. Looked through 5,000 changes of the feed, back to 2026-05-04 05:02:01 UTC. Older changes are not looked at." {
		t.Error(got)
	}
}

// A history shows the newest 200 changes of the user: a program that changes much at a time must not
// make the page too long to read.
func TestHistoryOfBusyUser(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "crm-7"})
	d.rename(u.ID, 210)
	d.rename(d.add(enduser.Spec{}).ID, 1)
	got := d.history(u.ID)
	if n := strings.Count(got, "name changed by crm"); n != 200 || !strings.Contains(got, "Looked through 202 changes of the feed") {
		t.Errorf("%d changes: %s", n, got)
	}
}

// A feed that does not begin with the user is looked through as far as it goes.
func TestHistoryOfTrimmedFeed(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "crm-7"})
	d.Advance(time.Minute)
	d.rename(u.ID, 1)
	p := must(d.acme.Latest(t.Context()))(t)
	ok(t, d.acme.TrimChanges(t.Context(), p))
	if got := d.history(u.ID); !strings.HasSuffix(got, "Looked through 1 change of the feed, back to 2026-05-04 03:03:01 UTC. Older changes are no longer kept.") {
		t.Error(got)
	}
}

// slowFeed is a store whose feed takes a second a page, and then may fail.
type slowFeed struct {
	store.Store

	failed error
}

func (s slowFeed) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return store.ChangePage{}, ctx.Err()
	}
	if s.failed != nil {
		return store.ChangePage{}, s.failed
	}
	return s.Store.Changes(ctx, tenant, q)
}

// A page does not wait for a feed that is slow, and shows what it has.
func TestHistoryIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		waits  time.Duration
		edits  int
		failed error
		want   string
	}{
		"nothing in time":    {waits: 800 * time.Millisecond, want: "– This could not be read in time."},
		"a part":             {waits: 2500 * time.Millisecond, edits: 2500, want: "Looked through 2,000 changes of the feed, back to 2026-05-04 03:02:01 UTC. There was no time to look further back."},
		"all":                {waits: time.Minute, want: "created by crm"},
		"a store that fails": {waits: time.Minute, failed: fmt.Errorf("secret: %w", store.ErrUnavailable), want: "– This cannot be read now."},
		"a damaged feed":     {waits: time.Minute, failed: errors.New("secret"), want: "– This cannot be read now."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := memory.New(nil)
				d := newDesk(t, slowFeed{st, test.failed}, &console.Options{OverviewFor: test.waits})
				u := d.add(enduser.Spec{ExternalID: "crm-7"})
				other := d.add(enduser.Spec{ExternalID: "crm-8"})
				d.rename(other.ID, test.edits)
				begin := time.Now()
				got := d.history(u.ID)
				if !strings.Contains(got, test.want) || strings.Contains(got, "secret") {
					t.Error(got)
				}
				if time.Since(begin) > test.waits {
					t.Errorf("the page took %s", time.Since(begin))
				}
			})
		})
	}
}
