package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Apply implements store.Store: one round trip, whether the batch is done or
// refused. An Old that the store did not return is ErrInvalid.
func (s *Store) Apply(ctx context.Context, tenant string, ops ...store.Op) (store.Revision, error) {
	if err := store.Check(tenant, ops); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	sp := s.space(tenant)
	p, err := newPlan(sp, ops)
	if err != nil {
		return 0, err
	}
	return s.newWrite(sp, p, rand.Text()).run(ctx)
}

// write is an Apply under way: one plan, one nonce, however often it is sent.
type write struct {
	store *Store
	space space
	plan  *plan
	nonce string
	args  []any // of the command, complete
	retry int   // the index in args of the mark of a repetition
	size  int

	maybe bool // an earlier try may have been done
}

func (s *Store) newWrite(sp space, p *plan, nonce string) *write {
	p.keys[nonceAt] = sp.nonce(nonce)
	tail := p.args(nonce)
	w := &write{store: s, space: sp, plan: p, nonce: nonce, retry: 3 + len(p.keys) + p.repetition}
	w.args = make([]any, 0, 3+len(p.keys)+len(tail))
	w.args = append(w.args, "evalsha", s.scripts.apply.sha, strconv.Itoa(len(p.keys)))
	for _, list := range [2][]string{p.keys, tail} {
		for _, a := range list {
			w.args = append(w.args, a)
			w.size += len(a)
		}
	}
	return w
}

func (w *write) run(ctx context.Context) (store.Revision, error) {
	var rev store.Revision
	err := w.store.repeat(ctx, func(n int) error {
		var err error
		rev, err = w.try(ctx, n)
		return err
	})
	return rev, w.finish(ctx, err)
}

// outcome is an error that says how the write ended: it is passed on as it is.
type outcome struct{ error }

func (o outcome) Unwrap() error { return o.error }

// try sends the write once. Its error is an outcome, or that of the transport.
func (w *write) try(ctx context.Context, n int) (store.Revision, error) {
	args := w.args
	if n > 0 {
		// A refusal of this try has to hold against an earlier one that is late.
		args = append([]any(nil), w.args...)
		args[w.retry] = "1"
	}
	r := &request{
		ctx:    ctx,
		cmds:   []*goredis.Cmd{goredis.NewCmd(ctx, args...)},
		script: &w.store.scripts.apply,
		size:   w.size,
		done:   make(chan struct{}),
	}
	sent, err := w.store.send(ctx, w.space, r, true)
	if err != nil {
		w.maybe = w.maybe || sent
		return 0, err
	}
	val, err := r.cmds[0].Result()
	if err != nil {
		if v := judge(err, r.followed || w.store.repeats()); v == answered || v == lost {
			w.maybe = true
		}
		return 0, err
	}
	got, err := parseReply(val, w.space.tenant, w.nonce)
	if err != nil {
		w.maybe = true
		return 0, err
	}
	rev, err := w.plan.outcome(got)
	if err == nil && r.acked < w.store.wait.replicas {
		return 0, outcome{unknown(errFewReplicas)}
	}
	return rev, err
}

// finish turns the error of the last try into the caller's.
func (w *write) finish(ctx context.Context, err error) error {
	var o outcome
	switch {
	case err == nil:
		return nil
	case errors.As(err, &o):
		return o.error
	case w.maybe && ctx.Err() != nil:
		return unknown(ended(ctx, clean(err)))
	case w.maybe:
		return unknown(err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return unavailable(err)
}

// outcome reads the script's answer.
func (p *plan) outcome(got reply) (store.Revision, error) {
	switch {
	case got.is("done", 1):
		if rev, ok := parseRevision(got.args[0]); ok && rev >= store.Revision(len(p.ops)) {
			return rev, nil
		}
	case got.is("stale", 1):
		if i, ok := index(got.args[0], len(p.ops)); ok {
			return 0, outcome{&store.StaleError{Op: i}}
		}
	case got.is("false", 1):
		if i, ok := index(got.args[0], len(p.ops)); ok {
			return 0, outcome{falseOld(i)}
		}
	case got.is("taken", 3):
		if i, ok := index(got.args[0], len(p.claims)); ok {
			c := p.claims[i]
			holder, err := decodeRecord(p.tenant, got.args[1], got.args[2])
			if err != nil {
				return 0, outcome{unavailable(err)}
			}
			return 0, outcome{p.taken(c, holder)}
		}
	case got.is("twice", 0) && p.twice != nil:
		holder := cloneRecord(*p.ops[p.twice.earlier].New)
		return 0, outcome{p.taken(*p.twice, holder)}
	case got.is("damaged", 0):
		return 0, outcome{unavailable(errDamaged)}
	case got.is("dead", 0):
		return 0, outcome{unavailable(errors.New("an earlier try of the call was refused"))}
	case got.is("reused", 0):
		return 0, outcome{unavailable(errors.New("the nonce was used for another write"))}
	}
	return 0, outcome{unknown(errDamaged)}
}

func (p *plan) taken(c claim, holder store.Record) error {
	return &store.TakenError{Op: c.op, Key: p.ops[c.op].New.Unique[c.key], Holder: holder}
}

func index(s string, n int) (int, bool) {
	i, err := strconv.Atoi(s)
	return i, err == nil && i >= 0 && i < n
}

// repeats says whether the client sends requests again by itself.
func (s *Store) repeats() bool {
	if s.single != nil {
		return s.single.Options().MaxRetries > 0
	}
	return s.cluster.Options().MaxRetries > 0
}
