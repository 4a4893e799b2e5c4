package enduser

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// The errors of this package, for [errors.Is]. Their texts never carry personal
// data: neither names, addresses and external IDs, nor the values of metadata.
var (
	// ErrNotFound: this tenant and environment have no such user, group or webhook, or it has
	// expired.
	ErrNotFound = errors.New("enduser: not found")

	// ErrInvalid: something given is invalid. Nothing was written. The error is an
	// *InvalidError that names every violation.
	ErrInvalid = errors.New("enduser: invalid")

	// ErrConflict: something that must be unique belongs to another user or group.
	// Nothing was written. The error is a *ConflictError.
	ErrConflict = errors.New("enduser: conflict")

	// ErrVersion: a [Condition] on the version or existence of the user, group or webhook failed.
	// Nothing was written.
	ErrVersion = errors.New("enduser: another version")

	// ErrAmbiguous: several users have the e-mail address.
	ErrAmbiguous = errors.New("enduser: ambiguous")

	// ErrContended: others changed the user, group or webhook before each of the call's attempts to
	// write. Nothing was written; retry later.
	ErrContended = errors.New("enduser: contended")

	// ErrTrimmed: the change at that position, or one after it, was trimmed, or the position
	// belongs to a history that the store has lost.
	ErrTrimmed = errors.New("enduser: changes trimmed")

	// ErrUnavailable: the store or the Keyring cannot be used now. Nothing was written.
	ErrUnavailable = errors.New("enduser: unavailable")

	// ErrUnknown: the write may have happened, and may still happen. No call retries it,
	// since others may have deleted what it wrote. Repeating an Upsert or an Ensure is safe,
	// and so is repeating any call with its idempotency key (see [Idempotent]); before you
	// repeat anything else, read.
	ErrUnknown = errors.New("enduser: outcome unknown")

	// ErrAborted: the Manager is inside a transaction of the host (see [Manager.On]), and a
	// statement failed. Nothing of the transaction can be committed: roll it back. It wraps
	// the error of the database, which says whether trying again may help.
	ErrAborted = errors.New("enduser: transaction aborted")

	// ErrInTransaction: the call makes no sense inside a transaction of the host. Nothing was
	// done.
	ErrInTransaction = errors.New("enduser: inside a transaction")

	// ErrInUse: the tenant was written to while it was deleted. It is not deleted; call
	// DeleteTenant again.
	ErrInUse = errors.New("enduser: the tenant is in use")

	// ErrExpired: the deadline of the user that should be imported has passed. Nothing was
	// written.
	ErrExpired = errors.New("enduser: expired")

	// ErrNotWritten: the row is good, but another row of the same [BulkOptions].Atomic call is
	// not. Nothing was written.
	ErrNotWritten = errors.New("enduser: not written")

	// ErrCorrupt: the store returned something damaged, or a sealed text that was sealed
	// for another place.
	ErrCorrupt = errors.New("enduser: corrupt record")

	// ErrNewer: a newer program has written the user, group or webhook in a form that this one
	// cannot read, or must not overwrite. Nothing was written. Deleting it works.
	ErrNewer = errors.New("enduser: written by a newer program")

	// ErrNoKeyring: the call must seal or open a secret, and the Manager has no Keyring.
	// Nothing was written.
	ErrNoKeyring = errors.New("enduser: no keyring")

	// ErrDisabled: the webhook is disabled. Nothing was written.
	ErrDisabled = errors.New("enduser: the webhook is disabled")

	// ErrNoKey: the Keyring does not have the key of a sealed secret, or has destroyed it.
	ErrNoKey = errors.New("enduser: no key")
)

// The codes of a [Violation]. They are stable: programs may switch on them.
const (
	CodeRequired    = "required"           // missing
	CodeLength      = "too_long"           // longer than its limit
	CodeCount       = "too_many"           // more of them than the limit
	CodeUTF8        = "invalid_utf8"       // not valid UTF-8
	CodeCharacter   = "invalid_characters" // a character that is not allowed
	CodeSpace       = "surrounding_space"  // begins or ends with white space
	CodeFormat      = "invalid_format"     // not an e-mail address, URL, language tag or version
	CodeJSON        = "invalid_json"       // not acceptable as a JSON value
	CodeDuplicate   = "duplicate"          // given twice
	CodeReadOnly    = "read_only"          // must not be changed
	CodePlaceholder = "placeholder"        // an ID such as "undefined" or "null"; see [Policy].Placeholders
	CodeValue       = "invalid_value"      // not one of the values allowed
	CodeCursor      = "invalid_cursor"     // not a cursor of this list, or a position of this feed
)

// Violation is one reason why something is invalid.
type Violation struct {
	Field   Field
	Code    string // one of the Code constants
	Message string // for people; carries no personal data
}

