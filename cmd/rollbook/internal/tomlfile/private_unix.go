//go:build unix

package tomlfile

import (
	"io/fs"
	"os"
	"syscall"
)

// private reports whether only this user, and root, can read and replace a file.
func private(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return true
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0 && os.Geteuid() != 0 && mode&0o037 == 0
}
