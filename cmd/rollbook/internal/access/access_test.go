package access_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/access"
	"github.com/rollbook-go/rollbook/httpapi"
)

const (
	secret  = "secret-of-crm-key" //nolint:gosec // of the tests alone
	billing = "secret-of-billing"
)

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open returns the keys of a file, unless its text is "", and of -key.
func open(t *testing.T, text string, keys ...string) (*access.Keys, string) {
	t.Helper()
	f := access.Flags{Key: keys}
	if text != "" {
		f.Keys = filepath.Join(t.TempDir(), "keys.toml")
		write(t, f.Keys, text)
	}
	k, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	return k, f.Keys
}

// TestFlags: what a key of -key stands for.
func TestFlags(t *testing.T) {
	t.Parallel()
	k, _ := open(t, "", "a=key=of=acme=acme/Testing@crm", "key-of-acme=acme", "key-of-umbrella=umbrella/Customer@a/b@c")
	for key, want := range map[string]httpapi.Principal{
		"a=key=of=acme":   {Tenant: "acme", Environment: "Testing", Actor: "crm", Credential: "x"},
		"key-of-acme":     {Tenant: "acme", Credential: "x"},
		"key-of-umbrella": {Tenant: "umbrella", Environment: "Customer", Actor: "a/b@c", Credential: "x"},
	} {
		got, err := k.Authenticate(nil, key)
		if err != nil || len(got.Credential) != 16 {
			t.Errorf("%s: %+v %v", key, got, err)
		}
		got.Credential = want.Credential
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	for _, key := range []string{"", "a", "key-of-acme ", "KEY-OF-ACME", "acme"} {
		if p, err := k.Authenticate(nil, key); !errors.Is(err, httpapi.ErrUnauthorized) {
			t.Errorf("%q: %+v %v", key, p, err)
		}
	}
}

// TestFile: what a key of the file stands for, what it may do, and its rates.
func TestFile(t *testing.T) {
	t.Parallel()
	k, _ := open(t, `
[[key]]
name = "crm"
secret = "`+secret+`"
tenant = "acme"
environment = "Testing"
actor = "sync"
read_only = true
rates = ["200/s", "6000/m", "50/10s", "7/h", "8/d"]

[[key]]
sha256 = "`+sha256Of(billing)+`"
tenant = "acme"
actions = ["getEndUser", "createEndUser"]
rates = []

[[key]]
secret = "secret-of-nothing"
tenant = "umbrella"
actions = []
`)
	crm, err := k.Authenticate(nil, secret)
	want := httpapi.Principal{Tenant: "acme", Environment: "Testing", Actor: "sync", ReadOnly: true, Credential: "crm"}
	if diff := cmp.Diff(want, crm); diff != "" || err != nil {
		t.Error(diff, err)
	}
	rates := []httpapi.Rate{{Requests: 200, Per: time.Second}, {Requests: 6000, Per: time.Minute}, {Requests: 50, Per: 10 * time.Second}, {Requests: 7, Per: time.Hour}, {Requests: 8, Per: 24 * time.Hour}}
	if diff := cmp.Diff(rates, k.RatesOf(crm)); diff != "" {
		t.Error(diff)
	}
	bill, err := k.Authenticate(nil, billing)
	if err != nil || bill.Credential != sha256Of(billing)[:16] {
		t.Errorf("%+v %v", bill, err)
	}
	if got := k.RatesOf(bill); got == nil || len(got) > 0 {
		t.Errorf("rates %v, want an empty list, which is no limit", got)
	}
	nothing, err := k.Authenticate(nil, "secret-of-nothing")
	if got := k.RatesOf(nothing); got != nil || err != nil {
		t.Errorf("rates %v, %v; want nil: those of the server", got, err)
	}
	for _, a := range httpapi.Actions() {
		for _, tt := range []struct {
			p    httpapi.Principal
			want bool
		}{
			{crm, !a.Write}, {bill, a.Name == "getEndUser" || a.Name == "createEndUser"}, {nothing, false}, {httpapi.Principal{Tenant: "acme"}, false},
		} {
			err := k.Authorize(context.Background(), tt.p, a)
			if (err == nil) != tt.want || err != nil && !errors.Is(err, httpapi.ErrForbidden) {
				t.Errorf("%s by %q: %v", a.Name, tt.p.Credential, err)
			}
		}
	}
}

// TestWrong: an error names the flag, and the key by its number. It shows no secret.
func TestWrong(t *testing.T) {
	t.Parallel()
	const key = "[[key]]\nsecret = 'secret-of-crm'\ntenant = 'acme'\n"
	for text, want := range map[string]string{ //nolint:gosec // no secrets of anyone
		"[[key]]\nsecret = 'secret-of-crm'":              "key 1: tenant is missing",
		"[[key]]\ntenant = 'acme'":                       "key 1: it must have either secret or sha256",
		key + "sha256 = '00'":                            "key 1: it must have either secret or sha256",
		key + "[[key]]\ntenant = 'a'\nsha256 = 'secret'": "key 2: sha256 must have 64 hexadecimal digits",
		key + "environment = 'secret'":                   "key 1: environment must be Customer or Testing",
		key + "rates = ['many/s']":                       `key 1: rates: "many/s" is not a number`,
		key + "rates = ['0/s']":                          `key 1: rates: "0/s" is not`,
		key + "rates = ['1/x']":                          `key 1: rates: "1/x" is not`,
		key + "rates = ['1/1ms']":                        `key 1: rates: "1/1ms" is not`,
		key + "rates = ['60/m', '60/1m']":                "key 1: rates: 60/1m is given twice",
		key + "rates = ['1/s','2/s','3/s','4/s','5/s','6/s','7/s','8/s','9/s']": "key 1: rates: more than 8",
		key + "rates = ['1']":                              `key 1: rates: "1" is not`,
		key + "actions = ['getUser']":                      `key 1: actions: there is no "getUser"; there are associateEndUser, `,
		key + "actor = '" + strings.Repeat("a", 257) + "'": "key 1: the actor must be at most 256 bytes of text",
		key + "name = \"a\\nb\"":                           "key 1: the name must be at most 64 bytes of text",
		key + "readonly = true":                            "unknown: key.readonly",
		key + "read_only = 'secret'":                       "key.read_only has a value of the wrong type",
		key + key:                                          "the same key is given twice",
		key + "name = 'a'\n[[key]]\nsecret = 'secret-2'\ntenant='b'\nname='a'": "two keys have the name a",
		"[[key]]\nsecret = 'secret'\ntenant = 'acme'":                          "key 1: a key must have at least 8 characters of printable ASCII",
		"[[key]]\nsecret = 'secret of crm'\ntenant = 'acme'":                   "key 1: a key must have at least 8 characters of printable ASCII",
		"[[keys]]\nsecret = 'secret-of-crm'":                                   "unknown: keys, keys.secret",
	} {
		f := access.Flags{Keys: filepath.Join(t.TempDir(), "keys.toml")}
		write(t, f.Keys, text)
		_, err := f.Open()
		if err == nil || !strings.HasPrefix(err.Error(), "-keys: "+f.Keys+": "+want) {
			t.Errorf("%s:\n%v, want\n%s", text, err, want)
		}
		if err != nil && strings.Contains(strings.ReplaceAll(err.Error(), "keys.secret", ""), "secret-") {
			t.Errorf("a secret is shown: %v", err)
		}
	}
	for _, key := range []string{
		"secret-without-tenant", "=acme", "secret-of-acme=", "secret-of-acme=@crm", "secret-of-acme=acme/Staging", "secret-of-acme=acme/", "short=acme", "secret with a blank=acme",
	} {
		f := access.Flags{Key: []string{"secret-of-umbrella=umbrella", key}}
		if _, err := f.Open(); err == nil || !strings.HasPrefix(err.Error(), "-key: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", key, err)
		}
	}
	twice := access.Flags{Key: []string{"secret-of-acme=acme", "secret-of-acme=umbrella"}}
	if _, err := twice.Open(); err == nil || err.Error() != "-key: the same key is given twice" {
		t.Error(err)
	}
	empty := access.Flags{Keys: filepath.Join(t.TempDir(), "keys.toml")}
	write(t, empty.Keys, "# none yet\n")
	if _, err := empty.Open(); err == nil || err.Error() != "-keys: "+empty.Keys+" has no key" {
		t.Error(err)
	}
	exposed := access.Flags{Keys: filepath.Join(t.TempDir(), "keys.toml")}
	write(t, exposed.Keys, key)
	if err := os.Chmod(exposed.Keys, 0o644); err != nil { //nolint:gosec // that is the case
		t.Fatal(err)
	}
	if _, err := exposed.Open(); err == nil || !strings.Contains(err.Error(), "-keys: "+exposed.Keys+" has mode 0644") {
		t.Error(err)
	}
}

