package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func contextChecks() []check {
	return []check{
		{"contexts/ended", 11, "a call whose context has ended returns the context's error and does nothing", contextsEnded},
		{"contexts/after", 11, "a context that ends after a call changes nothing of what was done or returned", contextsAfter},
		{"contexts/others", 11, "a call whose context ends harms no other", contextsOthers},
	}
}

func contextsEnded(s *subject) {
	c := s.tenant("t")
	made := c.create1(full("a"))
	all := noted(c, 2)
	ended, cancel := context.WithCancel(s.ctx)
	cancel()
	expired, cancel := context.WithDeadline(s.ctx, time.Unix(1, 0))
	defer cancel()
	withCause, cancelCause := context.WithCancelCause(s.ctx)
	cancelCause(errors.New("the caller's reason"))
	for _, ctx := range []context.Context{ended, expired, withCause} {
		for _, h := range s.handles {
			_, get := h.Get(ctx, "t", store.ID("a"))
			_, missing := h.Get(ctx, "t", store.ID("b"))
			_, create := h.Apply(ctx, "t", store.Ops(store.Create(full("b"), []byte("note"))))
			_, replace := h.Apply(ctx, "t", store.Ops(store.Replace(made, withData(full("a"), "lost"), []byte("note"))))
			_, remove := h.Apply(ctx, "t", store.Ops(store.Delete(made, []byte("note"))))
			_, stale := h.Apply(ctx, "t", store.Ops(store.Create(full("a"), nil)))
			_, fresh := h.Apply(ctx, "fresh", store.Ops(store.Create(full("a"), nil)))
			_, list := h.List(ctx, "t", store.Query{Kind: "user"})
			_, changes := h.Changes(ctx, "t", store.ChangeQuery{})
			trim := h.Trim(ctx, "t", 3)
			_, due := h.Due(ctx, store.DueQuery{Before: farFuture()})
			_, tenants := h.Tenants(ctx, store.TenantQuery{})
			for call, err := range map[string]error{
				"Get": get, "Get of nothing": missing, "Apply create": create, "Apply replace": replace, "Apply delete": remove,
				"Apply stale": stale, "Apply to a new tenant": fresh, "List": list, "Changes": changes, "Trim": trim, "Due": due, "Tenants": tenants,
			} {
				switch {
				case s.failed():
				case !errors.Is(err, ctx.Err()):
					s.fail("%s: error %v, want %v", call, err, ctx.Err())
				case errors.Is(err, store.ErrUnknown):
					s.fail("%s: %v, but it is known that nothing was done", call, err)
				}
			}
		}
	}
	c.has(made)
	c.absent(store.ID("b"))
	c.feed(0, all...)
	if names := c.tenants(5); len(names) != 1 {
		s.fail("Tenants: %q, want one", names)
	}
	c.next(4)
}

func contextsAfter(s *subject) {
	c := s.tenant("t")
	ctx, cancel := context.WithCancel(s.ctx)
	rev, err := c.store.Apply(ctx, "t", store.Ops(store.Create(full("a"), []byte("note"))))
	if err != nil {
		s.fail("Apply: %w", err)
	}
	page, err := c.store.List(ctx, "t", store.Query{Kind: "user"})
	if err != nil {
		s.fail("List: %w", err)
	}
	cancel()
	want := full("a")
	want.Created, want.Revision = rev, rev
	if len(page.Records) > 0 {
		s.same(diffRecords(page.Records, []store.Record{want}), "List")
	}
	c.exactly(want)
	c.other().exactly(want)
	c.next(2)
}

func contextsOthers(s *subject) {
	c := s.tenant("t")
	r := c.create1(plain("counter"))
	s.together(4, func(i int) {
		c := c.handle(i)
		for j := range 25 {
			if i > 0 { // the contexts of these end
				ctx, cancel := context.WithCancel(s.ctx)
				if j%2 == 0 {
					cancel()
				} else {
					stop := time.AfterFunc(time.Duration(j*i)*20*time.Microsecond, cancel)
					defer stop.Stop()
				}
				_, _ = c.store.Get(ctx, "t", store.ID("counter"))
				_, _ = c.store.List(ctx, "t", store.Query{Kind: "user"})
				_, _ = c.store.Changes(ctx, "t", store.ChangeQuery{})
				_, _ = c.store.Apply(ctx, "t", store.Ops(store.Create(plain("counter"), nil))) // stale, if anything
				cancel()
				continue
			}
			r = c.replace(r, plain("counter"))
			c.has(r)
		}
	})
	r = c.replace(r, plain("counter"))
	c.has(r)
	if r.Revision != 27 {
		s.fail("revision %d after 27 writes", r.Revision)
	}
}
