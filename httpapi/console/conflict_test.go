package console_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// picked returns which sides a page of a conflict has picked, by part.
func picked(s *answer) map[string]string {
	all := make(map[string]string)
	for name, values := range s.form() {
		if part, ok := strings.CutPrefix(name, "keep."); ok {
			all[part] = values[0]
		}
	}
	return all
}

// Two people edit a user. Who saves last sees what the other has done, part by part, and what
// is picked is written.
func TestConflict(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{
		ExternalID: "a", Name: "Ann", FirstName: "A", LastName: "B", Language: "en", Groups: []string{"x", "y", "z"},
		Accounts: []enduser.Account{{Type: "irc", ID: "1"}}, Metadata: metadataOf(t, `{"both":1,"mine":1,"theirs":1,"gone":1,"id":9007199254740993}`),
	})
	path := "users/" + u.ID + "/edit"
	form := d.get(path).form()
	form.Set("name", "Anna") // both
	form.Set("first_name", "C")
	form.Set("groups", "x\r\nz\r\nmine") // both
	form.Set("metadata", `{"both":2,"mine":2,"theirs":1,"gone":1,"id":9007199254740993}`)
	d.edit(u.ID, func(e *enduser.Edit) {
		e.Name, e.LastName, e.Language, e.Groups = "Annika <b>", "D\u202ee", "de", []string{"theirs", "x", "y"}
		e.Metadata["both"], e.Metadata["theirs"] = enduser.Int(3), enduser.String("<i>")
		delete(e.Metadata, "gone")
	})
	s := d.post(path, form).want(http.StatusConflict, "Somebody else has changed this user meanwhile", "crm", "changed by both", "Annika <b>", "Anna", `"<i>"`).
		holds("theirs\nx\ny", "x\nz\nmine", "theirs\nx\nmine").
		lacks("\u202e", "Refresh") // to load it again would lose what was typed
	want := map[string]string{
		"name": "mine", "first_name": "mine", "last_name": "theirs", "language": "theirs", "groups": "both",
		"metadata.both": "mine", "metadata.mine": "mine", "metadata.theirs": "theirs", "metadata.gone": "theirs",
	}
	if diff := cmp.Diff(want, picked(s)); diff != "" {
		t.Errorf("picked:\n%s", diff)
	}

	form = s.form()
	form.Set("keep.language", "mine") // which is what it was
	form.Set("keep.metadata.gone", "mine")
	d.edit(u.ID, func(e *enduser.Edit) { e.Email = "a@example.com" }) // and again
	s = d.post(path, form).want(http.StatusConflict)
	want["language"], want["metadata.gone"], want["email"] = "mine", "mine", "theirs"
	if diff := cmp.Diff(want, picked(s)); diff != "" {
		t.Errorf("picked, the second time:\n%s", diff)
	}

	d.post(path, s.form()).wantTo("../../users/" + u.ID + "?done=saved")
	got := d.user(u.ID)
	u.Name, u.FirstName, u.LastName, u.Language, u.Email, u.Groups = "Anna", "C", "D\u202ee", "en", "a@example.com", []string{"theirs", "x", "mine"}
	u.Metadata = metadataOf(t, `{"both":2,"mine":2,"theirs":"<i>","gone":1,"id":9007199254740993}`)
	u.Version, u.Revision, u.UpdatedBy, u.UpdatedAt = got.Version, got.Revision, "ann", got.UpdatedAt
	if !got.Equal(u) {
		t.Errorf("the user:\n%s", cmp.Diff(u, got))
	}
}

