package keyfile

import "errors"

// The errors of this package, for [errors.Is]. No error has a key's secret in its
// text; the path of the file may be in it. A key that is not there is
// [enduser.ErrNoKey].
var (
	// ErrMissing: there is no file where there has been one, or has to be one. Bring
	// the file back. To really begin with new keys, and lose what was sealed under
	// the old ones, remove the file with .lock at the end of its name.
	ErrMissing = errors.New("keyfile: the file is missing")

	// ErrExposed: others can read or replace the file, or it belongs to another user.
	// Its keys have to be taken for known if others could read it.
	ErrExposed = errors.New("keyfile: the file is not private")

	// ErrNotRegular: what is there is not a regular file, but for example a folder
	// or a symbolic link.
	ErrNotRegular = errors.New("keyfile: not a regular file")

	// ErrCorrupt: the file is truncated, changed, or not one of this package.
	ErrCorrupt = errors.New("keyfile: the file is corrupt")

	// ErrVersion: the file was written by a later version of this package.
	ErrVersion = errors.New("keyfile: the file has an unknown version")

	// ErrDeadline: the deadline is later than any key for secrets with a deadline
	// lives.
	ErrDeadline = errors.New("keyfile: the deadline is too late")

	// ErrPrimary: the primary key cannot be retired.
	ErrPrimary = errors.New("keyfile: the key is the primary one")

	// ErrEpoch: the key is that of an hour. It is neither promoted nor retired, but
	// destroyed in its time.
	ErrEpoch = errors.New("keyfile: the key is an epoch key")
)
