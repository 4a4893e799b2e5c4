package redis

import (
	"context"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Changes implements store.Store in one round trip.
func (s *Store) Changes(ctx context.Context, tenant string, after store.Revision, limit int) ([]store.Change, error) {
	limit, err := store.CheckChanges(tenant, after, limit)
	if err != nil {
		return nil, err
	}
	sp := s.space(tenant)
	// The entries first, the mark second: Trim moves the mark before it removes
	// anything, so whoever misses an entry sees a mark behind it.
	vals, err := s.read(ctx, sp,
		[]any{
			"zrangebyscore", sp.feed(), "(" + strconv.FormatInt(int64(after), 10), "+inf",
			"limit", "0", strconv.Itoa(limit),
		},
		[]any{"hget", sp.records(), trimmedField})
	if err != nil {
		return nil, err
	}
	if mark, ok := vals[1].(string); ok {
		trimmed, ok := parseRevision(mark)
		if !ok {
			return nil, unavailable(errDamaged)
		}
		if after < trimmed {
			return nil, store.ErrTrimmed
		}
	}
	list, ok := vals[0].([]any)
	if !ok {
		return nil, unavailable(errDamaged)
	}
	tag := tenantTag(tenant)
	changes := make([]store.Change, 0, len(list))
	for _, val := range list {
		member, _ := val.(string)
		c, err := decodeChange(tag, member)
		if err == nil && c.Revision <= after {
			err = errDamaged
		}
		if err != nil {
			return nil, unavailable(err)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// trimAtOnce bounds the entries that one script removes, and so for how long it
// keeps the server from others.
const trimAtOnce = 1000

// Trim implements store.Store. The feed ends at the revision at once; the entries
// are removed in pieces. Where Trim ends in ErrUnknown, repeat it.
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	sp := s.space(tenant)
	args := scriptArgs(s.scripts.trim, []string{sp.records(), sp.feed()},
		[]any{tenant, strconv.FormatInt(min(int64(through), maxRevision), 10), strconv.Itoa(trimAtOnce), trimmedField})
	t := &trimming{}
	for {
		var got reply
		err := s.repeat(ctx, func(int) error {
			var err error
			got, err = s.tryTrim(ctx, sp, args, t)
			return err
		})
		switch {
		case err != nil:
			return t.finish(ctx, err)
		case t.acked < s.wait.replicas:
			return unknown(errFewReplicas)
		case got.is("done", 0):
			return nil
		case !got.is("more", 0):
			return unknown(errDamaged)
		}
		if ctx.Err() != nil {
			return unknown(ctx.Err())
		}
	}
}

// trimming is what is known of a Trim under way.
type trimming struct {
	maybe bool // something was trimmed, or may have been
	acked int
}

func (s *Store) tryTrim(ctx context.Context, sp space, args []any, t *trimming) (reply, error) {
	r := &request{
		ctx:    ctx,
		cmds:   []*goredis.Cmd{goredis.NewCmd(ctx, args...)},
		script: &s.scripts.trim,
		done:   make(chan struct{}),
	}
	sent, err := s.send(ctx, sp, r, true)
	if err != nil {
		t.maybe = t.maybe || sent
		return reply{}, err
	}
	val, err := r.cmds[0].Result()
	if err != nil {
		if v := judge(err, r.followed || s.repeats()); v == answered || v == lost {
			t.maybe = true
		}
		return reply{}, err
	}
	t.maybe, t.acked = true, r.acked
	return parseReply(val, sp.tenant)
}

func (t *trimming) finish(ctx context.Context, err error) error {
	switch {
	case t.maybe && ctx.Err() != nil:
		return unknown(ended(ctx, clean(err)))
	case t.maybe:
		return unknown(err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return unavailable(err)
}
