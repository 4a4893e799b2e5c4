package sqlite

import (
	"context"
	"errors"
)

// BackupOptions are the settings of Backup. The zero value is ready to use.
type BackupOptions struct {
	// Progress is called now and then with the number of bytes that have been copied, of how
	// many. Default: nobody is told.
	Progress func(done, total int64)
}

// Backup writes a copy of the database to a new file at path, while the store is in use. The copy
// is of one moment: it has every write, of any process, that was acknowledged before Backup
// began. Reads and writes go on, but the log of the database grows until the copy is done, and
// [Store.Scrub] waits for it. [Restore] puts the copy back.
//
// Only its owner can read the file (0600), from its first byte on. It has a temporary name, which
// begins with ".rollbook-", until it is complete and on the disk, so that there is never
// anything at path but a whole copy. If a file exists at path, Backup returns [fs.ErrExist] and
// changes nothing. If it fails, or ctx ends, the temporary file is removed.
//
// The copy holds all tables of the file, those of the host too. Sealed values in it can be read
// with the keyring alone, of which it has nothing.
func (s *Store) Backup(ctx context.Context, path string, opts *BackupOptions) error {
	return errors.ErrUnsupported
}
