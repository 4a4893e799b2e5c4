package keyfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

var _ enduser.Keyring = (*Shared)(nil)

// Shared is a Keyring of a file that is only read, for programs of several hosts: each has a
// copy of the file, or it is mounted from a secret of the platform. [OpenShared] makes one. It
// is safe for concurrent use, and there is nothing to close.
//
// The file is one that [Keyring.Backup] writes. A tool makes it with [Open], and changes it
// with [Keyring.Add], [Keyring.Promote] and [Keyring.Retire]; then it is copied to the hosts.
// To rotate, give all hosts the file with the new key, and only then the one in which it is the
// primary key.
//
// All secrets are sealed under the primary key, also those with a deadline. Nothing destroys
// that key a day later: anyone who has the file and a copy of the store can read secrets that
// have expired.
type Shared struct {
	path string

	reading sync.Mutex // so that what was read last stays

	mu    sync.RWMutex // of all below
	file  fs.FileInfo  // of the file that was read
	infos []KeyInfo
	keys  []enduser.Key // the primary one first
}

// OpenShared returns the Keyring of a file, and follows symbolic links to it. It writes nothing,
// neither the file nor in its folder. It returns ErrMissing, ErrNotRegular, ErrCorrupt or
// ErrVersion if the file cannot be used, and ErrEpoch if processes use it as the file of a
// [Keyring]: share a copy that Backup wrote.
//
// The file must belong to the user of the process and give no rights to others (mode 0600 or
// less); or belong to root, and give its group the right to read it and others none (0640 or
// less), as container platforms mount secrets. Otherwise OpenShared returns ErrExposed.
func OpenShared(path string) (*Shared, error) {
	if !supported {
		return nil, fmt.Errorf("keyfile: owners of files: %w", errors.ErrUnsupported)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	s := &Shared{path: path}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the file again. After an error the keys are those from before. A file without the
// primary key from before is refused with ErrPrimary: until now secrets were sealed under it here,
// and those could not be opened any more. It was retired before all hosts had the file with
// the next primary key.
func (s *Shared) Reload() error {
	s.reading.Lock()
	defer s.reading.Unlock()
	info, records, err := readShared(s.path)
	if err != nil {
		return err
	}
	defer clear(records)
	infos := make([]KeyInfo, 0, len(records))
	keys := make([]enduser.Key, 0, len(records))
	for i := range records {
		key, err := enduser.NewKey(records[i].ID, records[i].secret)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		infos = append(infos, records[i].KeyInfo)
		if records[i].Primary {
			keys = slices.Insert(keys, 0, key)
		} else {
			keys = append(keys, key)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) > 0 && !slices.ContainsFunc(keys, func(k enduser.Key) bool { return k.ID() == s.keys[0].ID() }) {
		return fmt.Errorf("%w: %s does not have the key that secrets are sealed under", ErrPrimary, s.path)
	}
	s.file, s.infos, s.keys = info, infos, keys
	return nil
}

// Keys returns the keys in the file, in the order in which they were made.
func (s *Shared) Keys() []KeyInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.infos)
}

// SealingKey implements [enduser.Keyring]. It returns the primary key.
func (s *Shared) SealingKey(context.Context, time.Time) (enduser.Key, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys[0], nil
}

// OpeningKey implements [enduser.Keyring]. If it does not know the key it reads the file, if that
// was changed: another host may have been given the key first. Any error but
// [enduser.ErrNoKey] means that the file could not be read.
func (s *Shared) OpeningKey(_ context.Context, id string) (enduser.Key, error) {
	if key, known := s.find(id); known {
		return key, nil
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return enduser.Key{}, fmt.Errorf("keyfile: %w", err)
	}
	s.mu.RLock()
	same := unchanged(info, s.file)
	s.mu.RUnlock()
	if !same {
		if err := s.Reload(); err != nil {
			return enduser.Key{}, err
		}
		if key, known := s.find(id); known {
			return key, nil
		}
	}
	return enduser.Key{}, enduser.ErrNoKey
}

func (s *Shared) find(id string) (key enduser.Key, known bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.keys, func(k enduser.Key) bool { return k.ID() == id })
	if i < 0 {
		return enduser.Key{}, false
	}
	return s.keys[i], true
}

// String returns "keyfile" and the path.
func (s *Shared) String() string { return "keyfile " + s.path }

// readShared reads the file of a [Shared].
func readShared(path string) (fs.FileInfo, []record, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0) //nolint:gosec // the host names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s", ErrMissing, path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("keyfile: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err == nil {
		err = acceptableShared(path, info)
	}
	if err != nil {
		return nil, nil, err
	}
	if info.Size() > maxFile {
		return nil, nil, fmt.Errorf("%w: it is too long", ErrCorrupt)
	}
	b := make([]byte, info.Size())
	defer clear(b)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, nil, fmt.Errorf("%w: it became shorter", ErrCorrupt)
	}
	records, err := decode(b)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(records, func(r record) bool { return r.Epoch }) {
		clear(records)
		return nil, nil, fmt.Errorf("%w: %s is in use as the file of one host", ErrEpoch, path)
	}
	return info, records, nil
}

// acceptableShared returns an error if others can read or replace the contents of the file.
func acceptableShared(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s", ErrNotRegular, path)
	}
	rights, want := info.Mode().Perm(), fs.FileMode(0o600)
	switch {
	case ofRoot(info):
		want = 0o640
	case foreign(info):
		return fmt.Errorf("%w: %s belongs to another user", ErrExposed, path)
	}
	if rights&^want != 0 {
		return fmt.Errorf("%w: %s has mode %#o and should have %#o", ErrExposed, path, rights, want)
	}
	return nil
}
