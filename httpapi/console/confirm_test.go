package console_test

import (
	"net/http"
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
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "crm-7", Name: "<b>Ann", Email: "ann@example.com"})
	path := "users/" + u.ID + "/delete"
	page := d.get(path).want(http.StatusOK, "Delete user", "<b>Ann", "crm-7", "ann@example.com", u.ID, "This cannot be undone.").lacks("<b>")
	d.post(path, page.form()).wantTo("../../users?done=deleted")
	d.post(path, page.form()).wantTo("../../users?done=deleted") // who clicks twice
	if _, err := d.acme.Get(t.Context(), enduser.ByID(u.ID)); err == nil {
		t.Error("the user exists")
	}
	d.get("users?done=deleted").want(http.StatusOK, "The user was deleted.")
	d.get("users?q=done=deleted").lacks("The user was deleted.")
	d.get("users?done=destroyed").want(http.StatusBadRequest)
	d.get(path).want(http.StatusNotFound)

	u = d.add(enduser.Spec{ExternalID: "crm-8"})
	d.denied = map[string]bool{"listEndUsers": true}
	page = d.get("users/" + u.ID + "/delete")
	d.post("users/"+u.ID+"/delete", page.form()).wantTo("../../?done=deleted")
	d.get("?done=deleted").want(http.StatusOK, "The user was deleted.")
}

// Who was changed after the page had asked is asked about again.
func TestDeleteChanged(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann"})
	path := "users/" + u.ID + "/delete"
	page := d.get(path)
	d.edit(u.ID, func(e *enduser.Edit) { e.Name = "Somebody else" })
	s := d.post(path, page.form()).want(http.StatusConflict, "was changed after you were asked", "Somebody else")
	d.user(u.ID)
	d.post(path, s.form()).wantTo("../../users?done=deleted")
}

// If it is not known whether a user was deleted, the same answer can be sent again. It has a
// key, by which the Manager finds out if the store still answers.
func TestDeleteUnknownOutcome(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, f, nil)
	u, v := d.add(enduser.Spec{ExternalID: "a", Name: "Ann"}), d.add(enduser.Spec{ExternalID: "b"})
	path := "users/" + u.ID + "/delete"
	page := d.get(path)
	f.OnApply = func(int64, []store.Op) error { return store.ErrUnknown }
	s := d.post(path, page.form())
	f.OnApply = nil
	s.want(http.StatusServiceUnavailable, "It is not known whether this was done", "Ann")
	d.post(path, s.form()).wantTo("../../users?done=deleted")

	path = "users/" + v.ID + "/delete"
	page = d.get(path)
	f.Lost.Store(true)
	d.post(path, page.form()).wantTo("../../users?done=deleted")
	f.Lost.Store(false)
	wantChanges(d, 4)
}

// A user that cannot be read can be deleted, but not by an answer to a question about another
// state.
func TestDeleteUnreadable(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	d := newDesk(t, st, nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann"})
	path := "users/" + u.ID + "/delete"
	before := d.get(path)
	form := before.form()
	form.Set("version", "")
	d.post(path, form).want(http.StatusConflict, "was changed after you were asked")
	tamper(t, st, u.ID, damaged)
	d.post(path, before.form()).want(http.StatusConflict, "cannot be read", u.ID)
	s := d.get(path).want(http.StatusOK, "cannot be read", u.ID)
	d.post(path, s.form()).wantTo("../../users?done=deleted")
	d.get(path).want(http.StatusNotFound)
}

// A provisional user becomes permanent, whatever else has changed about it.
func TestAssociate(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann", ExpiresIn: enduser.ProvisionalTTL})
	path := "users/" + u.ID + "/associate"
	page := d.get(path).want(http.StatusOK, "Make user permanent", "Ann", u.ExpiresAt.Format("2006-01-02 15:04:05 UTC"))
	d.edit(u.ID, func(e *enduser.Edit) { e.Name = "Annika" })
	d.post(path, page.form()).wantTo("../../users/" + u.ID + "?done=permanent")
	d.post(path, page.form()).wantTo("../../users/" + u.ID + "?done=permanent")
	if got := d.user(u.ID); !got.ExpiresAt.IsZero() || got.UpdatedBy != "ann" {
		t.Errorf("expires at %v, updated by %s", got.ExpiresAt, got.UpdatedBy)
	}
	wantChanges(d, 3)
	d.get(path).wantTo("../../users/" + u.ID + "?done=permanent")
	d.get("users/"+u.ID+"?done=permanent").want(http.StatusOK, "The user is permanent.")
}

// changes are the pages that change something.
func changes(d *desk) []string {
	u := d.add(enduser.Spec{ExternalID: "a", ExpiresIn: enduser.ProvisionalTTL})
	g, _ := d.addGroup(enduser.GroupSpec{ExternalID: "g"})
	return []string{
		"users/" + u.ID + "/edit", "users/" + u.ID + "/delete", "users/" + u.ID + "/associate", "groups/" + g.ID + "/rotate",
	}
}

// wantChanges checks how many changes the feed has.
func wantChanges(d *desk, want int) {
	d.Helper()
	if got := len(must(d.acme.Changes(d.Context(), enduser.ChangeQuery{}))(d).Changes); got != want {
		d.Errorf("%d changes, want %d", got, want)
	}
}

// Answers to questions that are not whole do nothing.
func TestConfirmMalformed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	for _, path := range changes(d) {
		page := d.get(path)
		form := page.form()
		for name := range form {
			values := form[name]
			delete(form, name)
			d.post(path, form).want(http.StatusBadRequest)
			form[name] = append(values, values...)
			d.post(path, form).want(http.StatusBadRequest)
			form[name] = values[:1]
		}
		for name, value := range map[string]string{"key": "\x00", "version": "no version", "overlap": "9999999"} {
			if form.Has(name) {
				form = page.form()
				form.Set(name, value)
				d.post(path, form).want(http.StatusBadRequest)
			}
		}
		d.send(http.MethodPost, path, "key="+strings.Repeat("x", 2<<20)).want(http.StatusRequestEntityTooLarge)
	}
	wantChanges(d, 2)
}
