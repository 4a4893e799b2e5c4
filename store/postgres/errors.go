package postgres

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/store"
)

// ErrNewerSchema is returned by Open and New for a schema that a later version of this
// package has migrated. Nothing was changed. If that happens while a store is open, it is
// in the errors of all later calls, beside ErrUnavailable: of writes at once, of reads
// within a second.
var ErrNewerSchema = errors.New("the database has a newer schema than this version knows")

// SettingError is returned by Open and New for a server that may lose acknowledged writes
// because of a setting, unless Options.AllowUnsafe is set.
type SettingError struct {
	Setting string // e.g. "fsync"
	Value   string
}

// Error implements error.
func (e *SettingError) Error() string {
	return fmt.Sprintf("postgres: with %s = %s the server may lose acknowledged writes", e.Setting, e.Value)
}

var errClosed = unavailable(errors.New("the store is closed"))

// unavailable returns the error of a call that failed and wrote nothing. It names the
// package, so that causes do not.
func unavailable(cause error) error {
	if errors.Is(cause, store.ErrUnavailable) {
		return cause
	}
	return fmt.Errorf("%w: postgres: %w", store.ErrUnavailable, cause)
}

// unknown returns the error of a call that may have written.
func unknown(cause error) error {
	return fmt.Errorf("%w: postgres: %w", store.ErrUnknown, cause)
}

func validName(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
