package memory

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// bell wakes the callers that wait for a tenant's feed.
type bell struct {
	rung    chan struct{}
	waiting int
}

// ring wakes the callers that wait for a tenant. Call it with the lock held.
func (sh *shard) ring(tenant string) {
	if b := sh.waiting[tenant]; b != nil {
		close(b.rung)
		delete(sh.waiting, tenant)
	}
}

// Wait implements [store.Waiter].
func (s *Store) Wait(ctx context.Context, tenant string, after store.Revision) error {
	begun := s.begin()
	err := s.wait(ctx, tenant, after)
	s.end(begun, store.CallInfo{Method: "Wait", Err: err})
	return err
}

func (s *Store) wait(ctx context.Context, tenant string, after store.Revision) error {
	if err := store.CheckTrim(tenant, after); err != nil {
		return err
	}
	sh := s.shard(tenant)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := sh.await(tenant, after)
		if b == nil {
			return nil
		}
		select {
		case <-b.rung:
		case <-ctx.Done():
			sh.leave(tenant, b)
			return ctx.Err()
		}
	}
}

// await returns the bell that will ring when the feed changes, nil if the feed already
// reaches beyond the revision.
func (sh *shard) await(tenant string, after store.Revision) *bell {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.tenants[tenant]; t != nil && t.feed.reaches(after) {
		return nil
	}
	b := sh.waiting[tenant]
	if b == nil {
		b = &bell{rung: make(chan struct{})}
		sh.waiting[tenant] = b
	}
	b.waiting++
	return b
}

// leave gives up waiting; the last caller to leave removes the bell.
func (sh *shard) leave(tenant string, b *bell) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if b.waiting--; b.waiting == 0 && sh.waiting[tenant] == b {
		delete(sh.waiting, tenant)
	}
}
