package tenants_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tenants"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, text string) (*tenants.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tenants.toml")
	write(t, path, text)
	f, err := (&tenants.Flags{Tenants: path}).Open()
	if err != nil {
		t.Fatal(err)
	}
	return f, path
}

// TestFile: a tenant has what its tables say, and the rest as the default has it.
func TestFile(t *testing.T) {
	t.Parallel()
	f, _ := open(t, `
[default.policy]
unique_email = true
account_types = ["discord", "steam"]
max_name = 10

[default.schema]
indexed_metadata = ["plan", "team"]
exact_ids = true

[tenant.acme.policy]
unique_email = false
placeholders = true
account_types = ["slack"]
max_external_id = 1
max_name = 2
max_email = 3
max_avatar = 4
max_metadata_keys = 5
max_metadata_key = 6
max_metadata_bytes = 7
max_accounts = 8
max_account_id = 9
max_groups = 11

[tenant.acme.schema]
indexed_metadata = ["size"]
exact_ids = false
no_name_index = true
note_external_ids = true

[tenant."Umbrella Corp. "]

[tenant.hooli.schema]
no_name_index = true
`)
	base := enduser.Policy{UniqueEmail: true, AccountTypes: []string{"discord", "steam"}, MaxName: 10}
	schema := enduser.Schema{IndexedMetadata: []string{"plan", "team"}, ExactIDs: true}
	unnamed := schema
	unnamed.NoNameIndex = true
	for name, want := range map[string]struct {
		Policy enduser.Policy
		Schema enduser.Schema
	}{
		"acme": {
			enduser.Policy{
				Placeholders: true, AccountTypes: []string{"slack"}, MaxExternalID: 1, MaxName: 2, MaxEmail: 3, MaxAvatar: 4,
				MaxMetadataKeys: 5, MaxMetadataKey: 6, MaxMetadataBytes: 7, MaxAccounts: 8, MaxAccountID: 9, MaxGroups: 11,
			},
			enduser.Schema{IndexedMetadata: []string{"size"}, NoNameIndex: true, NoteExternalIDs: true},
		},
		"Umbrella Corp. ": {base, schema}, "hooli": {base, unnamed}, "other": {base, schema},
	} {
		if diff := cmp.Diff(want.Policy, f.Policy(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(want.Schema, f.Schema(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestNoFile: without a file every tenant is as the library has it.
func TestNoFile(t *testing.T) {
	t.Parallel()
	f, err := new(tenants.Flags).Open()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(enduser.Policy{}, f.Policy("acme")) + cmp.Diff(enduser.Schema{}, f.Schema("acme")); diff != "" {
		t.Error(diff)
	}
	if err := f.Reload(); err != nil {
		t.Error(err)
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[default.policy]\nmax_name = -1":                                             "default.policy.max_name must not be negative",
		"[tenant.acme.policy]\nmax_groups = -1":                                       "tenant.acme.policy.max_groups must not be negative",
		"[default.schema]\nindexed_metadata = ['" + strings.Repeat("a','", 33) + "']": "default.schema.indexed_metadata has more than 32 keys",
		"[default.schema]\nindexed_metadata = ['']":                                   "default.schema.indexed_metadata or policy.account_types has an empty text",
		"[default.policy]\nunique_mail = true":                                        "unknown: default.policy.unique_mail",
		"[tenant.acme.policy]\nexact_ids = true":                                      "unknown: tenant.acme.policy.exact_ids",
		"[tenant.acme]\nunique_email = true":                                          "unknown: tenant.acme.unique_email",
		"[tenants.acme.policy]":                                                       "unknown: tenants.acme.policy",
		"[acme.policy]":                                                               "unknown: acme.policy",
		"[tenant.acme.policy]\nunique_email = 'yes'":                                  "tenant.acme.policy.unique_email has a value of the wrong type",
		"[default.policy]\nmax_name = '3'":                                            "default.policy.max_name has a value of the wrong type",
		"[tenant]\nacme = 'x'":                                                        "tenant.acme has a value of the wrong type",
		"tenant = 'x'":                                                                "tenant has a value of the wrong type",
		"[tenant.\"\".policy]":                                                        "a tenant's name must be 1 to 255 bytes of text",
		"[tenant.'" + strings.Repeat("a", 256) + "'.policy]":                          "a tenant's name must be 1 to 255 bytes of text",
		"[default.policy]\nmax_name = 3\n[default.policy]":                            "line 3: not valid TOML",
	} {
		path := filepath.Join(t.TempDir(), "tenants.toml")
		write(t, path, text)
		if _, err := (&tenants.Flags{Tenants: path}).Open(); err == nil || !strings.HasPrefix(err.Error(), "-tenants: "+path+": "+want) {
			t.Errorf("%s:\n%v, want\n%s", text, err, want)
		}
	}
	if _, err := (&tenants.Flags{Tenants: "nowhere"}).Open(); err == nil || !strings.HasPrefix(err.Error(), "-tenants: open nowhere: ") {
		t.Error(err)
	}
}

// TestReload: a Manager has the new policy and schema at once. A wrong file, or one under which
// a tenant would lose its users, changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	const before = "[tenant.acme.schema]\nexact_ids = true\nindexed_metadata = ['plan']\n"
	f, path := open(t, before)
	acme := enduser.New(memory.New(nil), &enduser.Options{Schema: f.Schema}).Tenant("acme")
	for _, wrong := range []string{
		"[tenant", before + "[default.policy]\nmax_name = -1", before + "[default.schema]\nexact_ids = true",
		"[tenant.acme.schema]\nindexed_metadata = ['plan']", "", before + "[tenant.umbrella.schema]\nexact_ids = true",
	} {
		write(t, path, wrong)
		if err := f.Reload(); err == nil || !strings.HasPrefix(err.Error(), "-tenants: "+path+": ") || strings.Contains(err.Error(), "acme") {
			t.Errorf("%s: %v", wrong, err)
		}
		if !acme.ExactIDs() || f.Policy("acme").MaxName != 0 {
			t.Errorf("%s: it was taken", wrong)
		}
	}
	write(t, path, "[tenant.acme.schema]\nexact_ids = true\nindexed_metadata = ['size']\n[tenant.umbrella.policy]\nmax_name = 3\n")
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := f.Schema("acme").IndexedMetadata; got[0] != "size" {
		t.Error(got)
	}
	if got := f.Policy("umbrella").MaxName; got != 3 {
		t.Error(got)
	}
}
