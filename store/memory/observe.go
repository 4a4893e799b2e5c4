package memory

import (
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// begin returns when a call began, if there is an observer.
func (s *Store) begin() time.Time {
	if s.called == nil {
		return time.Time{}
	}
	return time.Now() //nolint:forbidigo // how long a call takes is not in any record
}

// end reports a call that returns now to the observer.
func (s *Store) end(begun time.Time, call store.CallInfo) {
	if s.called == nil {
		return
	}
	call.Took = time.Since(begun)
	if errors.Is(call.Err, store.ErrDamaged) {
		call.Damaged = 1
	}
	call.Err = store.ObservedError(call.Err)
	s.called(call)
}

// one returns the number of items of a call that returns one item or an error.
func one(err error) int {
	if err != nil {
		return 0
	}
	return 1
}
