package ada_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// families are the handlers of one server, each below its own prefix.
type families struct{ *http.ServeMux }

func newFamilies(t *testing.T, w *apitest.World) families {
	t.Helper()
	f := families{http.NewServeMux()}
	mount := func(prefix string, h http.Handler, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		f.Handle(prefix+"/", http.StripPrefix(prefix, h))
	}
	h, err := magickmind.New(w.Users, w.Auth, nil)
	mount("/magickmind", h, err)
	h, err = sensay.New(w.Users, w.Auth, nil)
	mount("/sensay", h, err)
	h, err = httpapi.New(w.Users, w.Auth, nil)
	mount("/native", h, err)
	mount("/ada", newHandler(t, w.Users, w.Auth, nil), nil)
	return f
}

// send sends "POST /ada/…" with acme's credential, acting as a user of Sensay's if that is
// not empty, checks the status and returns the members of the answer.
func (f families) send(t *testing.T, request, acting, body string, status int) members {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+apitest.Acme)
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/sensay") {
		r.Header.Del("Authorization")
		r.Header.Set("X-Organization-Secret", apitest.Acme)
		if acting != "" {
			r.Header.Set("X-User-Id", acting)
		}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code != status {
		t.Fatalf("%s: got %d, want %d: %s", request, w.Code, status, w.Body)
	}
	m := members{}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v in %s", request, err, w.Body)
		}
	}
	return m
}

type members map[string]any

// text returns a member that is a string; "" if it is absent or null.
func (m members) text(name string) string {
	s, _ := m[name].(string)
	return s
}

// view is what all families know of a user.
type view struct{ ID, ExternalID, Name, Email string }

// shows checks what each family shows of a user. Sensay's ID is the external one, if there
// is one, and MagickMind has no e-mail address.
func (f families) shows(t *testing.T, when string, want view) {
	t.Helper()
	got := make(map[string]view)
	u := f.send(t, "GET /magickmind/v1/end-users/"+want.ID, "", "", 200)
	got["magickmind"] = view{u.text("id"), u.text("external_id"), u.text("name"), want.Email}
	u = f.send(t, "GET /native/v1/end-users/"+want.ID, "", "", 200)
	got["native"] = view{u.text("id"), u.text("external_id"), u.text("name"), u.text("email")}

	sensayID := want.ExternalID
	if sensayID == "" {
		sensayID = want.ID
	}
	for _, path := range []string{"me", url.PathEscape(sensayID)} {
		u = f.send(t, "GET /sensay/v1/users/"+path, sensayID, "", 200)
		got["sensay's "+path] = view{want.ID, want.ExternalID, u.text("name"), u.text("email")}
		if u.text("id") != sensayID {
			t.Errorf("%s: sensay's id is %q, want %q", when, u.text("id"), sensayID)
		}
	}
	paths := []string{want.ID}
	if want.ExternalID != "" && len([]rune(want.ExternalID)) <= 36 {
		paths = append(paths, "?external_id="+url.QueryEscape(want.ExternalID))
	}
	for _, path := range paths {
		u = f.send(t, "GET /ada/api/v2/end-users/"+path, "", "", 200)
		p, _ := u["profile"].(map[string]any)
		got["ada's "+path] = view{u.text("end_user_id"), u.text("external_id"), members(p).text("display_name"), members(p).text("email")}
	}
	for name, v := range got {
		if diff := cmp.Diff(want, v); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", when, name, diff)
		}
	}
}

// gone checks that no family knows a user.
func (f families) gone(t *testing.T, id string) {
	t.Helper()
	for _, path := range []string{"/magickmind/v1/end-users/", "/ada/api/v2/end-users/", "/native/v1/end-users/", "/sensay/v1/users/"} {
		f.send(t, "GET "+path+id, "", "", 404)
	}
	f.send(t, "GET /sensay/v1/users/me", id, "", 401)
}

