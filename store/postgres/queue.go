package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// The size of a group, which one transaction writes: enough calls to share its cost, few
// enough that none waits long for the others.
const (
	maxGroup     = 512     // calls
	maxGroupSize = 1 << 20 // sum of their sizes; a single call may be larger
	opSize       = 2 << 10 // an op takes about as long as this many bytes of data
)

// When another writer begins beside one that writes: when so many calls wait for each, or when
// the others have not ended their transactions for so long. Large groups cost much less than
// small ones.
const (
	callsPerWriter = 64
	slowGroup      = 10 * time.Millisecond
)

// How long a tenant is left alone whose row another transaction has locked: twice as long
// each time, and longer once it is to have a transaction that waits for the lock.
const (
	firstPause = time.Millisecond
	maxPause   = 4 * time.Millisecond
	longPause  = 25 * time.Millisecond
)

// A tenant that has been set aside for so long gets a transaction that waits for the lock, as
// those of hosts do: if they take the lock in turns, no try finds it free. One tenant at
// a time has such a transaction, if the pool has connections enough.
const (
	waitAfter    = 100 * time.Millisecond
	waitingConns = 3
)

// call is a batch on its way through the queue. Either the caller leaves it or a
// writer takes it, never both. A caller that leaves knows that nothing was done, and a
// writer that takes the call answers it.
type call struct {
	batch *batch
	state atomic.Uint32
	done  chan answer // buffered: an answer may come after the caller has left
}

const (
	waiting uint32 = iota
	taken
	left
)

// answer is what became of a call. At most one of err and refusal is set.
type answer struct {
	rev     store.Revision
	refusal *refusal
	held    bool // nothing was done, since another transaction had locked the tenant
	err     error
}

// line holds the calls of one tenant in the order of arrival.
type line struct {
	tenant string
	calls  []*call
	busy   bool          // a writer has calls of the tenant
	pause  time.Duration // the last time that the tenant was held; 0: it was not
	since  time.Time     // when it was first held
	paused bool          // a timer runs
	listed bool          // it is in queue.lines
}

// queue holds the calls that wait for a writer. Tenants take turns, each with the oldest of
// its calls, however many it has. A tenant's calls are in one transaction at a time.
type queue struct {
	store *Store

	mu      sync.Mutex
	lines   []*line // that a writer may take, the next one first
	tenants map[string]*line
	count   int // calls
	closed  bool

	most    int // writers
	writing int // writers that run
	taken   int // groups so far
	timed   bool
	waits   bool // a transaction waits for the lock of a tenant
	running sync.WaitGroup
}

func newQueue(s *Store, writers int) *queue {
	return &queue{store: s, tenants: make(map[string]*line), most: writers}
}

// submit writes a batch with others and returns what became of it, and how many calls were
// waiting before. If ctx ends while the call waits, nothing is written. If it ends while the
// transaction of the call runs, the outcome is unknown.
func (q *queue) submit(ctx context.Context, tenant string, b *batch) (a answer, ahead int) {
	c := &call{batch: b, done: make(chan answer, 1)}
	ahead, ok := q.add(tenant, c)
	if !ok {
		return answer{err: errClosed}, 0
	}
	select {
	case a := <-c.done:
		return a, ahead
	case <-ctx.Done():
	}
	for {
		if c.state.CompareAndSwap(waiting, left) {
			return answer{err: ctx.Err()}, ahead
		}
		select {
		case a := <-c.done: // just in time
			return a, ahead
		default:
		}
		if c.state.CompareAndSwap(taken, left) { // so that it is not sent again
			return answer{err: unknown(ctx.Err())}, ahead
		}
	}
}

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
	}
	l.calls = append(l.calls, c)
	q.count++
	q.list(l)
	return q.count - 1, true
}

// list puts a line among those that a writer may take, and starts a writer if it needs one.
// It is called with the lock.
func (q *queue) list(l *line) {
	if l.busy || l.paused || l.listed {
		return
	}
	if len(l.calls) == 0 {
		delete(q.tenants, l.tenant)
		return
	}
	l.listed = true
	q.lines = append(q.lines, l)
	switch {
	case q.closed, q.writing == q.most:
	case q.writing == 0, q.crowded(q.writing):
		q.start()
	case !q.timed:
		q.timed = true
		before := q.taken
		time.AfterFunc(slowGroup, func() { q.hurry(before) })
	}
}

func (q *queue) start() {
	q.writing++
	q.running.Go(q.write)
}

