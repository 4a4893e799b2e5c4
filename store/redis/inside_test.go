package redis

// What several tests inside the package share.

import (
	"context"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

func miniStore(t *testing.T) *Store { t.Helper(); return openStore(t, miniredis.RunT(t).Addr()) }

func openStore(t *testing.T, addr string) *Store {
	t.Helper()
	client := NewClient(&goredis.UniversalOptions{Addrs: []string{addr}})
	t.Cleanup(func() { _ = client.Close() })
	s, err := New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Store) put(t *testing.T, ops ...store.Op) store.Revision {
	t.Helper()
	rev, err := s.Apply(t.Context(), "tenant", store.Ops(ops...))
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func (s *Store) do(t *testing.T, args ...any) {
	t.Helper()
	if err := s.client.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *Store) stored(t *testing.T, id string) string {
	t.Helper()
	stored, err := s.client.HGet(t.Context(), s.space("tenant").records(), id).Result()
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// InFlight returns how many pipelines of writes are on their way and how many
// requests wait for the next one.
func (s *Store) InFlight() (pipelines, queued int) {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	for id, l := range s.lanes.open {
		if id.write {
			l.mu.Lock()
			pipelines += l.inFlight
			queued += len(l.queue)
			l.mu.Unlock()
		}
	}
	return pipelines, queued
}

// InfoField returns a field of a reply to INFO.
func InfoField(text, name string) string { return infoFields(text)[name] }

// HomeAddr returns the address of the server that has a tenant's keys.
func (s *Store) HomeAddr(ctx context.Context, tenant string) (string, error) {
	node, err := s.node(ctx, s.space(tenant))
	if err != nil {
		return "", err
	}
	return node.Options().Addr, nil
}

// texts returns the arguments of a command as they are sent.
func texts(args []any) []string {
	all := make([]string, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			all[i] = a
		case *string:
			all[i] = *a
		case []byte:
			all[i] = string(a)
		}
	}
	return all
}
