package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

func scrubberChecks() []check {
	return []check{
		{"scrubber/keeps", 11, "Scrub removes nothing that is readable and can be repeated", scrubberKeeps},
		{"scrubber/concurrent", 11, "Scrub may run while others read and write", scrubberConcurrent},
		{"scrubber/context", 11, "Scrub honors a context that has ended", scrubberContext},
	}
}

// scrub calls Scrub, if the store has it.
func (c *client) scrub() {
	w, ok := store.As[store.Scrubber](c.store)
	if !ok || c.failed() {
		return
	}
	if err := w.Scrub(c.ctx); err != nil {
		c.fail("Scrub: %w", err)
	}
}

func scrubberKeeps(s *subject) {
	c := s.tenant("t")
	c.scrub()
	made := c.create(full("a"), full("b"), full("c"))
	c.delete(made[1])
	made[2] = c.replace(made[2], withData(full("c"), "second"))
	rev := c.apply(store.Create(plain("d"), []byte("note")))
	d := plain("d")
	d.Created, d.Revision = rev, rev
	for i := range 2 {
		c.handle(i).scrub()
		for _, c := range []*client{c, c.other()} {
			c.exactly(made[0], made[2], d)
			c.feed(0, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: "d", Note: []byte("note")})
			c.absent(store.ID("b"))
		}
	}
	c.next(rev + 1)
}

func scrubberConcurrent(s *subject) {
	c := s.tenant("t")
	if _, ok := store.As[store.Scrubber](c.store); !ok {
		return
	}
	s.together(4, func(i int) {
		c := c.handle(i)
		for j := range 8 {
			if i < 2 {
				if j < 3 { // these take longer than the writes
					c.scrub()
				}
				continue
			}
			r := c.create1(full(fmt.Sprintf("%d-%d", i, j)))
			c.has(r)
			c.delete(r)
		}
	})
	c.exactly()
	c.next(2*2*8 + 1)
}

func scrubberContext(s *subject) {
	w, ok := store.As[store.Scrubber](s.handles[0])
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if err := w.Scrub(ctx); !errors.Is(err, context.Canceled) {
		s.fail("Scrub with an ended context: error %v, want %v", err, context.Canceled)
	}
}
