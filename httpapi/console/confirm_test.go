package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The page that asks says what will happen and to whom; its answer deletes, once.
func TestDelete(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	u := d.add(t, enduser.Spec{ExternalID: "crm-7", Name: "<b>Ann", Email: "ann@example.com"})
	path := "/users/" + u.ID + "/delete"
	page := d.get(path)
	d.want("asks", page, http.StatusOK, "Delete user", "<b>Ann", "crm-7", "ann@example.com", u.ID, "This cannot be undone.")
	if strings.Contains(page.body, "<b>") {
		t.Error("the name is markup")
	}
	d.wantTo("deletes", d.post(path, page.form()), "../../users?done=deleted")
	d.wantTo("again", d.post(path, page.form()), "../../users?done=deleted") // who clicks twice
	if _, err := d.acme.Get(t.Context(), enduser.ByID(u.ID)); err == nil {
		t.Error("the user exists")
	}
	d.want("says so", d.get("/users?done=deleted"), http.StatusOK, "The user was deleted.")
	if s := d.get("/users?q=done=deleted"); strings.Contains(s.body, "The user was deleted.") {
		t.Error("what was searched for is taken for what was done")
	}
	d.want("another word", d.get("/users?done=destroyed"), http.StatusBadRequest)
	s := d.get(path)
	d.want("a user that is gone", s, http.StatusNotFound)

	u = d.add(t, enduser.Spec{ExternalID: "crm-8"})
	d.denied = map[string]bool{"listEndUsers": true}
	page = d.get("/users/" + u.ID + "/delete")
	d.wantTo("who may not list users", d.post("/users/"+u.ID+"/delete", page.form()), "../../?done=deleted")
	d.want("says so", d.get("/?done=deleted"), http.StatusOK, "The user was deleted.")
}

// Who was changed after the page had asked is asked about again.
func TestDeleteChanged(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	u := d.add(t, enduser.Spec{ExternalID: "a", Name: "Ann"})
	path := "/users/" + u.ID + "/delete"
	page := d.get(path)
	d.editMeanwhile(u.ID, func(e *enduser.Edit) { e.Name = "Somebody else" })
	s := d.post(path, page.form())
	d.want("changed", s, http.StatusConflict, "was changed after you were asked", "Somebody else")
	must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t)
	d.wantTo("confirmed", d.post(path, s.form()), "../../users?done=deleted")
}

// If it is not known whether a user was deleted, the same answer can be sent again. It has a
// key, by which the Manager finds out if the store still answers.
func TestDeleteUnknownOutcome(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := visit(t, f)
	u, v := d.add(t, enduser.Spec{ExternalID: "a", Name: "Ann"}), d.add(t, enduser.Spec{ExternalID: "b"})
	path := "/users/" + u.ID + "/delete"
	page := d.get(path)
	f.OnApply = func(int64, []store.Op) error { return store.ErrUnknown }
	s := d.post(path, page.form())
	f.OnApply = nil
	d.want("unknown", s, http.StatusServiceUnavailable, "It is not known whether this was done", "Ann")
	d.wantTo("again", d.post(path, s.form()), "../../users?done=deleted")

	path = "/users/" + v.ID + "/delete"
	page = d.get(path)
	f.Lost.Store(true)
	d.wantTo("done, and the answer lost", d.post(path, page.form()), "../../users?done=deleted")
	f.Lost.Store(false)
	wantChanges(d, 4)
}

// A user that cannot be read can be deleted, but not by an answer to a question about another
// state.
func TestDeleteUnreadable(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	d := visit(t, st)
	u := d.add(t, enduser.Spec{ExternalID: "a", Name: "Ann"})
	path := "/users/" + u.ID + "/delete"
	before := d.get(path)
	form := before.form()
	form.Set("version", "")
	s := d.post(path, form)
	d.want("no version of one that can be read", s, http.StatusConflict, "was changed after you were asked")
	damage(t, st, u.ID)
	s = d.post(path, before.form())
	d.want("damaged meanwhile", s, http.StatusConflict, "cannot be read", u.ID)
	s = d.get(path)
	d.want("asks", s, http.StatusOK, "cannot be read", u.ID)
	d.wantTo("deletes", d.post(path, s.form()), "../../users?done=deleted")
	d.want("gone", d.get(path), http.StatusNotFound)
}

// damage makes a record unreadable.
func damage(tb testing.TB, st store.Store, id string) {
	tb.Helper()
	r := must(st.Get(tb.Context(), "acme", store.ID(id)))(tb)
	next := r
	next.Data = []byte("damaged")
	must(st.Apply(tb.Context(), "acme", store.Ops(store.Replace(r, next, nil))))(tb)
}

