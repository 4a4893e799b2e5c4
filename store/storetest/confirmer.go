package storetest

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

func confirmerChecks() []check {
	return []check{
		{"confirmer/keeps", 10, "Confirm changes nothing and can be repeated", confirmerKeeps},
		{"confirmer/refuses", 11, "Confirm honors a context that has ended, and refuses an invalid tenant", confirmerRefuses},
	}
}

func confirmerKeeps(s *subject) {
	c := s.tenant("t")
	if _, ok := store.As[store.Confirmer](c.store); !ok {
		return
	}
	made := c.create(full("a"), full("b"))
	for i := range 4 {
		for _, tenant := range []string{"t", "nobody"} {
			if err := store.Confirm(s.ctx, c.handle(i).store, tenant); err != nil {
				s.fail("Confirm: %v", err)
			}
		}
	}
	c.exactly(made...)
	c.next(made[1].Revision + 1)
	s.tenant("nobody").next(1)
}

func confirmerRefuses(s *subject) {
	w, ok := store.As[store.Confirmer](s.handles[0])
	if !ok {
		return
	}
	if err := w.Confirm(s.ctx, ""); !errors.Is(err, store.ErrInvalid) {
		s.fail("Confirm without a tenant: error %v, want %v", err, store.ErrInvalid)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if err := w.Confirm(ctx, "t"); !errors.Is(err, context.Canceled) {
		s.fail("Confirm with an ended context: error %v, want %v", err, context.Canceled)
	}
}
