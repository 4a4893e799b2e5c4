package sqlite

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// For the tests of package sqlite_test.
var (
	ParseKeys   = parseKeys
	DatabaseURI = databaseURI
	EncodeEntry = encodeEntry
	ParseEntry  = parseEntry
)

// HasNews reports whether Wait would return at once.
func (s *Store) HasNews(ctx context.Context, tenant string, after store.Revision) (bool, error) {
	return s.hasNews(ctx, tenant, after)
}

// Queued returns how many writes wait for the writer.
func (s *Store) Queued() int { return s.writer.queue.waiting() }

// PoolDSN returns the name with which Open opens the writer's or the readers' pool.
func PoolDSN(path string, opts *Options, reader bool) (string, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return "", err
	}
	uri, err := databaseURI(path)
	return dsn(uri, o, reader), err
}

// MigrateTo runs the package's migrations and then those of more, numbered on.
func MigrateTo(ctx context.Context, conn *sql.Conn, more ...string) error {
	steps, err := backend.Migrations(migrations)
	if err != nil {
		return err
	}
	for _, text := range more {
		steps = append(steps, backend.Migration{Version: len(steps) + 1, Name: "more", Text: text})
	}
	_, err = migrate(ctx, conn, steps, lockWait(time.Second))
	return err
}

// Age makes a transaction older.
func (tx *Tx) Age(by time.Duration) { tx.since = tx.since.Add(-by) }

// LookFirst says whether creates are read first, and forgets the keys that were seen.
func (s *Store) LookFirst(yes bool) {
	s.lookFirst = backend.LookFirst{}
	for i := range 1000 { // reads in vain
		if !yes {
			s.lookFirst.Read("", createOf(store.Key{Value: strconv.Itoa(i)}), false)
		}
	}
}

// Looks reports whether a create of the key is read first.
func (s *Store) Looks(tenant string, key store.Key) bool {
	return s.looksFirst(tenant, createOf(key))
}

func createOf(key store.Key) store.Batch {
	return store.Ops(store.Create(store.Record{Unique: []store.Key{key}}, nil))
}

// LooksBesideUpdates is Looks while many calls replace records.
func (s *Store) LooksBesideUpdates(tenant string, key store.Key) bool {
	s.updating.Add(manyUpdates)
	defer s.updating.Add(-manyUpdates)
	return s.Looks(tenant, key)
}
