package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/store"
)

var (
	_ store.Store    = (*Store)(nil)
	_ store.Waiter   = (*Store)(nil)
	_ store.Scrubber = (*Store)(nil)
	_ store.Counter  = (*Store)(nil)
)

// Sync says what an acknowledged write survives.
type Sync uint8

const (
	// Full: an acknowledged write survives a power cut, if the disk keeps what it
	// says it has written.
	Full Sync = iota

	// Normal: an acknowledged write survives the end of the process, but the last
	// ones before a power cut or a crash of the operating system may be lost. The
	// database is never damaged by it. Writes wait for the disk only now and then.
	Normal
)

// String returns "FULL" or "NORMAL".
func (s Sync) String() string {
	if s == Normal {
		return "NORMAL"
	}
	return "FULL"
}

func (s Sync) pragma() int {
	if s == Normal {
		return 1
	}
	return 2
}

// Options are the settings of a Store. Zero values are the defaults.
type Options struct {
	// Sync is what acknowledged writes survive; default Full.
	Sync Sync

	// Readers is the number of calls that read at once; the others wait, and tenants
	// take turns. Of two or more, lists leave one free. Default GOMAXPROCS.
	Readers int

	// MmapSize is how much of the file each connection maps into memory, in
	// bytes; default 1 GiB. Negative: nothing is mapped, and readers then hardly
	// scale beyond one core. Open only.
	MmapSize int64

	// CacheSize is the page cache of each connection, in bytes; default 64 MiB.
	// It is filled as needed. Open only.
	CacheSize int64

	// LockTimeout is how long another process may hold the lock of the file
	// before the calls that wait for it fail with ErrUnavailable; default 10 s. A
	// call whose context ends stops waiting at once.
	LockTimeout time.Duration

	// Logger is told of failed transactions. Default: silence.
	Logger *slog.Logger

	// Observer is told of calls, transactions and retries. Default: nobody is.
	Observer *store.Observer
}

