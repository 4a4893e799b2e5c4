package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func waiterChecks() []check {
	return []check{
		{"waiter/ready", 7, "Wait returns when the feed has something already, an entry or ErrTrimmed", waiterReady},
		{"waiter/wakes", 7, "Wait returns when the feed grows, whichever handle writes", waiterWakes},
		{"waiter/trimmed", 7, "Wait returns for a place behind which entries were forgotten", waiterTrimmed},
		{"waiter/many", 7, "one write wakes all waiting callers", waiterMany},
		{"waiter/context", 11, "Wait returns the context's error when that ends", waiterContext},
		{"waiter/fallback", 7, "store.Wait works with every store", waiterFallback},
	}
}

// waiter returns the store's Waiter; ok is false if it has none, which is allowed.
func (c *client) waiter() (store.Waiter, bool) { return store.As[store.Waiter](c.store) }

// wait waits until the feed has something after a revision. Waiters may wake
// without a reason.
func (c *client) wait(after store.Revision) {
	w, ok := c.waiter()
	if !ok {
		return
	}
	for !c.failed() {
		if err := w.Wait(c.ctx, c.name, after); err != nil {
			c.fail("Wait after %d: %w", after, err)
			return
		}
		if c.something(after) {
			return
		}
	}
}

// something reports whether the feed has something after a place, an entry or
// ErrTrimmed.
func (c *client) something(after store.Revision) bool {
	q := store.ChangeQuery{After: after, Limit: 1}
	for range pagesMost {
		page, err := c.store.Changes(c.ctx, c.name, q)
		switch {
		case len(page.Changes) > 0 || errors.Is(err, store.ErrTrimmed):
			return true
		case err != nil:
			c.fail("Changes after %d: %w", after, err)
			return false
		case page.Next == 0:
			return false
		}
		q.After = page.Next
	}
	return false
}

func waiterReady(s *subject) {
	c := s.tenant("t")
	noted(c, 5)
	for i, after := range []store.Revision{0, 1, 4, 0} {
		c.handle(i).wait(after)
	}
	c.trim(5)
	c.wait(0)
	c.wait(4)
}

func waiterWakes(s *subject) {
	c := s.tenant("t")
	if _, ok := c.waiter(); !ok {
		return
	}
	after := store.Revision(0) // the tenant does not exist at first
	for i := range 12 {
		var wg sync.WaitGroup
		wg.Go(func() { c.handle(i).wait(after) })
		var rev store.Revision
		wg.Go(func() {
			w := c.handle(i / 2)
			w.create1(plain(fmt.Sprint("silent", i))) // no reason to wake
			rev = w.apply(store.Create(plain(fmt.Sprint("r", i)), []byte("note")))
		})
		wg.Wait()
		after = rev
	}
}

func waiterTrimmed(s *subject) {
	c := s.tenant("t")
	if _, ok := c.waiter(); !ok {
		return
	}
	noted(c, 4)
	c.trim(4)
	for i := range 4 { // 3 has the entry that is left, the others were forgotten
		c.handle(i).wait(store.Revision(i))
	}
}

func waiterMany(s *subject) {
	c := s.tenant("t")
	if _, ok := c.waiter(); !ok {
		return
	}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() { c.handle(i).wait(0) })
	}
	c.apply(store.Create(plain("a"), []byte("note")))
	wg.Wait()
}

func waiterContext(s *subject) {
	c := s.tenant("t")
	w, ok := c.waiter()
	if !ok {
		return
	}
	noted(c, 1)
	ended, cancel := context.WithCancel(s.ctx)
	cancel()
	for _, after := range []store.Revision{0, 1} {
		if err := w.Wait(ended, "t", after); !errors.Is(err, context.Canceled) {
			s.fail("Wait with an ended context: error %v, want %v", err, context.Canceled)
		}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	started := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		close(started)
		for {
			if err := w.Wait(ctx, "t", 1); err != nil {
				if !errors.Is(err, context.Canceled) {
					s.fail("Wait: error %v, want %v", err, context.Canceled)
				}
				return
			}
		}
	})
	<-started
	cancel()
	wg.Wait()
}

func waiterFallback(s *subject) {
	c := s.tenant("t")
	var wg sync.WaitGroup
	wg.Go(func() {
		for !s.failed() {
			if err := store.Wait(s.ctx, c.other().store, "t", 0, time.Millisecond); err != nil {
				s.fail("store.Wait: %w", err)
			}
			if len(c.other().changes(store.ChangeQuery{Limit: 1})) > 0 {
				return
			}
		}
	})
	noted(c, 1)
	wg.Wait()
}
