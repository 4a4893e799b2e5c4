package redis

import (
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Get implements store.Store in one round trip: an HGET by ID, a script by a unique key.
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (r store.Record, err error) {
	c := s.begin("Get")
	defer func() { c.end(one(err), err) }()
	if err := store.CheckKey(tenant, key); err != nil {
		return store.Record{}, err
	}
	sp := s.space(tenant)
	if key.Kind == "" {
		return s.getByID(ctx, sp, key.Value)
	}
	reply, err := s.readScript(ctx, sp, "Get", point, s.scripts.get,
		[]string{sp.unique(), sp.records()}, uniqueField(key))
	if err != nil {
		return store.Record{}, err
	}
	switch {
	case reply.is("none", 0):
		return store.Record{}, store.ErrNotFound
	case !reply.is("found", 2):
		return store.Record{}, unavailable(errReply)
	}
	r, err = decodeRecord(tenant, reply.args[0], reply.args[1])
	switch {
	case err != nil:
		return store.Record{}, &store.DamagedError{ID: reply.args[0]}
	case !slices.Contains(r.Unique, key): // left behind by a record that was removed
		return store.Record{}, store.ErrNotFound
	}
	return r, nil
}

func (s *Store) getByID(ctx context.Context, sp space, id string) (store.Record, error) {
	vals, err := s.read(ctx, sp, "Get", point, []any{"hget", sp.records(), id})
	if err != nil {
		return store.Record{}, err
	}
	switch v := vals[0].(type) {
	case nil:
		return store.Record{}, store.ErrNotFound
	case string:
		r, err := decodeRecord(sp.tenant, id, v)
		if err != nil {
			return store.Record{}, &store.DamagedError{ID: id}
		}
		return r, nil
	}
	return store.Record{}, unavailable(errReply)
}
