package store

import (
	"errors"
	"fmt"
)

// The errors of a store, for [errors.Is]. No error of this package carries a key's
// value, a tenant's name or a record's data in its text.
var (
	// ErrNotFound: no record has that ID or unique key.
	ErrNotFound = errors.New("store: not found")

	// ErrStale: a record is not, or no longer, at the revision that the op
	// expected, or the ID of a create is in use. Read again and decide anew. The
	// error is a *StaleError.
	ErrStale = errors.New("store: stale")

	// ErrTaken: another record holds a unique key. The error is a *TakenError.
	ErrTaken = errors.New("store: taken")

	// ErrTrimmed: the feed no longer reaches back to that revision.
	ErrTrimmed = errors.New("store: trimmed")

	// ErrInvalid: the call breaks rule 9. Nothing was written. The error is an
	// *InvalidError.
	ErrInvalid = errors.New("store: invalid")

	// ErrUnavailable: the store cannot serve the call now (closed, unreachable,
	// disk full, locked for too long). Nothing was written.
	ErrUnavailable = errors.New("store: unavailable")

	// ErrUnknown: a write may or may not have happened. Read to find out.
	ErrUnknown = errors.New("store: outcome unknown")
)

// StaleError says which op of a batch was stale. It is an ErrStale.
type StaleError struct {
	Op int // index in the batch
}

// Error implements error.
func (e *StaleError) Error() string { return fmt.Sprintf("store: stale: op %d", e.Op) }

// Is makes errors.Is(e, ErrStale) true.
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// TakenError says which unique key of a batch is held elsewhere, and by what. It
// is an ErrTaken. Its text names neither the key's value nor the holder.
type TakenError struct {
	Op     int    // index in the batch of the op that claims the key
	Key    Key    // the key
	Holder Record // the record that holds it
}

// Error implements error.
func (e *TakenError) Error() string {
	return fmt.Sprintf("store: taken: op %d: a unique key of kind %q", e.Op, e.Key.Kind)
}

// Is makes errors.Is(e, ErrTaken) true.
func (e *TakenError) Is(target error) bool { return target == ErrTaken }

// InvalidError says what in a call is outside the contract. It is an ErrInvalid.
type InvalidError struct {
	Op   int    // index in the batch; -1 where it is not about an op
	What string // the part, e.g. "tenant", "unique key 2: value"
	Why  string // e.g. "longer than 2048 bytes"
}

// Error implements error.
func (e *InvalidError) Error() string {
	if e.Op < 0 {
		return fmt.Sprintf("store: invalid: %s: %s", e.What, e.Why)
	}
	return fmt.Sprintf("store: invalid: op %d: %s: %s", e.Op, e.What, e.Why)
}

// Is makes errors.Is(e, ErrInvalid) true.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }
