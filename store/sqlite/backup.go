package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/store"
)

// BackupOptions are the settings of Backup. The zero value is ready to use.
type BackupOptions struct {
	// Progress is called now and then with how many bytes of how many have been copied.
	// It must be fast.
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
// writes nothing. If it fails, or ctx ends, the temporary file is removed.
//
// The copy holds all tables of the file, those of the host too. Sealed values in it can only be
// read with the keyring, of which it has nothing: back up that, too, and elsewhere.
func (s *Store) Backup(ctx context.Context, path string, opts *BackupOptions) error {
	c := s.observer.BeginCall("Backup")
	err := s.backup(ctx, path, opts)
	c.End(store.CallInfo{}, err)
	return err
}

func (s *Store) backup(ctx context.Context, path string, opts *BackupOptions) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.usable(); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("sqlite: cannot make a backup: %w", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist})
	}
	var progress func(done, total int64)
	if opts != nil {
		progress = opts.Progress
	}
	err := withNewFile(path, linkNew, func(name string) error { return s.copyTo(ctx, name, progress) })
	switch {
	case err == nil || ctx.Err() == nil:
	case errors.Is(err, ctx.Err()), primaryCode(err) == codeInterrupt:
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("sqlite: cannot make a backup: %w", err)
	}
	return nil
}

// copyTo copies the database into an empty file, from a connection of its own, in one read
// transaction: every step sees the same state.
func (s *Store) copyTo(ctx context.Context, name string, progress func(done, total int64)) error {
	uri, err := databaseURI(name)
	if err != nil {
		return err
	}
	db, err := s.aside()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // ends the transaction with db
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	var pageSize, needs int64
	err = s.wait.retry(ctx, nil, func() error { // the first read is the moment
		return conn.QueryRowContext(ctx, `SELECT page_size, (`+sqlNeeds+`) FROM pragma_page_size`).Scan(&pageSize, &needs)
	})
	if err != nil {
		return err
	}
	err = conn.Raw(func(c any) error {
		from, ok := c.(interface {
			NewBackup(to string) (*sqlite.Backup, error)
		})
		if !ok {
			return fmt.Errorf("the driver's connection, a %T, cannot make backups", c)
		}
		b, err := from.NewBackup(uri + "?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)") // it is flushed in the end
		if err != nil {
			return err
		}
		return errors.Join(copySteps(ctx, b, pageSize, progress), b.Finish())
	})
	if err != nil {
		return err
	}
	return s.checkFiles() // what was copied is the database at the path
}

// backupStep is how many pages are copied before the context is checked: 1 MiB.
const backupStep = 256

func copySteps(ctx context.Context, b *sqlite.Backup, pageSize int64, progress func(done, total int64)) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if more, err = b.Step(backupStep); err != nil {
			return err
		}
		if progress != nil {
			total := int64(b.PageCount())
			progress((total-int64(b.Remaining()))*pageSize, total*pageSize)
		}
	}
	return nil
}

// withNewFile has fill write a database under a temporary name, which only its owner can read.
// When it is on the disk, publish gives it its name. Then the folder is flushed, too.
func withNewFile(path string, publish func(name, path string) error, fill func(name string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".rollbook-*") // 0600
	if err != nil {
		return err
	}
	name := f.Name()
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	defer func() { // it is gone if it was renamed
		if rm := os.Remove(name); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}()
	if err := fill(name); err != nil {
		return err
	}
	if err := finishFile(name); err != nil {
		return err
	}
	if err := publish(name, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// finishFile marks a database as one that has no log, so that a log beside it is known to be
// another's, and flushes it. Nobody has it open.
func finishFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0) //nolint:gosec // a temporary file of ours
	if err != nil {
		return err
	}
	const versions = 18 // of the file format for writers and readers: 2 is WAL
	_, err = f.WriteAt([]byte{1, 1}, versions)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// linkNew gives a file another name, which must be free.
func linkNew(name, path string) error {
	err := os.Link(name, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// The file system has no links.
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(name, path)
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // it has no such call
	}
	d, err := os.Open(dir) //nolint:gosec // the host names it
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
