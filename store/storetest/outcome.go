package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func outcomeChecks() []check {
	return []check{
		{"outcome/canceled-create", 10, "a create whose context ends was done, or not, or is ErrUnknown; creating again settles it, exactly once", canceledCreate},
		{"outcome/canceled-replace", 10, "a replacement whose context ends was done, or not, or is ErrUnknown; nothing in between", canceledReplace},
		{"outcome/any-look", 10, "it does not matter at which check of the context it has ended", outcomeAnyLook},
		{"outcome/trim", 10, "a Trim whose context ended can be repeated", canceledTrim},
		{"outcome/repeat", 10, "the same create a second time is ErrStale and changes nothing", outcomeRepeat},
	}
}

// giveUp calls f with a context that ends before, during or after an ordinary write, and
// returns f's error.
func giveUp(s *subject, usual time.Duration, rng *rand.Rand, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	timer := time.AfterFunc(time.Duration(rng.Int64N(int64(2*usual)+1)), cancel)
	defer timer.Stop()
	return f(ctx)
}

// usual returns how long a write takes here, so that contexts end during one.
func usual(c *client) time.Duration {
	start := time.Now()
	const n = 5
	for i := range n {
		c.create1(full(fmt.Sprint("usual", i)))
	}
	return time.Since(start) / n
}

// checkGivenUp checks the error of a write whose context ended.
func checkGivenUp(s *subject, err error) {
	switch {
	case err == nil, s.failed():
	case errors.Is(err, store.ErrUnknown):
		if !errors.Is(err, context.Canceled) {
			s.fail("%v does not wrap the context's error", err)
		}
	case errors.Is(err, store.ErrStale), errors.Is(err, store.ErrTaken), errors.Is(err, store.ErrInvalid):
		s.fail("a sound write that was given up: error %w", err)
	}
}

func canceledCreate(s *subject) {
	const writers, each = 4, 25
	c := s.tenant("t")
	pause := usual(c)
	made := make([][]store.Record, writers)
	s.together(writers, func(w int) {
		c := c.handle(w)
		rng := rand.New(rand.NewPCG(10, uint64(w)))
		for i := range each {
			if s.failed() {
				return
			}
			made[w] = append(made[w], createGivenUp(c, full(fmt.Sprintf("%d-%d", w, i)), func(f func(context.Context) error) error {
				return giveUp(s, pause, rng, f)
			}))
		}
	})
	settled(c, 5, slices.Concat(made...))
}

// createGivenUp creates r with a call whose context may end and, as a caller would,
// again until the record exists. It returns r as it is stored.
func createGivenUp(c *client, r store.Record, call func(f func(context.Context) error) error) store.Record {
	op := store.Create(r, []byte(r.ID))
	err := call(func(ctx context.Context) error {
		_, err := c.store.Apply(ctx, c.name, store.Ops(op))
		return err
	})
	checkGivenUp(c.subject, err)
	switch {
	case c.failed():
		return r
	case err == nil:
		c.stale(0, op)
	case errors.Is(err, store.ErrUnknown):
		if _, err := c.other().try(op); err != nil && !errors.Is(err, store.ErrStale) {
			c.fail("creating again after ErrUnknown: error %w, want none or ErrStale", err)
		}
	default:
		if _, again := c.other().try(op); again != nil {
			c.fail("the create returned %v, so nothing was written; creating again returned: %w", err, again)
		}
	}
	got := c.get(store.ID(r.ID))
	c.same(diffContent(got, r), "creating again did not settle it")
	return got
}

// settled checks that each record was written exactly once, with one entry in
// the feed, after the first revisions had been used for others.
func settled(c *client, first int, records []store.Record) {
	if c.failed() {
		return
	}
	slices.SortFunc(records, byCreated)
	var want []store.Change
	for i, r := range records {
		rev := store.Revision(first + i + 1)
		if r.Revision != rev || r.Created != rev {
			c.fail("record %q: revision %d, created %d, want %d: one revision for each write", r.ID, r.Revision, r.Created, rev)
		}
		want = append(want, store.Change{Revision: rev, Type: store.Created, Kind: r.Kind, ID: r.ID, Note: []byte(r.ID)})
	}
	c.has(records...)
	c.feed(0, want...)
	c.next(store.Revision(first + len(records) + 1))
}

