package redis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/fair"
	"github.com/rollbook-go/rollbook/store"
)

// Limits of one pipeline.
const (
	maxWrites     = 256     // requests
	maxReads      = 64      // requests, each of which answers with a record at most
	maxBatchBytes = 4 << 20 // of arguments, about; one request may be larger alone
	maxInFlight   = 2
)

// class is how a request is sent, by what its answer may cost others.
type class int

const (
	point class = iota // in a pipeline with those of other callers
	short              // alone, when it is the tenant's turn: some hundred entries
	long               // alone, when it is the tenant's turn: up to a page
)

const (
	// longAtOnce and shortAtOnce are how many requests of a class are on their way to one
	// server: they bound how much a point read has to wait behind.
	longAtOnce  = 4
	shortAtOnce = 8

	// shortAnswer is the most bytes of an answer that is short. Those of more than
	// largeAnswer keep a processor busy.
	shortAnswer = 16 << 10
	largeAnswer = 128 << 10
)

// request is what one call sends at a time: commands that go to one server, in
// order, in one pipeline.
type request struct {
	ctx    context.Context
	cmds   []*goredis.Cmd
	script *script // that cmds[0] runs by its hash; nil: none
	mark   int     // the argument of cmds[0] that marks a repetition; 0 if it has none
	size   int     // of the arguments, about
	class  class

	acked    int           // replicas that have the write, if the lane waits for them
	done     chan struct{} // closed when cmds have their replies
	followed bool          // cmds were sent again where a Cluster node pointed
	queued   int           // requests that were in the queue before it
}

// newRequest returns a request for one command, which runs a script by its hash.
func newRequest(ctx context.Context, sc *script, args []any) *request {
	return &request{
		ctx: ctx, cmds: []*goredis.Cmd{goredis.NewCmd(ctx, args...)}, script: sc, done: make(chan struct{}),
	}
}

// lane joins the requests of concurrent callers into pipelines to one server. A
// caller whose request finds the lane idle does not wait for others; while
// maxInFlight pipelines are on their way requests gather for the next one.
// Goroutines run only while there is something to send.
type lane struct {
	client *goredis.Client
	wait   replicaWait
	most   int                   // requests of a pipeline
	short  *fair.Turns           // of requests that go alone
	long   *fair.Turns           // of requests that go alone
	large  *fair.Turns           // of large answers, until they are decoded
	retry  func(error)           // is told of scripts that are sent again
	late   func(context.Context) // is told of answers that do not come; nil: nobody
	group  func(store.GroupInfo) // is told of pipelines; nil: nobody

	mu       sync.Mutex
	queue    []*request
	inFlight int
	look     chan struct{} // closed and replaced when an answer is late
}

// lateAfter is how long after sending an answer is late, and again after each such time:
// those who wait for the server then look whether their tenant has another one.
const lateAfter = 100 * time.Millisecond

var (
	errQueued    = errors.New("the request was not sent in time")
	errNoAnswer  = errors.New("no answer came in time")
	errElsewhere = errors.New("the server did not answer and the tenant has another one now")
)

// send gives r to the lane and waits for its replies. It fails if the context ends first,
// or if the answer is late and gone says that another server has to be asked. Sent is
// false if nothing was sent then.
func (l *lane) send(ctx context.Context, r *request, gone func() bool) (sent bool, err error) {
	look := l.submit(r)
	for {
		select {
		case <-r.done:
			return true, nil
		case <-ctx.Done():
			err = errNoAnswer
		case <-look:
			if !gone() {
				look = l.looks()
				continue
			}
			err = errElsewhere
		}
		if sent = !l.withdraw(r); !sent && ctx.Err() != nil {
			err = errQueued
		}
		return sent, err
	}
}

// sendAlone sends r alone, once it is the tenant's turn, and waits for its replies; see
// send. The turn lasts until they are here, whether anybody still waits for them or not,
// unless another server has to be asked.
func (l *lane) sendAlone(ctx context.Context, tenant string, r *request, gone func() bool) (sent bool, err error) {
	turns := l.short
	if r.class == long {
		turns = l.long
	}
	release, err := turns.Long(ctx, tenant)
	if err != nil {
		return false, errQueued
	}
	release = sync.OnceFunc(release)
	if gone() { // the others of the turns have found a server that hangs
		release()
		return false, errElsewhere
	}
	go func() { //nolint:contextcheck // the client's timeouts bound it
		defer release()
		l.exec([]*request{r})
		close(r.done)
	}()
	for {
		look := l.looks()
		select {
		case <-r.done:
			return true, nil
		case <-ctx.Done():
			return true, errNoAnswer
		case <-look:
			if gone() {
				release()
				return true, errElsewhere
			}
		}
	}
}

