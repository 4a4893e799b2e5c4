package move_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestBackup: what is lost since a backup comes back, and what was written since is gone.
func TestBackup(t *testing.T) {
	in(t)
	fails(t, cli.NotFound, "rollbook.db", "backup", "-o", "backup.db")
	fill(t, 3)
	want := ok(t, "export", "-all")
	use(t, func(*enduser.Manager) { // while it is in use
		if got := ok(t, "backup", "-o", "backup.db"); got == "" {
			t.Error("no result")
		}
		fails(t, cli.Refused, "in use", "restore", "-yes", "backup.db")
	})
	if info, err := os.Stat("backup.db"); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	fails(t, cli.Refused, "there is a file backup.db", "backup", "-o", "backup.db")
	fill(t, 5)
	fails(t, cli.Refused, "-yes", "restore", "backup.db")
	if ok(t, "export", "-all") == want {
		t.Error("it was restored")
	}
	if got := ok(t, "restore", "-yes", "backup.db"); got != "file  rollbook.db\n" {
		t.Error(got)
	}
	if got := ok(t, "export", "-all"); got != want {
		t.Errorf("%s", got)
	}
	if got := ok(t, "restore", "-json", "backup.db", "-store", "sqlite:other.db"); got != `{"file":"other.db"}`+"\n" {
		t.Error(got)
	}
	if got := ok(t, "export", "-all", "-store", "sqlite:other.db"); got != want {
		t.Errorf("%s", got)
	}
}

func TestBackupRefuses(t *testing.T) {
	in(t)
	fill(t, 1)
	before := files(t)
	fails(t, cli.NotFound, "none.db", "restore", "none.db")
	fails(t, cli.Usage, "-o", "backup")
	for _, store := range []string{"redis://127.0.0.1:1", "postgres://127.0.0.1:1/x", "memory:", "sqlite:"} {
		fails(t, cli.Usage, "-store", "backup", "-store", store, "-o", "x")
		fails(t, cli.Usage, "-store", "restore", "-store", store, "rollbook.db")
	}
	if got := files(t); !slices.Equal(got, before) {
		t.Errorf("%q, want %q", got, before)
	}
	write(t, "text", "no database")
	fails(t, cli.Failed, sqlite.ErrNotBackup.Error(), "restore", "-yes", "text")
	if n := count(t); n != 1 {
		t.Errorf("%d users", n)
	}
}

// TestBackupEnded: a backup that is ended leaves no file.
func TestBackupEnded(t *testing.T) {
	in(t)
	fill(t, 1000) // it is copied in steps
	before := files(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := call{ctx: ctx, now: impatient(), stderr: &ender{"copying bytes: ", 1, cancel}}.run(t, "backup", "-o", "x")
	if got := files(t); r.status != cli.Interrupted || !slices.Equal(got, before) {
		t.Errorf("status %d, %q\n%s", r.status, got, r.stderr)
	}
}
