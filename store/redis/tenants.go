package redis

import (
	"context"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Tenants implements store.Store in two round trips. Tenants come by bucket and then by
// name.
func (s *Store) Tenants(ctx context.Context, q store.TenantQuery) (page store.TenantPage, err error) {
	c := s.begin("Tenants")
	defer func() { c.end(len(page.Names), err) }()
	if q, err = store.CheckTenants(q); err != nil {
		return store.TenantPage{}, err
	}
	names, err := s.tenantsAfter(ctx, q.After, q.Limit+1) // one more, to know whether there is one
	if err != nil {
		return store.TenantPage{}, err
	}
	page.Names = names[:min(len(names), q.Limit)]
	if len(names) > q.Limit {
		page.Next = page.Names[q.Limit-1]
	}
	return page, nil
}

// tenantsAfter returns the first names after a name, at most as many as most.
func (s *Store) tenantsAfter(ctx context.Context, after string, most int) ([]string, error) {
	place := tenantPlace{after: after}
	if after != "" {
		place.bucket = bucketOf(after)
	}
	var all []string
	// The first round is enough, unless tenants were dropped during it.
	for place.bucket < buckets && len(all) < most {
		names, next, err := s.tenantsFrom(ctx, place, most-len(all))
		if err != nil {
			return nil, err
		}
		all, place = append(all, names...), next
	}
	return all, nil
}

// tenantPlace is a place in the walk of all tenants: behind a name in a bucket, or at the
// bucket's beginning.
type tenantPlace struct {
	bucket int
	after  string
}

// tenantsFrom returns at most as many names as most, and the place behind them.
func (s *Store) tenantsFrom(ctx context.Context, from tenantPlace, most int) ([]string, tenantPlace, error) {
	end := tenantPlace{bucket: buckets}
	// The number of each bucket comes first, so as to read no more names than the page holds.
	counts, err := s.scatter(ctx, "Tenants", buckets-from.bucket, func(i int) []any {
		return []any{"zcard", s.bucket(from.bucket+i, tenantsKey)}
	})
	if err != nil {
		return nil, end, err
	}
	type part struct{ bucket, most int }
	var parts []part
	have := 0
	for i, val := range counts {
		n := int(number(val))
		if n == 0 {
			continue
		}
		parts = append(parts, part{bucket: from.bucket + i, most: most - have})
		if i == 0 && from.after != "" {
			continue // it is not known how many of them come after
		}
		if have += n; have >= most {
			end.bucket = from.bucket + i + 1
			break
		}
	}
	replies, err := s.scatter(ctx, "Tenants", len(parts), func(i int) []any {
		low := "-"
		if parts[i].bucket == from.bucket && from.after != "" {
			low = "(" + from.after
		}
		return []any{
			"zrangebylex", s.bucket(parts[i].bucket, tenantsKey), low, "+",
			"limit", "0", strconv.Itoa(parts[i].most),
		}
	})
	if err != nil {
		return nil, end, err
	}
	var all []string
	for i, val := range replies {
		names, err := stringsOf(val)
		if err != nil {
			return nil, end, unavailable(err)
		}
		for _, name := range names {
			if bucketOf(name) != parts[i].bucket {
				return nil, end, unavailable(errReply)
			}
		}
		if all = append(all, names...); len(names) == parts[i].most || len(all) >= most {
			all = all[:min(len(all), most)]
			return all, tenantPlace{bucket: parts[i].bucket, after: all[len(all)-1]}, nil
		}
	}
	return all, end, nil
}