// TestReload: a key that is no longer in the file is refused, one that is new accepted. A wrong
// file changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	const first, second = "[[key]]\nsecret = 'secret-1'\ntenant = 'acme'\n", "[[key]]\nsecret = 'secret-2'\ntenant = 'acme'\nread_only = true\n"
	k, path := open(t, first, "secret-0=acme")
	accepted := func(want ...string) {
		t.Helper()
		var got []string
		for _, key := range []string{"secret-0", "secret-1", "secret-2"} {
			if _, err := k.Authenticate(nil, key); err == nil {
				got = append(got, key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	accepted("secret-0", "secret-1")
	gone, err := k.Authenticate(nil, "secret-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"[[key", "", "[[key]]\nsecret = 'secret-3'", first + first, "[[key]]\nsecret = 'secret-0'\ntenant = 'umbrella'\n"} {
		write(t, path, wrong)
		if err := k.Reload(); err == nil || !strings.HasPrefix(err.Error(), "-keys: "+path) {
			t.Errorf("%s: %v", wrong, err)
		}
		accepted("secret-0", "secret-1")
	}
	write(t, path, second)
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	accepted("secret-0", "secret-2")
	if err := k.Authorize(t.Context(), gone, httpapi.Action{Name: "getEndUser"}); !errors.Is(err, httpapi.ErrForbidden) {
		t.Errorf("a key that is gone: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := k.Reload(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	accepted("secret-0", "secret-2")
}
