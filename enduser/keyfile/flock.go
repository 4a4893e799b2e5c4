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
	noWait    = syscall.O_NONBLOCK // for whoever would read a pipe
)

// tryLock locks a file if nobody has it locked. Closing it unlocks it, and so does
// the end of the process, in whatever way.
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

// foreign reports whether a file belongs to another user. Replacing it would give
// it to this one, and its owner could not read it any more.
func foreign(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int64(st.Uid) != int64(os.Geteuid())
}

// nameless reports whether no name leads to an open file any more.
func nameless(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}
