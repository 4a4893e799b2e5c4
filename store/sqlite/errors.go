package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/store"
)

// Primary result codes of SQLite, the lowest byte of a code.
const (
	codeError      = 1
	codeBusy       = 5
	codeInterrupt  = 9
	codeCorrupt    = 11
	codeConstraint = 19
	codeNotADB     = 26
)

var (
	errClosed  = unavailable(errors.New("the store is closed"))
	errCorrupt = errors.New("a stored value is damaged")
)

// primaryCode returns the primary result code of an error of SQLite, else 0. The
// texts of its messages are not stable; the codes are.
func primaryCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isBusy(err error) bool { return primaryCode(err) == codeBusy }

func isCorrupt(err error) bool {
	code := primaryCode(err)
	return code == codeCorrupt || code == codeNotADB
}

// unavailable returns the error of a call that failed and wrote nothing. It names the
// package, so that causes do not.
func unavailable(cause error) error {
	if errors.Is(cause, store.ErrUnavailable) {
		return cause
	}
	return fmt.Errorf("%w: sqlite: %w", store.ErrUnavailable, cause)
}

// unknown returns the error of a call that may have written.
func unknown(cause error) error {
	return fmt.Errorf("%w: %w", store.ErrUnknown, cause)
}
