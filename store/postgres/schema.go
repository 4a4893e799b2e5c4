package postgres

import (
	"context"
	"errors"
	"hash/fnv"
	"sync/atomic"
	"time"
)

// schemaEvery is how often reads check the version of the schema.
const schemaEvery = time.Second

// usable returns the error of every call once the store is closed or lost.
func (s *Store) usable() error {
	if s.isClosed() {
		return errClosed
	}
	if lost := s.lost.Load(); lost != nil {
		return unavailable(*lost)
	}
	return nil
}

// losing returns the error, and makes every later call fail with it if it lasts until
// the store is opened again.
func (s *Store) losing(err error) error {
	if errors.Is(err, ErrNewerSchema) && s.lost.CompareAndSwap(nil, &err) {
		s.opts.Logger.Error("postgres: the store must be closed and opened again", "error", err)
	}
	return err
}

// failed returns the error of a call that failed and wrote nothing. If the schema may be why,
// it finds out.
func (s *Store) failed(ctx context.Context, err error) error {
	if e := pgError(err); e != nil && missing(e) {
		if conn, broken := s.pool.Acquire(ctx); broken == nil {
			defer conn.Release()
			if newer := s.checkSchema(ctx, s.session(conn.Conn())); newer != nil {
				return unavailable(newer)
			}
		}
	}
	if s.isClosed() {
		return errClosed
	}
	return unavailable(err)
}

// checkSchemaNow checks, now and then, that what was just read has a schema that is known.
func (s *Store) checkSchemaNow(ctx context.Context, c session) error {
	if !s.schemaAt.due(time.Since(s.opened), schemaEvery) {
		return nil
	}
	return s.checkSchema(ctx, c)
}

// checkSchema returns ErrNewerSchema, or nil if the version is known or cannot be read. A
// transaction of the host in which it cannot be read fails in the next call.
func (s *Store) checkSchema(ctx context.Context, c session) error {
	needs := 0
	_, err := c.row(ctx, sqlNeeds, new(args), func(row *reply) { needs = row.int4() })
	if err != nil {
		return nil //nolint:nilerr // the call that asks has an error of its own if there is one
	}
	return s.losing(checkVersion(needs, s.known))
}

// pace says when something is to be done again.
type pace struct{ next atomic.Int64 }

func (p *pace) due(at, every time.Duration) bool {
	next := p.next.Load()
	return int64(at) >= next && p.next.CompareAndSwap(next, int64(at+every))
}

// lockOf returns the number of the advisory lock that stands for a tenant that has no row
// yet or, with "", for the schema.
func lockOf(schema, tenant string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("rollbook\x00" + schema + "\x00" + tenant))
	return int64(h.Sum64()) //nolint:gosec // any number will do
}
