package memory

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Drop implements [store.Dropper].
func (s *Store) Drop(ctx context.Context, tenant string) error {
	begun := s.begin()
	err := s.drop(ctx, tenant)
	s.end(begun, store.CallInfo{Method: "Drop", Err: err})
	return err
}

func (s *Store) drop(ctx context.Context, name string) error {
	if err := store.CheckDrop(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.tenants[name]
	switch {
	case t == nil:
		return nil
	case len(t.records) > 0:
		return &store.StaleError{Op: -1, Require: -1}
	}
	delete(sh.tenants, name)
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	s.names.remove(t)
	return nil
}
