package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// ErrReplaced is in the errors of all calls, beside ErrUnavailable, once the store has
// found that the file at the path is no longer the one that it has open, or that one of
// the two files beside it (-wal, -shm) is not. Close the store, find out what replaced
// the file, and open it again.
var ErrReplaced = errors.New("the file at the path is not the one that is open")

// files are the files of the database as they were when it was opened. SQLite keeps
// writing to a file that was deleted, or that another was moved over, and what it writes
// there is lost.
type files struct {
	path   string // as the host or SQLite names it
	name   string // as SQLite names it: the others are beside it
	main   os.FileInfo
	beside atomic.Pointer[[2]os.FileInfo] // -wal and -shm; nil while they may come and go
}

// What SQLite adds to the name of a database for the files beside it.
const (
	walSuffix = "-wal"
	shmSuffix = "-shm"
)

func statFile(name string) (os.FileInfo, error) {
	info, err := os.Stat(name)
	if err == nil {
		os.SameFile(info, info) // on Windows a file is identified when it is first compared
	}
	return info, err
}

// followLinks returns the file that a chain of symbolic links leads to.
func followLinks(path string) string {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			dir := filepath.Dir(path)
			if resolved, err := filepath.EvalSymlinks(dir); err == nil {
				dir = resolved // what ".." in the link leads out of
			}
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return path
}

// makePrivate creates the file, unless it exists, so that only its owner can read it, and
// reports whether it did. It does not open a file that SQLite may have open: closing it
// would release the locks of this process
// (https://sqlite.org/howtocorrupt.html section 2.2). It returns no error, since SQLite's
// own is better.
func makePrivate(path string) (made bool) {
	if _, err := os.Stat(path); err == nil {
		return false
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".rollbook-*") // 0600
	if err != nil {
		return false
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is empty
	if f.Close() != nil {
		return false
	}
	if err := os.Link(f.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		return err == nil
	}
	// The file system has no links. Nobody has had time to lock a file that is new.
	if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil { //nolint:gosec // the host names it
		return false
	}
	_ = f.Close() // nothing was written
	return true
}

// unmake removes the file that makePrivate has created, if nothing was written to it and
// it is not open.
func (f *files) unmake() {
	const header = 4096 // bytes of a file in WAL mode without a transaction
	info, err := os.Stat(f.name)
	if err != nil || !os.SameFile(info, f.main) || info.Size() > header {
		return
	}
	if _, err := os.Stat(f.name + walSuffix); errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(f.name) // an empty file that stays harms nobody
	}
}

// keep remembers the files beside the database. An open connection must keep them there.
func (f *files) keep() error {
	var beside [2]os.FileInfo
	for i, suffix := range [...]string{walSuffix, shmSuffix} {
		var err error
		if beside[i], err = statFile(f.name + suffix); err != nil {
			return err
		}
	}
	f.beside.Store(&beside)
	return f.check()
}

// release forgets the files beside the database, before the connection that kept them
// there is closed.
func (f *files) release() { f.beside.Store(nil) }

// check returns ErrReplaced if a file is gone or another one, or the error of the file
// system.
func (f *files) check() error {
	if err := compareFile(f.path, f.main); err != nil {
		return err
	}
	beside := f.beside.Load()
	if beside == nil {
		return nil
	}
	for i, suffix := range [...]string{walSuffix, shmSuffix} {
		if err := compareFile(f.name+suffix, beside[i]); err != nil {
			if f.beside.Load() != beside { // the connection was closed meanwhile
				return nil
			}
			return err
		}
	}
	return nil
}

// is reports whether a name is that of the file that was opened.
func (f *files) is(name string) bool {
	info, err := os.Stat(name)
	return err == nil && os.SameFile(info, f.main)
}

func compareFile(name string, opened os.FileInfo) error {
	switch info, err := os.Stat(name); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %q is gone", ErrReplaced, name)
	case err != nil:
		return err
	case !os.SameFile(info, opened):
		return fmt.Errorf("%w: %q was replaced", ErrReplaced, name)
	}
	return nil
}
