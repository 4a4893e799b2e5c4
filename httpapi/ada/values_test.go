package ada_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
)

// apply changes a user as a body does, and returns it as it is to be shown.
func (u user) apply(t *testing.T, body string, at time.Time) user {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &u); err != nil {
		t.Fatal(err)
	}
	if len(u.Profile.Metadata) == 0 || string(u.Profile.Metadata) == "null" {
		u.Profile.Metadata = json.RawMessage(`{}`)
	}
	u.Profile.SystemProperties = json.RawMessage(`{"sunshine_user_id":null}`)
	u.UpdatedAt = at.Format("2006-01-02T15:04:05+00:00")
	return u
}

// shows checks that every route that reads shows a user in the same way.
func (s *server) shows(t *testing.T, want user) {
	t.Helper()
	got := map[string]user{}
	for _, path := range []string{users + want.ID, users + want.ID + "/"} {
		got[path] = s.do(t, "GET", path, "").want(t, 200).user(t)
	}
	for _, u := range s.list(t, users+"?limit=100").Data {
		if u.ID == want.ID {
			got["the list"] = u
		}
	}
	if _, ok := got["the list"]; !ok {
		t.Errorf("the list lacks %s", want.ID)
	}
	if want.ExternalID != nil {
		for _, id := range []string{*want.ExternalID, strings.ToUpper(*want.ExternalID), strings.ToLower(*want.ExternalID)} {
			got["look-up of "+id] = s.do(t, "GET", users+"?"+url.Values{"external_id": {id}}.Encode(), "").want(t, 200).user(t)
			body, err := json.Marshal(map[string]any{"external_id": id, "profile": map[string]string{"first_name": "not applied"}})
			if err != nil {
				t.Fatal(err)
			}
			got["POST of "+id] = s.do(t, "POST", users, string(body)).want(t, 200).user(t)
		}
	}
	for from, u := range got {
		if diff := cmp.Diff(want, u); diff != "" {
			t.Errorf("%s (-want +got):\n%s", from, diff)
		}
	}
}

// TestValuesComeBack: every route that reads shows what was sent in any member, and a
// PATCH changes what it has and nothing else.
func TestValuesComeBack(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		const all = `{"external_id":"crm-7","profile":{"first_name":"Zoë","last_name":"Ωmega 北京","display_name":"Zoë \"\\/ <b> 🧑",` +
			`"avatar":"https://example.com/ada.png?a=b&c=1","email":"Ada.Lovelace+tag@ada.cx","language":"pt-BR","metadata":` +
			`{"beyond floats":9007199254740993,"empty":"","max":9223372036854775807,"min":-9223372036854775808,"no":false,"zero":0,"Ω ключ":"Zoë 🧑"}}}`
		var want user
		for _, body := range []string{
			`{"external_id":"+1 555 0100 Ünï/北京?a=b&c#%20"}`,
			`{"external_id":"` + strings.Repeat("ä", 36) + `","profile":{"metadata":null,"sensitive_metadata":null}}`,
			all,
		} {
			got := s.create(t, body)
			want = user{ID: got.ID, CreatedAt: got.CreatedAt}.apply(t, body, s.Clock.Now())
			if len(got.ID) != 24 || strings.Trim(got.ID, "0123456789abcdef") != "" || got.CreatedAt != want.UpdatedAt {
				t.Errorf("made as %+v", got)
			}
			s.shows(t, want)
			s.Clock.Advance(time.Minute)
		}
		patch := func(body string) {
			t.Helper()
			s.Clock.Advance(time.Minute)
			want = want.apply(t, body, s.Clock.Now())
			if diff := cmp.Diff(want, s.do(t, "PATCH", users+want.ID, body).want(t, 200).user(t)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", body, diff)
			}
			s.Clock.Advance(time.Minute)
			s.do(t, "PATCH", users+want.ID, body).want(t, 200) // again, which changes nothing
			s.do(t, "PATCH", users+want.ID, `{"profile":{}}`).want(t, 200)
			s.shows(t, want)
		}
		for name, text := range map[string]string{
			"first_name": "Ann 北京", "last_name": "Lee", "display_name": "Ann Ωmega", "avatar": "http://example.com/a.png",
			"email": "Zoe@example.com", "language": "zh-Hant-TW",
		} {
			patch(inProfile(`"` + name + `":"` + text + `"`))
			patch(inProfile(`"` + name + `":null`))
		}
		patch(inProfile(`"metadata":null`))
		patch(inProfile(`"metadata":{"max":9223372036854775807}`))
		_, err := s.Users.Tenant("acme").Update(t.Context(), enduser.ByID(want.ID), func(e *enduser.Edit) error {
			e.SystemProperties = enduser.Metadata{"sunshine_user_id": enduser.String("5f7e0e2c")}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want.Profile.SystemProperties = json.RawMessage(`{"sunshine_user_id":"5f7e0e2c"}`) // by the host's own program
		want.UpdatedAt = s.Clock.Now().Format("2006-01-02T15:04:05+00:00")
		s.shows(t, want)
	})
}

// TestPostWithoutID: nothing else identifies a user, so each POST makes one.
func TestPostWithoutID(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const body = `{"profile":{"first_name":"Ann","email":"ann@example.com"}}`
	if a, b := s.create(t, body), s.create(t, body); a.ID == b.ID {
		t.Error("the second is the first")
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	tags := make(map[string]bool)
	u := s.create(t, `{}`)
	for _, name := range []string{"a", "b", "c"} {
		s.Clock.Advance(300 * time.Millisecond)
		a := s.do(t, "PATCH", users+u.ID, inProfile(`"first_name":"`+name+`"`)).want(t, 200)
		if got := a.user(t); got.CreatedAt != u.CreatedAt || got.UpdatedAt != u.UpdatedAt {
			t.Errorf("created_at %s, updated_at %s", got.CreatedAt, got.UpdatedAt)
		}
		tags[a.Header.Get("ETag")] = true
	}
	if len(tags) != 3 {
		t.Errorf("three changes within one second have the ETags %v", tags)
	}
}
