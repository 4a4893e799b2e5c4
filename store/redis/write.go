package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

// write is a call of a script that writes: one nonce, however often it is sent.
type write struct {
	doubt
	store      *Store
	space      space
	method     string
	script     *script
	plan       answer
	args       []any // of the command, complete
	repetition int   // the place in args of the mark of a repetition
	size       int   // of args, about
	queued     int   // requests that were in the queue before it, at the first attempt
}

// answer reads the reply of a script that writes. The error is errReply if it is about
// another write, so that nothing is known of this one.
type answer interface {
	outcome(val any) (store.Revision, error)
}

// newWrite returns an Apply.
func (s *Store) newWrite(sp space, p *plan) *write {
	w := &write{store: s, space: sp, method: "Apply", script: &s.scripts.apply, plan: p}
	w.command(p.command(s.scripts.apply.sha, s.wait.replicas > 0), len(p.keys))
	return w
}

// command sets the arguments of a command with so many keys.
func (w *write) command(args []any, keys int) {
	w.args, w.repetition = args, argvAt(keys)+againAt
	for _, a := range w.args {
		switch a := a.(type) {
		case string:
			w.size += len(a)
		case *string:
			w.size += len(*a)
		case []byte:
			w.size += len(a)
		}
	}
	if w.store.repeats() {
		w.args[w.repetition] = "1" // the client does not say which of its attempts it is
	}
}

func (w *write) run(ctx context.Context) (store.Revision, error) {
	var rev store.Revision
	err := w.store.repeat(ctx, w.method, func(ctx context.Context, n int) error {
		var err error
		rev, err = w.attempt(ctx, n)
		return err
	})
	return rev, w.end(ctx, err)
}

// attempt sends the write once. Its error is an outcome, or that of the transport.
func (w *write) attempt(ctx context.Context, n int) (store.Revision, error) {
	args := w.args
	if n > 0 {
		// A refusal of this attempt has to hold against an earlier one that is late.
		args = append([]any(nil), w.args...)
		args[w.repetition] = "1"
	}
	r := newRequest(ctx, w.script, args)
	r.mark, r.size = w.repetition, w.size
	val, err := w.store.sendWrite(ctx, w.space, r, &w.doubt)
	if n == 0 {
		w.queued = r.queued
	}
	if err != nil {
		return 0, err
	}
	rev, err := w.plan.outcome(val)
	if err == errReply { //nolint:errorlint // as it is, not inside of an outcome
		w.maybe = true
		return 0, err
	}
	return rev, w.confirmed(r, err)
}

// confirmed returns the error of a write that was answered: err, or errFewReplicas if
// fewer replicas than the store waits for have what the answer rests on. A refusal too
// tells of a state, and one that no replica has would be wrong after a failover.
func (w *write) confirmed(r *request, err error) error {
	if r.acked >= w.store.wait.replicas {
		return err
	}
	var refusal outcome
	switch {
	case err == nil:
		w.maybe = true
		return errFewReplicas
	case !errors.As(err, &refusal), errors.Is(err, errMoved), errors.As(err, new(*unlistedError)),
		errors.Is(err, store.ErrUnknown):
		return err // no caller is told of a state
	}
	return errFewReplicas
}

// doubt is whether an attempt of a write may have been done.
type doubt struct{ maybe bool }

// outcome is an error that says how a write ended: the caller gets it as it is.
type outcome struct{ error }

func (o outcome) Unwrap() error { return o.error }

// end turns the error of the last attempt into the caller's.
func (d *doubt) end(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var o outcome
	switch {
	case errors.As(err, &o):
		return o.error
	case d.maybe && ctx.Err() != nil:
		return unknown(fmt.Errorf("%w: %w", ctx.Err(), clean(err)))
	case d.maybe:
		return unknown(err)
	}
	return readError(ctx, err)
}

// sendWrite sends a request that writes once and returns what its script answered.
func (s *Store) sendWrite(ctx context.Context, sp space, r *request, d *doubt) (any, error) {
	sent, err := s.send(ctx, sp, r, true)
	if err != nil {
		d.maybe = d.maybe || sent
		return nil, err
	}
	val, err := r.result()
	if err != nil && (s.repeats() || r.followed || mayHaveRun(err)) {
		d.maybe = true
	}
	return val, err
}

// repeats reports whether the client sends requests again by itself.
func (s *Store) repeats() bool {
	if s.single != nil {
		return s.single.Options().MaxRetries > 0
	}
	return s.cluster.Options().MaxRetries > 0
}
