package console

import (
	"context"
	"sync"
	"time"
)

// Sessions keeps small sealed records until a time: of those who are signed in, and what is
// shown once. It is for hosts with several nodes; the records are of no use to anybody without
// the cookie of the browser that they belong to. It must be safe for concurrent use.
type Sessions interface {
	// Put keeps a value under an ID of at most 32 letters, digits, "-" and "_", until a time.
	Put(ctx context.Context, id string, value []byte, until time.Time) error

	// Get returns the value of an ID. Nil: there is none, or its time has passed.
	Get(ctx context.Context, id string) ([]byte, error)

	// Delete forgets an ID, if there is one.
	Delete(ctx context.Context, id string) error
}

const maxSessions = 10_000

// memorySessions keeps sessions in this process.
type memorySessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]session
}

type session struct {
	value []byte
	until time.Time
}

func newMemorySessions(now func() time.Time) *memorySessions {
	return &memorySessions{now: now, all: make(map[string]session)}
}

// Put implements Sessions.
func (s *memorySessions) Put(_ context.Context, id string, value []byte, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[id] = session{value, until}
	return nil
}

// Get implements Sessions.
func (s *memorySessions) Get(_ context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[id]
	if !ok || !s.now().Before(found.until) {
		return nil, nil
	}
	return found.value, nil
}

// Delete implements Sessions.
func (s *memorySessions) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
	return nil
}
