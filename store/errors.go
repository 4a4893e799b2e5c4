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

	// ErrStale: a record is not, or no longer, at the revision that an op or a
	// Require expected, or an ID that had to be free is in use. Read again and decide
	// anew. The error is a *StaleError.
	ErrStale = errors.New("store: stale")

	// ErrTaken: another record holds a unique key. The error is a *TakenError.
	ErrTaken = errors.New("store: taken")

	// ErrTrimmed: an entry of the feed after that revision was forgotten. The error is
	// a *TrimmedError.
	ErrTrimmed = errors.New("store: trimmed")

	// ErrInvalid: the call breaks rule 9. Nothing was written. The error is an
	// *InvalidError.
	ErrInvalid = errors.New("store: invalid")

	// ErrDamaged: a record that the call reads, or that blocks a write, cannot be
	// read. Nothing was written. The error is a *DamagedError.
	ErrDamaged = errors.New("store: damaged")

	// ErrUnavailable: the store cannot serve the call now (closed, unreachable,
	// disk full, locked for too long). Nothing was written.
	ErrUnavailable = errors.New("store: unavailable")

	// ErrUnknown: a write may or may not have happened. Read to find out.
	ErrUnknown = errors.New("store: outcome unknown")

	// ErrAborted: inside a transaction of the host, a statement failed, of this call or an
	// earlier one. Nothing of the transaction can be committed; only rolling it back is left.
	// It wraps the error of the database.
	ErrAborted = errors.New("store: transaction aborted")

	// ErrInTransaction: the call has to see what others commit, or to commit something
	// itself, and so it makes no sense inside a transaction of the host. Nothing was done.
	ErrInTransaction = errors.New("store: inside a transaction")
)

// StaleError says which op or requirement of a batch failed. It is an ErrStale.
type StaleError struct {
	Op      int // index in Batch.Ops; -1 if a Require failed
	Require int // index in Batch.Require; -1 if an op failed; both -1: see [Importer] and [Dropper]
}

// Error implements error.
func (e *StaleError) Error() string { return "store: stale: " + part(e.Op, e.Require) }

// Is makes errors.Is(e, ErrStale) true.
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// TakenError says which unique key of a batch is taken, and which record holds it. It
// is an ErrTaken. Its text names neither the key's value nor the holder.
type TakenError struct {
	Op      int    // index in Batch.Ops of the op that claims the key; -1 if a Require failed
	Require int    // index in Batch.Require; -1 if an op failed
	Key     Key    // the key
	Holder  Record // the record that holds it
}

// Error implements error.
func (e *TakenError) Error() string {
	return fmt.Sprintf("store: taken: %s: a unique key of kind %q", part(e.Op, e.Require), e.Key.Kind)
}

// Is makes errors.Is(e, ErrTaken) true.
func (e *TakenError) Is(target error) bool { return target == ErrTaken }

// TrimmedError says up to where a feed was forgotten. It is an ErrTrimmed.
type TrimmedError struct {
	Through Revision // the last entry that was forgotten; a reader may continue from here
}

// Error implements error.
func (e *TrimmedError) Error() string { return fmt.Sprintf("store: trimmed through %d", e.Through) }

// Is makes errors.Is(e, ErrTrimmed) true.
func (e *TrimmedError) Is(target error) bool { return target == ErrTrimmed }

// DamagedError says which record cannot be read. It is an ErrDamaged. [Remove]
// deletes such a record.
type DamagedError struct {
	ID string // the record's ID
}

// Error implements error.
func (e *DamagedError) Error() string { return "store: damaged: record " + e.ID }

// Is makes errors.Is(e, ErrDamaged) true.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// part names the op or requirement of a batch that an error is about.
func part(op, require int) string {
	switch {
	case op < 0 && require < 0:
		return "the tenant"
	case op < 0:
		return fmt.Sprintf("requirement %d", require)
	}
	return fmt.Sprintf("op %d", op)
}

// InvalidError says which part of a call breaks rule 9, and how. It is an ErrInvalid.
type InvalidError struct {
	Op   int    // index in the batch; -1 if the error is not about an op
	What string // the part, e.g. "tenant", "unique key 2: value", "requirement 1: ID"
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
