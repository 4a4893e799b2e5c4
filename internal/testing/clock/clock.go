// Package clock is a clock for tests: it stands still until it is told to go on.
package clock

import (
	"sync/atomic"
	"time"
)

// Clock is a clock that stands still. It is safe for concurrent use.
type Clock struct{ at atomic.Pointer[time.Time] }

// At returns a clock that shows a time.
func At(t time.Time) *Clock {
	c := new(Clock)
	c.Set(t)
	return c
}

// Now returns the time.
func (c *Clock) Now() time.Time { return *c.at.Load() }

// Set sets the time.
func (c *Clock) Set(t time.Time) { c.at.Store(&t) }

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	for {
		old := c.at.Load()
		if next := old.Add(d); c.at.CompareAndSwap(old, &next) {
			return
		}
	}
}
