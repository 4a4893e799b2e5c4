package pgtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
)

const table = "CREATE TABLE t (n int); INSERT INTO t VALUES (1)"

// A committed row outlives a kill, the process of the server does not, and nothing of
// either outlives Close.
func TestServer(t *testing.T) {
	s := pgtest.Own(t, "max_connections=7")
	dsn := s.Database(t)
	pgtest.SQL(t, dsn, table)
	if got := pgtest.SQL(t, dsn, "SELECT current_setting('max_connections'), current_setting('fsync')"); got != "7|on" {
		t.Errorf("max_connections and fsync are %s", got)
	}
	s.Kill()
	if _, err := pgtest.Exec(dsn, "SELECT 1"); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := pgtest.SQL(t, dsn, "SELECT n FROM t"); got != "1" {
		t.Errorf("after a restart: %q", got)
	}
	s.Kill()
	s.Close()
	if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("the folder is left behind: %v", err)
	}
}

func TestStandby(t *testing.T) {
	s := pgtest.Own(t)
	dsn := s.Database(t)
	s.Demote(t)
	if _, err := pgtest.Exec(dsn, table); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a write on a standby: %v", err)
	}
	s.Promote(t)
	pgtest.SQL(t, dsn, table)
}

// Databases of the shared server do not see each other, and PgBouncer reaches them.
func TestShared(t *testing.T) {
	one, two := pgtest.Database(t), pgtest.Database(t)
	pgtest.SQL(t, one, table)
	if _, err := pgtest.Exec(two, "SELECT n FROM t"); err == nil {
		t.Error("two databases are one")
	}
	b := pgtest.Shared(t).Bouncer(t, 4)
	if got := pgtest.SQL(t, b.DSN(one), "SELECT n FROM t"); got != "1" {
		t.Errorf("through PgBouncer: %q", got)
	}
	b.Kill()
	if err := b.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := pgtest.SQL(t, b.DSN(one), "SELECT n FROM t"); got != "1" {
		t.Errorf("through a PgBouncer that was restarted: %q", got)
	}
}

// childVariable makes TestChild die with servers open, and prints where they are.
const childVariable = "PGTEST_CHILD"

func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		return // runs below TestDeath only
	}
	s := pgtest.Own(t)
	killed := pgtest.Own(t)
	killed.Kill()
	_, _ = os.Stdout.WriteString("at " + s.Dir + "\nat " + killed.Dir + "\n")
	os.Exit(7) // runs no cleanup
}

// Servers end, and their folders go, when the test's process ends in whatever way.
func TestDeath(t *testing.T) {
	pgtest.Require(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 7 {
		t.Fatalf("the child: %v: %s", err, out)
	}
	found := 0
	for line := range strings.Lines(string(out)) {
		dir, ok := strings.CutPrefix(strings.TrimSpace(line), "at ")
		if !ok {
			continue
		}
		found++
		pgtest.Until(t, "the folder is gone", func() bool {
			_, err := os.Stat(filepath.Clean(dir))
			return os.IsNotExist(err)
		})
	}
	if found != 2 {
		t.Errorf("%d folders in %q, want 2", found, out)
	}
}
