package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Apply implements store.Store: one round trip, whether the batch is done or
// refused, but for two rare things: a [store.Remove] reads first what it removes, and a
// unique key whose holder does not list it is claimed a second time. An Old that the
// store did not return is ErrInvalid.
func (s *Store) Apply(ctx context.Context, tenant string, b store.Batch) (rev store.Revision, err error) {
	c := s.begin("Apply")
	defer func() { c.end(len(b.Ops), err) }()
	if err := store.Check(tenant, b); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	sp := s.space(tenant)
	var k known
	for {
		if k.removals, err = s.removals(ctx, sp, b.Ops); err != nil {
			return 0, err
		}
		p, err := newPlan(sp, b, k)
		if err != nil {
			return 0, err
		}
		w := s.newWrite(sp, p, rand.Text())
		rev, err := w.run(ctx)
		c.Queued = w.queued
		var free *unlistedError
		switch {
		case errors.Is(err, errMoved):
		case errors.As(err, &free):
			if k.unlisted == nil {
				k.unlisted = make(map[string]string)
			}
			k.unlisted[free.field] = free.holder
		default:
			return rev, err
		}
		s.retried("Apply", err)
	}
}

// errCounter: what the tenant's revisions are counted by cannot be read.
var errCounter = errors.New("the tenant's revision counter is damaged")

var errMoved = errors.New("a record was written between the reading and the removing of it")

// unlistedError: a unique key has a holder that does not list it, so it is free.
type unlistedError struct{ field, holder string }

func (*unlistedError) Error() string { return "a unique key has a holder that does not list it" }

// removals reads what the removals of a batch remove, one page after another.
func (s *Store) removals(ctx context.Context, sp space, ops []store.Op) (map[string]removal, error) {
	var wanted, kinds []string
	for _, op := range ops {
		if isRemoval(op) {
			wanted, kinds = append(wanted, op.ID()), append(kinds, op.Old.Kind)
		}
	}
	if wanted == nil {
		return nil, nil
	}
	found := make(map[string]removal, len(wanted))
	for i := 0; i < len(wanted); {
		got, _, err := s.fetch(ctx, sp, "Apply", wanted[i:], store.MaxPageData)
		if err != nil {
			return nil, err
		}
		for _, val := range got {
			found[wanted[i]] = newRemoval(sp.tenant, wanted[i], kinds[i], val)
			i++
		}
	}
	return found, nil
}

// newRemoval says what to expect and what to clear away. Of a damaged record whose
// digest holds it is known where it stands. Of another only that it is in the list of
// its kind, if that is the one which the op gives; what else it stands in is left
// behind and passed over.
func newRemoval(tenant, id, kind string, val any) removal {
	stored, ok := val.(string)
	if !ok {
		return removal{}
	}
	r, err := decodeRecord(tenant, id, stored)
	if err != nil {
		r = store.Record{ID: id, Kind: kind}
		if head, ok := verifiedHead(tenant, id, stored[min(bodyAt, len(stored)):]); ok {
			r = head
		}
	}
	r.Data = nil
	return removal{old: &r, hash: sha1hex(stored)}
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

	maybe  bool // an earlier try may have been done
	queued int  // requests that were in the queue before it, at the first try
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
	if s.repeats() {
		w.args[w.retry] = "1" // the client does not say which of its tries it is
	}
	return w
}

func (w *write) run(ctx context.Context) (store.Revision, error) {
	var rev store.Revision
	err := w.store.repeat(ctx, "Apply", func(ctx context.Context, n int) error {
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
		mark:   w.retry,
		size:   w.size,
		done:   make(chan struct{}),
	}
	sent, err := w.store.send(ctx, w.space, r, true)
	if n == 0 {
		w.queued = r.queued
	}
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
	return rev, w.confirmed(r, err)
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
		if rev, ok := parseDigits(got.args[0]); ok && rev >= store.Revision(len(p.ids)) {
			return rev, nil
		}
	case got.is("stale", 2):
		if op, require, ok := p.part(got.args, len(p.ids)); ok {
			return 0, outcome{&store.StaleError{Op: op, Require: require}}
		}
	case got.is("false", 1):
		if i, ok := index(got.args[0], len(p.ids)); ok {
			return 0, outcome{falseOld(i)}
		}
	case got.is("damaged", 1):
		return 0, outcome{&store.DamagedError{ID: got.args[0]}}
	case got.is("moved", 0):
		return 0, outcome{errMoved}
	case got.is("counter", 0):
		return 0, errCounter
	case got.is("taken", 4):
		if claimed, require, ok := p.part(got.args, len(p.claims)); ok {
			return 0, outcome{p.taken(claimed, require, got.args[2], got.args[3])}
		}
	case got.is("twice", 0) && p.twice != nil:
		holder := cloneRecord(*p.batch.Ops[p.twice.earlier].New)
		return 0, outcome{&store.TakenError{Op: p.twice.op, Require: -1, Key: p.claimed(*p.twice), Holder: holder}}
	case got.is("dead", 0):
		return 0, outcome{unavailable(errors.New("an earlier try of the call was refused"))}
	case got.is("reused", 0):
		return 0, outcome{unavailable(errors.New("the nonce was used for another write"))}
	}
	return 0, outcome{unknown(errReply)}
}

// part reads which of the ops or claims, or which requirement, an answer is about; -1
// for the other.
func (p *plan) part(args []string, most int) (op, require int, ok bool) {
	switch args[0] {
	case "op":
		op, ok = index(args[1], most)
		return op, -1, ok
	case "require":
		require, ok = index(args[1], len(p.batch.Require))
		return -1, require, ok
	}
	return 0, 0, false
}

// taken says what it means that a record is named as the holder of a key.
func (p *plan) taken(claimed, require int, id, stored string) error {
	t := &store.TakenError{Op: -1, Require: require}
	if require < 0 {
		t.Op, t.Key = p.claims[claimed].op, p.claimed(p.claims[claimed])
	} else {
		t.Key = p.batch.Require[require].Free
	}
	var err error
	if t.Holder, err = decodeRecord(p.tenant, id, stored); err != nil {
		return &store.DamagedError{ID: id}
	}
	if !slices.Contains(t.Holder.Unique, t.Key) {
		return &unlistedError{field: uniqueField(t.Key), holder: digits(t.Holder.Revision) + id}
	}
	return t
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
