package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// ErrNewerSchema is returned by Open and New for a database that a later version of this
// package has migrated. Nothing was changed. If that happens while a store is open, it is
// in the errors of all later calls, beside ErrUnavailable: of writes at once, of reads
// within a second.
var ErrNewerSchema = errors.New("the database has a newer schema than this version knows")

//go:embed migrations/*.sql
var migrations embed.FS

const createMigrationTable = `CREATE TABLE IF NOT EXISTS rollbook_migration (
  version INTEGER PRIMARY KEY,
  name    TEXT NOT NULL
) STRICT`

// migrate brings the schema to the last of steps, and reports whether steps were missing.
// One transaction runs all that are: an interrupted migration leaves the database as it
// was. Several processes may migrate at once; one does it and the others find it done.
func migrate(ctx context.Context, conn *sql.Conn, steps []backend.Migration, wait lockWait) (migrated bool, err error) {
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return false, err
	}
	if version == len(steps) {
		return false, nil
	}
	if err := checkVersion(int64(version), len(steps)); err != nil {
		return false, err
	}
	err = wait.retry(ctx, nil, func() error {
		_, err := conn.ExecContext(ctx, sqlBegin)
		return err
	})
	if err != nil {
		return false, err
	}
	if err = migrateLocked(ctx, conn, steps); err != nil {
		// Even if ctx has ended. It fails if no transaction is open any more.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), sqlRollback)
		return false, err
	}
	return true, nil
}

func migrateLocked(ctx context.Context, conn *sql.Conn, steps []backend.Migration) error {
	if _, err := conn.ExecContext(ctx, createMigrationTable); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, conn) // again: another process may have been first
	if err != nil {
		return err
	}
	if err := checkVersion(int64(version), len(steps)); err != nil {
		return err
	}
	for _, step := range steps[version:] {
		if _, err := conn.ExecContext(ctx, step.Text); err != nil {
			return fmt.Errorf("migration %d: %w", step.Version, err)
		}
		_, err := conn.ExecContext(ctx, `INSERT INTO rollbook_migration (version, name) VALUES (?, ?)`,
			step.Version, step.Name)
		if err != nil {
			return fmt.Errorf("migration %d: %w", step.Version, err)
		}
	}
	_, err = conn.ExecContext(ctx, sqlCommit)
	return err
}

// sqlVersion is the version of the schema.
const sqlVersion = `SELECT ifnull(max(version), 0) FROM rollbook_migration`

// checkVersion returns ErrNewerSchema if the version is later than the known one.
func checkVersion(version int64, known int) error {
	if version > int64(known) {
		return ErrNewerSchema
	}
	return nil
}

func schemaVersion(ctx context.Context, conn *sql.Conn) (int, error) {
	var tables, version int
	err := conn.QueryRowContext(ctx,
		`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'rollbook_migration'`).Scan(&tables)
	if err != nil || tables == 0 {
		return 0, err
	}
	err = conn.QueryRowContext(ctx, sqlVersion).Scan(&version)
	return version, err
}
