package postgres

import (
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// callObserver reports a call to the observer.
type callObserver struct {
	told   func(store.CallInfo) // nil: no observer
	method string
	began  time.Time
}

func (s *Store) observe(method string) callObserver {
	if s.observer.Call == nil {
		return callObserver{}
	}
	return callObserver{told: s.observer.Call, method: method, began: now()}
}

// end reports the call, which has returned.
func (c callObserver) end(info store.CallInfo, err error) {
	if c.told == nil {
		return
	}
	if errors.Is(err, store.ErrDamaged) {
		info.Damaged++
	}
	info.Method, info.Took, info.Err = c.method, time.Since(c.began), store.ObservedError(err)
	c.told(info)
}

// groupObserver reports a transaction of a writer to the observer.
type groupObserver struct {
	told  func(store.GroupInfo) // nil: no observer
	calls int
	began time.Time
}

func (s *Store) observeGroup(calls int) groupObserver {
	if s.observer.Group == nil {
		return groupObserver{}
	}
	return groupObserver{told: s.observer.Group, calls: calls, began: now()}
}

// end reports the transaction, which has ended.
func (g groupObserver) end(err error) {
	if g.told != nil {
		g.told(store.GroupInfo{Calls: g.calls, Took: time.Since(g.began), Err: err})
	}
}

func (s *Store) observeRetry(method string, err error) {
	if s.observer.Retry != nil {
		s.observer.Retry(store.RetryInfo{Method: method, Err: err})
	}
}

func now() time.Time {
	return time.Now() //nolint:forbidigo // no record holds how long something takes
}
