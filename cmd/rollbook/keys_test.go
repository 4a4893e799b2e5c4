package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestRightsOfKeys: what a key may do by the file of -keys holds in all families of routes.
func TestRightsOfKeys(t *testing.T) {
	keys := file(t, `
[[key]]
secret = "secret-of-reader"
tenant = "acme"
read_only = true

[[key]]
secret = "secret-of-lister"
tenant = "acme"
actions = ["listEndUsers", "listGroups"]

[[key]]
secret = "secret-of-nobody"
tenant = "acme"
actions = []
rates = []
`)
	s := start(t, "-store", "memory:", "-keys", keys, "-key", "secret-of-all=acme")
	u := makeBy(t, s.url, "secret-of-all", "crm-7")
	for _, r := range []struct {
		key, method, path, body string
		want                    int
	}{
		{"reader", "GET", "/v1/end-users/" + u.ID, "", http.StatusOK},
		{"reader", "GET", "/ada/api/v2/end-users/" + u.ID, "", http.StatusOK},
		{"reader", "POST", "/v1/end-users", `{"name":"Ann"}`, http.StatusForbidden},
		{"reader", "POST", "/magickmind/v1/end-users", `{"name":"Ann"}`, http.StatusForbidden},
		{"reader", "PATCH", "/ada/api/v2/end-users/" + u.ID, `{"profile":{"first_name":"Ann"}}`, http.StatusForbidden},
		{"lister", "GET", "/v1/end-users", "", http.StatusOK},
		{"lister", "GET", "/magickmind/v1/end-users", "", http.StatusOK},
		{"lister", "GET", "/v1/end-users/" + u.ID, "", http.StatusForbidden},
		{"lister", "POST", "/v1/end-users", `{"name":"Ann"}`, http.StatusForbidden},
		{"lister", "GET", "/v1/changes", "", http.StatusForbidden},
		{"nobody", "GET", "/v1/end-users", "", http.StatusForbidden},
		{"all", "GET", "/v1/changes", "", http.StatusOK},
	} {
		a := mustSend(t, r.method, s.url+r.path, "secret-of-"+r.key, r.body)
		if a.status != r.want {
			t.Errorf("%s %s by %s: %d %s, want %d", r.method, r.path, r.key, a.status, a.body, r.want)
		}
		if got, want := a.header.Get("RateLimit") != "", r.key != "nobody"; got != want { // an empty list is no limit
			t.Errorf("%s %s by %s: RateLimit %q", r.method, r.path, r.key, a.header.Get("RateLimit"))
		}
	}
}

// makeBy makes a user by a key.
func makeBy(t *testing.T, url, key, externalID string) user {
	t.Helper()
	a := mustSend(t, "POST", url+"/v1/end-users", key, bodyOf(externalID))
	u, err := a.user()
	if err != nil || a.status != http.StatusCreated {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	return u
}

// TestPoliciesOfTenants: a tenant's policy and schema hold for it alone, and a family's own limits
// hold where the file says nothing.
func TestPoliciesOfTenants(t *testing.T) {
	tenants := file(t, `
[default.policy]
max_name = 5

[tenant.acme.policy]
max_name = 3
unique_email = true

[tenant.acme.schema]
indexed_metadata = ["plan"]
exact_ids = true

[tenant.hooli.policy]
max_external_id = 40
`)
	s := start(t, "-store", "memory:", "-tenants", tenants, "-key", "secret-of-acme=acme", "-key", "secret-of-umbrella=umbrella", "-key", "secret-of-hooli=hooli")
	long := `{"external_id":"` + strings.Repeat("a", 37) + `"}`
	for _, r := range []struct {
		key, path, body string
		want            int
	}{
		{"acme", "/v1/end-users", `{"external_id":"Crm-7","name":"Ann","email":"a@example.com","metadata":{"plan":"pro"}}`, http.StatusCreated},
		{"acme", "/v1/end-users", `{"external_id":"crm-7"}`, http.StatusCreated},
		{"acme", "/v1/end-users", `{"name":"Anna"}`, http.StatusBadRequest},
		{"acme", "/v1/end-users?on_conflict=fail", `{"email":"A@example.com"}`, http.StatusConflict},
		{"umbrella", "/v1/end-users", `{"external_id":"Crm-7","name":"Annab","email":"a@example.com"}`, http.StatusCreated},
		{"umbrella", "/v1/end-users?on_conflict=fail", `{"external_id":"crm-7"}`, http.StatusConflict},
		{"umbrella", "/v1/end-users", `{"email":"a@example.com"}`, http.StatusCreated},
		{"umbrella", "/v1/end-users", `{"name":"Annabe"}`, http.StatusBadRequest},
		{"umbrella", "/v1/end-users", long, http.StatusCreated},
		{"umbrella", "/ada/api/v2/end-users/", `{"external_id":"` + strings.Repeat("b", 37) + `"}`, http.StatusBadRequest}, // Ada's own limit
		{"hooli", "/ada/api/v2/end-users/", long, http.StatusCreated},
		{"hooli", "/v1/end-users", `{"name":"Annabe"}`, http.StatusBadRequest},
	} {
		if a := mustSend(t, "POST", s.url+r.path, "secret-of-"+r.key, r.body); a.status != r.want {
			t.Errorf("%s %s by %s: %d %s, want %d", r.path, r.body, r.key, a.status, a.body, r.want)
		}
	}
	for key, want := range map[string]int{"acme": http.StatusOK, "umbrella": http.StatusBadRequest} {
		a := mustSend(t, "GET", s.url+"/v1/end-users?metadata.plan=pro", "secret-of-"+key, "")
		if a.status != want || want == http.StatusOK && !strings.Contains(a.body, "Crm-7") {
			t.Errorf("%s: %d %s", key, a.status, a.body)
		}
	}
}
