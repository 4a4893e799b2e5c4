package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// pollEvery is how often Wait reads the feed, which other processes may have written.
const pollEvery = 200 * time.Millisecond

const sqlHasNews = `SELECT 1 FROM rollbook_tenant t WHERE t.name = ?1 AND (t.trimmed > ?2
	OR EXISTS (SELECT 1 FROM rollbook_change c WHERE c.n > (t.n << 38) + min(?2, (1 << 38) - 1) AND c.n < (t.n + 1) << 38))`

// Wait implements [store.Waiter]. A write of this Store wakes it at once, one of
// another process within about 200 ms.
func (s *Store) Wait(ctx context.Context, tenant string, after store.Revision) error {
	c := s.observer.BeginCall("Wait")
	err := s.waitFor(ctx, tenant, after)
	c.End(store.CallInfo{}, err)
	return err
}

func (s *Store) waitFor(ctx context.Context, tenant string, after store.Revision) error {
	if err := store.CheckTrim(tenant, after); err != nil {
		return err
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		rung, forget := s.bell.listen(tenant) // before reading, so that no write in between is missed
		news, err := s.hasNews(ctx, tenant, after)
		if err != nil || news {
			forget()
			return err
		}
		select {
		case <-rung:
		case <-ticker.C:
		case <-ctx.Done():
		case <-s.closed:
		}
		forget()
	}
}

func (s *Store) hasNews(ctx context.Context, tenant string, after store.Revision) (bool, error) {
	return read(ctx, s.pool(), readTurn{method: "Wait", tenant: tenant}, func(ctx context.Context) (bool, error) {
		ctx = s.reads.point(ctx)
		var one int
		err := s.reads.row(ctx, sqlHasNews, []any{&one}, tenant, int64(after))
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	})
}

// bell wakes the calls that wait for a tenant's feed.
type bell struct {
	mu        sync.Mutex
	listeners map[string]*listeners
}

type listeners struct {
	rung  chan struct{}
	count int
}

// listen returns a channel that is closed by the next ring. Forget must be called.
func (b *bell) listen(tenant string) (rung <-chan struct{}, forget func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.listeners[tenant]
	if l == nil {
		l = &listeners{rung: make(chan struct{})}
		if b.listeners == nil {
			b.listeners = make(map[string]*listeners)
		}
		b.listeners[tenant] = l
	}
	l.count++
	return l.rung, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if l.count--; l.count == 0 && b.listeners[tenant] == l {
			delete(b.listeners, tenant)
		}
	}
}

func (b *bell) ring(tenant string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.listeners[tenant]; l != nil {
		close(l.rung)
		delete(b.listeners, tenant)
	}
}

// committed wakes the calls that wait for what a transaction has written.
func (s *Store) committed(tx *transaction) {
	for _, t := range tx.changed {
		if t.noted {
			s.bell.ring(t.name)
		}
		t.changed, t.noted = false, false
	}
}
