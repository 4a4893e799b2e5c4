package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// ErrReplaced is why every call fails, with ErrUnavailable, once the store has seen that
// the file at the path is no longer the one that it has open, or that one of the two
// files beside it (-wal, -shm) is not. Close the store, find out who did it, and open it
// again.
var ErrReplaced = errors.New("sqlite: the file at the path is not the one that is open")

// files are the files of the database as they were when it was opened. SQLite goes on
// with a file that was deleted, or that another was moved over, and what it writes there
// is lost.
type files struct {
	path   string // as the host or SQLite names it
	name   string // as SQLite does, which puts the others beside it
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

// followLinks returns the file that a symbolic link, to another perhaps, leads to.
func followLinks(path string) string {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return path
}

// makePrivate makes the file, if there is none, so that only its owner can read it, and
// reports whether it did. It does not open what SQLite may have open: closing it would
// release the locks that this process has on it
// (https://sqlite.org/howtocorrupt.html section 2.2). What goes wrong here SQLite says
// better.
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
	// There are no links. Nobody can have had time to lock a file that was just made.
	if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil { //nolint:gosec // the host names it
		return false
	}
	_ = f.Close() // nothing was written
	return true
}

// unmake removes the file that makePrivate has made, if nothing has come into it and
// nobody has it open.
func (f *files) unmake() {
	const header = 4096 // is all that a file in WAL mode has without a transaction
	info, err := os.Stat(f.name)
	if err != nil || !os.SameFile(info, f.main) || info.Size() > header {
		return
	}
	if _, err := os.Stat(f.name + walSuffix); errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(f.name) // it would only be of no use
	}
}

// keep remembers the files beside the database. It is called while a connection that
// keeps them there is open.
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

// release is called before the connection is closed that keep was called for.
func (f *files) release() { f.beside.Store(nil) }

// check returns an ErrReplaced if a file is not what it was, or why it cannot tell.
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
			if f.beside.Load() != beside { // closed and opened meanwhile
				return nil
			}
			return err
		}
	}
	return nil
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

// How often reads look at the files and at the version of the schema. The writer looks
// at both in every transaction.
const (
	filesEvery  = 10 * time.Millisecond
	schemaEvery = time.Second
)

// usable returns why no call can succeed any more.
func (s *Store) usable() error {
	if s.isClosed() {
		return errClosed
	}
	if lost := s.lost.Load(); lost != nil {
		return unavailable(*lost)
	}
	return nil
}

// checkFiles looks at the files; see [files.check].
func (s *Store) checkFiles() error { return s.losing(s.files.check()) }

// losing makes every later call fail if the error is one that lasts until the store is
// opened again.
func (s *Store) losing(err error) error {
	if !errors.Is(err, ErrReplaced) && !errors.Is(err, ErrNewerSchema) {
		return err
	}
	if s.lost.CompareAndSwap(nil, &err) {
		s.opts.Logger.Error("sqlite: the store must be closed and opened again", "path", s.files.path, "error", err)
	}
	return err
}

// checkRead checks, now and then, that what was just read is what is at the path, in a
// schema that is known. Always means at once.
func (s *Store) checkRead(ctx context.Context, always bool) error {
	at := time.Since(s.opened)
	if s.filesAt.pass(at, filesEvery, always) {
		if err := s.checkFiles(); err != nil {
			return err
		}
	}
	if !s.schemaAt.pass(at, schemaEvery, always) {
		return nil
	}
	var version int64
	if err := s.reads.row(ctx, sqlVersion, []any{&version}); err != nil {
		return nil //nolint:nilerr // the file is not readable: the call has its own error
	}
	return s.losing(checkVersion(version, s.schema))
}

// pace lets somebody pass now and then.
type pace struct{ next atomic.Int64 }

func (p *pace) pass(at, every time.Duration, always bool) bool {
	next := p.next.Load()
	return always || int64(at) >= next && p.next.CompareAndSwap(next, int64(at+every))
}

// checkLost fails a group that was written to a file that is not at the path any more.
func (w *writer) checkLost(group []*call, wrote []bool) (lost bool) {
	err := w.store.checkFiles()
	if err == nil {
		return false
	}
	if !errors.Is(err, ErrReplaced) { // which was told
		w.logger.Error("sqlite: the file at the path cannot be looked at", "error", err, "calls", len(group))
	}
	answerUnknown(group, wrote, err)
	return true
}

// answerUnknown answers a group whose commit may be lost: what wrote nothing failed.
func answerUnknown(group []*call, wrote []bool, err error) {
	for i, c := range group {
		if wrote[i] {
			c.answer(0, unknown(err))
		} else {
			c.answer(0, unavailable(err))
		}
	}
}
