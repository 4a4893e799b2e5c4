package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// TestOneRegistry: a user that one family writes can be read through the others.
func TestOneRegistry(t *testing.T) {
	s := start(t, "-store", "memory:", keyFlag)
	made := mustSend(t, "POST", s.url+"/magickmind/v1/end-users", testKey, `{"name":"Roy Bosco","external_id":"Crm-7"}`)
	id := member(made.body, "id")
	for path, want := range map[string]string{
		"/v1/end-users/" + id:                           `"name":"Roy Bosco"`,
		"/ada/api/v2/end-users/" + id:                   `"display_name":"Roy Bosco"`,
		"/ada/api/v2/end-users/?external_id=cRM-7":      `"external_id":"Crm-7"`,
		"/magickmind/v1/end-users?external_id=CRM-7":    `"id":"` + id + `"`,
		"/ada/api/v2/end-users/?limit=1":                `"end_user_id":"` + id + `"`,
		"/v1/end-users?external_id=crm-7":               `"created_at"`,
		"/magickmind/v1/end-users/" + id + "?unknown=1": `"external_id":"Crm-7"`,
	} {
		if a := mustSend(t, "GET", s.url+path, testKey, ""); a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want %s", path, a.status, a.body, want)
		}
	}
	a := ask(t, "GET", s.url+"/sensay/v1/users/crm-7", "", "X-Organization-Secret", testKey)
	if a.status != http.StatusOK || !strings.Contains(a.body, `"id":"Crm-7"`) {
		t.Errorf("sensay: %d %s", a.status, a.body)
	}
}

// TestMounts: each family answers below its own prefix and in its own form.
func TestMounts(t *testing.T) {
	s := start(t, "-store", "memory:", keyFlag)
	for path, want := range map[string]string{
		"/magickmind/v1/none":        `{"error":{"type"`,
		"/explo/api/none":            `{"success":0`,
		"/sensay/v1/none":            `{"success":false`,
		"/ada/api/none":              `{"errors":[{`,
		"/ada":                       `{"type":"urn:rollbook:problem:not-found"`,
		"/none/v1/end-users":         `{"type":"urn:rollbook:problem:not-found"`,
		"/magickmindx/v1/end-users":  `{"type":"urn:rollbook:problem:not-found"`,
		"/%61da/api/v2/end-users/":   `{"type":"urn:rollbook:problem:not-found"`,
		"/ada/magickmind/v1/none":    `{"errors":[{`,
		"/sensay/../v1/end-users/no": `{"success":false`,
	} {
		a := mustSend(t, "GET", s.url+path, testKey, "")
		if a.status != http.StatusNotFound || !strings.HasPrefix(a.body, want) {
			t.Errorf("%s: %d %s, want 404 %s", path, a.status, a.body, want)
		}
	}
}

// TestPages: the description of the API needs no key.
func TestPages(t *testing.T) {
	s := start(t, "-store", "memory:", keyFlag)
	for path, want := range map[string]string{"/docs": "text/html", "/llms.txt": "text/", "/openapi.json": "application/json"} {
		if a := mustSend(t, "GET", s.url+path, "", ""); a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), want) {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
	if a := mustSend(t, "GET", s.url+"/docs/other", testKey, ""); a.status != http.StatusNotFound {
		t.Errorf("beside them: %d", a.status)
	}
}

func TestNextPageKeepsTheMount(t *testing.T) {
	s := start(t, "-store", "memory:", keyFlag)
	for i := range 3 {
		mustMake(t, s.url, fmt.Sprint("crm-", i), http.StatusCreated)
	}
	page := mustSend(t, "GET", s.url+"/ada/api/v2/end-users/?limit=2", testKey, "")
	next := member(page.body, "next_page_url")
	if !strings.HasPrefix(next, s.url+"/ada/api/v2/end-users/?") {
		t.Fatalf("the next page is %q", next)
	}
	last := mustSend(t, "GET", strings.ReplaceAll(next, `\u0026`, "&"), testKey, "")
	if last.status != http.StatusOK || !strings.Contains(last.body, `"external_id":"crm-2"`) || strings.Contains(last.body, "crm-1") {
		t.Errorf("the next page: %d %s", last.status, last.body)
	}
}

// TestWithoutKeyring: every way to write a secret is refused.
func TestWithoutKeyring(t *testing.T) {
	s := start(t, "-keyring", "none", "-store", "memory:", keyFlag)
	for _, test := range []struct {
		path, body string
		status     int
	}{
		{"/v1/groups", `{"external_id":"g"}`, http.StatusNotImplemented},
		{"/explo/api/create_user_group/", `{"user_group_id":"g"}`, http.StatusNotFound},
		{"/ada/api/v2/end-users/", `{"profile":{"sensitive_metadata":{"fields":{"a":"b"}}}}`, http.StatusBadRequest},
		{"/ada/api/v2/end-users/", `{"profile":{}}`, http.StatusCreated},
	} {
		if a := mustSend(t, "POST", s.url+test.path, testKey, test.body); a.status != test.status {
			t.Errorf("%s: %d %s, want %d", test.path, a.status, a.body, test.status)
		}
	}
}

// TestExposedFolder: in a folder that anyone may write to, the server starts without a
// keyring. A keyring that -keyring names there is an error.
func TestExposedFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // that is the case
		t.Fatal(err)
	}
	s := startProcess(t, dir, "-store", "memory:", keyFlag)
	if a := mustSend(t, "POST", s.url+"/v1/groups", testKey, `{"external_id":"g"}`); a.status != http.StatusNotImplemented {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, err := os.Stat(filepath.Join(dir, "rollbook.keyring")); err == nil {
		t.Error("a keyring was made")
	}
	status, _, log := run(t, "serve", "-addr", "127.0.0.1:0", "-keyring", filepath.Join(dir, "own"), "-store", "memory:", keyFlag)
	if status != cli.Failed || !strings.Contains(log, "-keyring") {
		t.Errorf("a place that was chosen: %d %s", status, log)
	}
}
