package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/store/internal/backend"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to the last of steps. One transaction runs all that are
// missing: an interrupted migration leaves the database as it was. Several processes may
// migrate at once; one does it and the others find it done.
func migrate(ctx context.Context, conn *pgx.Conn, schema string, texts *statements, steps []backend.Migration) error {
	version, needs, err := schemaVersion(ctx, conn, schema)
	if err != nil {
		return err
	}
	if err := checkVersion(needs, len(steps)); err != nil || version >= len(steps) {
		return err
	}
	// A stricter level would not see what another process has done meanwhile.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after the commit
	// What others may have put into the search path is not for the schema.
	if err := run(ctx, conn, "SET LOCAL search_path = pg_catalog; SET LOCAL standard_conforming_strings = on"); err != nil {
		return err
	}
	lock := "SELECT pg_advisory_xact_lock(" + strconv.FormatInt(lockOf(schema, ""), 10) + ")"
	if err := run(ctx, conn, lock); err != nil {
		return err
	}
	if version, needs, err = schemaVersion(ctx, conn, schema); err != nil { // again: another process may have been first
		return err
	}
	if err := checkVersion(needs, len(steps)); err != nil {
		return err
	}
	if version == 0 {
		if err := createSchema(ctx, conn, schema, texts); err != nil {
			return err
		}
	}
	for _, step := range steps[min(version, len(steps)):] {
		done := fmt.Sprintf(`INSERT INTO rollbook.migration (version, name, needs) VALUES (%d, '%s', %[1]d);`, step.Version, step.Name)
		if err := run(ctx, conn, texts.in(step.Text+done)); err != nil {
			return fmt.Errorf("migration %d: %w", step.Version, err)
		}
	}
	return tx.Commit(ctx)
}

// createSchema makes the schema, unless an administrator has: that may need rights that
// the role of the program does not have.
func createSchema(ctx context.Context, conn *pgx.Conn, schema string, texts *statements) error {
	there, err := values(ctx, conn, `SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = `+literal(schema))
	if err != nil {
		return err
	}
	if there == nil {
		if err := run(ctx, conn, `CREATE SCHEMA `+pgx.Identifier{schema}.Sanitize()); err != nil {
			return err
		}
	}
	return run(ctx, conn, texts.in(`CREATE TABLE IF NOT EXISTS rollbook.migration (
  version integer PRIMARY KEY,
  name    text    NOT NULL,
  needs   integer NOT NULL -- the version that a program must know to go on
)`))
}

// checkVersion returns ErrNewerSchema if a later version is needed than the known one.
func checkVersion(needs, known int) error {
	if needs > known {
		return ErrNewerSchema
	}
	return nil
}

// errForeign is about a table that is not the store's: that of a schema has the views beside it.
var errForeign = errors.New("the schema has a table migration of another program: use another schema")

// sqlNeeds is the version of the schema that a program must know. It need not be the last one: a
// step that adds an index, say, harms no program that does not know it.
const (
	sqlNeeds   = `SELECT coalesce((SELECT needs FROM rollbook.migration ORDER BY version DESC LIMIT 1), 0)`
	sqlVersion = `SELECT coalesce(max(version), 0), (` + sqlNeeds + `) FROM rollbook.migration`
)

// schemaVersion returns the version of the schema, 0 if there is none, and the one that a program
// must know.
func schemaVersion(ctx context.Context, conn *pgx.Conn, schema string) (version, needs int, err error) {
	const relation = `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = '%s' AND n.nspname = %s`
	there, err := values(ctx, conn, fmt.Sprintf(relation, "migration", literal(schema)))
	if err != nil || there == nil {
		return 0, 0, err
	}
	there, err = values(ctx, conn, fmt.Sprintf(relation, "rollbook_records", literal(schema)))
	if err != nil {
		return 0, 0, err
	}
	if there == nil {
		return 0, 0, errForeign
	}
	row, err := values(ctx, conn, newStatements(schema).in(sqlVersion))
	if err != nil {
		return 0, 0, err
	}
	version, err = strconv.Atoi(row[0])
	if err == nil {
		needs, err = strconv.Atoi(row[1])
	}
	return version, needs, err
}

// values returns the first row of a query, or nil. It needs no prepared statement.
func values(ctx context.Context, conn *pgx.Conn, query string) ([]string, error) {
	results, err := conn.PgConn().Exec(ctx, query).ReadAll()
	if err != nil || len(results[0].Rows) == 0 {
		return nil, err
	}
	var row []string
	for _, v := range results[0].Rows[0] {
		row = append(row, string(v))
	}
	return row, nil
}

// run runs statements.
func run(ctx context.Context, conn *pgx.Conn, statements string) error {
	return conn.PgConn().Exec(ctx, statements).Close()
}

// literal returns a string constant, whatever standard_conforming_strings is.
func literal(s string) string {
	return ` E'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + `'`
}
