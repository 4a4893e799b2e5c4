package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
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

// migration is one step of the schema. Steps are numbered from 1 without gaps. A step
// that was released never changes, and none goes back.
type migration struct {
	version int
	name    string
	text    string
}

func loadMigrations(from fs.FS) ([]migration, error) {
	names, err := fs.Glob(from, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	steps := make([]migration, 0, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(strings.TrimPrefix(name, "migrations/"), ".sql")
		number, title, _ := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %q is not number %d", base, i+1)
		}
		steps = append(steps, migration{version: version, name: title, text: string(text)})
	}
	return steps, nil
}

// migrate brings the schema to the last of steps, and reports whether steps were missing.
// One transaction runs all that are: an interrupted migration leaves the database as it
// was. Several processes may migrate at once; one does it and the others find it done.
func migrate(ctx context.Context, conn *sql.Conn, steps []migration, wait lockWait) (migrated bool, err error) {
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

func migrateLocked(ctx context.Context, conn *sql.Conn, steps []migration) error {
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
		if _, err := conn.ExecContext(ctx, step.text); err != nil {
			return fmt.Errorf("migration %d: %w", step.version, err)
		}
		_, err := conn.ExecContext(ctx, `INSERT INTO rollbook_migration (version, name) VALUES (?, ?)`,
			step.version, step.name)
		if err != nil {
			return fmt.Errorf("migration %d: %w", step.version, err)
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
