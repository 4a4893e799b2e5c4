package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Every bucket has a queue: its (kind, tenant) pairs by their earliest Due. Due
// reads the queues of all buckets behind the last tenant, then the due records of
// the tenants that share the page, then the records.

const (
	// bucketsAtOnce is how many buckets one pipeline of Due asks.
	bucketsAtOnce = 256
	// dueTries is how often Due reads a group of tenants that others work on.
	dueTries = 3
)

// debtor is a tenant with something due, and the kinds of it.
type debtor struct {
	space  space
	bucket int
	kinds  []string
}

// Due implements store.Store. Tenants come by bucket and then by name.
func (s *Store) Due(ctx context.Context, q store.DueQuery) ([]store.DueRecord, error) {
	q, err := store.CheckDueQuery(q)
	if err != nil {
		return nil, err
	}
	for {
		debtors, err := s.debtors(ctx, q)
		if err != nil || len(debtors) == 0 {
			return nil, err
		}
		for range dueTries {
			page, err := s.dueOf(ctx, q, debtors)
			if err != nil || len(page) > 0 {
				return page, err
			}
		}
		// Others were faster with all of them: look further.
		q.After = debtors[len(debtors)-1].space.tenant
	}
}

// debtors returns the first tenants after q.After that have something due, at
// most q.Limit.
func (s *Store) debtors(ctx context.Context, q store.DueQuery) ([]debtor, error) {
	var found []debtor
	first := 0
	if q.After != "" {
		first = bucketOf(q.After)
	}
	before := "(" + strconv.FormatInt(store.Millis(q.Before), 10)
	for ; first < buckets && len(found) < q.Limit; first += bucketsAtOnce {
		n := min(bucketsAtOnce, buckets-first)
		vals, err := s.scatter(ctx, n, func(i int) []any {
			return []any{"zrangebyscore", s.bucket(first+i, queueKey), "-inf", before}
		})
		if err != nil {
			return nil, err
		}
		for i, val := range vals {
			members, ok := val.([]any)
			if !ok {
				return nil, unavailable(errDamaged)
			}
			more, err := s.debtorsIn(first+i, members, q)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found[:min(len(found), q.Limit)], nil
}

func (s *Store) debtorsIn(bucket int, members []any, q store.DueQuery) ([]debtor, error) {
	kinds := make(map[string][]string)
	for _, m := range members {
		member, _ := m.(string)
		kind, tenant, ok := splitMember(member)
		if !ok || bucketOf(tenant) != bucket {
			return nil, unavailable(errDamaged)
		}
		if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, kind) {
			continue
		}
		if q.After != "" && bucket == bucketOf(q.After) && tenant <= q.After {
			continue
		}
		kinds[tenant] = append(kinds[tenant], kind)
	}
	found := make([]debtor, 0, len(kinds))
	for tenant, of := range kinds {
		found = append(found, debtor{space: s.space(tenant), bucket: bucket, kinds: of})
	}
	slices.SortFunc(found, func(a, b debtor) int { return cmp.Compare(a.space.tenant, b.space.tenant) })
	return found, nil
}

// dueOf returns the page that these tenants share.
func (s *Store) dueOf(ctx context.Context, q store.DueQuery, debtors []debtor) ([]store.DueRecord, error) {
	share := q.Limit / len(debtors)
	entries, err := s.dueEntries(ctx, q, debtors, share)
	if err != nil {
		return nil, err
	}
	var asked []int // debtors that still have entries
	for i := range debtors {
		if len(entries[i]) > 0 {
			asked = append(asked, i)
		}
	}
	vals, err := s.scatter(ctx, len(asked), func(i int) []any {
		of := asked[i]
		return append([]any{"hmget", debtors[of].space.records()}, ids(entries[of])...)
	})
	if err != nil {
		return nil, err
	}
	var page []store.DueRecord
	for i, val := range vals {
		of := asked[i]
		tenant := debtors[of].space.tenant
		list, ok := val.([]any)
		if !ok || len(list) != len(entries[of]) {
			return nil, unavailable(errDamaged)
		}
		for j, v := range list {
			stored, ok := v.(string)
			if !ok {
				continue
			}
			r, err := decodeRecord(tenant, entries[of][j].id, stored)
			if err != nil {
				return nil, unavailable(err)
			}
			if store.Millis(r.Due) == entries[of][j].score && slices.Contains(debtors[of].kinds, r.Kind) {
				page = append(page, store.DueRecord{Tenant: tenant, Record: r})
			}
		}
	}
	return page, nil
}

// dueEntries returns for each tenant the IDs of its share, by Due.
func (s *Store) dueEntries(ctx context.Context, q store.DueQuery, debtors []debtor, share int) ([][]entry, error) {
	type list struct {
		of   int
		name string
	}
	var lists []list
	for i, d := range debtors {
		for _, kind := range d.kinds {
			lists = append(lists, list{of: i, name: d.space.due(kind)})
		}
	}
	before := "(" + strconv.FormatInt(store.Millis(q.Before), 10)
	vals, err := s.scatter(ctx, len(lists), func(i int) []any {
		return []any{
			"zrangebyscore", lists[i].name, "-inf", before,
			"withscores", "limit", "0", strconv.Itoa(share),
		}
	})
	if err != nil {
		return nil, err
	}
	entries := make([][]entry, len(debtors))
	for i, val := range vals {
		more, err := parseEntries(val)
		if err != nil {
			return nil, unavailable(err)
		}
		of := lists[i].of
		entries[of] = append(entries[of], more...)
	}
	for i := range entries {
		slices.SortStableFunc(entries[i], func(a, b entry) int { return cmp.Compare(a.score, b.score) })
		entries[i] = entries[i][:min(len(entries[i]), share)]
	}
	return entries, nil
}

// Tenants implements store.Store: by bucket and then by name, in two round trips.
func (s *Store) Tenants(ctx context.Context, after string, limit int) ([]string, error) {
	limit, err := store.CheckTenants(after, limit)
	if err != nil {
		return nil, err
	}
	first, from := 0, "-"
	if after != "" {
		first, from = bucketOf(after), "("+after
	}
	// How many each bucket has, to ask for no more names than the page holds. A
	// tenant is never forgotten, so a bucket has at least as many afterwards.
	counts, err := s.scatter(ctx, buckets-first, func(i int) []any {
		return []any{"zcard", s.bucket(first+i, tenantsKey)}
	})
	if err != nil {
		return nil, err
	}
	type part struct{ bucket, most int }
	var parts []part
	have := 0
	for i, val := range counts {
		n := int(number(val))
		if n == 0 {
			continue
		}
		parts = append(parts, part{bucket: first + i, most: limit - have})
		if i == 0 && after != "" {
			continue // it is not known how many of them come after
		}
		if have += n; have >= limit {
			break
		}
	}
	names, err := s.scatter(ctx, len(parts), func(i int) []any {
		low := "-"
		if parts[i].bucket == first {
			low = from
		}
		return []any{
			"zrangebylex", s.bucket(parts[i].bucket, tenantsKey), low, "+",
			"limit", "0", strconv.Itoa(parts[i].most),
		}
	})
	if err != nil {
		return nil, err
	}
	var page []string
	for i, val := range names {
		list, ok := val.([]any)
		if !ok {
			return nil, unavailable(errDamaged)
		}
		for _, v := range list {
			name, ok := v.(string)
			if !ok || bucketOf(name) != parts[i].bucket {
				return nil, unavailable(errDamaged)
			}
			page = append(page, name)
		}
	}
	return page[:min(len(page), limit)], nil
}

// scatter sends n commands about many buckets in one pipeline, which go-redis
// splits between the nodes of a Cluster, and returns their replies.
func (s *Store) scatter(ctx context.Context, n int, command func(i int) []any) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	var vals []any
	err := s.repeat(ctx, func(int) error {
		pipe := s.client.Pipeline()
		cmds := make([]*goredis.Cmd, n)
		for i := range cmds {
			cmds[i] = goredis.NewCmd(ctx, command(i)...)
			_ = pipe.Process(ctx, cmds[i])
		}
		_, _ = pipe.Exec(ctx) // each command has its own error
		var err error
		vals, err = values(cmds)
		return err
	})
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return vals, unavailable(err)
}
