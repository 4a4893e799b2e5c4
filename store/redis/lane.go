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
	maxInFlight   = 3
)

// lane joins the requests of concurrent callers into pipelines to one server. A request
// that finds the lane idle is sent at once; while maxInFlight pipelines are on their way,
// requests gather for the next one. Goroutines run only while there is something to send.
type lane struct {
	client *goredis.Client
	wait   replicaWait
	most   int                   // requests of a pipeline
	short  *fair.Turns           // of requests that go alone
	long   *fair.Turns           // of requests that go alone
	large  *fair.Turns           // of large answers, until they are decoded
	retry  func(error)           // is called when a script is sent again
	late   func(context.Context) // is called when an answer is late; may be nil
	group  func(store.GroupInfo) // is called after each pipeline; may be nil

	mu       sync.Mutex
	queue    []*request
	inFlight int           // pipelines on their way
	away     int           // requests in them that are not answered
	overdue  chan struct{} // closed and replaced when an answer is late
}

// lateAfter is how long after the request an answer is late. Each time it passes, all that
// wait for the server check whether their tenant has another one.
const lateAfter = 100 * time.Millisecond

var (
	errQueued    = errors.New("the request was not sent in time")
	errNoAnswer  = errors.New("no answer came in time")
	errElsewhere = errors.New("the server did not answer and the tenant has another one now")
)

// send gives r to the lane and waits for its replies. It returns an error if the context
// ends first, or if the answer is late and moved reports that the tenant has another server.
// Sent is false if r had not been sent by then.
func (l *lane) send(ctx context.Context, r *request, moved func() bool) (sent bool, err error) {
	late, ended := l.submit(r), doneLater(ctx)
	for {
		select {
		case <-r.done:
			return true, nil
		case <-ended:
			err = errNoAnswer
		case <-late:
			if !moved() {
				late, ended = l.lateness(), ctx.Done()
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
// send. The turn lasts until the replies are here, even if the caller has left, unless the
// tenant has another server.
func (l *lane) sendAlone(ctx context.Context, tenant string, r *request, moved func() bool) (sent bool, err error) {
	turns := l.short
	if r.class == long {
		turns = l.long
	}
	release, err := turns.Long(ctx, tenant)
	if err != nil {
		return false, errQueued
	}
	release = sync.OnceFunc(release)
	if moved() { // those that had the turns before have met a server that hangs
		release()
		return false, errElsewhere
	}
	go func() { //nolint:contextcheck // the client's timeouts bound it
		defer release()
		l.exec([]*request{r})
		close(r.done)
	}()
	for {
		late := l.lateness()
		select {
		case <-r.done:
			return true, nil
		case <-ctx.Done():
			return true, errNoAnswer
		case <-late:
			if moved() {
				release()
				return true, errElsewhere
			}
		}
	}
}

// submit puts r into the queue and returns lateness.
func (l *lane) submit(r *request) (late <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.queued = len(l.queue)
	l.queue = append(l.queue, r)
	if l.inFlight < maxInFlight && l.enough() {
		l.inFlight++
		go l.drain(l.cut())
	}
	return l.overdue
}

// lateness returns a channel that is closed when an answer is late.
func (l *lane) lateness() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.overdue
}

// watch closes the channel of lateness each time lateAfter passes, until stop.
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
		close(l.overdue)
		l.overdue = make(chan struct{})
		timer.Reset(lateAfter)
	})
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		ended = true
		timer.Stop()
	}
}

// withdraw takes r out of the queue, and reports whether it was still there.
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

// idle reports whether nothing is queued or on its way.
func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight == 0
}

// drain sends a pipeline, and others until there are not enough requests for the next.
func (l *lane) drain(batch []*request) {
	for batch != nil {
		l.exec(batch)
		last := slices.DeleteFunc(batch, func(r *request) bool { return r.answered })
		batch = l.next(len(last))
		for _, r := range last {
			close(r.done)
		}
	}
}

