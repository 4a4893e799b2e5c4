package ada_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// families are the handlers of one server, each at a mount point of its own.
type families struct{ base string }

func newFamilies(t *testing.T, w *apitest.World) families {
	t.Helper()
	mux := http.NewServeMux()
	mount := func(prefix string, h http.Handler, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
	}
	h, err := magickmind.New(w.Users, w.Auth, nil)
	mount("/magickmind", h, err)
	h, err = sensay.New(w.Users, w.Auth, nil)
	mount("/sensay", h, err)
	h, err = ada.New(w.Users, w.Auth, &ada.Options{Options: httpapi.Options{Rates: []httpapi.Rate{}}})
	mount("/ada", h, err)
	h, err = httpapi.New(w.Users, w.Auth, nil)
	mount("/native", h, err)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return families{srv.URL}
}

// ask sends a request with acme's credential in every family's header, acting as a
// user of Sensay's if that is not empty, and returns the status and the body.
func (f families) ask(t *testing.T, method, path, acting, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(path, "/sensay") {
		r.Header.Set("X-Organization-Secret", apitest.Acme)
		if acting != "" {
			r.Header.Set("X-User-Id", acting)
		}
	} else {
		r.Header.Set("Authorization", "Bearer "+apitest.Acme)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatalf("%s %s: %d %v in %s", method, path, resp.StatusCode, err, text)
		}
	}
	return resp.StatusCode, members
}

// do is ask for what has to succeed.
func (f families) do(t *testing.T, method, path, acting, body string) map[string]any {
	t.Helper()
	status, members := f.ask(t, method, path, acting, body)
	if status >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %v", method, path, status, members)
	}
	return members
}

// view is what all families know of a user.
type view struct{ ID, ExternalID, Name, Email string }

// text returns a member that is a string; "" if it is absent or null.
func text(members map[string]any, name string) string {
	s, _ := members[name].(string)
	return s
}

// shows checks what each family shows of a user. None but Sensay, whose ID is the
// external one if there is one, and MagickMind, which has no e-mail, differ.
func (f families) shows(t *testing.T, when string, want view) {
	t.Helper()
	got := make(map[string]view)
	mm := f.do(t, "GET", "/magickmind/v1/end-users/"+want.ID, "", "")
	got["magickmind"] = view{text(mm, "id"), text(mm, "external_id"), text(mm, "name"), want.Email}

	sensayID := want.ExternalID
	if sensayID == "" {
		sensayID = want.ID
	}
	s := f.do(t, "GET", "/sensay/v1/users/"+url.PathEscape(sensayID), "", "")
	me := f.do(t, "GET", "/sensay/v1/users/me", sensayID, "")
	for name, u := range map[string]map[string]any{"sensay": s, "sensay's me": me} {
		if id := text(u, "id"); id != sensayID {
			t.Errorf("%s: %s: id %q, want %q", when, name, id, sensayID)
		}
		got[name] = view{want.ID, want.ExternalID, text(u, "name"), text(u, "email")}
	}

	adas := map[string]string{"ada": "/ada/api/v2/end-users/" + want.ID}
	if want.ExternalID != "" && len([]rune(want.ExternalID)) <= 36 {
		adas["ada by external id"] = "/ada/api/v2/end-users/?external_id=" + url.QueryEscape(want.ExternalID)
	}
	for name, path := range adas {
		u := f.do(t, "GET", path, "", "")
		p, _ := u["profile"].(map[string]any)
		got[name] = view{text(u, "end_user_id"), text(u, "external_id"), text(p, "display_name"), text(p, "email")}
	}

	n := f.do(t, "GET", "/native/v1/end-users/"+want.ID, "", "")
	got["native"] = view{text(n, "id"), text(n, "external_id"), text(n, "name"), text(n, "email")}
	for name, v := range got {
		if diff := cmp.Diff(want, v); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", when, name, diff)
		}
	}
}

