package console

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// gathering is the work of a page with numbers: questions that are asked at once, and what was
// found by the time at which the page has to be shown. Answers that come later are dropped.
type gathering struct {
	ctx   context.Context //nolint:containedctx // of this page alone
	call  *family.Call
	late  string // why something is not known, unless it failed
	leave func()
	asked sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

// gather begins such a page, which is shown within a limit. It waits for its turn if others of the
// tenant are at work; if none comes in time, no question is asked.
func (c *console) gather(call *family.Call, limit time.Duration) (g *gathering, end context.CancelFunc) {
	seconds := strconv.FormatFloat(limit.Seconds(), 'g', 3, 64)
	g = &gathering{call: call, late: "The store did not answer in " + seconds + " s."}
	ctx, cancel := context.WithTimeout(call.Request.Context(), limit)
	g.ctx = ctx
	leave := c.turns.take(ctx, call.Principal.Tenant)
	if leave == nil {
		g.late = "Other pages still wait for the store."
		return g, cancel
	}
	g.leave = sync.OnceFunc(leave)
	return g, func() { // also if a panic ends the page before it waits: its turn must not be lost
		cancel()
		g.wait()
	}
}

// ask asks a question, which finds something by put. The reasons say why what it finds is not
// known; they are empty once it is.
func (g *gathering) ask(question func(context.Context) error, reasons ...*string) {
	for _, r := range reasons {
		*r = g.late
	}
	if g.leave == nil {
		return
	}
	g.asked.Go(func() {
		err := safely(g.ctx, question)
		g.put(func() {
			reason := ""
			if err != nil && g.ctx.Err() == nil {
				g.call.Log(slog.LevelError, "a page lacks something", slog.Any("error", err))
				reason = "It could not be read; the log says why."
			} else if err != nil {
				reason = g.late
			}
			for _, r := range reasons {
				if *r != "" {
					*r = reason
				}
			}
		})
	})
}

// put changes the page, unless it is being shown.
func (g *gathering) put(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		change()
	}
}

// wait returns when all questions are answered, or their time is over, and reports whether that
// was so. After that put does nothing. The page's turn lasts until the store has let go of all of
// them.
func (g *gathering) wait() (late bool) {
	if g.leave == nil {
		return true
	}
	done := make(chan struct{})
	go func() {
		g.asked.Wait()
		g.leave()
		close(done)
	}()
	select {
	case <-done:
	case <-g.ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.ctx.Err() != nil
}

// safely makes an error of a panic: nobody recovers those of other goroutines.
func safely(ctx context.Context, question func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return question(ctx)
}

// turnsAtOnce is how many such pages of a tenant are at work. More would be no faster: stores count
// for one caller of a tenant at a time.
const turnsAtOnce = 2

// turns bounds the pages at work, those included that nobody waits for any more: people who
// load the page again and again must not pile up work in a slow store.
type turns struct {
	mu  sync.Mutex
	all map[string]*turn // by tenant; those that somebody has or waits for
}

type turn struct {
	free  chan struct{}
	users int // who have it or wait for it
}

// take returns what ends the turn, or nil if none came while the context lasted.
func (t *turns) take(ctx context.Context, tenant string) (leave func()) {
	t.mu.Lock()
	if t.all == nil {
		t.all = make(map[string]*turn)
	}
	one := t.all[tenant]
	if one == nil {
		one = &turn{free: make(chan struct{}, turnsAtOnce)}
		t.all[tenant] = one
	}
	one.users++
	t.mu.Unlock()
	drop := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(t.all, tenant)
		}
	}
	leave = func() { <-one.free; drop() }
	select {
	case one.free <- struct{}{}:
		return leave
	default:
	}
	select {
	case one.free <- struct{}{}:
		return leave
	case <-ctx.Done():
		drop()
		return nil
	}
}
