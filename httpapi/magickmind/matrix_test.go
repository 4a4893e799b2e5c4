package magickmind_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestOthersUsersAreMissing asks every route for another tenant's, or another
// environment's, user in every place where a request can name one. The answer is
// the one for a user that does not exist, and the victim's users and feed stay as
// they are.
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
	victim := s.create(t, `{"name":"Ann Lee","external_id":"CRM-7"}`)
	plain := s.create(t, `{"name":"Ann Lee"}`) // has its own ID for a place among the external IDs
	s.create(t, `{"name":"Ann Lee","external_id":"third"}`)
	etag := s.do(t, "GET", users+"/"+victim.ID, "").Header.Get("ETag")
	first := s.list(t, "limit=1")
	second := s.list(t, "limit=1&cursor="+*first.Paging.Cursors.After)
	after, before := *second.Paging.Cursors.After, *second.Paging.Cursors.Before
	filtered := *s.list(t, "name=ann&limit=1").Paging.Cursors.After
	mine := s.create(t, `{"name":"Mine","external_id":"mine"}`, attacker)
	check := s.untouched(t)

	cells := 0
	equal := func(method, path, none, body string, options ...option) answer {
		t.Helper()
		cells++
		options = append(options, attacker)
		got, want := s.do(t, method, path, body, options...), s.do(t, method, none, body, options...)
		if got.Status != want.Status || got.masked() != want.masked() {
			t.Errorf("%s %s: got %d %s\nwant %d %s", method, path, got.Status, got.Body, want.Status, want.Body)
		}
		for _, a := range []answer{got, want} {
			a.Header.Del("X-Request-Id")
			a.Header.Del("Content-Length") // of the instance
		}
		if diff := cmp.Diff(want.Header, got.Header); diff != "" {
			t.Errorf("%s %s: headers differ:\n%s", method, path, diff)
		}
		return got
	}
	const base = users + "/"
	for _, headers := range [][]option{
		nil,
		{with("If-Match", etag)},
		{with("If-Match", "*")},
		{with("If-Match", `"0"`)},
		{with("If-None-Match", etag)},
		{with("X-Tenant-Id", "acme"), with("X-Forwarded-Host", "acme"), with("X-Environment", "Customer")},
	} {
		for _, u := range []user{victim, plain} {
			equal("GET", base+u.ID, base+missing, "", headers...).want(t, 404)
			equal("DELETE", base+u.ID, base+missing, "", headers...).want(t, 404)
			for body, status := range map[string]int{
				`{"name":"x"}`: 404, `{}`: 404, `{"external_id":null}`: 404, `{"external_id":"mine"}`: 404,
				`{"name":"x","external_id":"crm-7"}`: 404, `{"name":"x","id":"` + u.ID + `","tenant_id":"acme"}`: 404,
				`{"name":""}`: 404, `{"name":1}`: 400, `{"name":`: 400,
			} {
				equal("PUT", base+u.ID, base+missing, body, headers...).want(t, status)
			}
		}
	}
	// External IDs are no IDs, whoever's they are.
	equal("GET", base+"CRM-7", base+missing, "").want(t, 404)
	equal("PUT", base+"third", base+missing, `{"name":"x"}`).want(t, 404)
	equal("DELETE", base+"third", base+missing, "").want(t, 404)

	for _, q := range [][2]string{
		{"external_id=crm-7", "external_id=nobody"},
		{"external_id=" + plain.ID, "external_id=" + missing},
		{"name=ann", "name=nobody"},
		{"name=ann&order=desc", "name=nobody&order=desc"},
		{"external_id=crm-7&name=lee", "external_id=nobody&name=nobody"},
	} {
		equal("GET", users+"?"+q[0], users+"?"+q[1], "").want(t, 200)
		if n := len(s.list(t, q[0], attacker).Data); n != 0 {
			t.Errorf("%s shows %d users", q[0], n)
		}
	}
	for query, cursor := range map[string]string{"": after, "limit=1&": before, "name=ann&": filtered} {
		equal("GET", users+"?"+query+"cursor="+cursor, users+"?"+query+"cursor=x", "").want(t, 400)
	}
	for _, query := range []string{"tenant=acme", "tenant_id=acme", "environment=Customer", "access_token=" + apitest.Acme} {
		name, _, _ := strings.Cut(query, "=")
		equal("GET", users+"?"+query, users+"?"+name+"=nobody", "").want(t, 400)
	}

	// What is unique is unique to a tenant's environment: taking the victim's names
	// makes users of the attacker's own, and members that are not known stay so.
	for _, id := range []string{"CRM-7", "third", victim.ID, plain.ID} {
		cells++
		u := s.create(t, `{"name":"x","external_id":"`+id+`","id":"`+victim.ID+`","tenant_id":"acme","environment":"Customer"}`, attacker)
		if u.ID == victim.ID || u.ID == plain.ID || u.TenantID != mine.TenantID {
			t.Errorf("a create with the victim's %s made %+v", id, u)
		}
		// The names are free elsewhere, and a PUT of one is as quiet.
		s.do(t, "DELETE", base+u.ID, "", attacker).want(t, 204)
		s.do(t, "PUT", base+mine.ID, `{"external_id":"`+id+`","tenant_id":"acme"}`, attacker).want(t, 200)
	}
	for _, u := range s.list(t, "", attacker).Data {
		if u.ID != mine.ID {
			t.Errorf("the list shows %+v", u)
		}
	}

	check()
	if cells < 120 {
		t.Errorf("only %d cells were tried", cells)
	}
}
