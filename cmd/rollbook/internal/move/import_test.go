package move_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

const table = "external_id,email\ncrm-7,ann@example.com\ncrm-8,nobody\ncrm-9,\"x\"y\ncrm-10,\n"

// TestImportCSV: what can be taken goes in, the rest is named and kept, can be corrected, and be
// imported.
func TestImportCSV(t *testing.T) {
	in(t)
	write(t, "users.csv", table)
	args := []string{"import", "-tenant", "acme", "-format", "csv", "-actor", "ops", "-rejects", "bad.csv"}
	r := run(t, append(args, "users.csv")...)
	const want = "created    2\nupdated    0\nunchanged  0\nrejected   2\n"
	if r.status != cli.Rejected || r.stdout != want {
		t.Errorf("status %d\n%s", r.status, r.stdout)
	}
	for _, line := range []string{
		"rejected: users.csv line 3: enduser: invalid: email: ", "rejected: users.csv line 4: extraneous",
		"importing: 4 of 4\n", "rollbook: rejected rows: 2\n",
	} {
		if !strings.Contains(r.stderr, line) {
			t.Errorf("no %q in\n%s", line, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "nobody") {
		t.Errorf("a value is shown:\n%s", r.stderr)
	}
	bad := read(t, "bad.csv")
	if lines := strings.Split(bad, "\n"); len(lines) != 4 || lines[0] != "rejected,external_id,email" || !strings.HasSuffix(lines[1], ",crm-8,nobody") {
		t.Errorf("%s", bad)
	}
	if info, err := os.Stat("bad.csv"); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	write(t, "good.csv", strings.Replace(bad, "nobody", "bob@example.com", 1))
	if got := ok(t, append(args, "good.csv")...); !strings.HasPrefix(got, "created    1\n") {
		t.Error(got)
	}
	if bad := read(t, "bad.csv"); bad != "rejected,external_id,email\n" {
		t.Errorf("%s", bad)
	}
	use(t, func(users *enduser.Manager) {
		u, err := users.Tenant("acme").Get(t.Context(), enduser.ByExternalID("crm-8"))
		if err != nil || u.Email != "bob@example.com" || u.CreatedBy != "ops" {
			t.Errorf("%+v %v", u, err)
		}
	})
}

func TestImportJSONResult(t *testing.T) {
	in(t)
	r := call{stdin: strings.NewReader(table)}.run(t, "import", "-json", "-tenant", "acme", "-env", "Testing", "-format", "csv")
	if r.stdout != `{"created":2,"updated":0,"unchanged":0,"rejected":2,"expired":0,"skipped":0}`+"\n" || r.status != cli.Rejected {
		t.Errorf("%d %s", r.status, r.stdout)
	}
	for line := range strings.Lines(r.stderr) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	use(t, func(users *enduser.Manager) {
		if _, err := users.Tenant("acme").In(enduser.Testing).Get(t.Context(), enduser.ByExternalID("crm-7")); err != nil {
			t.Error(err)
		}
	})
}

func TestImportColumns(t *testing.T) {
	in(t)
	write(t, "users.csv", "CRM|Mail|Notes=x\n7|ann@example.com|secret\n")
	ok(t, "import", "-tenant", "acme", "-format", "csv", "-separator", "|",
		"-column", "CRM=external_id", "-column", "Mail=email", "-column", "Notes=x=-", "users.csv")
	use(t, func(users *enduser.Manager) {
		if u, err := users.Tenant("acme").Get(t.Context(), enduser.ByExternalID("7")); err != nil || u.Email != "ann@example.com" {
			t.Errorf("%+v %v", u, err)
		}
	})
	write(t, "users.csv", ",external_id,\n0,8,\n") // as programs write their numbers of rows
	ok(t, "import", "-tenant", "acme", "-format", "csv", "-column", "=-", "users.csv")
	write(t, "users.csv", "CRM|Mail\n")
	fails(t, cli.Usage, `"CRM"`, "import", "-tenant", "acme", "-format", "csv", "-separator", "|", "users.csv")
}

func TestDryRun(t *testing.T) {
	in(t)
	write(t, "users.csv", table)
	args := []string{"import", "-tenant", "acme", "-format", "csv", "users.csv", "-dry-run"}
	fails(t, cli.NotFound, "rollbook.db", args...)
	if got := files(t); len(got) != 1 {
		t.Errorf("%q", got)
	}
	fill(t, 8)
	if r := run(t, args...); !strings.HasPrefix(r.stdout, "created    1\nupdated    1\n") || r.status != cli.Rejected {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	if n := count(t); n != 8 {
		t.Errorf("%d users", n)
	}
}

// TestImportVendors: users and groups of each vendor, under its policy; rejected rows can be
// corrected and imported.
func TestImportVendors(t *testing.T) {
	for format, test := range map[string]struct{ good, bad, corrected string }{
		"ada":        {`{"end_user_id":"60d5","external_id":"crm-7","profile":{"first_name":"Ann"}}`, `{"end_user_id":"60d6","profile":{"email":7}}`, `{"end_user_id":"60d6"}`},
		"sensay":     {`{"id":"crm-7","name":"Ann"}`, `{"id":7}`, `{"id":"7"}`},
		"magickmind": {`{"id":"60d5","external_id":"crm-7","name":"Ann"}`, `{"id":[]}`, `{"id":"60d6"}`},
		"explo":      {`{"provided_id":"crew","name":"The crew","team_id":7}`, `{"name":"nobody"}`, `{"provided_id":"others"}`},
	} {
		t.Run(format, func(t *testing.T) {
			in(t)
			write(t, "a.json", "["+test.good+"]")
			write(t, "b.json", test.bad+"\n"+test.good+"\n")
			args := []string{"import", "-tenant", "acme", "-format", format, "-rejects", "bad.json"}
			r := run(t, append(args, "a.json", "b.json")...)
			if r.status != cli.Rejected || r.stdout != "created    1\nupdated    0\nunchanged  1\nrejected   1\n" || !strings.Contains(r.stderr, "rejected: b.json line 1: ") {
				t.Errorf("%d\n%s%s", r.status, r.stdout, r.stderr)
			}
			bad := read(t, "bad.json")
			if !strings.HasPrefix(bad, `{"type":"rejected","at":"line 1","error":"`) || !strings.HasSuffix(bad, "\n"+test.bad+"\n") {
				t.Errorf("%s", bad)
			}
			write(t, "corrected.json", strings.Replace(bad, "\n"+test.bad, "\n"+test.corrected, 1))
			if got := ok(t, append(args, "corrected.json")...); !strings.HasPrefix(got, "created    1\n") {
				t.Error(got)
			}
		})
	}
}

// TestManyRejected: not all are named on the standard error, and all are kept.
func TestManyRejected(t *testing.T) {
	in(t)
	r := call{stdin: strings.NewReader("external_id,email\n" + strings.Repeat("a,b\n", 300))}.run(t,
		"import", "-tenant", "acme", "-format", "csv", "-rejects", "bad.csv")
	if n := strings.Count(r.stderr, "rejected: line"); n != 99 || !strings.Contains(r.stderr, "rejected: further rows") {
		t.Errorf("%d lines\n%s", n, r.stderr)
	}
	if n := strings.Count(read(t, "bad.csv"), ",a,b\n"); n != 300 {
		t.Errorf("%d rows", n)
	}
}

// TestImportUsage: what makes no sense is refused before a file is made.
func TestImportUsage(t *testing.T) {
	in(t)
	write(t, "users.csv", table)
	for _, test := range []struct{ args, want string }{
		{"", "-tenant or -all"},
		{"-tenant acme -all", "-tenant or -all"},
		{"-format csv", "-tenant"},
		{"-format csv -tenant acme -all", "-all"},
		{"-format csv -tenant acme -from-tenant b", "-from-tenant"},
		{"-format csv -tenant acme -drop-sealed", "-drop-sealed"},
		{"-format csv -tenant acme -env Staging", "-env"},
		{"-all -env Testing", "-env"},
		{"-all -exact-ids", "-exact-ids"},
		{"-all -from-tenant b", "-from-tenant"},
		{"-all -dry-run", "-dry-run"},
		{"-format explo -tenant acme -dry-run", "-dry-run"},
		{"-all -column a=b", "-column"},
		{"-format csv -tenant acme -column a", "-column"},
		{"-format csv -tenant acme -column a= users.csv", "-column"},
		{"-format csv -tenant acme -column a=email users.csv", `"a"`},
		{"-format csv -tenant acme -separator ,,", "-separator"},
		{"-format csv -tenant acme -rejects r users.csv users.csv", "-rejects"},
		{"-format csv -tenant acme -rejects users.csv users.csv", "-rejects"},
		{"-format csv -tenant acme -rejects none/bad.csv users.csv", "-rejects"},
		{"-format csv -tenant acme -api", "-api"},
		{"-format ada -tenant acme -api users.csv", "FILE"},
		{"-format ada -tenant acme -api", "-api-url"},
		{"-format xml -tenant acme", "-format"},
		{"-format csv -tenant acme -after 7", "-after"},
		{"-format csv -tenant acme -after 2:csv:row:1 users.csv", "-after"},
		{"-format csv -tenant acme -after 1:7 users.csv", "position"},
		{"-all -after 1:x", "-after"},
		{"-all .", "folder"},
		{"-store memory: -all", "memory:"},
		{"-all -store nowhere:", "-store"},
	} {
		args := append([]string{"import"}, strings.Fields(test.args)...)
		r := run(t, args...)
		if r.status != cli.Usage || !strings.Contains(r.stderr, test.want) || strings.Count(r.stderr, "rollbook:") != 1 {
			t.Errorf("%s: status %d\n%s", test.args, r.status, r.stderr)
		}
		if read(t, "users.csv") != table {
			t.Fatalf("%s: the input was changed", test.args)
		}
	}
	fails(t, cli.NotFound, "none.csv", "import", "-tenant", "acme", "-format", "csv", "none.csv")
}

// TestRejectsKept: the file of -rejects does not take the place of what is read or of the store.
func TestRejectsKept(t *testing.T) {
	in(t)
	write(t, "users.csv", table)
	stdin, err := os.Open("users.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	args := []string{"import", "-tenant", "acme", "-format", "csv", "-rejects"}
	r := call{stdin: stdin}.run(t, append(args, "users.csv")...)
	if r.status != cli.Usage || !strings.Contains(r.stderr, "-rejects: is one") || read(t, "users.csv") != table {
		t.Errorf("status %d\n%s", r.status, r.stderr)
	}
	for _, own := range []string{"rollbook.db", "rollbook.keyring"} {
		before := read(t, own)
		fails(t, cli.Usage, "-rejects: is a file of the store", append(args, own, "users.csv")...)
		if len(read(t, own)) < len(before) {
			t.Errorf("%s was emptied", own)
		}
	}
}

// TestHostileNames: names of files do not steer the terminal that shows them.
func TestHostileNames(t *testing.T) {
	in(t)
	name := "users\x1b[31m\u202e\u009b.csv"
	write(t, name, table)
	for _, args := range [][]string{
		{"import", "-tenant", "acme", "-format", "csv", name}, // has rows that are rejected
		{"import", "-tenant", "acme", "-format", "csv", "no " + name},
		{"import", "-tenant", "acme", "-format", "ada", name},
		{"import", "-all", name},
		{"export", "-all", "-o", name},
		{"restore", name, "-yes"},
		{"verify", "-store", "sqlite:" + name},
	} {
		r := run(t, args...)
		if r.status == cli.OK || r.stderr == "" || strings.ContainsAny(r.stdout+r.stderr, "\x1b\u202e\u009b") {
			t.Errorf("%q: status %d, %q, %q", args, r.status, r.stdout, r.stderr)
		}
	}
}

// manyRows returns a file of users, or groups of Explo, some of which are rejected.
func manyRows(format string, ends int) (text string, good, bad int) {
	rows := 2500 * ends // two thousand are written at a time
	if format == "explo" {
		rows = 400
	}
	lines := map[string]string{
		"csv":      "crm-{n},{email}\n",
		"ada":      `{"end_user_id":"u{n}","external_id":"crm-{n}","profile":{"email":"{email}"}}` + "\n",
		"explo":    `{"provided_id":{id},"name":"Crew {n}"}` + "\n",
		"rollbook": `{"type":"user","tenant":"acme","id":"u{n}","external_id":"crm-{n}","email":"{email}"}` + "\n",
	}
	begin := map[string]string{"csv": "external_id,email\n", "rollbook": `{"type":"archive","version":1}` + "\n"}
	end := map[string]string{"rollbook": fmt.Sprintf(`{"type":"end","groups":0,"users":%d,"sensitive":0,"webhooks":0,"skipped":0}`+"\n", rows)}
	var b strings.Builder
	b.WriteString(begin[format])
	for i := range rows {
		email, id := "ann@example.com", fmt.Sprintf(`"crm-%d"`, i)
		if i%100 == 50 {
			email, id = "nobody", "7"
			bad++
		}
		b.WriteString(strings.NewReplacer("{n}", fmt.Sprint(i), "{email}", email, "{id}", id).Replace(lines[format]))
	}
	b.WriteString(end[format])
	return b.String(), rows - bad, bad
}

// TestImportGoesOn: an import that is ended says where to go on. With that or without it, all is
// in afterwards, once, and each row that was rejected is in the file.
func TestImportGoesOn(t *testing.T) {
	for _, format := range []string{"csv", "ada", "explo", "rollbook"} {
		ends := size.Pick(t, 1, 2, 2)
		text, good, bad := manyRows(format, ends)
		for _, after := range []bool{true, false} {
			if !after && format != "csv" && ends == 1 { // on quick runs one format is enough
				continue
			}
			t.Run(fmt.Sprint(format, " ", after), func(t *testing.T) {
				in(t)
				args := []string{"import", "-format", format, "-tenant", "acme", "-rejects", "bad"}
				var more []string
				for range ends {
					position := ended(t, text, append(args, more...)...)
					if after {
						more = []string{"-after", position}
					}
				}
				r := call{stdin: strings.NewReader(text)}.run(t, append(append(args, more...), "-json")...)
				var result struct{ Created, Unchanged, Rejected int }
				if err := json.Unmarshal([]byte(r.stdout), &result); err != nil {
					t.Fatalf("%v\n%s", err, r.stderr)
				}
				if all := result.Created + result.Unchanged + result.Rejected; (all < good+bad) != after || result.Created == good {
					t.Errorf("%+v", result)
				}
				if n := users(t, format); n != good {
					t.Errorf("%d of %d", n, good)
				}
				if n := len(rejected(t, text, "bad")); n != bad {
					t.Errorf("%d rows of %d are kept", n, bad)
				}
			})
		}
	}
}

// ended imports a text and ends the import when some rows were answered. It returns the position
// that it prints.
func ended(t *testing.T, text string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := call{
		ctx: ctx, stdin: strings.NewReader(text),
		now: impatient(), stderr: &ender{"importing: ", 60, cancel},
	}.run(t, args...)
	found := regexp.MustCompile(`-after (\S+) `).FindStringSubmatch(r.stderr)
	if r.status != cli.Interrupted || found == nil || r.stdout != "" {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	return found[1]
}

// TestEndedAtTerminal: an import that waits for somebody who types can be ended.
func TestEndedAtTerminal(t *testing.T) {
	for _, format := range []string{"csv", "ada", "rollbook"} {
		in(t)
		ctx, cancel := context.WithCancel(t.Context())
		typed, keyboard := io.Pipe()
		go func() {
			_, _ = io.WriteString(keyboard, "{") // it is read by now
			cancel()
		}()
		r := call{ctx: ctx, stdin: typed}.run(t, "import", "-tenant", "acme", "-format", format)
		if r.status != cli.Interrupted {
			t.Errorf("%s: status %d\n%s", format, r.status, r.stderr)
		}
		_ = keyboard.Close()
	}
}

// users returns how many users, or groups of Explo, the tenant has.
func users(t *testing.T, format string) (n int) {
	t.Helper()
	if format != "explo" {
		return count(t)
	}
	use(t, func(users *enduser.Manager) {
		for _, err := range users.Tenant("acme").Groups().All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	})
	return n
}

// rejected returns the rows of a text that are in a file of rejected rows.
func rejected(t *testing.T, text, file string) map[string]bool {
	t.Helper()
	rows := make(map[string]bool)
	for line := range strings.Lines(read(t, file)) {
		_, row, found := strings.Cut(line, ",crm-")
		if found {
			line = "crm-" + row
		}
		if strings.Contains(text, line) && !strings.HasPrefix(line, `{"type":"archive"`) {
			rows[line] = true
		}
	}
	return rows
}
