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
	d := visit(t, memory.New(nil))
	for what, spec := range map[string]enduser.Spec{
		"awkward": awkward(t), "empty": {ExternalID: "e"}, "provisional": {ExternalID: "p", ExpiresIn: enduser.ProvisionalTTL},
		"system": {ExternalID: "s", SystemProperties: metadataOf(t, `{"x":1}`)},
	} {
		u := must(d.acme.Create(t.Context(), spec))(t)
		page := d.get("/users/" + u.ID + "/edit")
		d.want(what, page, http.StatusOK)
		d.wantTo(what, d.post("/users/"+u.ID+"/edit", page.form()), "../../users/"+u.ID+"?done=unchanged")
		if got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t); !got.Equal(u) || got.Version != u.Version {
			t.Errorf("%s: changed:\n%s", what, cmp.Diff(u, got))
		}
	}
}

// What was changed is written, and nothing else.
func TestEditOneField(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	u := must(d.acme.Create(t.Context(), awkward(t)))(t)
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
		page := d.get("/users/" + u.ID + "/edit")
		form := page.form()
		form.Set(tt.field, tt.value)
		d.wantTo(tt.field, d.post("/users/"+u.ID+"/edit", form), "../../users/"+u.ID+"?done=saved")
		feed := must(d.acme.Changes(t.Context(), enduser.ChangeQuery{Desc: true, Limit: 1}))(t).Changes[0]
		if diff := cmp.Diff([]string{tt.changed}, feed.Fields); diff != "" || feed.Actor != "ann" {
			t.Errorf("%s: by %s\n%s", tt.field, feed.Actor, diff)
		}
	}
	got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t)
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
	d.wantTo("everything cleared", d.post("/users/"+u.ID+"/edit", cleared(d, u.ID)), "../../users/"+u.ID+"?done=saved")
}

// cleared returns the form of a user with all fields empty.
func cleared(d *visitor, id string) url.Values {
	page := d.get("/users/" + id + "/edit")
	form := page.form()
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
	d := visit(t, memory.New(nil))
	d.policy = &enduser.Policy{MaxName: 10, MaxGroups: 2, AccountTypes: []string{"slack", "irc"}}
	u := must(d.acme.Create(t.Context(), enduser.Spec{ExternalID: "a", Metadata: enduser.Metadata{"k": enduser.Int(1)}}))(t)
	page := d.get("/users/" + u.ID + "/edit")
	d.want("hints", page, http.StatusOK, "At most 10 characters.", "At most 2 groups.", "Types: slack, irc.")
	form := page.form()
	for field, value := range map[string]string{
		"external_id": "un\x00defined", "name": "much too long a name", "first_name": "<i>\x7f", "last_name": "a\tb",
		"email": "<b>@", "avatar": "javascript:alert(1)", "language": "!", "linked_accounts": "slack:1\r\ndiscord\r\nirc:",
		"groups": "a\r\nb\r\nc", "metadata": `{"k": 1,, "<b>": 2}`,
	} {
		form.Set(field, value)
	}
	s := d.post("/users/"+u.ID+"/edit", form)
	d.want("invalid", s, http.StatusBadRequest, "This was not saved",
		"must not contain control, invisible, unassigned or compatibility characters", "must have at most 10 characters", "must not contain control characters",
		"must be an e-mail address", "must be an absolute http or https URL",
		"must be a well-formed language tag", "line 2 must be type:id", "line 3: id must not be empty", "must be at most 2", "is not acceptable JSON",
		"much too long a name", "slack:1\ndiscord\nirc:", "a\nb\nc", `{"k": 1,, "<b>": 2}`, "javascript:alert(1)")
	for _, field := range []string{"external_id", "name", "first_name", "last_name", "email", "avatar", "language", "linked_accounts", "groups", "metadata"} {
		if !strings.Contains(s.body, `<a href="#field-`+field+`">`) || !strings.Contains(s.body, `<p class="error" id="field-`+field+`-error">`) {
			t.Errorf("%s: is not listed with a link, or has no error beside it", field)
		}
	}
	if strings.Contains(s.body, "<i>") || strings.Contains(s.body, "<b>") {
		t.Error("what was typed is markup")
	}
	again := s.form()
	for field := range form {
		if got, want := again.Get(field), strings.ReplaceAll(form.Get(field), "\x00", "\ufffd"); got != want {
			t.Errorf("%s was %q, is %q", field, want, got)
		}
	}
	if got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t); got.Version != u.Version {
		t.Error("something was written")
	}
}

// What somebody else has is said at its field, with the way to them if they may be seen.
func TestEditTaken(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	d.policy = &enduser.Policy{UniqueEmail: true}
	holder := must(d.acme.Create(t.Context(), enduser.Spec{ExternalID: "taken", Email: "a@example.com", Accounts: []enduser.Account{{Type: "irc", ID: "a"}}}))(t)
	u := must(d.acme.Create(t.Context(), enduser.Spec{ExternalID: "mine"}))(t)
	for field, value := range map[string]string{
		"external_id": "TAKEN", "email": "A@example.com", "linked_accounts": "irc:a",
	} {
		page := d.get("/users/" + u.ID + "/edit")
		form := page.form()
		form.Set(field, value)
		form.Set("name", "typed before")
		s := d.post("/users/"+u.ID+"/edit", form)
		d.want(field, s, http.StatusConflict, "belongs to another user", "typed before")
		if !strings.Contains(s.body, `id="field-`+field+`-error"`) || !strings.Contains(s.body, `href="../../users/`+holder.ID+`"`) {
			t.Errorf("%s: no error at the field, or no way to the holder", field)
		}
	}
	if got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t); got.Version != u.Version {
		t.Error("something was written")
	}
}