func canceledReplace(s *subject) {
	c := s.tenant("t")
	rng := rand.New(rand.NewPCG(10, 10))
	pause := usual(c)
	r := c.create1(full("r"))
	for i := range 60 {
		if s.failed() {
			return
		}
		next := full("r")
		next.Data = []byte(fmt.Sprint("write ", i))
		next.Unique[0].Value = fmt.Sprint("name ", i)
		next.Index[1].Value = fmt.Sprint("own ", i)
		c := c.handle(i)
		var rev store.Revision
		err := giveUp(s, pause, rng, func(ctx context.Context) (err error) {
			rev, err = c.store.Apply(ctx, c.name, store.Ops(store.Replace(r, next, nil)))
			return err
		})
		checkGivenUp(s, err)
		next.Created, next.Revision = r.Created, r.Revision+1
		switch {
		case s.failed():
			return
		case err == nil:
			if rev != next.Revision {
				s.fail("revision %d, want %d", rev, next.Revision)
			}
		case errors.Is(err, store.ErrUnknown):
			// A second write of the same tenant settles the first.
			if _, err := c.try(store.Replace(r, next, nil)); err != nil && !errors.Is(err, store.ErrStale) {
				s.fail("replacing again after ErrUnknown: %w", err)
			}
		default:
			if rev := c.apply(store.Replace(r, next, nil)); rev != next.Revision {
				s.fail("the replacement returned %v, so nothing was written; the next has revision %d, want %d", err, rev, next.Revision)
			}
		}
		c.other().has(next)
		c.absent(r.Unique[0])
		c.lists(store.Query{Kind: "user", Match: next.Index[1:2]}, next)
		c.lists(store.Query{Kind: "user", Match: r.Index[1:2]})
		r = next
	}
}

// countdown is a context that ends when it is checked for the n-th time.
type countdown struct {
	context.Context
	mu   sync.Mutex
	left int
	done chan struct{}
}

func (c *countdown) check() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// Done implements context.Context.
func (c *countdown) Done() <-chan struct{} {
	c.check()
	return c.done
}

// Err implements context.Context.
func (c *countdown) Err() error {
	c.check()
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

func outcomeAnyLook(s *subject) {
	c := s.tenant("t")
	var made []store.Record
	for i := range 24 {
		if s.failed() {
			return
		}
		ctx := &countdown{Context: s.ctx, left: 1 + i/2, done: make(chan struct{})}
		made = append(made, createGivenUp(c.handle(i), full(fmt.Sprint("r", i)), func(f func(context.Context) error) error { return f(ctx) }))
	}
	settled(c, 0, made)
}

func canceledTrim(s *subject) {
	c := s.tenant("t")
	rng := rand.New(rand.NewPCG(10, 11))
	all := noted(c, 40)
	pause := usual(c)
	for through := 1; through <= 40; through++ {
		if s.failed() {
			return
		}
		rev := store.Revision(through)
		err := giveUp(s, pause, rng, func(ctx context.Context) error { return c.store.Trim(ctx, c.name, rev) })
		checkGivenUp(s, err)
		if err != nil && rev > 1 {
			_, read := c.store.Changes(s.ctx, c.name, store.ChangeQuery{After: rev - 2})
			if errors.Is(read, store.ErrTrimmed) && !errors.Is(err, store.ErrUnknown) {
				s.fail("Trim returned %v, but it was done", err)
			}
			c.other().trim(rev)
		}
		if rev > 1 {
			c.trimmed(rev-2, rev-1)
		}
		c.feed(rev-1, all[through-1:]...)
	}
}

func outcomeRepeat(s *subject) {
	c := s.tenant("t")
	made := c.create1(full("a"))
	op := store.Create(full("a"), []byte("note"))
	for i := range 3 { // equal calls are separate calls
		c.handle(i).stale(0, op)
	}
	c.exactly(made)
	c.feed(0)
	second := c.apply(store.Replace(made, full("a"), nil))
	c.stale(0, store.Replace(made, full("a"), nil))
	made.Revision = second
	c.exactly(made)
	c.delete(made)
	c.stale(0, store.Delete(made, nil))
	again := c.create1(full("a")) // the same batch as the first, and it holds again
	c.exactly(again)
}
