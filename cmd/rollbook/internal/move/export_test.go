package move_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

// TestExport: an archive that is imported elsewhere gives the same archive again.
func TestExport(t *testing.T) {
	in(t)
	fill(t, 300)
	all := ok(t, "export", "-all")
	got := ok(t, "export", "-all", "-sealed", "-o", "all.ndjson")
	if want := "file       all.ndjson\ngroups     3\nusers      900\nsensitive  0\nwebhooks   0\n"; got != want {
		t.Errorf("%s", got)
	}
	if n := strings.Count(ok(t, "export", "-tenant", "acme"), "\n"); n != 604 {
		t.Errorf("%d lines", n)
	}
	if got := ok(t, "export", "-tenant", "acme", "-env", "Testing"); strings.Count(got, "\n") != 303 || strings.Count(got, `"environment":"Testing"`) != 301 {
		t.Errorf("%s", got)
	}
	if got := ok(t, "export", "-json", "-tenant", "umbrella", "-o", "umbrella.ndjson"); got != `{"file":"umbrella.ndjson","groups":1,"users":300,"sensitive":0,"webhooks":0,"skipped":0}`+"\n" {
		t.Errorf("%s", got)
	}
	write(t, "tenants.toml", "[tenant.umbrella.schema]\nexact_ids = true\n")

	// In another store, with the keyring of the first, tokens stay.
	other := []string{"-store", "sqlite:other.db", "-keyring", "rollbook.keyring", "-tenants", "tenants.toml"}
	ok(t, append([]string{"import", "-all", "all.ndjson"}, other...)...)
	wantRows(t, ok(t, append([]string{"export", "-all"}, other...)...), all)
	tokens := read(t, "all.ndjson")
	if n := strings.Count(tokens, `"token":`); n != 3 {
		t.Errorf("%d tokens", n)
	}
	wantRows(t, ok(t, append([]string{"export", "-all", "-sealed"}, other...)...), tokens)

	// Of one tenant, into another.
	got = ok(t, "import", "all.ndjson", "-store", "sqlite:third.db", "-tenant", "beta", "-from-tenant", "acme", "-drop-sealed")
	if want := "created    602\nupdated    0\nunchanged  0\nskipped    301\nrejected   0\n"; got != want {
		t.Errorf("%s", got)
	}
	beta := ok(t, "export", "-all", "-store", "sqlite:third.db")
	wantRows(t, beta, strings.ReplaceAll(ok(t, "export", "-tenant", "acme"), `"acme"`, `"beta"`))
}

// wantRows compares archives. Users that are imported many at a time are listed in nearly the
// same order.
func wantRows(t *testing.T, got, want string) {
	t.Helper()
	sorted := func(text string) []string { return slices.Sorted(strings.Lines(text)) }
	if !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("%d bytes, want %d:\n%.2000s", len(got), len(want), got)
	}
}

// TestImportSeveral: files are one import. One that is cut off, or is no archive, ends it.
func TestImportSeveral(t *testing.T) {
	in(t)
	fill(t, 3)
	for _, tenant := range []string{"acme", "umbrella"} {
		ok(t, "export", "-tenant", tenant, "-o", tenant)
	}
	args := []string{"import", "-all", "-ignore-exact-ids", "-store", "sqlite:other.db"}
	if got := ok(t, append(args, "acme", "umbrella")...); !strings.HasPrefix(got, "created    12\n") {
		t.Error(got)
	}
	write(t, "broken", strings.Join(strings.SplitAfter(read(t, "acme"), "\n")[:4], ""))
	write(t, "users.csv", "external_id\n")
	fails(t, cli.Failed, "broken: archive: incomplete", append(args, "umbrella", "broken", "acme")...)
	if r := run(t, append(args, "users.csv")...); r.status != cli.Failed || r.stderr != "rollbook: users.csv: archive: not an archive; -format names other forms\n" {
		t.Errorf("%d %s", r.status, r.stderr) // nothing was done that could be taken up
	}
	fails(t, cli.Failed, "-after 2:", append(args, "umbrella", "broken")...)
	if got := ok(t, append(args, "broken", "acme", "-after", "2:0")...); got != "created    0\nupdated    0\nunchanged  8\nrejected   0\n" {
		t.Error(got)
	}
}

