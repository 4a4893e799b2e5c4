//go:build unix

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTenantsFile: a tenant's policy holds in every family, its schema decides what users are
// found by, and SIGHUP reads both again. How external IDs are compared cannot change while the
// server runs.
func TestTenantsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const demo = "[tenant.demo.policy]\nmax_name = %\n[tenant.exact.schema]\nexact_ids = true\n"
	write(strings.Replace(demo, "%", "3", 1))
	const exactKey = "key-of-exact"
	s := startProcess(t, t.TempDir(), "-store", "memory:", keyFlag, "-key", exactKey+"=exact", "-tenants", path)
	names := func(status int) {
		t.Helper()
		for _, path := range []string{"/v1/end-users", "/magickmind/v1/end-users"} {
			if a := mustSend(t, "POST", s.url+path, testKey, `{"name":"Roy Bosco"}`); a.status != status {
				t.Errorf("%s: %d %s, want %d", path, a.status, a.body, status)
			}
		}
	}
	names(http.StatusBadRequest)
	for _, id := range []string{"crm-7", "CRM-7"} {
		if a := mustSend(t, "POST", s.url+"/v1/end-users", exactKey, bodyOf(id)); a.status != http.StatusCreated {
			t.Errorf("%s: %d %s", id, a.status, a.body)
		}
	}
	write(strings.Replace(strings.Replace(demo, "%", "30", 1), "true", "false", 1))
	hangup(t, s, "nothing has changed")
	names(http.StatusBadRequest)
	write(strings.Replace(demo, "%", "30", 1))
	hangup(t, s, "read again")
	names(http.StatusCreated)
}