// A provisional user becomes permanent, whatever else has changed about it.
func TestAssociate(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	u := d.add(t, enduser.Spec{ExternalID: "a", Name: "Ann", ExpiresIn: enduser.ProvisionalTTL})
	path := "/users/" + u.ID + "/associate"
	page := d.get(path)
	d.want("asks", page, http.StatusOK, "Make user permanent", "Ann", u.ExpiresAt.Format("2006-01-02 15:04:05 UTC"))
	d.editMeanwhile(u.ID, func(e *enduser.Edit) { e.Name = "Annika" })
	d.wantTo("associates", d.post(path, page.form()), "../../users/"+u.ID+"?done=permanent")
	d.wantTo("again", d.post(path, page.form()), "../../users/"+u.ID+"?done=permanent")
	if got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t); !got.ExpiresAt.IsZero() || got.UpdatedBy != "ann" {
		t.Errorf("expires at %v, updated by %s", got.ExpiresAt, got.UpdatedBy)
	}
	wantChanges(d, 3)
	d.wantTo("one that is permanent", d.get(path), "../../users/"+u.ID+"?done=permanent")
	d.want("says so", d.get("/users/"+u.ID+"?done=permanent"), http.StatusOK, "The user is permanent.")
}

// changes are the pages that change something, each with what it needs.
func changes(d *visitor) map[string][]string {
	u := d.add(d, enduser.Spec{ExternalID: "a", ExpiresIn: enduser.ProvisionalTTL})
	g, _, err := d.acme.Groups().Create(d.Context(), enduser.GroupSpec{ExternalID: "g"})
	ok(d, err)
	return map[string][]string{
		"/users/" + u.ID + "/edit":      {"getEndUser", "updateEndUser"},
		"/users/" + u.ID + "/delete":    {"getEndUser", "deleteEndUser"},
		"/users/" + u.ID + "/associate": {"getEndUser", "associateEndUser"},
		"/groups/" + g.ID + "/rotate":   {"getGroup", "rotateGroupToken"},
	}
}

// A credential without the right to one action gets neither the page nor its effect.
func TestChangesNeedRights(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	for path, actions := range changes(d) {
		page := d.get(path)
		d.want(path, page, http.StatusOK)
		for _, action := range actions {
			d.denied = map[string]bool{action: true}
			d.want(path+" without "+action, d.get(path), http.StatusForbidden)
			d.want("POST "+path+" without "+action, d.post(path, page.form()), http.StatusForbidden)
		}
		d.denied = nil
	}
	wantChanges(d, 2)
}

// wantChanges checks how many changes the feed has.
func wantChanges(d *visitor, want int) {
	d.Helper()
	if got := len(must(d.acme.Changes(d.Context(), enduser.ChangeQuery{}))(d).Changes); got != want {
		d.Errorf("%d changes, want %d", got, want)
	}
}

// What another tenant has is answered as what nobody has.
func TestChangesOfAnotherTenant(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	for path := range changes(d) {
		page := d.get(path)
		id := strings.Split(path, "/")[2]
		nobody := strings.Replace(path, id, strings.Repeat("0", len(id)), 1)
		masked := func(s screen, id string) string { return strings.ReplaceAll(s.body, id, "ID") }
		d.who.Tenant = "other"
		for what, send := range map[string]func(path string) screen{
			"GET":       func(path string) screen { return d.get(path) },
			"POST":      func(path string) screen { return d.post(path, page.form()) },
			"malformed": func(path string) screen { return d.post(path, url.Values{}) },
		} {
			theirs, none := send(path), send(nobody)
			if what != "malformed" && theirs.status != http.StatusNotFound {
				t.Errorf("%s %s: status %d", what, path, theirs.status)
			}
			if theirs.status != none.status || masked(theirs, id) != masked(none, strings.Repeat("0", len(id))) {
				t.Errorf("%s %s: not answered as what nobody has", what, path)
			}
		}
		d.who.Tenant = "acme"
	}
	wantChanges(d, 2)
}

// Answers to questions that are not whole do nothing.
func TestConfirmMalformed(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	for path := range changes(d) {
		page := d.get(path)
		form := page.form()
		for name := range form {
			values := form[name]
			delete(form, name)
			d.want(path+" without "+name, d.post(path, form), http.StatusBadRequest)
			form[name] = append(values, values...)
			d.want(path+" with two "+name, d.post(path, form), http.StatusBadRequest)
			form[name] = values[:1]
		}
		for name, value := range map[string]string{"key": "\x00", "version": "no version", "overlap": "9999999"} {
			if form.Has(name) {
				form = page.form()
				form.Set(name, value)
				d.want(path+" with an invalid "+name, d.post(path, form), http.StatusBadRequest)
			}
		}
		d.want(path+" too large", d.send(http.MethodPost, path, "key="+strings.Repeat("x", 2<<20)), http.StatusRequestEntityTooLarge)
	}
	wantChanges(d, 2)
}