// If it is not known whether a form was saved, sending it again saves it once.
func TestEditUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, happens := range []bool{true, false} {
		f := &faultstore.Store{Store: memory.New(nil)}
		d := visit(t, f)
		u := must(d.acme.Create(t.Context(), enduser.Spec{ExternalID: "a", Groups: []string{"x"}}))(t)
		page := d.get("/users/" + u.ID + "/edit")
		form := page.form()
		form.Set("name", "Ann")
		form.Set("groups", "x\r\ny")
		if happens {
			f.Lost.Store(true)
		} else {
			f.OnApply = func(int64, []store.Op) error { return store.ErrUnknown }
		}
		s := d.post("/users/"+u.ID+"/edit", form)
		d.want("unknown", s, http.StatusServiceUnavailable, "It is not known whether this was saved", "Ann", "x\ny")
		f.Lost.Store(false)
		f.OnApply = nil
		again := d.post("/users/"+u.ID+"/edit", s.form())
		if want := map[bool]string{true: "unchanged", false: "saved"}[happens]; again.status != http.StatusSeeOther || !strings.HasSuffix(again.to, want) {
			t.Errorf("again: status %d to %s, want %s", again.status, again.to, want)
		}
		got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t)
		if n := len(must(d.acme.Changes(t.Context(), enduser.ChangeQuery{}))(t).Changes); got.Name != "Ann" || len(got.Groups) != 2 || n != 2 {
			t.Errorf("name %q, groups %q, after %d changes", got.Name, got.Groups, n)
		}
	}
}

// A store that cannot be used loses nothing that was typed.
func TestEditUnavailable(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := visit(t, f)
	u := must(d.acme.Create(t.Context(), enduser.Spec{ExternalID: "a"}))(t)
	page := d.get("/users/" + u.ID + "/edit")
	form := page.form()
	form.Set("name", "typed before")
	f.OnApply = func(int64, []store.Op) error { return store.ErrUnavailable }
	s := d.post("/users/"+u.ID+"/edit", form)
	d.want("no write", s, http.StatusServiceUnavailable, "The store cannot be used now. Nothing was written.", "typed before")
	f.Fail(store.ErrUnavailable)
	s = d.post("/users/"+u.ID+"/edit", form)
	d.want("no read", s, http.StatusServiceUnavailable, "The store cannot be used now. Nothing was written.", "typed before")
	f.Fail(nil)
	f.OnApply = nil
	d.wantTo("later", d.post("/users/"+u.ID+"/edit", s.form()), "../../users/"+u.ID+"?done=saved")
}

// Metadata that is too large for a form is not part of it, and stays.
func TestEditLargeMetadata(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	d := visit(t, f)
	d.policy = &enduser.Policy{MaxMetadataBytes: 256 << 10}
	large := enduser.Metadata{"a": enduser.String(strings.Repeat(`"<`, 64<<10)), "k": enduser.Int(1)}
	u := d.add(t, enduser.Spec{ExternalID: "a", Metadata: large})
	path := "/users/" + u.ID + "/edit"
	page := d.get(path)
	d.want("form", page, http.StatusOK, "The metadata is too large for a form.")
	if len(page.body) > 100<<10 {
		t.Errorf("a page of %d bytes", len(page.body))
	}
	form := page.form()
	form.Set("language", "!")
	page = d.post(path, form)
	d.want("invalid", page, http.StatusBadRequest, "The metadata is too large for a form.")
	f.Fail(store.ErrUnavailable)
	page = d.post(path, page.form())
	d.want("unavailable", page, http.StatusServiceUnavailable, "The metadata is too large for a form.")
	f.Fail(nil)
	form = page.form()
	form.Set("language", "de")
	d.editMeanwhile(u.ID, func(e *enduser.Edit) { e.Metadata["k"] = enduser.Int(2) })
	d.wantTo("saved", d.post(path, form), "../../users/"+u.ID+"?done=saved")
	got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t)
	if got.Language != "de" || got.Metadata["a"] != large["a"] || got.Metadata["k"] != enduser.Int(2) {
		t.Errorf("language %q, metadata k %v", got.Language, got.Metadata["k"])
	}
}

// A form that is not one of the console's writes nothing.
func TestEditMalformed(t *testing.T) {
	t.Parallel()
	d := visit(t, memory.New(nil))
	u := must(d.acme.Create(t.Context(), enduser.Spec{ExternalID: "a", Name: "Ann"}))(t)
	page := d.get("/users/" + u.ID + "/edit")
	whole := page.form()
	for name := range whole {
		form := cleared(d, u.ID)
		form.Del(name)
		d.want("without "+name, d.post("/users/"+u.ID+"/edit", form), http.StatusBadRequest)
		form[name] = []string{"b", "c"}
		d.want("twice "+name, d.post("/users/"+u.ID+"/edit", form), http.StatusBadRequest)
	}
	for what, body := range map[string]string{
		"nothing": "", "bytes": strings.Replace(whole.Encode(), "name=Ann", "name=%ff", 1), "broken escape": whole.Encode() + "&a=%zz", "semicolons": whole.Encode() + ";a", "a version of nothing": strings.Replace(whole.Encode(), "version=A", "version=B", 1),
		"a choice of nothing": whole.Encode() + "&keep.name=ours", "two choices": whole.Encode() + "&keep.name=mine&keep.name=theirs",
	} {
		d.want(what, d.send(http.MethodPost, "/users/"+u.ID+"/edit", body), http.StatusBadRequest)
	}
	whole.Set("name", strings.Repeat("x", 1<<20))
	d.want("too large", d.post("/users/"+u.ID+"/edit", whole), http.StatusRequestEntityTooLarge)
	if got := must(d.acme.Get(t.Context(), enduser.ByID(u.ID)))(t); got.Version != u.Version {
		t.Error("something was written")
	}
}
