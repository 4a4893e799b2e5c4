package console_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// tokenOf returns the token that a page shows, "" if it shows none.
func tokenOf(s *answer) string {
	found := regexp.MustCompile(`<code id="secret">([0-9a-f]{64})</code>`).FindStringSubmatch(s.HTML)
	if found == nil {
		return ""
	}
	return found[1]
}

// accepted reports whether a token is accepted.
func (d *desk) accepted(token string) bool {
	d.Helper()
	_, err := d.acme.Groups().Authenticate(d.Context(), token)
	if err != nil && !errors.Is(err, enduser.ErrNotFound) {
		d.Fatal(err)
	}
	return err == nil
}

// A new token is shown once, to whoever has rotated it. The old one is accepted as long as
// they chose.
func TestRotate(t *testing.T) {
	t.Parallel()
	for overlap, lasts := range map[string]time.Duration{"0": 0, "3600": time.Hour, "86400": 24 * time.Hour, "604800": 7 * 24 * time.Hour} {
		d := newDesk(t, memory.New(nil), nil)
		g, old := d.addGroup(enduser.GroupSpec{ExternalID: "team", Name: "<b>Team"})
		path := "groups/" + g.ID
		page := d.get(path+"/rotate").want(http.StatusOK, "Rotate token", "<b>Team", "How long is the old token accepted?", "This cannot be undone.")
		form := page.form()
		form.Set("overlap", overlap)
		s := d.post(path+"/rotate", form)
		s.wantTo("../../groups/" + g.ID + "/token")
		for what, shown := range map[string]*answer{"to another browser": d.get(path + "/token"), "to HEAD": d.send(http.MethodHead, path+"/token", "", s.Cookies...)} {
			if tokenOf(shown) != "" {
				t.Error("shown " + what)
			}
		}
		once := d.get(path+"/token", s.Cookies...)
		token := tokenOf(once)
		once.want(http.StatusOK, "<b>Team", "I have stored it", "shown this once")
		once.lacks("Refresh")
		if token == "" || token == old || strings.Count(once.HTML, token) != 1 || !d.accepted(token) {
			t.Errorf("a token of %d characters, %d times", len(token), strings.Count(once.HTML, token))
		}
		again := d.get(path+"/token", s.Cookies...).want(http.StatusNotFound, "was shown already")
		for _, page := range []*answer{again, d.get(path), d.get("groups"), d.get(path + "/rotate")} {
			page.lacks(token, old)
		}
		if lasts > 0 {
			d.Advance(lasts - time.Millisecond)
			if !d.accepted(old) {
				t.Errorf("%s: the old token is not accepted", overlap)
			}
			d.Advance(time.Millisecond)
		}
		if d.accepted(old) {
			t.Errorf("%s: the old token is accepted", overlap)
		}
	}
}

// Sending the form twice rotates once, and shows the same token.
func TestRotateTwice(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	path := "groups/" + g.ID
	page := d.get(path + "/rotate")
	var tokens [2]string
	for i := range tokens {
		s := d.post(path+"/rotate", page.form())
		shown := d.get(path+"/token", s.Cookies...)
		tokens[i] = tokenOf(shown)
	}
	if tokens[0] == "" || tokens[0] != tokens[1] {
		t.Error("two tokens")
	}
	wantChanges(d, 2)
}

// A group that was changed after the page had asked is asked about again.
func TestRotateChanged(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	path := "groups/" + g.ID
	page := d.get(path + "/rotate")
	_, theirs, err := d.acme.Groups().Rotate(t.Context(), enduser.GroupByID(g.ID), 0)
	ok(t, err)
	form := page.form()
	form.Set("overlap", "604800")
	s := d.post(path+"/rotate", form).want(http.StatusConflict, "was changed after you were asked")
	again := s.form()
	if got := again.Get("overlap"); got != "604800" || !d.accepted(theirs) {
		t.Errorf("overlap %q; the token of the other rotation is accepted: %v", got, d.accepted(theirs))
	}
	d.post(path+"/rotate", s.form()).wantTo("../../groups/" + g.ID + "/token")
}

// If the outcome is not known, or the new token could not be kept, sending the form again shows
// the token of the one rotation.
func TestRotateUnknownOutcome(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	sessions := &mapSessions{}
	for what, fail := range map[string]func(){
		"not rotated": func() { f.OnApply = func(int64, []store.Op) error { return store.ErrUnknown } },
		"not kept":    func() { sessions.err = errors.New("no room") },
	} {
		d := newDesk(t, f, &console.Options{Sessions: sessions})
		g, _ := d.addGroup(enduser.GroupSpec{ExternalID: what})
		path := "groups/" + g.ID
		form := d.get(path + "/rotate").form()
		form.Set("overlap", "3600")
		fail()
		s := d.post(path+"/rotate", form)
		f.OnApply, sessions.err = nil, nil
		s.want(http.StatusServiceUnavailable)
		if strings.Contains(s.HTML, `value="0"`) || tokenOf(s) != "" {
			t.Errorf("%s: offers another overlap, which would be another request, or shows the token", what)
		}
		s = d.post(path+"/rotate", s.form())
		s.wantTo("../../groups/" + g.ID + "/token")
		shown := d.get(path+"/token", s.Cookies...)
		if token := tokenOf(shown); token == "" || !d.accepted(token) {
			t.Errorf("%s: no token, or one that is not accepted", what)
		}
		feed := must(d.acme.Changes(t.Context(), enduser.ChangeQuery{Desc: true, Limit: 2}))(t).Changes
		if feed[0].ID != g.ID || feed[0].Type != enduser.ChangeUpdated || feed[1].ID != g.ID || feed[1].Type != enduser.ChangeCreated {
			t.Errorf("%s: the feed ends with %s and %s, want one rotation", what, feed[1].Type, feed[0].Type)
		}
	}
}

// A server without a keyring says so.
func TestRotateWithoutKeyring(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	d := newDesk(t, st, nil)
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "team"})
	pages := must(console.New(enduser.New(st, nil), func(*http.Request, string) (httpapi.Principal, error) { return d.who, nil }, nil))(t)
	d.pages = pages
	page := d.get("groups/" + g.ID + "/rotate")
	d.post("groups/"+g.ID+"/rotate", page.form()).want(http.StatusNotImplemented, "The server has no keyring, which this needs. Nothing was written.")
}
