package sqlite

import (
	"context"
	"errors"
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
	return errors.ErrUnsupported
}
