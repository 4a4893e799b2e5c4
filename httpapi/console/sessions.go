package console

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Sessions keeps small sealed records until a time: of those who are signed in, and what is
// shown once. It is for hosts with several nodes; the records are of no use to anybody without
// the cookie of the browser that they belong to. It must be safe for concurrent use.
//
// An error of any of its methods is answered with 503, and logged.
type Sessions interface {
	// Put keeps a value under an ID of 22 letters, digits, "-" and "_", until a time. A value has
	// at most 5 KiB. The ID is random, and was not put before.
	Put(ctx context.Context, id string, value []byte, until time.Time) error

	// Get returns the value of an ID. Nil: there is none, or its time has passed.
	Get(ctx context.Context, id string) ([]byte, error)

	// Delete forgets an ID, if there is one.
	Delete(ctx context.Context, id string) error
}

// memorySessions keeps at most so many records in this process. When it is full, the record that
// ends first makes room: one whose time has passed if there is one. A credential that has its
// share makes room among its own, so that it cannot sign out everybody else.
type memorySessions struct {
	now        func() time.Time
	max, share int

	mu     sync.Mutex
	all    map[string]*sealed
	ends   byEnd
	owners map[string]*byEnd
}

// sealed is a record.
type sealed struct {
	id, owner string
	value     []byte
	until     time.Time
	at        [2]int // its places in memorySessions.ends, and among those of its owner
}

func newMemorySessions(now func() time.Time) *memorySessions {
	const most = 10_000
	return &memorySessions{
		now: now, max: most, share: most / 10,
		all: make(map[string]*sealed), owners: make(map[string]*byEnd),
	}
}

// Put implements Sessions.
func (s *memorySessions) Put(_ context.Context, id string, value []byte, until time.Time) error {
	s.putFor("", id, value, until)
	return nil
}

// putFor is Put for an owner, of whom each has a share.
func (s *memorySessions) putFor(owner, id string, value []byte, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.all[id]; old != nil {
		s.remove(old)
	}
	for now := s.now(); len(s.all) > 0 && !now.Before(s.ends.records[0].until); {
		s.remove(s.ends.records[0])
	}
	if of := s.owners[owner]; of != nil && of.Len() >= s.share {
		s.remove(of.records[0])
	}
	if len(s.all) >= s.max {
		s.remove(s.ends.records[0])
	}
	of := s.owners[owner]
	if of == nil {
		of = &byEnd{place: 1}
		s.owners[owner] = of
	}
	r := &sealed{id: id, owner: owner, value: value, until: until}
	s.all[id] = r
	heap.Push(&s.ends, r)
	heap.Push(of, r)
}

func (s *memorySessions) remove(r *sealed) {
	delete(s.all, r.id)
	heap.Remove(&s.ends, r.at[0])
	of := s.owners[r.owner]
	heap.Remove(of, r.at[1])
	if of.Len() == 0 {
		delete(s.owners, r.owner)
	}
}

// Get implements Sessions.
func (s *memorySessions) Get(_ context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.all[id]
	if found == nil || !s.now().Before(found.until) {
		return nil, nil
	}
	return found.value, nil
}

// Delete implements Sessions.
func (s *memorySessions) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.all[id]; found != nil {
		s.remove(found)
	}
	return nil
}

// byEnd is a heap of records. The one that ends first is at its root.
type byEnd struct {
	records []*sealed
	place   int // which of sealed.at it keeps
}

func (h *byEnd) Len() int           { return len(h.records) }
func (h *byEnd) Less(i, j int) bool { return h.records[i].until.Before(h.records[j].until) }

func (h *byEnd) Swap(i, j int) {
	h.records[i], h.records[j] = h.records[j], h.records[i]
	h.records[i].at[h.place], h.records[j].at[h.place] = i, j
}

// Push implements heap.Interface.
func (h *byEnd) Push(x any) {
	r, _ := x.(*sealed)
	r.at[h.place] = len(h.records)
	h.records = append(h.records, r)
}

// Pop implements heap.Interface.
func (h *byEnd) Pop() any {
	last := len(h.records) - 1
	r := h.records[last]
	h.records[last] = nil
	h.records = h.records[:last]
	return r
}