// TestFamiliesShareUsers: a user is the same in every family, whichever wrote it last.
func TestFamiliesShareUsers(t *testing.T) {
	t.Parallel()
	apitest.Embedded(t, func(t *testing.T, st store.Store) {
		w := apitest.NewWorld(t, st)
		f := newFamilies(t, w)
		made := f.send(t, "POST /magickmind/v1/end-users", "", `{"name":"Zoë 北京","external_id":"Crm-Ü/7"}`, 201)
		u := view{ID: made.text("id"), ExternalID: "Crm-Ü/7", Name: "Zoë 北京"}
		w.Clock.Advance(25 * time.Hour) // only what Ada's POST makes expires
		f.shows(t, "made by magickmind", u)
		long := strings.Repeat("ä", 255)
		for _, step := range []struct {
			request, acting, body   string
			externalID, name, email string
		}{
			{"PATCH /ada/api/v2/end-users/" + u.ID, "", `{"profile":{"display_name":"Ada's Ω","email":"Zoe@example.com"}}`, "Crm-Ü/7", "Ada's Ω", "Zoe@example.com"},
			{"PUT /sensay/v1/users/me", "crm-ü/7", `{"id":"Crm-8","name":"Jane Doe","email":"jane@example.com"}`, "Crm-8", "Jane Doe", "jane@example.com"},
			{"PATCH /ada/api/v2/end-users/" + u.ID, "", `{"external_id":null,"profile":{"display_name":null}}`, "", "", "jane@example.com"},
			{"PUT /magickmind/v1/end-users/" + u.ID, "", `{"name":"Roy","external_id":"` + long + `"}`, long, "Roy", "jane@example.com"},
			// What a family keeps need not be within its own limits.
			{"PATCH /ada/api/v2/end-users/" + u.ID, "", `{"profile":{"first_name":"R"}}`, long, "Roy", "jane@example.com"},
			{"PATCH /ada/api/v2/end-users/" + u.ID, "", `{"external_id":"crm-9","profile":{"display_name":"Zoë 北京"}}`, "crm-9", "Zoë 北京", "jane@example.com"},
			{"PUT /sensay/v1/users/me", "crm-9", `{"id":"crm-9","email":"zoe@example.com"}`, "crm-9", "Zoë 北京", "zoe@example.com"},
		} {
			f.send(t, step.request, step.acting, step.body, 200)
			f.shows(t, step.request+" "+step.body, view{u.ID, step.externalID, step.name, step.email})
		}

		// What is taken in one family is taken in all. Ada and the native routes return the
		// holder.
		f.send(t, "POST /magickmind/v1/end-users", "", `{"name":"A","external_id":"CRM-9"}`, 409)
		f.send(t, "POST /sensay/v1/users", "", `{"id":"CRM-9"}`, 409)
		f.send(t, "POST /sensay/v1/users", "", `{"email":"ZOE@example.com"}`, 409)
		again := f.send(t, "POST /ada/api/v2/end-users/", "", `{"external_id":"CRM-9"}`, 200)
		natively := f.send(t, "POST /native/v1/end-users", "", `{"external_id":"CRM-9"}`, 200)
		if again.text("end_user_id") != u.ID || natively.text("id") != u.ID {
			t.Errorf("the holder is %v and %v", again, natively)
		}
		f.send(t, "DELETE /sensay/v1/users/me", "crm-9", "", 204)
		f.gone(t, u.ID)

		kept := view{ID: f.send(t, "POST /ada/api/v2/end-users/", "", `{"profile":{"display_name":"A"}}`, 201).text("end_user_id"), Name: "A"}
		f.shows(t, "made by ada", kept)
		f.send(t, "POST /sensay/v1/users", "", `{"id":"`+kept.ID+`"}`, 409) // keeps it: its client takes that for a success
		expired := f.send(t, "POST /ada/api/v2/end-users/", "", `{"external_id":"later"}`, 201).text("end_user_id")
		w.Clock.Advance(24 * time.Hour)
		f.gone(t, expired)
		f.shows(t, "a day later", kept)
		f.send(t, "DELETE /magickmind/v1/end-users/"+kept.ID, "", "", 204)
		f.gone(t, kept.ID)

		f.send(t, "POST /sensay/v1/users", "", `{"name":"John Doe","email":"user@example.com","id":"johndoe"}`, 200)
		data, _ := f.send(t, "GET /magickmind/v1/end-users?external_id=JohnDoe", "", "", 200)["data"].([]any)
		if len(data) != 1 {
			t.Fatalf("made by sensay, found as %v", data)
		}
		found, _ := data[0].(map[string]any)
		f.shows(t, "made by sensay", view{members(found).text("id"), "johndoe", "John Doe", "user@example.com"})
	})
}
