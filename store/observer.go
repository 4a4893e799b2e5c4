package store

import (
	"errors"
	"time"
)

// Observer gets reports of what a backend does, for metrics and traces. Every backend
// takes one in its Options; nil, and a nil function, cost nothing. The functions run
// on the goroutine that works, and concurrently: they must be fast and must not call the
// store. No report has a tenant, an ID, a key or a body.
type Observer struct {
	// Call gets every call of a method, when it returns.
	Call func(CallInfo)

	// Group gets every group of writes that the backend sent or committed together.
	Group func(GroupInfo)

	// Retry gets every attempt that the backend repeats by itself.
	Retry func(RetryInfo)
}

// CallInfo is a call that has returned.
type CallInfo struct {
	Method  string        // its name, such as "Get", "Apply", "Import" or "Scrub"
	Took    time.Duration // from the call to its return, waiting included
	Err     error         // the error that it returned, as ObservedError returns it; ErrUnknown: a write of unknown outcome
	Items   int           // records, entries, tenants, kinds or findings returned; ops of a batch; records and entries of a Part
	Queued  int           // calls that waited for the same writer when it was queued
	Looked  int           // index entries read by List and Count, where known
	Damaged int           // records that could not be read
}

// GroupInfo is a group of writes that shared a commit or a round trip.
type GroupInfo struct {
	Calls int           // calls that it answered
	Took  time.Duration // from its beginning to its commit or reply
	Err   error         // why the whole group failed; nil if it was committed, whatever each call returned
}

// RetryInfo is an attempt that the backend repeats.
type RetryInfo struct {
	Method string // as in CallInfo; "" where several calls share the attempt
	Err    error  // of the attempt before
}

// ObservedError returns the error that an Observer gets for an error that a call
// returned: ErrTaken or ErrDamaged instead of an error that names a record, else the error
// itself. Implementations of Store use it.
func ObservedError(err error) error {
	switch {
	case errors.Is(err, ErrTaken):
		return ErrTaken
	case errors.Is(err, ErrDamaged):
		return ErrDamaged
	}
	return err
}
