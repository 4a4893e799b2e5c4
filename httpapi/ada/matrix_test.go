package ada_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestOthersUsersAreMissing asks every route for another tenant's, or another
// environment's, user in every place where a request can name one. The answer is
// the one for a user that does not exist, and the victim's users, secrets and feed
// stay as they are.
func TestOthersUsersAreMissing(t *testing.T) {
	t.Parallel()
	for name, attacker := range map[string]string{"tenant": apitest.Other, "environment": apitest.Testing} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBackends(t, func(t *testing.T, s *server) { tryAll(t, s, as(attacker)) })
		})
	}
}

func tryAll(t *testing.T, s *server, attacker option) {
	const secret = `"sensitive_metadata":{"fields":{"token":"s3cret"}}`
	victim := s.create(t, `{"external_id":"CRM-7","profile":{"first_name":"Ann",`+secret+`}}`)
	plain := s.create(t, `{}`) // has its own ID for a place among the external IDs
	s.create(t, `{"external_id":"third"}`)
	etag := s.do(t, "GET", users+victim.ID, "").Header.Get("ETag")
	cursor := cursorOf(t, s.list(t, users+"?limit=1"))
	mine := s.create(t, `{"external_id":"mine"}`, attacker)
	acme := s.untouched(t)

	cells := 0
	equal := func(method, path, none, body string, options ...option) answer {
		t.Helper()
		cells++
		options = append(options, attacker, with("X-Request-Id", "same"))
		noBody := strings.ReplaceAll(strings.ReplaceAll(body, victim.ID, missing), plain.ID, missing)
		got, want := s.do(t, method, path, body, options...), s.do(t, method, none, noBody, options...)
		if got.Status != want.Status || got.Body != want.Body {
			t.Errorf("%s %s %s: got %d %s\nwant %d %s", method, path, body, got.Status, got.Body, want.Status, want.Body)
		}
		if diff := cmp.Diff(want.Header, got.Header); diff != "" {
			t.Errorf("%s %s: headers differ:\n%s", method, path, diff)
		}
		return got
	}
	for _, headers := range [][]option{
		nil,
		{with("If-Match", etag)},
		{with("If-Match", "*")},
		{with("If-Match", `"0"`)},
		{with("If-None-Match", etag)},
		{with("X-Tenant-Id", "acme"), with("X-Forwarded-Host", "acme"), with("X-Environment", "Customer")},
	} {
		for _, u := range []user{victim, plain} {
			for _, slash := range []string{"", "/"} {
				equal("GET", users+u.ID+slash, users+missing+slash, "", headers...).want(t, 404)
				for body, status := range map[string]int{
					`{"profile":{}}`:                              404,
					`{"profile":{"first_name":"x"}}`:              404,
					`{"external_id":null,"profile":{}}`:           404,
					`{"external_id":"crm-7","profile":{}}`:        404,
					`{"external_id":"mine","profile":{}}`:         404,
					`{"profile":{"metadata":null}}`:               404,
					`{"profile":{"sensitive_metadata":null}}`:     404,
					`{"profile":{` + secret + `}}`:                404,
					`{"end_user_id":"` + u.ID + `","profile":{}}`: 404,
					`{}`:                              400,
					`{"profile":`:                     400,
					`{"profile":{"email":"no"}}`:      404, // what the domain checks it checks of a user
					`{"external_id":"","profile":{}}`: 400,
				} {
					equal("PATCH", users+u.ID+slash, users+missing+slash, body, headers...).want(t, status)
				}
			}
			body := `{"channel_id":"c","end_user_id":"` + u.ID + `"}`
			equal("POST", conversations, conversations, body, headers...).want(t, 404)
			equal("POST", strings.TrimSuffix(conversations, "/"), conversations, body, headers...).want(t, 404)
		}
	}
	// External IDs are no IDs, whoever's they are.
	equal("GET", users+"CRM-7", users+missing, "").want(t, 404)
	equal("PATCH", users+"third", users+missing, `{"profile":{}}`).want(t, 404)
	equal("POST", conversations, conversations, `{"channel_id":"c","end_user_id":"third"}`).want(t, 404)

	for _, id := range []string{"CRM-7", "crm-7", "third", plain.ID, victim.ID} {
		equal("GET", users+"?external_id="+id, users+"?external_id=nobody", "").want(t, 404)
	}
	for _, query := range []string{"", "limit=1&", "external_id=mine&"} {
		equal("GET", users+"?"+query+"cursor="+cursor, users+"?"+query+"cursor=x", "").want(t, 400)
	}
	for _, query := range []string{"tenant=acme", "tenant_id=acme", "environment=Customer", "access_token=" + apitest.Acme} {
		cells++
		s.do(t, "GET", users+"?"+query, "", attacker).want(t, 400)
	}

	// What is unique is unique to a tenant's environment: taking the victim's names
	// makes users of the attacker's own, and members that are not known stay so.
	for _, id := range []string{"CRM-7", "third", victim.ID, plain.ID} {
		cells++
		u := s.create(t, `{"external_id":"`+id+`","end_user_id":"`+victim.ID+`","tenant_id":"acme","environment":"Customer"}`, attacker)
		if u.ID == victim.ID || u.ID == plain.ID {
			t.Errorf("a create with the victim's %s reached the victim", id)
		}
		s.do(t, "PATCH", users+u.ID, `{"external_id":null,"profile":{}}`, attacker).want(t, 200)
		s.do(t, "PATCH", users+mine.ID, `{"external_id":"`+id+`","profile":{}}`, attacker).want(t, 200)
	}
	for _, u := range s.list(t, users+"?limit=100", attacker).Data {
		if u.ID == victim.ID || u.ID == plain.ID || u.Profile.FirstName != nil {
			t.Errorf("the list shows %+v", u)
		}
	}

	acme()
	if cells < 300 {
		t.Errorf("only %d cells were tried", cells)
	}
}

// untouched returns a check that what acme has in its first environment, secrets and
// feed included, is what it is now.
func (s *server) untouched(t *testing.T) func() {
	t.Helper()
	before := apitest.StateOf(t, s.Users.Tenant("acme"))
	if len(before.Users) == 0 || len(before.Changes) == 0 {
		t.Fatal("there is nothing to touch")
	}
	return func() {
		t.Helper()
		if diff := cmp.Diff(before, apitest.StateOf(t, s.Users.Tenant("acme"))); diff != "" {
			t.Errorf("what acme has changed:\n%s", diff)
		}
	}
}

// cursorOf returns the cursor that leads on from a page.
func cursorOf(t *testing.T, p page) string {
	t.Helper()
	if p.Meta.NextPageURL == nil {
		t.Fatal("no page follows")
	}
	u, err := url.Parse(*p.Meta.NextPageURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("cursor")
}
