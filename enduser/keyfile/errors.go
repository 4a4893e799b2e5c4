package keyfile

import "errors"

// The errors of this package, for [errors.Is]. No text of an error has a key's secret; it
// may have the path of the file. A key that does not exist is [enduser.ErrNoKey].
var (
	// ErrMissing: there is no file, but there has been one, or Options.Existing says that
	// there is. Bring the file back. To begin with new keys, and lose everything sealed under
	// the old ones, remove the file with .lock at the end of its name.
	ErrMissing = errors.New("keyfile: the file is missing")

	// ErrExposed: others can read or replace the file, or it belongs to another user. If
	// others could read it, assume that they know its keys.
	ErrExposed = errors.New("keyfile: the file is not private")

	// ErrNotRegular: the path is not a regular file, but for example a folder or a
	// symbolic link.
	ErrNotRegular = errors.New("keyfile: not a regular file")

	// ErrCorrupt: the file is truncated, changed, or not one of this package.
	ErrCorrupt = errors.New("keyfile: the file is corrupt")

	// ErrVersion: the file was written by a later version of this package.
	ErrVersion = errors.New("keyfile: the file has an unknown version")

	// ErrDeadline: the deadline of the secret is later than that of any epoch key.
	ErrDeadline = errors.New("keyfile: the deadline is too late")

	// ErrPrimary: the primary key cannot be retired.
	ErrPrimary = errors.New("keyfile: the key is the primary one")

	// ErrEpoch: an epoch key can be neither promoted nor retired. It is destroyed when it
	// expires.
	ErrEpoch = errors.New("keyfile: the key is an epoch key")
)