// answer counts a request that is answered before its pipeline ends.
func (l *lane) answer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away--
}

// enough reports whether the queue has enough requests for another pipeline: as many as one
// of those on their way has left. So the pipelines become equally long. With one long and
// one short one, the server would be idle while the callers of the long one send again.
func (l *lane) enough() bool { return len(l.queue)*l.inFlight >= l.away }

// next ends a pipeline that had n requests left, and returns those of the next one, nil if
// there are not enough; the caller's goroutine then ends.
func (l *lane) next(n int) []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away -= n
	l.inFlight--
	if len(l.queue) == 0 || !l.enough() {
		return nil
	}
	l.inFlight++
	return l.cut()
}

// cut takes the requests of the next pipeline out of the queue.
func (l *lane) cut() []*request {
	n, size := 0, 0
	for n < len(l.queue) && n < l.most {
		size += l.queue[n].size
		if n > 0 && size > maxBatchBytes {
			break
		}
		n++
	}
	l.away += n
	if n == len(l.queue) {
		batch := l.queue
		l.queue = nil
		return batch
	}
	batch := slices.Clone(l.queue[:n])
	l.queue = slices.Delete(l.queue, 0, n)
	return batch
}

// exec sends a batch. It sends scripts that the server does not know by their hash again as
// source text, which go-redis does for single commands only.
func (l *lane) exec(batch []*request) {
	if l.group != nil {
		begun := time.Now() //nolint:forbidigo // how long a group takes is not in any record
		defer func() { l.report(batch, begun) }()
	}
	l.pipeline(batch)
	var unknown []*request
	for _, r := range batch {
		if _, err := r.result(); err != nil && r.script != nil && goredis.HasErrorPrefix(err, "NOSCRIPT") {
			r.cmds = []*goredis.Cmd{bySource(r.ctx, r.cmds[0], *r.script)}
			unknown = append(unknown, r)
		}
	}
	if len(unknown) > 0 {
		l.retry(errors.New("the server does not know a script yet"))
		l.pipeline(unknown)
	}
}

// report reports a pipeline, as failed if none of its requests has a reply.
func (l *lane) report(batch []*request, begun time.Time) {
	g := store.GroupInfo{Calls: len(batch), Took: time.Since(begun)}
	_, g.Err = batch[0].result()
	for _, r := range batch {
		if _, err := r.result(); err == nil {
			g.Err = nil
		}
	}
	if g.Err != nil {
		g.Err = clean(g.Err)
	}
	l.group(g)
}

// pipeline sends the requests over one connection, since WAIT counts only the writes of its
// own connection. It runs without the callers' contexts: one caller that leaves must not
// break off the others. The client's own timeouts bound it.
func (l *lane) pipeline(batch []*request) {
	ctx := context.WithoutCancel(batch[0].ctx)
	pipe := l.client.Pipeline()
	for i, r := range batch {
		r.acked = 0 // a pipeline before this one had other writes
		// The last one waits until the connection is free again.
		if len(r.cmds) == 1 && i < len(batch)-1 && l.wait.replicas == 0 {
			r.early = early{Cmd: r.cmds[0], lane: l, request: r}
			_ = pipe.Process(ctx, &r.early)
			continue
		}
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

// exec sends a pipeline, after which each command has a reply or an error. go-redis sets
// neither where the server refused the connection.
func exec(ctx context.Context, pipe goredis.Pipeliner) {
	cmds, err := pipe.Exec(ctx)
	if err == nil {
		return
	}
	for _, cmd := range cmds {
		switch c := cmd.(type) {
		case *goredis.Cmd:
			if c.Err() == nil && c.Val() == nil {
				c.SetErr(notConnected{err})
			}
		case *early:
			if c.Err() == nil && c.Val() == nil {
				c.SetErr(notConnected{err})
			}
		}
	}
}
