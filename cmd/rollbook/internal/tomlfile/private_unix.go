//go:build unix

package tomlfile

import (
	"io/fs"
	"os"
	"syscall"
)

// private reports whether a file can be read by this user and root alone, and by a group that
// root chose.
func private(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case !ok:
		return false
	case int64(st.Uid) == int64(os.Geteuid()):
		return mode&0o077 == 0
	default:
		return st.Uid == 0 && mode&0o037 == 0
	}
}
