package enduser

import (
	"errors"
	"fmt"
	"strings"
)

// The errors of this package, for [errors.Is]. Their texts never carry personal
// data: neither names, addresses and external IDs, nor the values of metadata.
var (
	// ErrNotFound: there is no such user or group in this tenant and environment, or
	// it has expired.
	ErrNotFound = errors.New("enduser: not found")

	// ErrInvalid: something given is not admitted. Nothing was written. The error
	// is an *InvalidError that names every violation.
	ErrInvalid = errors.New("enduser: invalid")

	// ErrConflict: something that must be unique belongs to another. Nothing
	// was written. The error is a *ConflictError.
	ErrConflict = errors.New("enduser: conflict")

	// ErrAmbiguous: several users have the e-mail address.
	ErrAmbiguous = errors.New("enduser: ambiguous")

	// ErrContended: the user or group was changed by others again and again while the
	// call tried to change it. Nothing was written; try later.
	ErrContended = errors.New("enduser: contended")

	// ErrTrimmed: the change feed no longer reaches back to that position.
	ErrTrimmed = errors.New("enduser: changes trimmed")

	// ErrUnavailable: the store or the Keyring cannot be reached or used now. Nothing
	// was written.
	ErrUnavailable = errors.New("enduser: unavailable")

	// ErrUnknown: the write may or may not have happened. Repeating an Upsert,
	// Ensure or EnsureGroup is safe; before repeating anything else, read.
	ErrUnknown = errors.New("enduser: outcome unknown")

	// ErrCorrupt: the store returned something that cannot be read, or a sealed text
	// that was not sealed for the place where it stands.
	ErrCorrupt = errors.New("enduser: corrupt record")

	// ErrNoKeyring: the call has to seal or open a secret, and the Manager has no
	// Keyring. Nothing was written.
	ErrNoKeyring = errors.New("enduser: no keyring")

	// ErrNoKey: the keyring does not have the key that a secret was sealed under, or
	// has destroyed it.
	ErrNoKey = errors.New("enduser: no key")
)

// The codes of a [Violation]. They are stable: programs may switch on them.
const (
	CodeRequired  = "required"           // missing
	CodeLength    = "too_long"           // over its limit
	CodeCount     = "too_many"           // over its limit
	CodeUTF8      = "invalid_utf8"       // not valid UTF-8
	CodeCharacter = "invalid_characters" // a character that is not admitted
	CodeSpace     = "surrounding_space"  // begins or ends with white space
	CodeFormat    = "invalid_format"     // not an e-mail address, URL or language tag
	CodeJSON      = "invalid_json"       // not acceptable as a JSON value
	CodeDuplicate = "duplicate"          // given twice
	CodeReadOnly  = "read_only"          // not to be changed
	CodeValue     = "invalid_value"      // not one of the values admitted
)

// Violation is one reason why something is not admitted.
type Violation struct {
	Field   string // as in JSON: "email", "metadata.plan", "linked_accounts[0].type"
	Code    string // one of the Code constants
	Message string // for people; carries no personal data
}

// InvalidError lists everything that was not admitted. It is an ErrInvalid.
type InvalidError struct {
	Violations []Violation // at least one
}

// Error implements error.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString("enduser: invalid")
	for i, v := range e.Violations {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(v.Field + ": " + v.Message)
	}
	return b.String()
}

// Is makes errors.Is(e, ErrInvalid) true.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// ConflictError says what belongs to another user or group, and to which. It is an
// ErrConflict.
type ConflictError struct {
	Field    string // "external_id", "email" or "linked_accounts"; of groups "provided_id"
	HolderID string // the ID of the user or group that has it
}

// Error implements error.
func (e *ConflictError) Error() string {
	holder := "user"
	if e.Field == "provided_id" {
		holder = "group"
	}
	return fmt.Sprintf("enduser: conflict: %s belongs to %s %s", e.Field, holder, e.HolderID)
}

// Is makes errors.Is(e, ErrConflict) true.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }
