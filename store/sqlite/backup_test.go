package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// filled returns a store whose database has so many megabytes.
func filled(t *testing.T, megabytes int) (s *sqlite.Store, path string) {
	t.Helper()
	path = file(t)
	s = open(t, path, nil)
	for i := range megabytes {
		r := user(string(rune('a'+i)), string(rune('a'+i)))
		r.Data = make([]byte, store.MaxData)
		apply(t, s, "t", store.Create(r, []byte("note")))
	}
	return s, path
}

// private checks the permissions of a file.
func private(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v; want -rw-------", path, info.Mode(), err)
	}
}

// names returns the names of the files in a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestBackup: a backup is private from its beginning, has its name only when it is whole, and
// then is the only file; it has what other processes have written.
func TestBackup(t *testing.T) {
	s, path := filled(t, 3)
	child, err := startProcess(t).open(path)
	must(t, err)
	apply(t, child, "t", store.Create(user("theirs"), nil))
	dir := t.TempDir()
	to := filepath.Join(dir, "backup.db")
	var last, total int64
	must(t, s.Backup(t.Context(), to, &sqlite.BackupOptions{Progress: func(done, of int64) {
		if done <= last && of > 0 || done > of {
			t.Errorf("%d after %d bytes, of %d", done, last, of)
		}
		last, total = done, of
		files := names(t, dir)
		if len(files) != 1 || !strings.HasPrefix(files[0], ".rollbook-") {
			t.Errorf("while it is written there are %q", files)
		}
		private(t, filepath.Join(dir, files[0]))
		apply(t, s, "t", store.Create(user(fmt.Sprint("later-", done)), nil)) // does not wait
	}}))
	private(t, to)
	if info, err := os.Stat(to); err != nil || last != total || info.Size() != total {
		t.Errorf("%d of %d bytes, %v", last, total, err)
	}
	if files := names(t, dir); !slices.Equal(files, []string{"backup.db"}) {
		t.Errorf("there are %q", files)
	}
	copied := open(t, to, nil)
	for _, id := range []string{"a", "b", "c", "theirs"} {
		if _, err := copied.Get(t.Context(), "t", store.ID(id)); err != nil {
			t.Errorf("%s is not in the backup: %v", id, err)
		}
	}
	checkFile(t, to)
}

// TestBackupRefused: nothing is written over, and nothing is left of a backup that fails.
func TestBackupRefused(t *testing.T) {
	s, path := filled(t, 3)
	dir := t.TempDir()
	to := filepath.Join(dir, "backup.db")
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Backup(ctx, to, &sqlite.BackupOptions{Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := s.Backup(ctx, to, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
	if files := names(t, dir); len(files) > 0 {
		t.Errorf("canceled: %q are left", files)
	}
	must(t, os.WriteFile(to, []byte("theirs"), 0o600))
	late := to + "-late"
	for _, c := range []struct {
		to   string
		opts *sqlite.BackupOptions
		want error
	}{
		{to, nil, fs.ErrExist},
		{path, nil, fs.ErrExist},
		{filepath.Join(dir, "none", "backup.db"), nil, fs.ErrNotExist},
		{late, &sqlite.BackupOptions{Progress: func(int64, int64) { // somebody else is faster
			must(t, os.WriteFile(late, []byte("theirs"), 0o600))
		}}, fs.ErrExist},
	} {
		if err := s.Backup(t.Context(), c.to, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.to, err, c.want)
		}
	}
	for _, name := range []string{to, late} {
		if b, err := os.ReadFile(name); string(b) != "theirs" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if files := names(t, dir); len(files) != 2 {
		t.Errorf("there are %q", files)
	}
	must(t, s.Close())
	if err := s.Backup(t.Context(), to+"-closed", nil); !isUnavailable(err, store.ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
}

// TestBackupOfReplaced: a file that is no longer at the path is not backed up.
func TestBackupOfReplaced(t *testing.T) {
	s, path := filled(t, 1)
	other := file(t)
	apply(t, open(t, other, nil), "t", store.Create(user("other"), nil))
	moved := backup(t, other)
	to := file(t)
	err := s.Backup(t.Context(), to, &sqlite.BackupOptions{Progress: func(int64, int64) { _ = os.Rename(moved, path) }})
	if !errors.Is(err, sqlite.ErrReplaced) {
		t.Error(err)
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was written: %v", err)
	}
	if err := s.Backup(t.Context(), to, nil); !isUnavailable(err, sqlite.ErrReplaced) {
		t.Error(err)
	}
}

// TestBackupOfPools: a store on pools of the host.
func TestBackupOfPools(t *testing.T) {
	for range size.Pick(t, 1, 5, 50) {
		s, _ := openPools(t, file(t), &sqlite.Options{Sync: sqlite.Normal}, "")
		to := file(t)
		must(t, s.Backup(t.Context(), to, nil)) // before the first write
		must(t, os.Remove(to))
		apply(t, s, "t", store.Create(user("a"), nil))
		must(t, s.Backup(t.Context(), to, nil))
		opensWith(t, to, "a backup", false, "a")
	}
}
