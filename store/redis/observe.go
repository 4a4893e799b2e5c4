package redis

import (
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// call is a call of a method that is reported to the observer.
type call struct {
	store.CallInfo
	tell  func(store.CallInfo) // nil: no observer
	begun time.Time
}

func (s *Store) begin(method string) call {
	c := call{CallInfo: store.CallInfo{Method: method}, tell: s.observer.Call}
	if c.tell != nil {
		c.begun = time.Now() //nolint:forbidigo // how long a call takes is not in any record
	}
	return c
}

// end reports a call that returns now.
func (c *call) end(items int, err error) {
	if c.tell == nil {
		return
	}
	c.Took, c.Items, c.Err = time.Since(c.begun), items, store.ObservedError(err)
	if errors.Is(err, store.ErrDamaged) {
		c.Damaged = 1
	}
	c.tell(c.CallInfo)
}

// retried reports a retry and its cause.
func (s *Store) retried(method string, cause error) {
	if s.observer.Retry != nil {
		s.observer.Retry(store.RetryInfo{Method: method, Err: clean(cause)})
	}
}

// one returns the number of items of a call that returns one item or an error.
func one(err error) int {
	if err != nil {
		return 0
	}
	return 1
}
