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
// package has changed so that this one cannot use it. Nothing was changed. If that happens while a store is open, it is
// in the errors of all later calls, beside ErrUnavailable: of writes at once, of reads
// within a second.
var ErrNewerSchema = errors.New("the database has a newer schema than this version knows")

//go:embed migrations/*.sql
var migrations embed.FS

const createMigrationTable = `CREATE TABLE IF NOT EXISTS rollbook_migration (
  version INTEGER PRIMARY KEY,
  name    TEXT    NOT NULL,
  needs   INTEGER NOT NULL -- the version that a program must know to go on
) STRICT`

// migrate brings the schema to the last of steps, and reports whether steps were missing.
// One transaction runs all that are: an interrupted migration leaves the database as it
// was. Several processes may migrate at once; one does it and the others find it done.
func migrate(ctx context.Context, conn *sql.Conn, steps []backend.Migration, wait lockWait) (migrated bool, err error) {
	version, needs, err := schemaVersion(ctx, conn)
	if err != nil {
		return false, err
	}
	if err := checkVersion(needs, len(steps)); err != nil {
		return false, err
	}
	if version >= len(steps) {
		return false, nil
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
	version, needs, err := schemaVersion(ctx, conn) // again: another process may have been first
	if err != nil {
		return err
	}
	if err := checkVersion(needs, len(steps)); err != nil {
		return err
	}
	if version == 0 {
		if err := identify(ctx, conn); err != nil {
			return err
		}
	}
	for _, step := range steps[min(version, len(steps)):] {
		if _, err := conn.ExecContext(ctx, step.Text); err != nil {
			return fmt.Errorf("migration %d: %w", step.Version, err)
		}
		_, err := conn.ExecContext(ctx, `INSERT INTO rollbook_migration (version, name, needs) VALUES (?1, ?2, ?1)`,
			step.Version, step.Name)
		if err != nil {
			return fmt.Errorf("migration %d: %w", step.Version, err)
		}
	}
	_, err = conn.ExecContext(ctx, sqlCommit)
	return err
}

// applicationID tells a file of Rollbook from other databases, for tools such as file(1):
// "Roll". A host that keeps tables of its own in the file may have another.
const applicationID = 0x526f6c6c

func identify(ctx context.Context, conn *sql.Conn) error {
	var id int64
	if err := conn.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil || id != 0 {
		return err
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID))
	return err
}

// sqlNeeds is the version of the schema that a program must know. It need not be the last one: a
// step that adds an index, say, harms no program that does not know it.
const (
	sqlNeeds  = `SELECT ifnull((` + lastNeeds + `), 0)`
	lastNeeds = `SELECT needs FROM rollbook_migration ORDER BY version DESC LIMIT 1`
)

// checkVersion returns ErrNewerSchema if a later version is needed than the known one.
func checkVersion(needs int64, known int) error {
	if needs > int64(known) {
		return ErrNewerSchema
	}
	return nil
}

// schemaVersion returns the version of the schema, 0 if there is none, and the one that a program
// must know.
func schemaVersion(ctx context.Context, conn *sql.Conn) (version int, needs int64, err error) {
	var tables int
	err = conn.QueryRowContext(ctx,
		`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'rollbook_migration'`).Scan(&tables)
	if err != nil || tables == 0 {
		return 0, 0, err
	}
	err = conn.QueryRowContext(ctx, `SELECT ifnull(max(version), 0), (`+sqlNeeds+`) FROM rollbook_migration`).
		Scan(&version, &needs)
	return version, needs, err
}
