//go:build !unix

package tomlfile

import "io/fs"

// private cannot tell: rights on files have another form on this system.
func private(fs.FileInfo) bool { return true }
