package memory

import (
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// begin returns when a call began, if anybody is told how long it takes.
func (s *Store) begin() time.Time {
	if s.called == nil {
		return time.Time{}
	}
	return time.Now() //nolint:forbidigo // how long a call takes is not in any record
}

// end tells the observer of a call that returns now.
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

// one is how many items a call has returned that returns one or an error.
func one(err error) int {
	if err != nil {
		return 0
	}
	return 1
}
