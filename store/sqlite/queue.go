package sqlite

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// The size of a group, which one transaction writes: enough calls to share its cost, few
// enough that none waits long for the others.
const (
	maxGroup     = 512     // calls
	maxGroupSize = 1 << 20 // sum of their sizes; a single call may be larger
	opSize       = 2 << 10 // an op takes about as long as this many bytes of data
)

// task is the part of a call that the writer runs inside a transaction.
//
// refused is the error of a call that the contract refuses; it has written nothing.
// failed is an error of the database, and the whole transaction is lost.
type task interface {
	run(tx *transaction) (rev store.Revision, refused, failed error)
}

// call is a task on its way through the queue. Either the caller leaves it or the
// writer takes it, never both. A caller that leaves knows that nothing was done, and a
// writer that takes the call answers it.
type call struct {
	task  task
	size  int // opSize for each op, and bytes of data and notes
	state atomic.Uint32
	done  chan answer // buffered: an answer may come after the caller has left

	// Of the writer, once it has run the task.
	result  answer
	wrote   bool
	settled bool // the result holds whatever becomes of the transaction
}

const (
	waiting uint32 = iota
	taken
	left
)

type answer struct {
	rev store.Revision
	err error
}

func (c *call) answer(err error) { c.done <- answer{err: err} }

// queue holds the calls that wait for the writer. Tenants take turns, each with the
// oldest of its calls, however many it has.
type queue struct {
	mu      sync.Mutex
	lines   []*line // those with calls, the next one first
	tenants map[string]*line
	count   int // calls
	closed  bool
	wake    chan struct{} // buffered, 1: calls wait
}

// line holds the calls of one tenant in the order of arrival.
type line struct {
	tenant string
	calls  []*call
}

func newQueue() *queue {
	return &queue{tenants: make(map[string]*line), wake: make(chan struct{}, 1)}
}

// add returns how many calls were waiting before, and false if the queue is closed.
func (q *queue) add(tenant string, c *call) (ahead int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, false
	}
	l := q.tenants[tenant]
	if l == nil {
		l = &line{tenant: tenant}
		q.tenants[tenant] = l
		q.lines = append(q.lines, l)
	}
	l.calls = append(l.calls, c)
	q.count++
	q.signal()
	return q.count - 1, true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it is signaled already
	}
}

// take removes the next group from the queue: one call of each tenant, in turn, as
// long as there is room. A call for which there is no room ends the turns of its tenant
// alone, and tenants that had no turn are the first in the next group. So a small write
// waits for one group at most while another tenant has many large ones.
func (q *queue) take() (group []*call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := 0
	var missed, served []*line // tenants that had no turn, and those that had one
	for round := 0; len(q.lines) > 0; round++ {
		again := q.lines[:0]
		for _, l := range q.lines {
			c := q.first(l)
			switch {
			case c == nil:
			case len(group) == maxGroup, len(group) > 0 && size+c.size > maxGroupSize:
				if round == 0 {
					missed = append(missed, l)
				} else {
					served = append(served, l)
				}
			default:
				if c.state.CompareAndSwap(waiting, taken) {
					group = append(group, c)
					size += c.size
				}
				q.drop(l)
				again = append(again, l)
			}
		}
		q.lines = again
	}
	q.lines = append(missed, served...)
	if len(q.lines) > 0 {
		q.signal()
	}
	return group
}

// first returns the oldest call of a line whose caller has not left. If there is none,
// it forgets the line and returns nil.
func (q *queue) first(l *line) *call {
	for len(l.calls) > 0 && l.calls[0].state.Load() == left {
		q.drop(l)
	}
	if len(l.calls) == 0 {
		delete(q.tenants, l.tenant)
		return nil
	}
	return l.calls[0]
}

// drop removes the oldest call of a line.
func (q *queue) drop(l *line) {
	l.calls[0] = nil // its batch may be large
	l.calls = l.calls[1:]
	q.count--
}

// waiting drops the calls whose callers have left and returns how many wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	hasLeft := func(c *call) bool { return c.state.Load() == left }
	q.count = 0
	q.lines = slices.DeleteFunc(q.lines, func(l *line) bool {
		l.calls = slices.DeleteFunc(l.calls, hasLeft)
		q.count += len(l.calls)
		return q.first(l) == nil
	})
	return q.count
}

// fail answers every call that waits.
func (q *queue) fail(err error) {
	q.mu.Lock()
	lines := q.lines
	q.lines, q.count = nil, 0
	clear(q.tenants)
	q.mu.Unlock()
	for _, l := range lines {
		for _, c := range l.calls {
			if c.state.CompareAndSwap(waiting, taken) {
				c.answer(err)
			}
		}
	}
}

// close makes every later call fail, and fails the calls that wait.
func (q *queue) close(err error) {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.fail(err)
}

// await waits for the answer to a call that is in the queue. If ctx ends while the
// call waits, nothing is written. If it ends while the transaction of the call runs,
// await returns ErrUnknown at once.
func (c *call) await(ctx context.Context) (store.Revision, error) {
	select {
	case a := <-c.done:
		return a.rev, a.err
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(waiting, left) {
		return 0, ctx.Err()
	}
	select {
	case a := <-c.done: // just in time
		return a.rev, a.err
	default:
		return 0, unknown(ctx.Err())
	}
}