func (l *lane) submit(r *request) (look <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.queued = len(l.queue)
	l.queue = append(l.queue, r)
	if l.inFlight < maxInFlight {
		l.inFlight++
		go l.drain()
	}
	return l.look
}

// looks returns what is closed when an answer is late.
func (l *lane) looks() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.look
}

// watch wakes those who wait, as often as lateAfter passes, until stop.
func (l *lane) watch(ctx context.Context) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ended := false
	var timer *time.Timer
	timer = time.AfterFunc(lateAfter, func() {
		if l.late != nil {
			l.late(ctx)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if ended {
			return
		}
		close(l.look)
		l.look = make(chan struct{})
		timer.Reset(lateAfter)
	})
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		ended = true
		timer.Stop()
	}
}

// withdraw takes r out of the queue; false: it was no longer there.
func (l *lane) withdraw(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queue, r)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	return true
}

// idle says whether nothing is queued or on its way.
func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight == 0
}

func (l *lane) drain() {
	for {
		batch := l.take()
		if batch == nil {
			return
		}
		l.exec(batch)
		for _, r := range batch {
			close(r.done)
		}
	}
}

// take returns what the next pipeline carries, nil if there is nothing to send;
// the caller's goroutine then ends.
func (l *lane) take() []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(l.queue) && n < l.most {
		size += l.queue[n].size
		if n > 0 && size > maxBatchBytes {
			break
		}
		n++
	}
	if n == 0 {
		l.inFlight--
		l.queue = nil
		return nil
	}
	batch := slices.Clone(l.queue[:n])
	l.queue = slices.Delete(l.queue, 0, n)
	return batch
}

// exec sends a batch, and again as source text what the server did not know by
// its hash: go-redis does that for single commands only.
func (l *lane) exec(batch []*request) {
	if l.group != nil {
		begun := time.Now() //nolint:forbidigo // how long a group takes is not in any record
		defer func() { l.tellGroup(batch, begun) }()
	}
	l.pipeline(batch)
	var unknown []*request
	for _, r := range batch {
		if r.script != nil && goredis.HasErrorPrefix(r.cmds[0].Err(), "NOSCRIPT") {
			r.cmds = []*goredis.Cmd{bySource(r.ctx, r.cmds[0], *r.script)}
			unknown = append(unknown, r)
		}
	}
	if len(unknown) > 0 {
		l.retry(errors.New("the server does not know a script yet"))
		l.pipeline(unknown)
	}
}

// tellGroup tells of a pipeline; it has failed if none of its requests has a reply.
func (l *lane) tellGroup(batch []*request, begun time.Time) {
	g := store.GroupInfo{Calls: len(batch), Took: time.Since(begun), Err: batch[0].cmds[0].Err()}
	for _, r := range batch {
		if r.cmds[0].Err() == nil {
			g.Err = nil
		}
	}
	if g.Err != nil {
		g.Err = clean(g.Err)
	}
	l.group(g)
}

// pipeline sends the requests over one connection, so that WAIT, which knows only
// the writes of its own connection, speaks of them. The context is without an
// end: one caller who leaves must not break off the others. The client's own
// timeouts bound it.
func (l *lane) pipeline(batch []*request) {
	ctx := context.WithoutCancel(batch[0].ctx)
	pipe := l.client.Pipeline()
	for _, r := range batch {
		r.acked = 0 // a pipeline before this one had other writes
		for _, cmd := range r.cmds {
			_ = pipe.Process(ctx, cmd)
		}
	}
	var waited *goredis.IntCmd
	if l.wait.replicas > 0 {
		waited = goredis.NewIntCmd(ctx, "wait", l.wait.replicas, l.wait.timeout.Milliseconds())
		_ = pipe.Process(ctx, waited)
	}
	stop := l.watch(ctx)
	exec(ctx, pipe)
	stop()
	if waited != nil && waited.Err() == nil {
		for _, r := range batch {
			r.acked = int(waited.Val())
		}
	}
}

// exec sends a pipeline. Each command then has a reply or its own error; go-redis leaves
// those without that a connection was made for which the server refused.
func exec(ctx context.Context, pipe goredis.Pipeliner) {
	cmds, err := pipe.Exec(ctx)
	if err == nil {
		return
	}
	for _, cmd := range cmds {
		if c, ok := cmd.(*goredis.Cmd); ok && c.Err() == nil && c.Val() == nil {
			c.SetErr(notConnected{err})
		}
	}
}