func (o *Options) withDefaults() (Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Sync > Normal {
		return v, fmt.Errorf("sqlite: Options.Sync: unknown value %d", v.Sync)
	}
	if v.Readers < 0 || v.CacheSize < 0 || v.LockTimeout < 0 {
		return v, errors.New("sqlite: Options: Readers, CacheSize and LockTimeout must not be negative")
	}
	if v.Readers == 0 {
		v.Readers = runtime.GOMAXPROCS(0)
	}
	switch {
	case v.MmapSize == 0:
		v.MmapSize = 1 << 30
	case v.MmapSize < 0:
		v.MmapSize = 0
	}
	if v.CacheSize == 0 {
		v.CacheSize = 64 << 20
	}
	if v.LockTimeout == 0 {
		v.LockTimeout = 10 * time.Second
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v, nil
}

// Store keeps records in a SQLite file. It is a [store.Store], [store.Waiter],
// [store.Scrubber] and [store.Counter], and is safe for concurrent use.
type Store struct {
	opts     Options
	wait     lockWait
	observer store.Observer
	owned    bool // the pools are ours to close

	writer *writer
	reads  *reader
	bell   bell

	files  *files
	schema int                   // the version that is known
	lost   atomic.Pointer[error] // why nothing works until the store is opened again

	opened   time.Time
	filesAt  pace // of reads that look at the files
	schemaAt pace // and at the schema

	closing  sync.Once
	closed   chan struct{}
	closeErr error
}

// Open opens or creates the database at path and brings its schema up to date.
// The path may contain any character but NUL; the directory must exist. A new file
// can be read and written by its owner alone (0600), and so can the files that SQLite
// puts beside it; a file that exists keeps its permissions.
//
// The database is put into WAL mode, which stays with the file. A database with a
// newer schema is refused with [ErrNewerSchema]. Close must be called.
//
// ctx bounds opening alone.
func Open(ctx context.Context, path string, opts *Options) (*Store, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	uri, err := databaseURI(path)
	if err != nil {
		return nil, err
	}
	s, err := openFile(ctx, path, uri, o)
	if err != nil {
		return nil, fmt.Errorf("sqlite: cannot open %q: %w", path, err)
	}
	return s, nil
}

func openFile(ctx context.Context, path, uri string, o Options) (s *Store, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	f := &files{path: path, name: followLinks(path)}
	marked, err := checkLog(ctx, f.name)
	if err != nil {
		return nil, err
	}
	made := makePrivate(f.name)
	if f.main, err = statFile(path); err == nil {
		s, err = openPools(ctx, uri, o, f, marked)
	}
	if err != nil && made {
		f.unmake()
	}
	return s, err
}

func openPools(ctx context.Context, uri string, o Options, f *files, marked bool) (*Store, error) {
	writer, err := openPool(dsn(uri, o, false), 1)
	if err != nil {
		return nil, err
	}
	reader, err := openPool(dsn(uri, o, true), o.Readers)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s := newStore(writer, reader, o, true)
	s.files = f
	err = s.prepare(ctx, writer, marked)
	if err == nil {
		_, err = s.verifyPool(ctx, reader, roleReader)
	}
	if err == nil {
		err = f.keep()
	}
	if err != nil {
		return nil, errors.Join(err, writer.Close(), reader.Close())
	}
	return s, nil
}

func openPool(dsn string, size int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// New returns a store on two pools of the host, both on the same file, and
// brings the schema up to date. It serves hosts that keep tables of their own in
// the file; the store's begin with rollbook_.
//
// From its first write to Close the store keeps one connection of writer for
// itself: a host that writes through writer too must allow it at least two.
// Reads take connections of reader and give them back.
//
// Every connection of the pools must have the settings in the table of the
// package documentation; New looks at one of each, and the store at each one it
// writes through. The pools must not be one, since reads would then wait for
// writes. Close does not close them. The driver must be modernc.org/sqlite,
// possibly wrapped.
//
// ctx bounds New alone.
func New(ctx context.Context, writer, reader *sql.DB, opts *Options) (*Store, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	switch {
	case writer == nil || reader == nil:
		return nil, errors.New("sqlite: New needs a writer and a reader pool")
	case writer == reader:
		return nil, errors.New("sqlite: writer and reader must be two pools: reads would wait for writes")
	}
	s := newStore(writer, reader, o, false)
	file, err := s.verifyPool(ctx, writer, roleWriter)
	if err != nil {
		return nil, fmt.Errorf("sqlite: cannot prepare the database: %w", err)
	}
	if err := s.usePools(ctx, file, writer, reader); err != nil {
		return nil, fmt.Errorf("sqlite: cannot prepare %q: %w", file, err)
	}
	return s, nil
}

func (s *Store) usePools(ctx context.Context, file string, writer, reader *sql.DB) (err error) {
	s.files = &files{path: file, name: file}
	if s.files.main, err = statFile(file); err != nil {
		return err
	}
	marked, err := checkLog(ctx, file)
	if err != nil {
		return err
	}
	if err := s.prepare(ctx, writer, marked); err != nil {
		return err
	}
	readFile, err := s.verifyPool(ctx, reader, roleReader)
	if err == nil && readFile != file {
		err = errors.New("sqlite: writer and reader are pools of different files")
	}
	return err
}

func newStore(writer, reader *sql.DB, o Options, owned bool) *Store {
	s := &Store{
		opts: o, wait: lockWait(o.LockTimeout), owned: owned, opened: now(), closed: make(chan struct{}),
	}
	if o.Observer != nil {
		s.observer = *o.Observer
	}
	s.writer = newWriter(writer, o, s)
	s.reads = newReader(reader, o, owned)
	return s
}

// prepare looks at a connection of the writer's pool, brings the schema up to date and
// puts a mark into the log if there is none.
func (s *Store) prepare(ctx context.Context, writer *sql.DB, marked bool) error {
	steps, err := loadMigrations(migrations)
	if err != nil {
		return err
	}
	s.schema = len(steps)
	return withConnection(ctx, writer, s.wait, func(conn *sql.Conn) error {
		if _, err := verify(ctx, conn, s.opts.Sync, roleWriter); err != nil {
			return err
		}
		migrated, err := migrate(ctx, conn, steps, s.wait)
		if err != nil || migrated || marked {
			return err
		}
		if _, err = conn.ExecContext(ctx, sqlMark); isBusy(err) { // somebody writes: his mark will do
			err = nil
		}
		return err
	})
}

func (s *Store) verifyPool(ctx context.Context, db *sql.DB, role string) (file string, err error) {
	err = withConnection(ctx, db, s.wait, func(conn *sql.Conn) error {
		file, err = verify(ctx, conn, s.opts.Sync, role)
		return err
	})
	return file, err
}

// withConnection calls f with a connection, again and again while another process holds
// a lock: two that open a new file at once get in each other's way.
func withConnection(ctx context.Context, db *sql.DB, wait lockWait, f func(*sql.Conn) error) error {
	return wait.retry(ctx, nil, func() error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		return errors.Join(f(conn), conn.Close())
	})
}

// Close ends the store. A transaction that is being written is finished and
// answered first; writes that have not begun fail with ErrUnavailable, as does
// every later call. Pools given to New stay open. Close may be called again and
// then returns what it returned first.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.writer.close()
		s.closeErr = s.reads.close()
		if s.owned {
			s.closeErr = errors.Join(s.closeErr, s.reads.db.Close(), s.writer.db.Close())
		}
	})
	return s.closeErr
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}