func TestExportRefuses(t *testing.T) {
	in(t)
	fails(t, cli.Usage, "-tenant or -all", "export")
	fails(t, cli.Usage, "-tenant or -all", "export", "-all", "-tenant", "acme")
	fails(t, cli.NotFound, "rollbook.db", "export", "-all")
	if got := files(t); len(got) > 0 {
		t.Errorf("%q", got)
	}
	fill(t, 1)
	before := files(t)
	fails(t, cli.NotFound, `"nobody"`, "export", "-tenant", "nobody", "-o", "x")
	fails(t, cli.NotFound, `"umbrella"`, "export", "-tenant", "umbrella", "-env", "Testing", "-o", "x")
	fails(t, cli.Usage, "-o", "export", "-all", "-o", "none/x")
	if got := files(t); !slices.Equal(got, before) {
		t.Errorf("%q, want %q", got, before)
	}
	write(t, "x", "kept")
	fails(t, cli.Refused, "there is a file x", "export", "-all", "-o", "x")
	if read(t, "x") != "kept" {
		t.Error("the file was replaced")
	}
}

// TestExportEnded: an export that is ended leaves no file.
func TestExportEnded(t *testing.T) {
	in(t)
	fill(t, 500)
	before := files(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := call{ctx: ctx, now: impatient(), stderr: &ender{"exporting: ", 1, cancel}}.run(t, "export", "-all", "-o", "x")
	if r.status != cli.Interrupted {
		t.Errorf("status %d\n%s", r.status, r.stderr)
	}
	if got := files(t); !slices.Equal(got, before) {
		t.Errorf("%q, want %q", got, before)
	}
}

// TestDamaged: a record that cannot be read ends an export and a copy, unless it may be left out.
func TestDamaged(t *testing.T) {
	in(t)
	fill(t, 3)
	exec(t, "rollbook.db", `UPDATE rollbook_record SET keys = x'00' WHERE rid = (SELECT max(rid) FROM rollbook_record WHERE kind = 'user')`)
	fails(t, cli.Failed, "cannot be read", "export", "-all", "-o", "x")
	r := run(t, "export", "-all", "-o", "x", "-skip-damaged", "-json")
	if r.status != cli.Rejected || !strings.Contains(r.stdout, `"users":8,"sensitive":0,"webhooks":0,"skipped":1}`) || !strings.Contains(r.stderr, `{"tenant":"umbrella","environment":"Customer","error":`) {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	fails(t, cli.Rejected, "records that cannot be read and were left out: 1", "export", "-all", "-skip-damaged")

	fails(t, cli.Failed, "damaged", "copy", "-from", "sqlite:rollbook.db", "-to", "sqlite:a.db")
	fails(t, cli.Rejected, "left out: damaged record: tenant e/umbrella, record ", "copy", "-from", "sqlite:rollbook.db", "-to", "sqlite:b.db", "-skip-damaged")
	if r := run(t, "verify", "-json"); r.status != cli.Rejected || !strings.Contains(r.stdout, `{"damage":"damaged record","tenant":"e/umbrella","id":"`) {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// TestVerify: damage is listed, and mended if that is asked for.
func TestVerify(t *testing.T) {
	in(t)
	fails(t, cli.NotFound, "rollbook.db", "verify")
	fill(t, 3)
	const whole = "records  12\ndamaged  0\nmended   0\n"
	if got := ok(t, "verify"); got != whole {
		t.Error(got)
	}
	exec(t, "rollbook.db", `DELETE FROM rollbook_key WHERE rid = (SELECT min(rid) FROM rollbook_record WHERE kind = 'user')`)
	r := run(t, "verify")
	if r.status != cli.Rejected || !strings.HasPrefix(r.stdout, "DAMAGE       TENANT  RECORD ") || !strings.Contains(r.stdout, "missing key  acme    ") || !strings.HasSuffix(r.stdout, "\nrecords  12\ndamaged  1\nmended   0\n") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if got := ok(t, "verify", "-mend", "-json"); !strings.Contains(got, `"mended":true}`+"\n"+`{"records":12,"damaged":1,"mended":1}`+"\n") {
		t.Error(got)
	}
	if got := ok(t, "verify"); got != whole {
		t.Error(got)
	}
	use(t, func(users *enduser.Manager) {
		for i := range 3 {
			if _, err := users.Tenant("acme").Get(t.Context(), enduser.ByExternalID(fmt.Sprint("crm-", i))); err != nil {
				t.Error(err)
			}
		}
	})
}