// Where nothing is picked, what was changed by whoever saves is kept, and all else is as it is now.
func TestConflictNothingPicked(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann", Language: "en", Metadata: metadataOf(t, `{"k":1,"l":1}`)})
	path := "users/" + u.ID + "/edit"
	form := d.get(path).form()
	form.Set("name", "Anna")
	form.Set("metadata", `{"k":2,"l":1}`)
	d.edit(u.ID, func(e *enduser.Edit) { e.Name, e.Language, e.Metadata["l"] = "Annika", "de", enduser.Int(3) })
	s := d.post(path, form)
	form = s.form()
	for part := range picked(s) {
		form.Del("keep." + part)
	}
	d.post(path, form).wantTo("../../users/" + u.ID + "?done=saved")
	got := d.user(u.ID)
	if diff := cmp.Diff(metadataOf(t, `{"k":2,"l":3}`), got.Metadata); got.Name != "Anna" || got.Language != "de" || diff != "" {
		t.Errorf("name %q, language %q\n%s", got.Name, got.Language, diff)
	}
}

// What both have changed in the same way can be changed back beside the choices.
func TestConflictChangedBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann", Language: "en"})
	path := "users/" + u.ID + "/edit"
	form := d.get(path).form()
	form.Set("name", "Anna")
	d.edit(u.ID, func(e *enduser.Edit) { e.Name, e.Language = "Anna", "de" })
	s := d.post(path, form).want(http.StatusConflict)
	form = s.form()
	form.Set("name", "Ann")
	d.post(path, form).wantTo("../../users/" + u.ID + "?done=saved")
	if got := d.user(u.ID); got.Name != "Ann" || got.Language != "de" {
		t.Errorf("name %q, language %q", got.Name, got.Language)
	}
}

// All can be theirs: then nothing is written.
func TestConflictAllTheirs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann", Metadata: metadataOf(t, `{"k":1}`)})
	path := "users/" + u.ID + "/edit"
	form := d.get(path).form()
	form.Set("name", "Anna")
	form.Set("metadata", "{}")
	now := d.edit(u.ID, func(e *enduser.Edit) { e.Name, e.Metadata["k"] = "Annika", enduser.Int(2) })
	s := d.post(path, form)
	form = s.form()
	for part := range picked(s) {
		form.Set("keep."+part, "theirs")
	}
	d.post(path, form).wantTo("../../users/" + u.ID + "?done=unchanged")
	if got := d.user(u.ID); got.Version != now.Version {
		t.Error("something was written")
	}
}

// What somebody else has changed is no conflict if the form does not show it, or if both have
// made the same change. The same again is a conflict if it is something else by then.
func TestNoConflict(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*enduser.Edit){
		"what is not in the form": func(e *enduser.Edit) { e.SystemProperties["x"] = enduser.Int(1) },
		"the same":                func(e *enduser.Edit) { e.Name, e.Groups = "Anna", []string{"x"}; delete(e.Metadata, "k") },
	} {
		d := newDesk(t, memory.New(nil), nil)
		u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann", Metadata: metadataOf(t, `{"k":1,"l":1}`)})
		path := "users/" + u.ID + "/edit"
		form := d.get(path).form()
		form.Set("name", "Anna")
		form.Set("groups", "x")
		form.Set("language", "de")
		form.Set("metadata", `{"k":null,"l":1}`)
		d.edit(u.ID, change)
		d.post(path, form).wantTo("../../users/" + u.ID + "?done=saved")
		got := d.user(u.ID)
		feed := must(d.acme.Changes(t.Context(), enduser.ChangeQuery{Desc: true, Limit: 1}))(t).Changes[0]
		if got.Name != "Anna" || got.Language != "de" || len(got.Groups) != 1 || len(got.Metadata) != 1 || what == "the same" && len(feed.Fields) != 1 {
			t.Errorf("%s: %q, %q, %q; changed %q", what, got.Name, got.Language, got.Groups, feed.Fields)
		}
	}
}

