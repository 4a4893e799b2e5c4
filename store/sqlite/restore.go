package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// The errors of Restore, beside [ErrNewerSchema] and [fs.ErrExist].
var (
	// ErrNotBackup is returned for a file that cannot be restored: it is no database of Rollbook,
	// is damaged, or has a log beside it.
	ErrNotBackup = errors.New("the file is not an intact backup")

	// ErrInUse is returned if this process or another one has the database at the path open.
	ErrInUse = errors.New("the database is in use")
)

// RestoreOptions are the settings of Restore. The zero value is ready to use.
type RestoreOptions struct {
	// Replace allows Restore to replace a database that exists at the path. It is gone then,
	// with all that was written since the backup.
	Replace bool
}

// Restore makes the database at path from a backup: a file that [Store.Backup] or VACUUM INTO has
// made, which stays as it is. Only its owner can read and write the new database (0600). Then
// [Open] opens it.
//
// The backup is copied first, to a temporary file beside path, and checked as a whole: Restore
// returns [ErrNotBackup], or [ErrNewerSchema] if a later version of this package has made it.
// Then files that an earlier database has left beside the path (-wal, -shm, -journal) are
// removed, and the copy gets its name. A power cut at any moment leaves what was there, or the
// whole copy.
//
// If there is a database at path, Restore returns [fs.ErrExist], or replaces it with
// RestoreOptions.Replace. It returns [ErrInUse] if any process has it open: stop them all
// first. If one starts while Restore runs, its calls fail with [ErrReplaced], or it does not open
// (ErrStaleLog).
//
// A reader of a change feed that was beyond the end of the backup gets store.ErrTrimmed from
// package enduser.
func Restore(ctx context.Context, path, backup string, opts *RestoreOptions) error {
	err := restore(ctx, path, backup, opts != nil && opts.Replace)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, ErrNotBackup):
		return ctx.Err()
	}
	return fmt.Errorf("sqlite: cannot restore %q to %q: %w", backup, path, err)
}

func restore(ctx context.Context, path, backup string, replace bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := databaseURI(path); err != nil {
		return err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	path = followLinks(path)
	t := target{ctx: ctx, path: path, replace: replace}
	if err := t.check(backup); err != nil {
		return err
	}
	return withNewFile(path, t.publish, func(name string) error {
		if err := copyBackup(ctx, backup, name); err != nil {
			return err
		}
		return checkBackup(ctx, name)
	})
}

// copyBackup copies a file that nobody writes to. It must not open one that this process has
// open through SQLite: closing it would release the locks; see makePrivate.
func copyBackup(ctx context.Context, backup, to string) (err error) {
	name := followLinks(backup)
	for _, suffix := range [...]string{walSuffix, shmSuffix, journalSuffix} {
		if info, err := os.Stat(name + suffix); err == nil && info.Size() > 0 {
			return fmt.Errorf("%w: %q is beside it: it may be in use", ErrNotBackup, filepath.Base(name)+suffix)
		}
	}
	from, err := os.Open(backup) //nolint:gosec // the host names it
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()       // nothing was written
	f, err := os.OpenFile(to, os.O_WRONLY, 0) //nolint:gosec // a temporary file of ours
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch _, err := io.CopyN(f, from, 4<<20); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// checkBackup checks a copy that nobody else has open.
func checkBackup(ctx context.Context, name string) error {
	steps, err := backend.Migrations(migrations)
	if err != nil {
		return err
	}
	uri, err := databaseURI(name)
	if err != nil {
		return err
	}
	db, err := openPool(uri+"?immutable=1&mode=ro", 1)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	version, needs, err := schemaVersion(ctx, conn)
	if err == nil && version > 0 {
		if err := checkVersion(needs, len(steps)); err != nil {
			return err
		}
		var mark []byte
		err = conn.QueryRowContext(ctx, sqlReadMark).Scan(&mark)
	}
	var messages []string
	if err == nil && version > 0 {
		messages, err = integrity(ctx, conn)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNotBackup, err)
	case version == 0:
		return fmt.Errorf("%w: it has no table of Rollbook", ErrNotBackup)
	case len(messages) > 0:
		return fmt.Errorf("%w: %s", ErrNotBackup, messages[0])
	}
	return nil
}

// target is the path that a backup is restored to.
type target struct {
	ctx     context.Context //nolint:containedctx // of one call
	path    string
	replace bool
}

const journalSuffix = "-journal"

// check returns an error if the path cannot be restored to. It changes nothing that anybody sees.
func (t *target) check(backup string) error {
	info, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !t.replace || !info.Mode().IsRegular():
		return &fs.PathError{Op: "create", Path: t.path, Err: fs.ErrExist}
	}
	if from, err := os.Stat(backup); err == nil && os.SameFile(info, from) {
		return fmt.Errorf("%w: it is the database that it shall replace", ErrNotBackup)
	}
	return t.settle()
}

// publish gives the copy its name. What a database that is replaced has in its log is in its file
// then, so that it is whole until its name is the copy's.
func (t *target) publish(name, path string) error {
	_, err := os.Stat(path)
	there := err == nil
	if there && t.replace {
		if err := t.settle(); err != nil {
			return err
		}
	}
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if there && !t.replace {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	removed := false
	for _, suffix := range [...]string{walSuffix, shmSuffix, journalSuffix} {
		switch err := os.Remove(path + suffix); {
		case err == nil:
			removed = true
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if removed { // they must not be beside the copy after a power cut
		if err := syncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	if t.replace {
		return os.Rename(name, path)
	}
	return linkNew(name, path)
}

// settle returns ErrInUse if any process has the database open. It has SQLite write into the file
// what is in a log, or undo what a rollback journal holds, unless they are not its own.
func (t *target) settle() error {
	if _, err := checkLog(t.ctx, t.path); errors.Is(err, ErrStaleLog) {
		return nil // SQLite would mix the two, and calls of who has the file open fail with ErrReplaced
	} else if err != nil {
		return err
	}
	// To leave WAL mode a connection must be the only one. It removes the log and its index.
	err := t.run(`PRAGMA journal_mode = DELETE`, "synchronous(FULL)")
	if isCorrupt(err) { // nothing can be saved. This needs no schema
		err = t.run(`BEGIN EXCLUSIVE; ROLLBACK`, "locking_mode(EXCLUSIVE)")
	}
	switch {
	case isBusy(err):
		return ErrInUse
	case isCorrupt(err):
		return nil
	}
	return err
}

// run runs a statement on a connection of its own.
func (t *target) run(statement, pragma string) error {
	uri, err := databaseURI(t.path)
	if err != nil {
		return err
	}
	q := settings{make(url.Values)}
	q.pragma("busy_timeout", longestBusy)
	q.Add("_pragma", pragma)
	db, err := openPool(uri+"?mode=rw&"+q.Encode(), 1)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(t.ctx, statement)
	return errors.Join(err, db.Close())
}
