package store

import (
	"errors"
	"time"
)

// Observer is told what a backend does, for metrics and traces. Every backend takes
// one in its Options; nil, and a nil function, cost nothing. The functions are called
// on the goroutine that works: they must be fast, must not call the store, and are
// called concurrently. They are never told a tenant, an ID, a key or a body.
type Observer struct {
	// Call is told of every call of a method, when it returns.
	Call func(CallInfo)

	// Group is told of every group of writes that the backend sent or committed
	// together.
	Group func(GroupInfo)

	// Retry is told whenever the backend tries something again by itself.
	Retry func(RetryInfo)
}

// CallInfo is a call that has returned.
type CallInfo struct {
	Method  string        // "Get", "Apply", "List", "Changes", "Trim", "Due", "Tenants", "Wait", "Count" or "Scrub"
	Took    time.Duration // from the call to its return, waiting included
	Err     error         // what it returned, but see ObservedError: errors.Is(Err, ErrUnknown) is a write of unknown outcome
	Items   int           // records, entries or tenants returned, or ops of a batch
	Queued  int           // calls that waited for the same writer when it was queued
	Looked  int           // index entries looked at by List and Count, where known
	Damaged int           // records that could not be read
}

// GroupInfo is a group of writes that shared a commit or a round trip.
type GroupInfo struct {
	Calls int           // how many calls it answered
	Took  time.Duration // from its beginning to its commit or reply
	Err   error         // why the whole group failed; nil if it was committed, whatever each call was told
}

// RetryInfo is something that is tried again.
type RetryInfo struct {
	Method string // as in CallInfo; "" where several calls share the attempt
	Err    error  // what happened to the attempt before
}

// ObservedError returns what an Observer is told of an error that a call returned:
// ErrTaken and ErrDamaged for one that names a record, else the error itself. It is for
// those who write a store.
func ObservedError(err error) error {
	switch {
	case errors.Is(err, ErrTaken):
		return ErrTaken
	case errors.Is(err, ErrDamaged):
		return ErrDamaged
	}
	return err
}
