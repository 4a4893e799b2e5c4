package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"
)

// class is how a request is sent. It depends on what the answer may cost other callers.
type class int

const (
	point class = iota // in a pipeline with those of other callers
	short              // alone, when it is the tenant's turn: some hundred entries
	long               // alone, when it is the tenant's turn: up to a page
)

const (
	// longAtOnce and shortAtOnce are how many requests of a class are on their way to one
	// server. They bound what a point read has to wait for.
	longAtOnce  = 4
	shortAtOnce = 8

	// shortAnswer is the most bytes of a short answer. An answer of more than largeAnswer
	// bytes keeps a processor busy.
	shortAnswer = 16 << 10
	largeAnswer = 128 << 10
)

// request is what one call sends at a time: commands that go to one server, in order, in
// one pipeline.
type request struct {
	ctx    context.Context
	one    [1]*goredis.Cmd // the memory of cmds, for most
	cmds   []*goredis.Cmd
	script *script // that cmds[0] runs by its hash; nil: none
	mark   int     // the place of the argument of cmds[0] that marks a repetition; 0: none
	size   int     // of the arguments, about
	class  class

	early    early         // cmds[0], for a lane that tells callers early
	answered bool          // it has told the caller, and the others of the pipeline may not be answered
	val      any           // what it has told
	acked    int           // replicas that have the write, if the lane waits for them
	done     chan struct{} // closed when cmds have their replies
	followed bool          // cmds were sent again where a Cluster node pointed
	queued   int           // requests that were in the queue before it
}

// newRequest returns a request for one command, which runs a script by its hash.
func newRequest(ctx context.Context, sc *script, args []any) *request {
	r := &request{ctx: ctx, script: sc, done: make(chan struct{})}
	r.one[0] = goredis.NewCmd(ctx, args...)
	r.cmds = r.one[:]
	return r
}

// result returns the reply of the first command.
func (r *request) result() (any, error) {
	if r.answered {
		return r.val, nil
	}
	return r.cmds[0].Result()
}

// results returns the replies of all commands, nil where Redis has none, or the first error.
func (r *request) results() ([]any, error) {
	if r.answered {
		return []any{r.val}, nil
	}
	return values(r.cmds)
}

// early is a command that tells its caller when its own reply is read. The server answers a
// pipeline in parts, and the callers of the first part prepare their next calls while it
// works on the others.
type early struct {
	*goredis.Cmd
	lane    *lane
	request *request
}

// SetErr implements goredis.Cmder. A pipeline calls it when it has read a reply, and again
// if it is repeated. An error may need more than its caller knows.
func (e *early) SetErr(err error) {
	e.Cmd.SetErr(err)
	if val := e.Val(); err == nil && val != nil && !e.request.answered {
		e.request.answered, e.request.val = true, val
		e.lane.answer()
		close(e.request.done)
	}
}
