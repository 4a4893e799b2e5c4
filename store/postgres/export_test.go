package postgres

import (
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// PollEvery sets how often the store looks at the feeds that calls wait for.
func (s *Store) PollEvery(d time.Duration) { s.watch.every = d }

// Waiting returns how many calls wait.
func (s *Store) Waiting() int {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	return len(s.watch.waiters)
}

// Linger sets how long the work for calls that wait goes on after the last.
func (s *Store) Linger(d time.Duration) { s.watch.linger = d }

// Settle ends the work for calls that waited.
func (s *Store) Settle() {
	s.watch.rest()
	s.watch.work.Wait()
}

// Notification returns the payload of a notification.
func Notification(tenants []string) string { return notification(tenants) }

// ParseKeys, KeyName and TermName are how keys are stored.
func ParseKeys(b []byte) (unique, index []store.Key, err error) { return parseKeys(b) }

func KeyName(key store.Key) string { return keyName(key) }

func TermName(kind string, term store.Key) string { return termName(kind, term) }

// Queued returns how many writes wait for a writer.
func (s *Store) Queued() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.count
}

// LookFirst says whether creates are read first, and forgets the keys that were seen.
func (s *Store) LookFirst(yes bool) {
	s.lookFirst = backend.LookFirst{}
	if !yes {
		s.ReadInVain()
	}
}

// ReadInVain makes creates of keys that were not seen be written without a read.
func (s *Store) ReadInVain() {
	for i := range 1000 {
		s.lookFirst.Read("", createOf(store.Key{Value: strconv.Itoa(i)}), false)
	}
}

// Looks reports whether a create of the key is read first.
func (s *Store) Looks(tenant string, key store.Key) bool {
	return s.lookFirst.Worth(tenant, createOf(key))
}

func createOf(key store.Key) store.Batch {
	return store.Ops(store.Create(store.Record{Unique: []store.Key{key}}, nil))
}

// Named reports whether statements are prepared.
func (s *Store) Named() bool { return !s.unnamed.Load() }

// EncodeKeys returns the keys and terms of a record as its table has them.
func EncodeKeys(r store.Record) []byte { return encodeKeys(r.Unique, r.Index) }
