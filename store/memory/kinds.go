package memory

import (
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Kinds implements [store.KindLister]. It returns no kind of which the tenant has no record
// any more.
func (s *Store) Kinds(ctx context.Context, tenant, after string) ([]string, error) {
	begun := s.begin()
	kinds, err := s.kindsAfter(ctx, tenant, after)
	s.end(begun, store.CallInfo{Method: "Kinds", Err: err, Items: len(kinds)})
	return kinds, err
}

func (s *Store) kindsAfter(ctx context.Context, tenant, after string) ([]string, error) {
	if err := store.CheckKinds(tenant, after); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var kinds []string
	sh := s.shard(tenant)
	sh.mu.RLock()
	if t := sh.tenants[tenant]; t != nil {
		for name := range t.kinds {
			if name > after {
				kinds = append(kinds, name)
			}
		}
	}
	sh.mu.RUnlock()
	slices.Sort(kinds)
	return kinds[:min(len(kinds), store.MaxLimit)], nil
}