// gone checks that no family knows a user.
func (f families) gone(t *testing.T, u view) {
	t.Helper()
	for path, want := range map[string]int{
		"/magickmind/v1/end-users/" + u.ID: 404, "/ada/api/v2/end-users/" + u.ID: 404, "/native/v1/end-users/" + u.ID: 404,
		"/sensay/v1/users/" + u.ID: 404, "/sensay/v1/users/me": 401,
	} {
		acting := ""
		if strings.HasSuffix(path, "/me") {
			acting = u.ID
		}
		if status, _ := f.ask(t, "GET", path, acting, ""); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
}

// TestClientFamilies: one user, and every family's view of it, whichever wrote last.
func TestClientFamilies(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := apitest.NewWorld(t, open(t))
		f := newFamilies(t, w)

		made := f.do(t, "POST", "/magickmind/v1/end-users", "", `{"name":"Zoë 北京","external_id":"Crm-Ü/7"}`)
		u := view{ID: text(made, "id"), ExternalID: "Crm-Ü/7", Name: "Zoë 北京"}
		f.shows(t, "made by magickmind", u)
		w.Clock.Advance(25 * time.Hour) // only who Ada's POST makes expires
		f.shows(t, "a day later", u)

		f.do(t, "PATCH", "/ada/api/v2/end-users/"+u.ID, "", `{"profile":{"display_name":"Ada's Ω","email":"Zoe@example.com"}}`)
		u.Name, u.Email = "Ada's Ω", "Zoe@example.com"
		f.shows(t, "changed by ada", u)
		f.do(t, "PUT", "/sensay/v1/users/me", "crm-ü/7", `{"id":"Crm-8","name":"Jane Doe","email":"jane@example.com"}`)
		u.ExternalID, u.Name, u.Email = "Crm-8", "Jane Doe", "jane@example.com"
		f.shows(t, "changed by sensay", u)
		f.do(t, "PATCH", "/ada/api/v2/end-users/"+u.ID, "", `{"external_id":null,"profile":{"display_name":null}}`)
		u.ExternalID, u.Name = "", ""
		f.shows(t, "cleared by ada", u)
		long := strings.Repeat("ä", 255)
		f.do(t, "PUT", "/magickmind/v1/end-users/"+u.ID, "", `{"name":"Roy","external_id":"`+long+`"}`)
		u.ExternalID, u.Name = long, "Roy"
		f.shows(t, "changed by magickmind", u)
		// what a family keeps need not be within its own limits
		f.do(t, "PATCH", "/ada/api/v2/end-users/"+u.ID, "", `{"profile":{"first_name":"R"}}`)
		f.shows(t, "touched by ada", u)
		f.do(t, "PATCH", "/ada/api/v2/end-users/"+u.ID, "", `{"external_id":"crm-9","profile":{"display_name":"Zoë 北京"}}`)
		u.ExternalID, u.Name = "crm-9", "Zoë 北京"
		f.do(t, "PUT", "/sensay/v1/users/me", "crm-9", `{"id":"crm-9","email":"zoe@example.com"}`)
		u.Email = "zoe@example.com"
		f.shows(t, "a name that sensay could not write", u)

		// what is taken in one family is taken in all; Ada and the native routes return
		// who has it
		for what, send := range map[string][]string{
			"magickmind": {"POST", "/magickmind/v1/end-users", `{"name":"A","external_id":"CRM-9"}`},
			"sensay":     {"POST", "/sensay/v1/users", `{"id":"CRM-9"}`},
			"its e-mail": {"POST", "/sensay/v1/users", `{"email":"ZOE@example.com"}`},
		} {
			if status, body := f.ask(t, send[0], send[1], "", send[2]); status != http.StatusConflict {
				t.Errorf("%s: %d %v", what, status, body)
			}
		}
		if status, again := f.ask(t, "POST", "/ada/api/v2/end-users/", "", `{"external_id":"CRM-9"}`); status != 200 || text(again, "end_user_id") != u.ID {
			t.Errorf("ada: %d %v", status, again)
		}
		if status, again := f.ask(t, "POST", "/native/v1/end-users", "", `{"external_id":"CRM-9"}`); status != 200 || text(again, "id") != u.ID {
			t.Errorf("native: %d %v", status, again)
		}
		f.do(t, "DELETE", "/sensay/v1/users/me", "crm-9", "")
		f.gone(t, u)

		a := f.do(t, "POST", "/ada/api/v2/end-users/", "", `{"profile":{"display_name":"Provisional"}}`)
		p := view{ID: text(a, "end_user_id"), Name: "Provisional"}
		f.shows(t, "made by ada", p)
		if status, body := f.ask(t, "POST", "/sensay/v1/users", "", `{"id":"`+p.ID+`"}`); status != http.StatusConflict {
			t.Errorf("an id that shadows a user: %d %v", status, body)
		}
		a = f.do(t, "POST", "/ada/api/v2/end-users/", "", `{"external_id":"later","profile":{"display_name":"Provisional"}}`)
		q := view{text(a, "end_user_id"), "later", "Provisional", ""}
		f.shows(t, "made by ada", q)
		w.Clock.Advance(24 * time.Hour)
		f.gone(t, q)
		f.shows(t, "kept by a 409, which its client takes for a success", p)
		f.do(t, "DELETE", "/magickmind/v1/end-users/"+p.ID, "", "")
		f.gone(t, p)

		s := f.do(t, "POST", "/sensay/v1/users", "", `{"name":"John Doe","email":"user@example.com","id":"johndoe"}`)
		page := f.do(t, "GET", "/magickmind/v1/end-users?external_id=JohnDoe", "", "")
		data, _ := page["data"].([]any)
		if len(data) != 1 || text(s, "id") != "johndoe" {
			t.Fatalf("made by sensay: %v, found as %v", s, page)
		}
		found, _ := data[0].(map[string]any)
		j := view{text(found, "id"), "johndoe", "John Doe", "user@example.com"}
		f.shows(t, "made by sensay", j)
		f.do(t, "DELETE", "/magickmind/v1/end-users/"+j.ID, "", "")
		f.gone(t, j)
	})
}
