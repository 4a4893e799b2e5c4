//go:build unix && !aix && !solaris

package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const (
	supported = true
	noFollow  = syscall.O_NOFOLLOW
	noWait    = syscall.O_NONBLOCK // in case the file is a pipe
)

// tryLock locks a file unless it is locked. Closing the file unlocks it, and so does any end
// of the process.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, os.NewSyscallError("flock", err)
		}
	}
}

// foreign reports whether a file belongs to another user. If this user replaced it, its owner
// could not read it any more.
func foreign(info fs.FileInfo) bool { return !belongs(info, os.Geteuid()) }

// ofRoot reports whether a file belongs to root.
func ofRoot(info fs.FileInfo) bool { return belongs(info, 0) }

func belongs(info fs.FileInfo, user int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(st.Uid) == int64(user)
}

// nameless reports whether an open file has no name any more.
func nameless(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}
