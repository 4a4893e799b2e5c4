package redis

import (
	"context"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Changes implements store.Store in one round trip, or two if the page is larger than
// 16 KiB. The server reads the feed in pieces of sixteen entries and stops where a page
// is full, so it sends no more than a page and holds no more than two.
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (page store.ChangePage, err error) {
	c := s.begin("Changes")
	defer func() { c.end(len(page.Changes), err) }()
	if q, err = store.CheckChanges(tenant, q); err != nil {
		return store.ChangePage{}, err
	}
	sp := s.space(tenant)
	newest := "0"
	if q.Desc {
		newest = "1"
	}
	ask := func(class class, room int) (reply, error) {
		got, err := s.readScript(ctx, sp, "Changes", class, s.scripts.changes, []string{sp.records(), sp.feed()},
			trimmedField, strconv.FormatInt(int64(q.After), 10), strconv.FormatInt(int64(q.Before), 10), newest,
			strconv.Itoa(q.Limit), strconv.Itoa(room))
		if err == nil && (got.status != "page" || len(got.args) < 2 || len(got.args)%2 != 0) {
			err = unavailable(errReply)
		}
		return got, err
	}
	got, err := ask(short, shortAnswer)
	if err == nil && got.args[1] == "more" && len(got.args)/2-1 < q.Limit {
		got, err = ask(long, store.MaxPageData)
	}
	if err != nil {
		return store.ChangePage{}, err
	}
	mark, err := strconv.ParseInt(got.args[0], 10, 64)
	if err != nil {
		return store.ChangePage{}, unavailable(errReply)
	}
	page.Trimmed = store.Revision(mark)
	if q.After < page.Trimmed && (!q.Desc || q.After > 0) {
		return store.ChangePage{}, &store.TrimmedError{Through: page.Trimmed}
	}
	tag := string(tenantTag(tenant))
	for i := 2; i < len(got.args); i += 2 {
		seq, ok := parseDigits(got.args[i+1])
		if !ok {
			return store.ChangePage{}, unavailable(errReply)
		}
		change := decodeChange(tag, got.args[i], seq)
		if change.Damaged {
			c.Damaged++
		}
		page.Changes = append(page.Changes, change)
	}
	if n := len(page.Changes); got.args[1] == "more" && n > 0 {
		page.Next = page.Changes[n-1].Seq
	}
	return page, nil
}

// trimAtOnce bounds the entries that one script removes, and so for how long it
// keeps the server from others.
const trimAtOnce = 1000

// Trim implements store.Store. What is forgotten is not shown any more from the first
// round trip on; the entries are removed in pieces. Where Trim ends in ErrUnknown,
// repeat it.
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) (err error) {
	c := s.begin("Trim")
	defer func() { c.end(0, err) }()
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	sp := s.space(tenant)
	args := scriptArgs(s.scripts.trim, []string{sp.records(), sp.feed()},
		[]any{tenant, strconv.FormatInt(min(int64(through), maxRevision), 10), strconv.Itoa(trimAtOnce), trimmedField})
	var t trimming
	for {
		var got reply
		err := s.repeat(ctx, "Trim", func(ctx context.Context, _ int) error {
			var err error
			got, err = s.tryTrim(ctx, sp, args, &t)
			return err
		})
		switch {
		case err != nil:
			return t.finish(ctx, err)
		case got.is("done", 0):
			return nil
		case !got.is("more", 0):
			return unknown(errReply)
		}
		if ctx.Err() != nil {
			return unknown(ctx.Err())
		}
	}
}

// trimming is what is known of a Trim under way.
type trimming struct {
	maybe bool // something was trimmed, or may have been
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
	t.maybe = true
	if r.acked < s.wait.replicas {
		return reply{}, errFewReplicas
	}
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
