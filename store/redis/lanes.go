package redis

import (
	"runtime"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/fair"
)

// lanes are the lanes in use, by server. Reads and writes have separate ones, so that no
// read waits for replicas.
type lanes struct {
	mu   sync.Mutex
	open map[laneID]*lane
}

type laneID struct {
	client *goredis.Client
	write  bool
}

// lane returns the lane to a server. The lane of the nil client is for commands that go to
// many servers.
func (s *Store) lane(client *goredis.Client, write bool) *lane {
	ls := &s.lanes
	id := laneID{client: client, write: write}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l, ok := ls.open[id]; ok {
		return l
	}
	// A new server is rare, so this is the time to forget those that no longer exist. An
	// idle lane that a caller still holds works as before, beside its successor.
	for other, l := range ls.open {
		if l.idle() {
			delete(ls.open, other)
		}
	}
	if ls.open == nil {
		ls.open = make(map[laneID]*lane)
	}
	l := &lane{
		client:  client,
		most:    maxReads,
		short:   fair.New(shortAtOnce + 1), // the last turn is never a long step's
		long:    fair.New(longAtOnce + 1),
		large:   fair.New(runtime.GOMAXPROCS(0)),
		retry:   func(err error) { s.retried("", err) },
		overdue: make(chan struct{}),
	}
	if s.cluster != nil {
		l.late = s.cluster.ReloadState
	}
	if write {
		l.wait, l.most, l.group = s.wait, maxWrites, s.observer.Group
	}
	ls.open[id] = l
	return l
}
