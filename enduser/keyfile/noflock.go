//go:build !unix || aix || solaris

package keyfile

import (
	"errors"
	"io/fs"
	"os"
)

const (
	supported = false
	noFollow  = 0
	noWait    = 0
)

func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func foreign(fs.FileInfo) bool { return true }

func ofRoot(fs.FileInfo) bool { return false }

func nameless(fs.FileInfo) bool { return false }
