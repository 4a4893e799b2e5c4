package redis

import (
	"context"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Changes implements store.Store. It takes one round trip, or two if the page is larger
// than 16 KiB. The server reads the feed in pieces of sixteen entries and stops when the
// page is full, so it sends at most a page and holds at most two.
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (page store.ChangePage, err error) {
	c := s.begin("Changes")
	defer func() { c.end(len(page.Changes), err) }()
	if q, err = store.CheckChanges(tenant, q); err != nil {
		return store.ChangePage{}, err
	}
	page, err = s.readFeed(ctx, s.space(tenant), "Changes", q)
	if err != nil {
		return store.ChangePage{}, err
	}
	if q.After < page.Trimmed && (!q.Desc || q.After > 0) {
		return store.ChangePage{}, &store.TrimmedError{Through: page.Trimmed}
	}
	for _, change := range page.Changes {
		if change.Damaged {
			c.Damaged++
		}
	}
	return page, nil
}

// readFeed returns a page of what is left of a tenant's feed.
func (s *Store) readFeed(ctx context.Context, sp space, method string, q store.ChangeQuery) (page store.ChangePage, err error) {
	newest := "0"
	if q.Desc {
		newest = "1"
	}
	ask := func(class class, room int) (reply, error) {
		got, err := s.readScript(ctx, sp, method, class, s.scripts.changes, []string{sp.records(), sp.feed()},
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
	tag := string(tenantTag(sp.tenant))
	for i := 2; i < len(got.args); i += 2 {
		seq, ok := parseDigits(got.args[i+1])
		if !ok {
			return store.ChangePage{}, unavailable(errReply)
		}
		page.Changes = append(page.Changes, decodeChange(tag, got.args[i], seq))
	}
	if n := len(page.Changes); got.args[1] == "more" && n > 0 {
		page.Next = page.Changes[n-1].Seq
	}
	return page, nil
}

// trimAtOnce bounds the entries that one script removes, and so for how long it
// keeps the server from others.
const trimAtOnce = 1000

// Trim implements store.Store. After the first round trip no reader sees what is
// forgotten; the entries are removed in pieces. If Trim returns ErrUnknown, repeat it.
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) (err error) {
	c := s.begin("Trim")
	defer func() { c.end(0, err) }()
	if err := store.CheckTrim(tenant, through); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.sweepFeed(ctx, s.space(tenant), "Trim", through)
}

// sweepFeed forgets all entries before the newest one at or before a revision.
func (s *Store) sweepFeed(ctx context.Context, sp space, method string, through store.Revision) error {
	args := scriptArgs(s.scripts.trim, []string{sp.records(), sp.feed()},
		[]any{sp.tenant, strconv.FormatInt(min(int64(through), maxRevision), 10), strconv.Itoa(trimAtOnce), trimmedField})
	var d doubt
	for {
		var got reply
		err := s.repeat(ctx, method, func(ctx context.Context, _ int) error {
			var err error
			got, err = s.trim(ctx, sp, args, &d)
			return err
		})
		switch {
		case err != nil:
			return d.end(ctx, err)
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

// trim sends the script of Trim once.
func (s *Store) trim(ctx context.Context, sp space, args []any, d *doubt) (reply, error) {
	r := newRequest(ctx, &s.scripts.trim, args)
	val, err := s.sendWrite(ctx, sp, r, d)
	if err != nil {
		return reply{}, err
	}
	d.maybe = true
	if r.acked < s.wait.replicas {
		return reply{}, errFewReplicas
	}
	return parseReply(val, sp.tenant)
}
