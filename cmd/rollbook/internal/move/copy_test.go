package move_test

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// exec changes a database behind the back of its store.
func exec(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		t.Fatalf("%d rows, %v", n, err)
	}
}

// TestCopy: from store to store everything stays.
func TestCopy(t *testing.T) {
	redis, postgres := "redis://"+redistest.Server(t).Addr+"/3", pgtest.Database(t)
	in(t)
	fill(t, 300)
	from := "sqlite:rollbook.db"
	want := ok(t, "export", "-all")
	for _, to := range []string{redis, postgres, "sqlite:last.db"} {
		got := ok(t, "copy", "-from", from, "-to", to)
		if !strings.HasPrefix(got, "records  903\nchanges  903\n") {
			t.Errorf("%s", got)
		}
		if again := ok(t, "copy", "-from", from, "-to", to); again != got {
			t.Errorf("again: %s", again)
		}
		if archive := ok(t, "export", "-all", "-store", to, "-keyring", "rollbook.keyring"); archive != want {
			t.Errorf("%s has an archive of %d bytes, want %d", to, len(archive), len(want))
		}
		if got := ok(t, "verify", "-store", to); got != "records  903\ndamaged  0\nmended   0\n" {
			t.Errorf("%s", got)
		}
		from = to
	}
	write(t, "users.csv", table)
	for _, to := range []string{redis, postgres} { // all commands take all stores
		args := []string{"import", "-tenant", "late", "-format", "csv", "users.csv", "-store", to, "-keyring", "rollbook.keyring"}
		if r := run(t, args...); !strings.HasPrefix(r.stdout, "created    2\n") || r.status != cli.Rejected {
			t.Errorf("%s: status %d\n%s%s", to, r.status, r.stdout, r.stderr)
		}
	}
}

// TestCopyGoesOn: the same command takes up a copy that was ended, at any point.
func TestCopyGoesOn(t *testing.T) {
	in(t)
	fill(t, size.Pick(t, 500, 1500, 5000))
	args := []string{"copy", "-from", "sqlite:rollbook.db", "-to", "sqlite:to.db", "-sync", "normal"}
	for n := 1; ; n += size.Pick(t, 2, 1, 1) {
		ctx, cancel := context.WithCancel(t.Context())
		r := call{ctx: ctx, now: impatient(), stderr: &ender{"copying and comparing: ", n, cancel}}.run(t, args...)
		cancel()
		if r.status == cli.OK {
			if n == 1 {
				t.Error("it was not ended")
			}
			break
		}
		if r.status != cli.Interrupted {
			t.Fatalf("status %d\n%s", r.status, r.stderr)
		}
	}
	if want, got := ok(t, "export", "-all"), ok(t, "export", "-all", "-store", "sqlite:to.db"); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

func TestCopyRefuses(t *testing.T) {
	in(t)
	fails(t, cli.Usage, "-from", "copy", "-to", "sqlite:to.db")
	fails(t, cli.Usage, "-to", "copy", "-from", "sqlite:rollbook.db")
	fails(t, cli.Usage, "-to", "copy", "-from", "sqlite:rollbook.db", "-to", "sqlite:rollbook.db")
	fails(t, cli.NotFound, "-from: there is no file rollbook.db", "copy", "-from", "sqlite:rollbook.db", "-to", "sqlite:to.db")
	fails(t, cli.Usage, "-from: memory:", "copy", "-from", "memory:", "-to", "sqlite:to.db")
	if got := files(t); len(got) > 0 {
		t.Errorf("%q", got)
	}
	fill(t, 3)
	if err := os.Symlink("rollbook.db", "link.db"); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{"sqlite:./rollbook.db", "sqlite:link.db"} {
		fails(t, cli.Usage, "-to: is the same store", "copy", "-from", "sqlite:rollbook.db", "-to", same)
	}
	fails(t, cli.Usage, "-to: memory:", "copy", "-from", "sqlite:rollbook.db", "-to", "memory:")
	for _, to := range []string{"redis://ann:secret@127.0.0.1:1/x", "postgres://ann:secret@127.0.0.1:1/x?y=z&connect_timeout=z"} {
		r := run(t, "copy", "-from", "sqlite:rollbook.db", "-to", to)
		if r.status != cli.Usage || !strings.Contains(r.stderr, "-to: ") || strings.Contains(r.stderr, "secret") {
			t.Errorf("status %d\n%s", r.status, r.stderr)
		}
	}
	write(t, "users.csv", "external_id\ncrm-7\n")
	ok(t, "import", "-tenant", "acme", "-format", "csv", "-store", "sqlite:to.db", "users.csv")
	fails(t, cli.Refused, "not empty", "copy", "-from", "sqlite:rollbook.db", "-to", "sqlite:to.db")
}
