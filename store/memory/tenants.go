package memory

import (
	"context"
	"iter"

	"github.com/rollbook-go/rollbook/store"
)

// byName is the order of tenants.
type byName struct{}

func (byName) before(a, b *tenant) bool { return a.name < b.name }

// Tenants implements [store.Store]. The order is that of their names.
func (s *Store) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	begun := s.begin()
	page, err := s.tenants(ctx, q)
	s.end(begun, store.CallInfo{Method: "Tenants", Err: err, Items: len(page.Names)})
	return page, err
}

func (s *Store) tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	q, err := store.CheckTenants(q)
	if err != nil {
		return store.TenantPage{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.TenantPage{}, err
	}
	tenants := s.tenantsAfter(q.After, q.Limit+1)
	page := store.TenantPage{Names: make([]string, min(q.Limit, len(tenants)))}
	for i := range page.Names {
		page.Names[i] = tenants[i].name
	}
	if q.Limit < len(tenants) {
		page.Next = page.Names[q.Limit-1]
	}
	return page, nil
}

// tenantsAfter returns the first tenants behind a name, at most as many as most.
func (s *Store) tenantsAfter(after string, most int) []*tenant {
	s.namesMu.RLock()
	defer s.namesMu.RUnlock()
	c, i := s.names.find(&tenant{name: after})
	if c < len(s.names.chunks) && s.names.chunks[c][i].name == after {
		i++
	}
	found := make([]*tenant, 0, min(most, s.names.len()))
	for ; c < len(s.names.chunks) && len(found) < most; c, i = c+1, 0 {
		in := s.names.chunks[c][i:]
		found = append(found, in[:min(len(in), most-len(found))]...)
	}
	return found
}

// allTenants walks the tenants behind a name. It holds no lock while the caller looks at
// one.
func (s *Store) allTenants(after string) iter.Seq[*tenant] {
	return func(yield func(*tenant) bool) {
		for {
			tenants := s.tenantsAfter(after, stride)
			for _, t := range tenants {
				if !yield(t) {
					return
				}
			}
			if len(tenants) < stride {
				return
			}
			after = tenants[stride-1].name
		}
	}
}
