package redis

import (
	"context"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Kinds implements [store.KindLister] in one round trip. A kind stays until Drop.
func (s *Store) Kinds(ctx context.Context, tenant, after string) (kinds []string, err error) {
	c := s.begin("Kinds")
	defer func() { c.end(len(kinds), err) }()
	if err := store.CheckKinds(tenant, after); err != nil {
		return nil, err
	}
	return s.kindsAfter(ctx, s.space(tenant), "Kinds", after, store.MaxLimit)
}

// kindsAfter returns the first n kinds after a kind.
func (s *Store) kindsAfter(ctx context.Context, sp space, method, after string, n int) ([]string, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	vals, err := s.read(ctx, sp, method, short,
		[]any{"zrangebylex", sp.kinds(), from, "+", "limit", "0", strconv.Itoa(n)})
	if err != nil {
		return nil, err
	}
	kinds, err := stringsOf(vals[0])
	return kinds, unavailable(err)
}