// InvalidError lists everything that is invalid in a call. It is an ErrInvalid.
type InvalidError struct {
	Violations []Violation // at least one
}

// Error implements error.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString("enduser: invalid")
	separator := ": "
	for _, v := range e.Violations {
		b.WriteString(separator + v.Field.String() + ": " + v.Message)
		separator = "; "
	}
	return b.String()
}

// Is makes errors.Is(e, ErrInvalid) true.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// ConflictError names a field whose value belongs to another user or group, and that user
// or group. It is an ErrConflict.
type ConflictError struct {
	Kind     string // of the holder: "user" or "group"; for the field "id" it may be "webhook"
	Field    string // "id", "external_id", "email", "linked_accounts" or, of groups, "token"
	HolderID string // the ID of the user or group that has the value
}

// Error implements error.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("enduser: conflict: %s belongs to %s %s", e.Field, e.Kind, e.HolderID)
}

// Is makes errors.Is(e, ErrConflict) true.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// UnreadableError names an unreadable user, group or webhook. It is an ErrCorrupt or an ErrNewer.
// Delete with the ID deletes it.
type UnreadableError struct {
	// Kind is "user", "group" or "webhook", or "sensitive" for the sensitive values of the user
	// with that ID, or that of another record of a webhook, whose ID begins with the webhook's,
	// or "answer" for what is kept of an idempotency key. It is "" if the kind is unknown.
	Kind string
	ID   string
	Err  error // why: wraps ErrCorrupt or ErrNewer
}

// Error implements error.
func (e *UnreadableError) Error() string {
	kind := e.Kind
	switch kind {
	case "":
		kind = "record"
	case kindSensitive:
		kind = "the sensitive values of user"
	}
	return fmt.Sprintf("enduser: %s %s cannot be read: %s", kind, e.ID, strings.TrimPrefix(e.Err.Error(), "enduser: "))
}

// Unwrap returns e.Err.
func (e *UnreadableError) Unwrap() error { return e.Err }

// unreadable returns the error for an unreadable record: an ErrCorrupt, unless err is an
// ErrNewer.
func unreadable(kind, id string, err error) error {
	if user, ok := strings.CutPrefix(id, kindSensitive+"/"); ok {
		kind, id = kindSensitive, user
	}
	if !errors.Is(err, ErrNewer) && !errors.Is(err, ErrCorrupt) {
		err = &failure{sentinel: ErrCorrupt, cause: err}
	}
	return &UnreadableError{Kind: kind, ID: id, Err: err}
}

// newer returns the error for a record that must not be overwritten.
func newer(kind, id string) error { return fmt.Errorf("%w: %s %s", ErrNewer, kind, id) }

// failure is an error of the store in the terms of this package.
type failure struct {
	sentinel error  // of this package
	what     string // the failed operation, or ""
	cause    error
	says     error // the store's sentinel, whose text begins that of the cause; or nil
}

// Error implements error. It leaves the text of the store's sentinel out, which says the
// same as ours.
func (f *failure) Error() string {
	text := f.sentinel.Error()
	if f.what != "" {
		text += ": " + f.what
	}
	cause := f.cause.Error()
	if f.says != nil {
		cause = strings.TrimLeft(strings.TrimPrefix(cause, f.says.Error()), ": ")
	}
	if cause != "" {
		text += ": " + cause
	}
	return text
}

// Unwrap implements the interface of [errors.Is].
func (f *failure) Unwrap() []error { return []error{f.sentinel, f.cause} }

// translate turns an error of the store into one of this package; nil stays nil.
func translate(what string, err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, store.ErrUnknown): // first, since it may wrap any of the others
		return &failure{ErrUnknown, what, err, store.ErrUnknown}
	case errors.Is(err, store.ErrAborted):
		return &failure{ErrAborted, what, err, store.ErrAborted}
	case errors.Is(err, store.ErrInTransaction):
		return &failure{ErrInTransaction, what, err, store.ErrInTransaction}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("enduser: %s: %w", what, err)
	case errors.Is(err, store.ErrNotFound):
		return &failure{ErrNotFound, what, err, store.ErrNotFound}
	case errors.Is(err, store.ErrTrimmed):
		return &failure{ErrTrimmed, what, err, store.ErrTrimmed}
	case errors.Is(err, store.ErrStale):
		return &failure{ErrContended, what, err, store.ErrStale}
	}
	if damaged, ok := errors.AsType[*store.DamagedError](err); ok {
		return unreadable("", damaged.ID, &failure{sentinel: ErrCorrupt, cause: err, says: err})
	}
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok {
		return invalidField(Field{Name: invalid.What}, CodeValue, invalid.Why)
	}
	return &failure{ErrUnavailable, what, err, store.ErrUnavailable}
}