// crowded reports whether calls wait for more than a number of writers.
func (q *queue) crowded(writers int) bool { return q.count >= callsPerWriter*writers }

// hurry starts another writer if calls wait and the others have taken no group since.
func (q *queue) hurry(taken int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timed = false
	if q.taken == taken && len(q.lines) > 0 && q.writing < q.most && !q.closed {
		q.start()
	}
}

// write is a writer. It writes groups until no call waits that it may take. It takes them when
// it has a connection: until then their callers can still leave.
func (q *queue) write() {
	w := &writer{store: q.store}
	for first := true; q.more(first); first = false {
		conn, err := w.connect()
		group := q.take()
		if len(group) == 0 {
			if err == nil {
				conn.Release()
			}
			continue
		}
		w.write(group, conn, err)
		q.finish(group)
	}
}

// more reports whether there may be a group for a writer. If there is none, because no call
// waits that it may take, or because the other writers are enough, the writer has ended.
func (q *queue) more(first bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) > 0 && (first || q.writing == 1 || q.crowded(q.writing-1)) {
		return true
	}
	q.writing--
	return false
}

// part is the calls of one tenant in a group.
type part struct {
	line  *line
	calls []*call
	held  bool // another transaction had locked the tenant: nothing was done for calls
	noted bool // its feed has changed
}

// take removes the next group from the queue: one call of each tenant, in turn, as long as
// there is room. A tenant for whose call there is no room goes to the end of the queue,
// behind those that had no turn.
func (q *queue) take() (group []*part) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken++
	lines := q.lines
	q.lines = nil
	for _, l := range lines {
		l.listed = false
	}
	return q.takeFrom(lines)
}

// takeOf removes a group of the calls of one tenant.
func (q *queue) takeOf(l *line) []*part {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken++
	return q.takeFrom([]*line{l})
}

func (q *queue) takeFrom(lines []*line) (group []*part) {
	size, count := 0, 0
	parts := make(map[*line]*part, len(lines))
	for len(lines) > 0 && count < maxGroup {
		again := lines[:0]
		for _, l := range lines {
			c := q.first(l)
			switch {
			case c == nil:
				if parts[l] == nil {
					q.list(l)
				}
				continue
			case count == maxGroup, count > 0 && size+c.batch.size > maxGroupSize:
				if parts[l] == nil {
					q.list(l)
				}
				continue
			}
			l.calls[0] = nil // its batch may be large
			l.calls = l.calls[1:]
			q.count--
			if !c.state.CompareAndSwap(waiting, taken) {
				again = append(again, l)
				continue
			}
			p := parts[l]
			if p == nil {
				p = &part{line: l}
				parts[l] = p
				group = append(group, p)
				l.busy = true
			}
			p.calls = append(p.calls, c)
			size += c.batch.size
			count++
			again = append(again, l)
		}
		lines = again
	}
	for _, l := range lines {
		if parts[l] == nil { // its callers left just now
			q.list(l)
		}
	}
	return group
}

// first returns the oldest call of a line whose caller has not left, or nil.
func (q *queue) first(l *line) *call {
	for len(l.calls) > 0 && l.calls[0].state.Load() == left {
		l.calls[0] = nil
		l.calls = l.calls[1:]
		q.count--
	}
	if len(l.calls) == 0 {
		return nil
	}
	return l.calls[0]
}

// finish lets other writers have the tenants of a group, and puts back the calls of those
// that were held, to be tried again after a pause. So a host that locks one tenant in its
// own transaction does not hold up the others, and takes one connection of the pool at most.
func (q *queue) finish(group []*part) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range group {
		l := p.line
		l.busy = false
		if !p.held {
			l.pause, l.since = 0, time.Time{}
			q.list(l)
			continue
		}
		back := p.calls[:0]
		for _, c := range p.calls {
			if q.closed {
				c.done <- answer{err: errClosed}
			} else if c.state.CompareAndSwap(taken, waiting) {
				back = append(back, c)
			}
		}
		l.calls = append(back[:len(back):len(back)], l.calls...)
		q.count += len(back)
		q.setAside(l)
	}
}

// close fails the calls that wait, makes every later call fail, and waits for the writers.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	for _, l := range q.tenants {
		for _, c := range l.calls {
			if c.state.CompareAndSwap(waiting, taken) {
				c.done <- answer{err: errClosed}
			}
		}
		l.calls = nil
	}
	q.lines, q.count = nil, 0
	clear(q.tenants)
	q.mu.Unlock()
	q.running.Wait()
}
