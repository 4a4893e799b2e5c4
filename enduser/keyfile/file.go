package keyfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// content is the contents of the file.
type content struct {
	info    fs.FileInfo
	bytes   []byte
	records []record
}

// wipe overwrites the secrets in memory.
func (c *content) wipe() {
	clear(c.bytes)
	clear(c.records)
}

// unchanged reports whether a file is still the one that was read. Writers make sure that no
// two files with one inode have the same time of change, see writeTemporary.
func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// look returns the file's information. It returns ErrMissing if there is no file.
func look(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s", ErrMissing, path)
	case err != nil:
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	return info, acceptable(path, info)
}

// acceptable returns an error if the file is not safe to keep keys in.
func acceptable(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s", ErrNotRegular, path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: %s has mode %#o and should have 0600", ErrExposed, path, info.Mode().Perm())
	case foreign(info):
		return fmt.Errorf("%w: %s belongs to another user", ErrExposed, path)
	}
	return nil
}

// read returns the contents of the file. It needs no lock, since files are replaced and not
// changed. The contents are on the disk, even if their writer was killed before it synced them.
func read(path string) (*content, error) {
	for {
		c, err := readOnce(path)
		if err == nil || !errors.Is(err, ErrCorrupt) {
			return c, err
		}
		// The old file is overwritten once the new one is in its place. A reader that has
		// just opened the old one reads zeros, and finds the new one now.
		now, lookErr := look(path)
		if lookErr != nil {
			return nil, lookErr
		}
		if unchanged(c.info, now) {
			return nil, err
		}
	}
}

// readOnce reads the file once. With ErrCorrupt it also returns the file's information.
func readOnce(path string) (_ *content, err error) {
	if _, err := look(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0) //nolint:gosec // the host names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, path)
	}
	if err != nil {
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	if err := acceptable(path, info); err != nil {
		return nil, err
	}
	c := &content{info: info}
	if info.Size() > maxFile {
		return c, fmt.Errorf("%w: it is too long", ErrCorrupt)
	}
	c.bytes = make([]byte, info.Size())
	_, err = io.ReadFull(f, c.bytes)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return c, fmt.Errorf("%w: it became shorter", ErrCorrupt)
	case err != nil:
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	if c.records, err = decode(c.bytes); err != nil {
		c.wipe()
		return c, err
	}
	if err = f.Sync(); err == nil {
		err = syncFolder(path)
	}
	if err != nil {
		c.wipe()
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	return c, nil
}

func temporary(path string) string { return path + ".tmp" }

// replace puts a new file in the place of the one that was read, or of none if old is nil,
// and returns its information. It needs the lock. If it returns no error, the new file is on
// the disk and the old one is overwritten as far as possible. After an error the file is the
// old or the new one.
func replace(path string, b []byte, old fs.FileInfo) (info fs.FileInfo, err error) {
	if len(b) > maxFile {
		return nil, errors.New("keyfile: too many keys")
	}
	defer func() {
		if err != nil {
			_ = clean(path) // the next writer cleans, too
		}
	}()
	if info, err = writeTemporary(path, b, old); err != nil {
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	// An operator who brings a file back does not take the lock.
	now, err := look(path)
	switch {
	case old == nil && errors.Is(err, ErrMissing):
	case err != nil:
		return nil, err
	case old == nil || !unchanged(now, old):
		return nil, errors.New("keyfile: something else wrote the file meanwhile")
	}
	var before *os.File
	if old != nil {
		before, err = os.OpenFile(path, os.O_WRONLY|noFollow, 0) //nolint:gosec // the host names the file
		if err != nil {
			return nil, fmt.Errorf("keyfile: %w", err)
		}
		defer before.Close() //nolint:errcheck // what matters was synced
	}
	if err = os.Rename(temporary(path), path); err == nil {
		err = syncFolder(path)
	}
	if err != nil {
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	if before != nil {
		overwrite(before)
	}
	return info, nil
}

// writeTemporary writes the file that will take the place of old.
func writeTemporary(path string, b []byte, old fs.FileInfo) (info fs.FileInfo, err error) {
	f, err := os.OpenFile(temporary(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(b); err != nil {
		return nil, err
	}
	info, err = f.Stat()
	if err != nil {
		return nil, err
	}
	if old != nil && !info.ModTime().After(old.ModTime()) {
		// File systems give the same time to files that are written within some
		// milliseconds, and the same inode to a file as to one just removed. So the time
		// is made to ascend, for unchanged.
		if err := os.Chtimes(f.Name(), time.Time{}, old.ModTime().Add(10*time.Millisecond)); err != nil {
			return nil, err
		}
		if info, err = f.Stat(); err == nil && !info.ModTime().After(old.ModTime()) { // whole seconds
			if err = os.Chtimes(f.Name(), time.Time{}, old.ModTime().Add(2*time.Second)); err == nil {
				info, err = f.Stat()
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return info, f.Sync()
}

// overwrite fills a file with zeros if it has no name any more. Nothing depends on it: the
// file is removed either way. If it has another name, an operator made that as a copy, and may
// have no other.
func overwrite(f *os.File) {
	info, err := f.Stat()
	if err != nil || !nameless(info) {
		return
	}
	if _, err := f.WriteAt(make([]byte, info.Size()), 0); err == nil {
		_ = f.Sync() // nothing depends on it
	}
}

// leftBehind reports whether there is a temporary file: of a process that is writing, or was
// killed while it did.
func leftBehind(path string) bool {
	_, err := os.Lstat(temporary(path))
	return err == nil
}

// clean removes the temporary file of a process that was killed. It needs the lock.
func clean(path string) error {
	f, err := os.OpenFile(temporary(path), os.O_WRONLY|noFollow|noWait, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		defer f.Close() //nolint:errcheck // nothing depends on it
	}
	if err := os.Remove(temporary(path)); err != nil {
		return fmt.Errorf("keyfile: %w", err)
	}
	if f != nil {
		overwrite(f)
	}
	return nil
}

// syncFolder syncs the folder of a file, and so the file's name.
func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock waits until no other Keyring, in any process, writes the file. The caller closes the
// returned file to unlock.
func lock(ctx context.Context, path string) (*os.File, error) {
	name := path + ".lock"
	for pause := time.Millisecond; ; pause = min(2*pause, 32*time.Millisecond) {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|noFollow, 0o600) //nolint:gosec // the host names the file
		if err != nil {
			return nil, fmt.Errorf("keyfile: lock: %w", err)
		}
		got, err := tryLock(f)
		if got && err == nil {
			// If the file was removed meanwhile, others lock another one by now.
			var mine, there fs.FileInfo
			if mine, err = f.Stat(); err == nil {
				there, err = os.Lstat(name)
			}
			if err == nil && os.SameFile(mine, there) {
				return f, nil
			}
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
		_ = f.Close() // nothing was written
		if err != nil {
			return nil, fmt.Errorf("keyfile: lock: %w", err)
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, fmt.Errorf("keyfile: lock: %w", ctx.Err())
		}
	}
}

// marked reports whether the lock says that there has been a file of keys.
func marked(lock *os.File) (bool, error) {
	info, err := lock.Stat()
	return err == nil && info.Size() > 0, err
}

// mark writes into the lock, once, that there is a file of keys.
func mark(path string, lock *os.File) error {
	if done, err := marked(lock); done || err != nil {
		return err
	}
	if _, err := lock.WriteAt([]byte("There is a file of keys beside this one. If it is lost, bring it back.\n"), 0); err != nil {
		return err
	}
	return errors.Join(lock.Sync(), syncFolder(path))
}
