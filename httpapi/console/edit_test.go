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

// metadataOf returns metadata whose values are spelled as in a JSON object.
func metadataOf(tb testing.TB, object string) enduser.Metadata {
	tb.Helper()
	return must(enduser.ParseMetadata(object))(tb)
}

// awkward returns a user in whose fields much can go wrong.
func awkward(tb testing.TB) enduser.Spec {
	tb.Helper()
	s := enduser.Spec{
		ExternalID: `a"&'` + "`{{.}}", Name: `<script>alert("1")</script>` + strings.Repeat("ä", 200), FirstName: "שלום \u202e 👩‍👩‍👧", LastName: "李\u00a0小龍 \\r\\n",
		Email: `"a&b\"c"@example.com`, Avatar: "https://example.com/?a=%0D%0A&b=%3C", Language: "zh-Hant-TW",
		Metadata: metadataOf(tb, `{"id":9223372036854775807,"n":1.0,"e":1e2,"z":-0,"s":"a\u0041\/\r\n<&>\"","o":{"z":null,"a":[1,{"b":2.50}]},"":1,"k.\"=& <":true,"a\tb":"\u2028"}`),
	}
	delete(s.Metadata, "")
	delete(s.Metadata, "a\tb")
	for i := range 64 {
		s.Groups = append(s.Groups, "group & co. "+strconv.Itoa(i))
	}
	for i := range 8 {
		s.Accounts = append(s.Accounts, enduser.Account{Type: `oidc:a\b`, ID: "x:y\\" + strconv.Itoa(i)}, enduser.Account{Type: `\`, ID: `\:` + strconv.Itoa(i)})
	}
	return s
}

// A form that is sent as it is writes nothing, whatever the user has.
func TestEditNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	for what, spec := range map[string]enduser.Spec{
		"awkward": awkward(t), "empty": {ExternalID: "e"}, "provisional": {ExternalID: "p", ExpiresIn: enduser.ProvisionalTTL},
		"system": {ExternalID: "s", SystemProperties: metadataOf(t, `{"x":1}`)},
	} {
		u := d.add(spec)
		page := d.get("users/" + u.ID + "/edit").want(http.StatusOK)
		d.post("users/"+u.ID+"/edit", page.form()).wantTo("../../users/" + u.ID + "?done=unchanged")
		if got := d.user(u.ID); !got.Equal(u) || got.Version != u.Version {
			t.Errorf("%s: changed:\n%s", what, cmp.Diff(u, got))
		}
	}
}

// What was changed is written, and nothing else.
func TestEditOneField(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(awkward(t))
	for _, tt := range []struct{ field, value, changed string }{
		{"external_id", "other", "external_id"},
		{"name", "<b>Ann</b>", "name"},
		{"first_name", "", "first_name"},
		{"last_name", "Ünal", "last_name"},
		{"email", "ann@example.com", "email"},
		{"avatar", "", "avatar"},
		{"language", "de", "language"},
		{"linked_accounts", "\r\na\\:b:1:2\r\n\r\nc:\\", "linked_accounts"},
		{"groups", "x\r\n\r\ny\r\n", "groups"},
		{"metadata", `{"id":9223372036854775807,"n":1.0,"e":1e2,"z":-0,"s":null,` + "\r\n" + `"o":{"z":null,"a":[1,{"b":2.50}]},"k.\"=& <":true}`, "metadata.s"},
		{"metadata", `{"id":9223372036854775806,"n":1.0,"e":1e2,"z":-0,"o":{"z":null,"a":[1,{"b":2.50}]},"k.\"=& <":true}`, "metadata.id"},
		{"metadata", `{"id":9223372036854775806,"n":1.00,"e":1e2,"z":-0,"o":{"z":null,"a":[1,{"b":2.50}]},"k.\"=& <":true}`, "metadata.n"},
	} {
		form := d.get("users/" + u.ID + "/edit").form()
		form.Set(tt.field, tt.value)
		d.post("users/"+u.ID+"/edit", form).wantTo("../../users/" + u.ID + "?done=saved")
		feed := must(d.acme.Changes(t.Context(), enduser.ChangeQuery{Desc: true, Limit: 1}))(t).Changes[0]
		if diff := cmp.Diff([]string{tt.changed}, feed.Fields); diff != "" || feed.Actor != "ann" {
			t.Errorf("%s: by %s\n%s", tt.field, feed.Actor, diff)
		}
	}
	got := d.user(u.ID)
	want := u.Clone()
	want.ExternalID, want.Name, want.FirstName, want.LastName, want.Email = "other", "<b>Ann</b>", "", "Ünal", "ann@example.com"
	want.Avatar, want.Language, want.Groups = "", "de", []string{"x", "y"}
	want.Accounts = []enduser.Account{{Type: "a:b", ID: "1:2"}, {Type: "c", ID: `\`}}
	delete(want.Metadata, "s")
	want.Metadata["id"], want.Metadata["n"] = enduser.Int(9223372036854775806), must(enduser.JSON("1.00"))(t)
	want.Version, want.Revision, want.UpdatedBy, want.UpdatedAt = got.Version, got.Revision, got.UpdatedBy, got.UpdatedAt
	if !got.Equal(want) {
		t.Errorf("the user:\n%s", cmp.Diff(want, got))
	}
	d.post("users/"+u.ID+"/edit", cleared(d, u.ID)).wantTo("../../users/" + u.ID + "?done=saved")
}

// cleared returns the form of a user with all fields empty.
func cleared(d *desk, id string) url.Values {
	form := d.get("users/" + id + "/edit").form()
	for name := range form {
		if name != "version" && !strings.HasPrefix(name, "was.") {
			form.Set(name, "")
		}
	}
	return form
}

// What is not valid is said at its field, all of it at once, and nothing that was typed is lost.
func TestEditInvalid(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.policy = &enduser.Policy{MaxName: 10, MaxGroups: 2, AccountTypes: []string{"slack", "irc"}}
	u := d.add(enduser.Spec{ExternalID: "a", Metadata: enduser.Metadata{"k": enduser.Int(1)}})
	form := d.get("users/"+u.ID+"/edit").want(http.StatusOK, "At most 10 characters.", "At most 2 groups.", "Types: slack, irc.").form()
	for field, value := range map[string]string{
		"external_id": "un\x00defined", "name": "much too long a name", "first_name": "<i>\x7f", "last_name": "a\tb",
		"email": "<b>@", "avatar": "javascript:alert(1)", "language": "!", "linked_accounts": "slack:1\r\ndiscord\r\nirc:",
		"groups": "a\r\nb\r\nc", "metadata": `{"k": 1,, "<b>": 2}`,
	} {
		form.Set(field, value)
	}
	s := d.post("users/"+u.ID+"/edit", form).want(http.StatusBadRequest, "This was not saved",
		"must not contain control, invisible, unassigned or compatibility characters", "must have at most 10 characters", "must not contain control characters",
		"must be an e-mail address", "must be an absolute http or https URL", "must be a well-formed language tag",
		"line 2 must be type:id", "line 3: id must not be empty", "must be at most 2", "is not acceptable JSON").
		holds("much too long a name", "slack:1\ndiscord\nirc:", "a\nb\nc", `{"k": 1,, "<b>": 2}`, "javascript:alert(1)")
	for _, field := range []string{"external_id", "name", "first_name", "last_name", "email", "avatar", "language", "linked_accounts", "groups", "metadata"} {
		s.has(`<a href="#field-`+field+`">`, `<p class="error" id="field-`+field+`-error">`)
	}
	s.lacks("<i>", "<b>")
	again := s.form()
	for field := range form {
		if got, want := again.Get(field), strings.ReplaceAll(form.Get(field), "\x00", "\ufffd"); got != want {
			t.Errorf("%s was %q, is %q", field, want, got)
		}
	}
	if got := d.user(u.ID); got.Version != u.Version {
		t.Error("something was written")
	}
}

// What somebody else has is said at its field, with the way to them if they may be seen.
func TestEditTaken(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	d.policy = &enduser.Policy{UniqueEmail: true}
	holder := d.add(enduser.Spec{ExternalID: "taken", Email: "a@example.com", Accounts: []enduser.Account{{Type: "irc", ID: "a"}}})
	u := d.add(enduser.Spec{ExternalID: "mine"})
	for field, value := range map[string]string{
		"external_id": "TAKEN", "email": "A@example.com", "linked_accounts": "irc:a",
	} {
		form := d.get("users/" + u.ID + "/edit").form()
		form.Set(field, value)
		form.Set("name", "typed before")
		s := d.post("users/"+u.ID+"/edit", form).want(http.StatusConflict, "belongs to another user").holds("typed before")
		s.has(`id="field-`+field+`-error"`, `href="../../users/`+holder.ID+`"`)
	}
	if got := d.user(u.ID); got.Version != u.Version {
		t.Error("something was written")
	}
}

// If it is not known whether a form was saved, sending it again saves it once.
func TestEditUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, happens := range []bool{true, false} {
		f := &faultstore.Store{Store: memory.New(nil)}
		d := newDesk(t, f, nil)
		u := d.add(enduser.Spec{ExternalID: "a", Groups: []string{"x"}})
		form := d.get("users/" + u.ID + "/edit").form()
		form.Set("name", "Ann")
		form.Set("groups", "x\r\ny")
		if happens {
			f.Lost.Store(true)
		} else {
			f.OnApply = func(int64, []store.Op) error { return store.ErrUnknown }
		}
		s := d.post("users/"+u.ID+"/edit", form).want(http.StatusServiceUnavailable, "It is not known whether this was saved").holds("Ann", "x\ny")
		f.Lost.Store(false)
		f.OnApply = nil
		again := d.post("users/"+u.ID+"/edit", s.form())
		if want := map[bool]string{true: "unchanged", false: "saved"}[happens]; again.Status != http.StatusSeeOther || !strings.HasSuffix(again.Location, want) {
			t.Errorf("again: status %d to %s, want %s", again.Status, again.Location, want)
		}
		got := d.user(u.ID)
		if n := len(must(d.acme.Changes(t.Context(), enduser.ChangeQuery{}))(t).Changes); got.Name != "Ann" || len(got.Groups) != 2 || n != 2 {
			t.Errorf("name %q, groups %q, after %d changes", got.Name, got.Groups, n)
		}
	}
}

// A store that cannot be used loses nothing that was typed.
func TestEditUnavailable(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, f, nil)
	u := d.add(enduser.Spec{ExternalID: "a"})
	form := d.get("users/" + u.ID + "/edit").form()
	form.Set("name", "typed before")
	f.OnApply = func(int64, []store.Op) error { return store.ErrUnavailable }
	d.post("users/"+u.ID+"/edit", form).want(http.StatusServiceUnavailable, "The store cannot be used now. Nothing was written.").holds("typed before")
	f.Fail(store.ErrUnavailable)
	s := d.post("users/"+u.ID+"/edit", form).want(http.StatusServiceUnavailable, "The store cannot be used now. Nothing was written.").holds("typed before")
	f.Fail(nil)
	f.OnApply = nil
	d.post("users/"+u.ID+"/edit", s.form()).wantTo("../../users/" + u.ID + "?done=saved")
}

// Metadata that is too large for a form is not part of it, and stays.
func TestEditLargeMetadata(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, f, nil)
	d.policy = &enduser.Policy{MaxMetadataBytes: 256 << 10}
	large := enduser.Metadata{"a": enduser.String(strings.Repeat(`"<`, 64<<10)), "k": enduser.Int(1)}
	u := d.add(enduser.Spec{ExternalID: "a", Metadata: large})
	path := "users/" + u.ID + "/edit"
	page := d.get(path).want(http.StatusOK, "The metadata is too large for a form.")
	if len(page.HTML) > 100<<10 {
		t.Errorf("a page of %d bytes", len(page.HTML))
	}
	form := page.form()
	form.Set("language", "!")
	page = d.post(path, form).want(http.StatusBadRequest, "The metadata is too large for a form.")
	f.Fail(store.ErrUnavailable)
	page = d.post(path, page.form()).want(http.StatusServiceUnavailable, "The metadata is too large for a form.")
	f.Fail(nil)
	form = page.form()
	form.Set("language", "de")
	d.edit(u.ID, func(e *enduser.Edit) { e.Metadata["k"] = enduser.Int(2) })
	d.post(path, form).wantTo("../../users/" + u.ID + "?done=saved")
	got := d.user(u.ID)
	if got.Language != "de" || got.Metadata["a"] != large["a"] || got.Metadata["k"] != enduser.Int(2) {
		t.Errorf("language %q, metadata k %v", got.Language, got.Metadata["k"])
	}
}

// A form that is not one of the console's writes nothing.
func TestEditMalformed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, memory.New(nil), nil)
	u := d.add(enduser.Spec{ExternalID: "a", Name: "Ann"})
	page := d.get("users/" + u.ID + "/edit")
	whole := page.form()
	for name := range whole {
		form := cleared(d, u.ID)
		form.Del(name)
		d.post("users/"+u.ID+"/edit", form).want(http.StatusBadRequest)
		form[name] = []string{"b", "c"}
		d.post("users/"+u.ID+"/edit", form).want(http.StatusBadRequest)
	}
	for _, body := range map[string]string{
		"nothing": "", "bytes": strings.Replace(whole.Encode(), "name=Ann", "name=%ff", 1), "broken escape": whole.Encode() + "&a=%zz", "semicolons": whole.Encode() + ";a", "a version of nothing": strings.Replace(whole.Encode(), "version=A", "version=B", 1),
		"a choice of nothing": whole.Encode() + "&keep.name=ours", "two choices": whole.Encode() + "&keep.name=mine&keep.name=theirs",
	} {
		d.send(http.MethodPost, "users/"+u.ID+"/edit", body).want(http.StatusBadRequest)
	}
	whole.Set("name", strings.Repeat("x", 1<<20))
	d.post("users/"+u.ID+"/edit", whole).want(http.StatusRequestEntityTooLarge)
	if got := d.user(u.ID); got.Version != u.Version {
		t.Error("something was written")
	}
}
