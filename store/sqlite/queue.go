package sqlite

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// What one transaction takes on: enough to share its price, little enough that
// nobody waits long for the others.
const (
	maxGroup      = 512      // calls
	maxGroupBytes = 16 << 20 // data and notes; a single call may be larger
)

// task is what a call wants of the writer. It runs inside a transaction.
//
// refused is the answer of a call that the contract refuses; nothing was written
// for it. failed is an error of the database: the whole transaction is lost.
type task interface {
	run(tx *transaction) (rev store.Revision, refused, failed error)
}

// call is a task on its way through the queue. Exactly one of the caller and the
// writer gets it out of the state waiting: the caller who leaves knows that
// nothing was done, and the writer who takes it answers.
type call struct {
	task  task
	size  int
	state atomic.Uint32
	done  chan answer // buffered: an answer nobody waits for is lost
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

func (c *call) answer(rev store.Revision, err error) { c.done <- answer{rev, err} }

// queue holds the calls that wait for the writer.
type queue struct {
	mu     sync.Mutex
	calls  []*call
	closed bool
	wake   chan struct{} // buffered, 1: there is something to do
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// add returns how many calls were waiting before, and false if the queue is closed.
func (q *queue) add(c *call) (ahead int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, false
	}
	ahead = len(q.calls)
	q.calls = append(q.calls, c)
	q.signal()
	return ahead, true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it will be seen anyway
	}
}

// take removes the next group from the queue, in the order of arrival.
func (q *queue) take() []*call {
	q.mu.Lock()
	defer q.mu.Unlock()
	var group []*call
	size, n := 0, 0
	for _, c := range q.calls {
		if len(group) == maxGroup || len(group) > 0 && size+c.size > maxGroupBytes {
			break
		}
		n++
		if c.state.CompareAndSwap(waiting, taken) {
			group = append(group, c)
			size += c.size
		}
	}
	rest := copy(q.calls, q.calls[n:])
	clear(q.calls[rest:])
	q.calls = q.calls[:rest]
	if rest > 0 {
		q.signal()
	}
	return group
}

// waiting forgets the calls whose callers have left and returns how many wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls = slices.DeleteFunc(q.calls, func(c *call) bool { return c.state.Load() == left })
	return len(q.calls)
}

// fail answers every call that waits.
func (q *queue) fail(err error) {
	q.mu.Lock()
	calls := q.calls
	q.calls = nil
	q.mu.Unlock()
	for _, c := range calls {
		if c.state.CompareAndSwap(waiting, taken) {
			c.answer(0, err)
		}
	}
}

// close refuses every later call and answers the ones that wait.
func (q *queue) close(err error) {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.fail(err)
}

// await waits for the answer to a call that is in the queue. If ctx ends while the
// call waits, nothing was and nothing will be done. If it ends while the call's
// transaction runs, the caller need not wait for it but cannot know.
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