// Metadata that is not valid is chosen as a whole. If it is kept, the form says what is wrong.
func TestConflictOfInvalidMetadata(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Metadata: metadataOf(t, `{"k":1}`)})
	path := "users/" + u.ID + "/edit"
	form := d.get(path).form()
	form.Set("metadata", `{"k": 2`)
	d.edit(u.ID, func(e *enduser.Edit) { e.Metadata["k"] = enduser.Int(3) })
	s := d.post(path, form).want(http.StatusConflict, `{"k": 2`, `"k": 3`)
	s = d.post(path, s.form()).want(http.StatusBadRequest, `{"k": 2`, "is not acceptable JSON")
	form = s.form()
	form.Set("metadata", `{"k": 2}`)
	d.post(path, form).wantTo("../../users/" + u.ID + "?done=saved")
	if got := d.user(u.ID); got.Metadata["k"] != enduser.Int(2) {
		t.Errorf("metadata %v", got.Metadata)
	}
}

// Somebody changes the user while the form is being written.
func TestConflictWithAWrite(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, f, nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann"})
	path := "users/" + u.ID + "/edit"
	page := d.get(path)
	form := page.form()
	form.Set("language", "de")
	first := true
	f.OnApply = func(int64, []store.Op) error {
		if first {
			first = false
			d.edit(u.ID, func(e *enduser.Edit) { e.Name = "Annika" })
		}
		return nil
	}
	s := d.post(path, form).want(http.StatusConflict, "Annika")
	if diff := cmp.Diff(map[string]string{"name": "theirs", "language": "mine"}, picked(s)); diff != "" {
		t.Error(diff)
	}
	d.post(path, s.form()).wantTo("../../users/" + u.ID + "?done=saved")
	if got := d.user(u.ID); got.Name != "Annika" || got.Language != "de" {
		t.Errorf("name %q, language %q", got.Name, got.Language)
	}
}

// A form as large as a body may be does not lead to a page that is many times as large, nor to
// work that grows with its square.
func TestHugeConflict(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Groups: []string{"x"}})
	path := "users/" + u.ID + "/edit"
	page := d.get(path)
	d.edit(u.ID, func(e *enduser.Edit) { e.Groups, e.Metadata["k"] = []string{"y"}, enduser.Int(1) })
	many := func(n int, name string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(name + strconv.Itoa(i) + "\n")
		}
		return b.String()
	}
	object := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"` + strconv.Itoa(i) + `":1`)
		}
		return "{" + strings.TrimPrefix(b.String(), ",") + "}"
	}
	for what, set := range map[string]func(form url.Values){
		"lists": func(form url.Values) {
			form.Set("groups", many(30_000, "a"))
			form.Set("was.groups", many(30_000, "b"))
		},
		"metadata": func(form url.Values) { form.Set("metadata", object(40_000)) },
		"deep": func(form url.Values) {
			form.Set("metadata", `{"k":`+strings.Repeat("[", 30)+strings.Repeat("1,", 200_000)+"1"+strings.Repeat("]", 30)+"}")
		},
		"no keys": func(form url.Values) { form.Set("metadata", strings.ReplaceAll(object(40_000), `"1`, `"\u0000`)) },
	} {
		form := page.form()
		set(form)
		s := d.post(path, form).want(http.StatusConflict)
		if len(s.HTML) > 4<<20 {
			t.Errorf("%s: a page of %d bytes", what, len(s.HTML))
		}
		s = d.post(path, s.form())
		if s.Status != http.StatusBadRequest && s.Status != http.StatusRequestEntityTooLarge || len(s.HTML) > 4<<20 {
			t.Errorf("%s: kept: status %d, a page of %d bytes", what, s.Status, len(s.HTML))
		}
	}
}

// If the user was deleted meanwhile the page says so, and shows what was typed.
func TestEditDeleted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann"})
	path := "users/" + u.ID + "/edit"
	form := d.get(path).form()
	form.Set("last_name", "<b>typed before")
	form.Set("groups", "x\r\ny")
	ok(t, d.acme.Delete(t.Context(), enduser.ByID(u.ID)))
	s := d.post(path, form).want(http.StatusNotFound, "This user does not exist any more", "Nothing was saved", "<b>typed before").holds("x\ny")
	if len(s.form()) > 0 {
		t.Error("the page has a form")
	}
}
