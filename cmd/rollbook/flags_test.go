package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// TestRefusedFlags: invalid flags are refused at start, before a file is made. The error names
// the flag and the path, and no secret.
func TestRefusedFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("text", []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"-key", "secret-without-tenant"}, "-key"},
		{[]string{"-key", "=acme"}, "-key"},
		{[]string{"-key", "secret-of-acme="}, "-key"},
		{[]string{"-key", "secret-of-acme=@crm"}, "-key"},
		{[]string{"-key", "secret-of-acme=acme/Staging"}, "-key"},
		{[]string{"-key", "secret-of-acme=acme/"}, "-key"},
		{[]string{"-key", "secret-of-acme=acme", "-key", "secret-of-acme=umbrella"}, "-key"},
		{[]string{"-key", "short=acme"}, "at least 8 characters"},
		{[]string{"-key", "with a blank=acme"}, "printable"},
		{[]string{"-store", "rollbook.db"}, "-store"},
		{[]string{"-store", "postgres://localhost"}, "-store"},
		{[]string{"-store", "memory:x"}, "-store"},
		{[]string{"-store", "sqlite:"}, "sqlite"},
		{[]string{"-store", "sqlite:" + filepath.Join("none", "users.db")}, filepath.Join("none", "users.db")},
		{[]string{"-store", "sqlite:text"}, "sqlite:text"},
		{[]string{"-store", "redis:127.0.0.1:1"}, "-store"},
		{[]string{"-store", "redis://"}, "-store"},
		{[]string{"-store", "redis://127.0.0.1:1/x"}, "-store"},
		{[]string{"-store", "redis://127.0.0.1:1"}, "-store"},
		{[]string{"-store", "redis-cluster://127.0.0.1:1"}, "-store"},
		{[]string{"-store", "redis-sentinel://127.0.0.1:1"}, "-store"},
		{[]string{"-store", "redis-sentinel://127.0.0.1:1?master_name=main"}, "-store"},
		{[]string{"-store", "rediss://ann:secret-of-ann@127.0.0.1:1"}, "-store"},
		{[]string{"-store", "redis://ann:secret-of-ann@127.0.0.1:1?secret-of-ann=1"}, "-store"},
		{[]string{"-sync", "off"}, "-sync"},
		{[]string{"-login", "ann@example.com:secret-of-ann"}, "-login"},
		{[]string{"-login", "secret-of-ann=key-of-a-test", keyFlag}, "-login"},
		{[]string{"-login", ":secret-of-ann=key-of-a-test", keyFlag}, "-login"},
		{[]string{"-login", "ann@example.com:secret-of-ann=secret-of-nobody", keyFlag}, "-login"},
		{[]string{"-keyring", filepath.Join("none", "keyring")}, filepath.Join("none", "keyring")},
		{[]string{"-keyring", "text"}, "-keyring text"},
		{[]string{"-rate", "10"}, "-rate"},
		{[]string{"-addr", "nowhere", "-store", "sqlite:rollbook.db"}, "-addr"}, // no file is made before it listens
		{[]string{"-addr", "127.0.0.1:99999"}, "-addr"},
		{[]string{"-unknown"}, "-unknown"},
		{[]string{"argument"}, "argument"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			status, out, log := run(t, append([]string{"serve", "-store", "memory:", "-addr", "127.0.0.1:0"}, test.args...)...)
			if status == cli.OK || !strings.Contains(log, test.want) {
				t.Errorf("status %d: %s, want an error with %q", status, log, test.want)
			}
			if out != "" {
				t.Errorf("printed %q", out)
			}
			_ = os.Remove("text.lock") // beside a -keyring that is there
			if left := files(t); !slices.Equal(left, []string{"text"}) {
				t.Errorf("the folder has %q", left)
			}
			for _, secret := range []string{"secret-of", "secret-without", "with a blank"} {
				if strings.Contains(log, secret) {
					t.Errorf("the key is shown: %s", log)
				}
			}
		})
	}
}

// files returns the names in the current folder.
func files(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestHelp(t *testing.T) {
	t.Chdir(t.TempDir())
	status, out, log := run(t, "serve", "-help")
	if status != cli.OK || log != "" {
		t.Errorf("status %d: %s", status, log)
	}
	for _, name := range []string{"-addr", "-store", "-sync", "-key", "-keyring", "-login", "-rate", "-redis-unsafe"} {
		if !strings.Contains(strings.NewReplacer("\n", " ", "=", " ").Replace(out), " "+name+" ") {
			t.Errorf("%s is not explained", name)
		}
	}
}

// TestKeys: a key decides whose users a request sees. Every other credential is refused.
func TestKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	s := start(t, "-store", "memory:", "-key", "a=key=of=acme=acme/Testing@crm", keyFlag)
	if _, err := os.Stat("rollbook.key"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key was made though one was given: %v", err)
	}
	url := s.url + "/v1/end-users"
	a := mustSend(t, "POST", url, "a=key=of=acme", bodyOf("crm-7"))
	u, err := a.user()
	if err != nil {
		t.Fatal(err)
	}
	want := user{ID: u.ID, ExternalID: "crm-7", TenantID: "acme", Environment: "Testing", CreatedBy: "crm"}
	if a.status != http.StatusCreated || u != want {
		t.Errorf("%d %+v, want %+v", a.status, u, want)
	}
	if a := mustSend(t, "GET", url+"/"+u.ID, testKey, ""); a.status != http.StatusNotFound {
		t.Errorf("another tenant's key: %d %s", a.status, a.body)
	}
	for _, key := range []string{"", "a", "a=key=of=acme=acme", "A=KEY=OF=ACME", testKey + "x", "demo"} {
		if a := mustSend(t, "GET", url, key, ""); a.status != http.StatusUnauthorized {
			t.Errorf("key %q: %d %s", key, a.status, a.body)
		}
	}
	if a := mustSend(t, "GET", s.url+"/healthz", "", ""); a.status != http.StatusOK {
		t.Errorf("/healthz: %d %s", a.status, a.body)
	}
}

func TestPortInUse(t *testing.T) {
	t.Chdir(t.TempDir())
	s := start(t, "-store", "memory:", keyFlag)
	addr := strings.TrimPrefix(s.url, "http://")
	status, out, log := run(t, "serve", "-addr", addr, "-store", "memory:", keyFlag)
	if status != cli.Failed || !strings.Contains(log, addr) {
		t.Errorf("status %d: %s, want an error that names %s", status, log, addr)
	}
	if out != "" {
		t.Errorf("printed %q", out)
	}
}
