package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Every bucket has a queue: its (kind, tenant) pairs by their earliest Due. Due reads the
// queues of the buckets from that of the last tenant on, then the entries of the tenants
// that share the page, then the records.

// bucketsFirst and bucketsAtOnce are how many buckets Due reads at first, and at most, in
// one pipeline.
const (
	bucketsFirst  = 32
	bucketsAtOnce = 256
)

// debtor is a tenant that has something due, and its part of the page.
type debtor struct {
	space space
	kinds []string // that have something due

	at      string  // the last member that was read
	entries []entry // the next ones; their scores are Dues
	more    bool    // there is something behind at
	full    bool    // the page has no room for what is behind at
	found   store.DueTenant
}

// empty reports whether the tenant has no part of the page.
func (d *debtor) empty() bool { return len(d.found.Records)+len(d.found.Damaged) == 0 && !d.more }

func (d *debtor) page() store.DueTenant {
	t := d.found
	t.Tenant = d.space.tenant
	if d.more {
		t.Next = d.at
	}
	return t
}

// debtors returns the first tenants after q.After that have something due, at
// most q.Limit, and whether there are more.
func (r *dueRead) debtors(ctx context.Context) (found []*debtor, more bool, err error) {
	first := 0
	if r.q.After != "" {
		first = bucketOf(r.q.After)
	}
	for n := bucketsFirst; first < buckets && len(found) <= r.q.Limit; n = min(2*n, bucketsAtOnce) {
		n = min(n, buckets-first)
		vals, err := r.store.scatter(ctx, "Due", n, func(i int) []any { return r.queued(first + i) })
		if err != nil {
			return nil, false, err
		}
		for i, val := range vals {
			in, err := r.debtorsIn(first+i, val)
			if err != nil {
				return nil, false, unavailable(err)
			}
			found = append(found, in...)
		}
		first += n
	}
	n := min(len(found), r.q.Limit)
	return found[:n], n < len(found), nil
}

// debtor returns the tenant of the query, nil if it has nothing due.
func (r *dueRead) debtor(ctx context.Context) (*debtor, error) {
	sp := r.store.space(r.q.Tenant)
	bucket := bucketOf(r.q.Tenant)
	vals, err := r.store.read(ctx, sp, "Due", short, r.queued(bucket))
	if err != nil {
		return nil, err
	}
	found, err := r.debtorsIn(bucket, vals[0])
	if err != nil {
		return nil, unavailable(err)
	}
	for _, d := range found {
		if d.space.tenant == r.q.Tenant {
			d.at, d.more = r.q.From, true
			return d, nil
		}
	}
	return nil, nil //nolint:nilnil // nothing due is no error
}

// queued returns the command that reads what is due in a bucket.
func (r *dueRead) queued(bucket int) []any {
	before := strconv.FormatInt(store.Millis(r.q.Before), 10)
	return []any{"zrangebyscore", r.store.bucket(bucket, queueKey), "-inf", "(" + before}
}

// debtorsIn returns the tenants of the query that a bucket's queue names.
func (r *dueRead) debtorsIn(bucket int, val any) ([]*debtor, error) {
	members, ok := val.([]any)
	if !ok {
		return nil, errReply
	}
	kinds := make(map[string][]string)
	for _, m := range members {
		member, _ := m.(string)
		kind, tenant, ok := splitMember(member)
		if !ok || bucketOf(tenant) != bucket {
			return nil, errReply
		}
		if len(r.q.Kinds) > 0 && !slices.Contains(r.q.Kinds, kind) {
			continue
		}
		if r.q.After != "" && bucket == bucketOf(r.q.After) && tenant <= r.q.After {
			continue
		}
		kinds[tenant] = append(kinds[tenant], kind)
	}
	found := make([]*debtor, 0, len(kinds))
	for tenant, of := range kinds {
		found = append(found, &debtor{space: r.store.space(tenant), kinds: of})
	}
	slices.SortFunc(found, func(a, b *debtor) int { return cmp.Compare(a.space.tenant, b.space.tenant) })
	return found, nil
}

// asks returns the commands that read the next n entries of a tenant, of each kind, and one
// more to know whether there is one.
func (r *dueRead) asks(d *debtor, n int) [][]any {
	from := "-"
	if d.at != "" {
		from = "(" + d.at
	}
	asked := make([][]any, len(d.kinds))
	for i, kind := range d.kinds {
		asked[i] = []any{"zrangebylex", d.space.due(kind), from, r.before, "limit", "0", strconv.Itoa(n + 1)}
	}
	return asked
}

// merge sets the next n entries of all kinds from the replies to asks.
func (d *debtor) merge(vals []any, n int) error {
	d.entries = nil
	for _, val := range vals {
		members, ok := val.([]any)
		if !ok {
			return errReply
		}
		for _, m := range members {
			member, _ := m.(string)
			e, ok := parseDue(member)
			if !ok {
				return errReply
			}
			d.entries = append(d.entries, e)
		}
	}
	slices.SortFunc(d.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.id, b.id))
	})
	d.entries = slices.Compact(d.entries) // one of two kinds may have been left behind
	d.more = len(d.entries) > n
	d.entries = d.entries[:min(len(d.entries), n)]
	return nil
}
