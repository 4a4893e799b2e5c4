package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

// sqlHeld returns the records that hold unique keys, with the index of the key. There is no
// row for a key if the record that is to be created exists, which is refused before a key
// that is taken.
const sqlHeld = `SELECT u.i, ` + recordColumns + `
	FROM unnest((SELECT $1::bytea[]), (SELECT $2::bytea[]), (SELECT $3::bytea[])) WITH ORDINALITY u (tenant, key, id, i)
	CROSS JOIN LATERAL (SELECT t.n FROM rollbook.tenant t WHERE t.name = u.tenant OFFSET 0) t
	CROSS JOIN LATERAL (SELECT k.id FROM rollbook.key k WHERE k.tenant = t.n AND k.key = u.key OFFSET 0) k
	CROSS JOIN LATERAL (SELECT * FROM rollbook.record r WHERE r.tenant = t.n AND r.id = k.id OFFSET 0) r
	LEFT JOIN LATERAL (SELECT true AS there FROM rollbook.record r WHERE r.tenant = t.n AND r.id = u.id OFFSET 0) x ON true
	WHERE x.there IS NULL`

// held refuses a create whose first unique key is held, by a read: get-or-create of what
// exists does not wait for the commits of others, and takes no lock. It returns nil for
// every other batch, and if anything fails: the writer decides those.
func (s *Store) held(ctx context.Context, tenant string, batch store.Batch) *store.TakenError {
	if !s.lookFirst.Worth(tenant, batch) {
		return nil
	}
	r := batch.Ops[0].New
	key := r.Unique[0]
	holder, found := s.looks.look(ctx, s, &look{tenant: tenant, key: keyName(key), id: r.ID})
	found = found && slices.Contains(holder.Unique, key)
	s.lookFirst.Read(tenant, batch, found)
	if !found {
		return nil
	}
	return &store.TakenError{Op: 0, Require: -1, Key: key, Holder: holder}
}

// looks shares the cost of reads before creates: calls that wait while others read share the
// next read. A lone call reads at once.
type looks struct {
	mu      sync.Mutex
	waiting []*look
	reading int // reads that run
}

const (
	maxReading = 2
	maxLooks   = 32 // in one read
)

type look struct {
	tenant, key, id string

	holder store.Record
	found  bool
	done   chan struct{} // closed when holder and found are set
}

// look returns the record that holds the key, if there is one and it can be read.
func (q *looks) look(ctx context.Context, s *Store, l *look) (store.Record, bool) {
	l.done = make(chan struct{})
	q.mu.Lock()
	q.waiting = append(q.waiting, l)
	some := q.take()
	q.mu.Unlock()
	if some != nil {
		q.read(ctx, s, some)
	}
	select {
	case <-l.done:
		return l.holder, l.found
	case <-ctx.Done():
		return store.Record{}, false
	}
}

// take returns the calls of the next read, or nil if they have to wait. It is called with
// the lock.
func (q *looks) take() []*look {
	if q.reading == maxReading || len(q.waiting) == 0 {
		return nil
	}
	q.reading++
	some := q.waiting
	q.waiting = nil
	if len(some) > maxLooks {
		q.waiting = slices.Clone(some[maxLooks:])
		some = some[:maxLooks]
	}
	return some
}

// read reads for some calls. If calls wait then, another goroutine goes on with them.
func (q *looks) read(ctx context.Context, s *Store, some []*look) {
	_ = s.step(ctx, readTurn{method: "Apply"}, func(ctx context.Context, c session) error {
		return c.rows(ctx, sqlHeld, lookArgs(some), func(row *reply) {
			l := some[row.int8()-1]
			r, err := row.record()
			l.holder, l.found = r, err == nil
		})
	})
	for _, l := range some {
		close(l.done)
	}
	q.mu.Lock()
	q.reading--
	next := q.take()
	q.mu.Unlock()
	if next != nil {
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			q.read(ctx, s, next)
		}()
	}
}

func lookArgs(some []*look) *args {
	var a args
	for _, column := range []func(*look) string{
		func(l *look) string { return l.tenant },
		func(l *look) string { return l.key },
		func(l *look) string { return l.id },
	} {
		a.array(oidBytea)
		for _, l := range some {
			a.elemString(column(l))
		}
		a.endArray()
	}
	return &a
}
