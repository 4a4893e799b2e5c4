package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// Open opens or creates the database at path and brings its schema up to date.
// The path may contain any character except NUL, and the directory must exist. Only its
// owner can read and write a new file and the files that SQLite puts beside it (0600). A
// file that exists keeps its permissions.
//
// The database is put into WAL mode, which stays with the file. Open returns
// [ErrNewerSchema] if a later version of this package has changed the schema, and
// [ErrStaleLog] if the log beside the database is not its own. Close must be called.
//
// ctx is used for opening only.
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
	log, err := checkLog(ctx, f.name)
	if err != nil {
		return nil, err
	}
	made := makePrivate(f.name)
	if f.main, err = statFile(path); err == nil {
		s, err = openPools(ctx, uri, o, f, log)
	}
	if err != nil && made {
		f.unmake()
	}
	return s, err
}

func openPools(ctx context.Context, uri string, o Options, f *files, log foundLog) (*Store, error) {
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
	err = s.prepare(ctx, writer, log)
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
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// New returns a store on two pools of the host, both on the same file, and
// brings the schema up to date. It is for hosts that keep tables of their own in
// the file. The names of the store's tables begin with rollbook_.
//
// From its first write to Close the store keeps one connection of writer for
// itself. A host that writes through writer too must allow it at least two.
// Reads take connections of reader and give them back.
//
// Every connection of the pools must have the settings in the table of the
// package documentation. New checks one of each pool, and the store each one that it
// writes through. The two pools must not be the same one, since reads would then wait
// for writes. Close does not close them. The driver must be modernc.org/sqlite,
// possibly wrapped.
//
// ctx is used by New only.
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
	log, err := checkLog(ctx, file)
	if err != nil {
		return err
	}
	if err := s.prepare(ctx, writer, log); err != nil {
		return err
	}
	readFile, err := s.verifyPool(ctx, reader, roleReader)
	if err == nil && readFile != file {
		err = errors.New("writer and reader are pools of different files")
	}
	return err
}

func newStore(writer, reader *sql.DB, o Options, owned bool) *Store {
	s := &Store{
		opts: o, wait: lockWait(o.LockTimeout), owned: owned, opened: now(), closed: make(chan struct{}),
	}
	if o.Observer != nil {
		s.observer = backend.Observer(*o.Observer)
	}
	s.writer = newWriter(writer, o, s)
	s.reads = newReader(reader, o, owned)
	return s
}

// prepare verifies a connection of the writer's pool, brings the schema up to date and
// puts a mark into the log if there is none.
func (s *Store) prepare(ctx context.Context, writer *sql.DB, log foundLog) error {
	steps, err := backend.Migrations(migrations)
	if err != nil {
		return err
	}
	s.schema = len(steps)
	return withConnection(ctx, writer, s.wait, func(conn *sql.Conn) error {
		if _, err := verify(ctx, conn, s.opts.Sync, roleWriter); err != nil {
			return err
		}
		migrated, err := migrate(ctx, conn, steps, s.wait)
		switch {
		case err != nil:
			return err
		case log.copied:
			return markAnew(ctx, conn)
		case migrated || log.marked:
			return nil
		}
		return leaveMark(ctx, conn)
	})
}

// markAnew gives a copy that is opened for the first time a mark that no other copy has: one of
// the same state may have its pages in other places, and must not be taken for this one.
func markAnew(ctx context.Context, conn *sql.Conn) error {
	if err := leaveMark(ctx, conn); err != nil {
		return err
	}
	// The mark that the copy came with is in the log until that begins again.
	var busy, frames, moved int
	err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	if err != nil && !isBusy(err) {
		return err
	}
	return leaveMark(ctx, conn)
}

func leaveMark(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, sqlMark)
	if isBusy(err) { // another writer leaves one
		err = nil
	}
	return err
}

func (s *Store) verifyPool(ctx context.Context, db *sql.DB, role string) (file string, err error) {
	err = withConnection(ctx, db, s.wait, func(conn *sql.Conn) error {
		file, err = verify(ctx, conn, s.opts.Sync, role)
		return err
	})
	return file, err
}

// withConnection calls f with a connection, and again while another process holds a
// lock, as one does that opens the same new file.
func withConnection(ctx context.Context, db *sql.DB, wait lockWait, f func(*sql.Conn) error) error {
	return wait.retry(ctx, nil, func() error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		return errors.Join(f(conn), conn.Close())
	})
}

func now() time.Time {
	return time.Now() //nolint:forbidigo // no record holds how long something takes
}
