package postgres_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/internal/testing/golden"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
)

var update = flag.Bool("update", false, "rewrite the golden store, which no release may do")

// TestGolden opens a copy of a schema that an earlier version wrote, functions included.
func TestGolden(t *testing.T) {
	t.Parallel()
	const kept = "testdata/golden.sql"
	if *update {
		h := goldenHome(t)
		golden.Write(t, h.open(t, nil))
		must(t, os.WriteFile(kept, dump(t, h), 0o644)) //nolint:gosec // as any file of the tree
	}
	h := goldenHome(t)
	script, err := os.ReadFile(kept)
	must(t, err)
	conn, err := pgx.Connect(t.Context(), h.direct)
	must(t, err)
	_, err = conn.PgConn().Exec(t.Context(), string(script)).ReadAll()
	must(t, err)
	must(t, conn.Close(t.Context()))
	golden.Check(t, h.open(t, nil))
	must(t, h.inconsistencies())
}

// goldenHome returns a home in a database of its own, whose schema has the usual name.
func goldenHome(t *testing.T) home {
	t.Helper()
	pgtest.Require(t)
	dsn := pgtest.Database(t)
	admin, err := pgxpool.New(context.Background(), dsn)
	must(t, err)
	t.Cleanup(admin.Close)
	return home{dsn, dsn, "rollbook", admin}
}

// dump returns statements that make a copy of a home's schema.
func dump(t *testing.T, h home) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pg_dump", "--schema="+h.schema, "--inserts", "--no-owner", "--no-privileges", h.direct).Output()
	must(t, err)
	return regexp.MustCompile(`(?m)^(--|\\).*\n|^\n`).ReplaceAll(out, nil) // comments, commands of psql and blank lines
}
