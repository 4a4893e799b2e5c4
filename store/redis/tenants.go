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
	first, from := 0, "-"
	if after != "" {
		first, from = bucketOf(after), "("+after
	}
	// The number of each bucket comes first, so as to read no more names than the page
	// holds. A tenant is never forgotten, so a bucket has at least as many afterwards.
	counts, err := s.scatter(ctx, "Tenants", buckets-first, func(i int) []any {
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
		parts = append(parts, part{bucket: first + i, most: most - have})
		if i == 0 && after != "" {
			continue // it is not known how many of them come after
		}
		if have += n; have >= most {
			break
		}
	}
	names, err := s.scatter(ctx, "Tenants", len(parts), func(i int) []any {
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
	var all []string
	for i, val := range names {
		list, ok := val.([]any)
		if !ok {
			return nil, unavailable(errReply)
		}
		for _, v := range list {
			name, ok := v.(string)
			if !ok || bucketOf(name) != parts[i].bucket {
				return nil, unavailable(errReply)
			}
			all = append(all, name)
		}
	}
	return all[:min(len(all), most)], nil
}
