// Package backend has the flags that name a store and a keyring, and opens them.
package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/postgres"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

// Store is the flags that name a store. Commands embed it.
type Store struct {
	Store          string `default:"sqlite:rollbook.db" placeholder:"STORE" help:"Where the users are: sqlite:PATH, memory:, postgres://… or a Redis URL."`
	Sync           string `default:"full" enum:"full,normal" help:"What SQLite's writes survive: full (a power cut) or normal (the end of the process)."`
	RedisUnsafe    bool   `help:"Work with a Redis that may drop data or lacks rights."`
	PostgresUnsafe bool   `help:"Work with a PostgreSQL whose settings may lose acknowledged writes."`

	// Observer gets reports of the backend.
	Observer *store.Observer `kong:"-"`

	// Flag is the flag that errors name. Empty: -store.
	Flag string `kong:"-"`
}

type nothing struct{}

func (nothing) Close() error { return nil }

// File returns the path of the store's file. There is none unless it is an SQLite store.
func (s *Store) File() (path string, isFile bool) { return strings.CutPrefix(s.Store, "sqlite:") }

// Open opens the store, and makes it if there is none. Errors show no part of a URL.
func (s *Store) Open(ctx context.Context, log *slog.Logger) (store.Store, io.Closer, error) {
	st, closer, err := s.open(ctx, log)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.flag(), err)
	}
	return st, closer, nil
}

func (s *Store) flag() string { return cmp.Or(s.Flag, "-store") }

// OpenExisting opens a store for a command that works on what is there. It makes no SQLite file,
// and refuses memory:, which no other process sees.
func (s *Store) OpenExisting(ctx context.Context, log *slog.Logger) (store.Store, io.Closer, error) {
	if path, isFile := s.File(); isFile && path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, cli.Exit(cli.NotFound, fmt.Errorf("%s: there is no file %s", s.flag(), path))
		}
	}
	return s.OpenOrMake(ctx, log)
}

// OpenOrMake is Open for a command: it refuses memory:, which no other process sees.
func (s *Store) OpenOrMake(ctx context.Context, log *slog.Logger) (store.Store, io.Closer, error) {
	if s.Store == "memory:" {
		return nil, nil, cli.Exit(cli.Usage, fmt.Errorf("%s: memory: ends with this command: only serve can use it", s.flag()))
	}
	return s.Open(ctx, log)
}

func (s *Store) open(ctx context.Context, log *slog.Logger) (store.Store, io.Closer, error) {
	scheme, _, _ := strings.Cut(s.Store, ":")
	path, isFile := s.File()
	switch {
	case s.Store == "memory:":
		return memory.New(&memory.Options{Observer: s.Observer}), nothing{}, nil
	case isFile && path != "":
		opts := &sqlitestore.Options{Logger: log, Observer: s.Observer}
		if s.Sync == "normal" {
			opts.Sync = sqlitestore.Normal
		}
		st, err := sqlitestore.Open(ctx, path, opts)
		if err != nil {
			return nil, nil, fmt.Errorf("sqlite:%s: %w", path, err)
		}
		return st, st, nil
	case scheme == "postgres", scheme == "postgresql":
		return s.openPostgres(ctx, log)
	case strings.HasPrefix(scheme, "redis"):
		return s.openRedis(ctx, log)
	}
	return nil, nil, cli.Exit(cli.Usage, errors.New("not sqlite:PATH, memory:, a postgres or a redis URL"))
}

func (s *Store) openPostgres(ctx context.Context, log *slog.Logger) (store.Store, io.Closer, error) {
	if _, err := pgconn.ParseConfig(s.Store); err != nil {
		return nil, nil, cli.Exit(cli.Usage, errors.New("not a valid postgres URL")) // err quotes it
	}
	st, err := postgres.Open(ctx, s.Store, &postgres.Options{AllowUnsafe: s.PostgresUnsafe, Logger: log, Observer: s.Observer})
	if setting := (*postgres.SettingError)(nil); errors.As(err, &setting) {
		err = fmt.Errorf("%w; -postgres-unsafe starts nevertheless", err)
	}
	if err != nil {
		return nil, nil, oneLine{err}
	}
	return st, st, nil
}

// oneLine is an error in one line, for logs. The driver has a line for each address that it has
// called.
type oneLine struct{ error }

// Error implements error.
func (e oneLine) Error() string {
	return strings.NewReplacer(":\n\t", ": ", "\n\t", "; ", "\n", "; ").Replace(e.error.Error())
}

func (e oneLine) Unwrap() error { return e.error }

func (s *Store) openRedis(ctx context.Context, log *slog.Logger) (store.Store, io.Closer, error) {
	dial, opts, err := redisstore.ParseURL(s.Store)
	if err != nil {
		return nil, nil, cli.Exit(cli.Usage, err)
	}
	goredis.SetLogger(redisstore.ClientLogger(log))
	opts.Logger, opts.Observer = log, s.Observer
	client := redisstore.NewClient(dial)
	st, err := redisstore.New(client, opts)
	if err == nil {
		err = s.checkRedis(ctx, st, log)
	}
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return st, client, nil
}

// checkRedis refuses servers on which users could be lost or made twice, unless
// -redis-unsafe is given.
func (s *Store) checkRedis(ctx context.Context, st *redisstore.Store, log *slog.Logger) error {
	err := st.CheckServer(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, errors.Is(err, store.ErrUnavailable):
		return err
	case s.RedisUnsafe:
		log.Warn("-redis-unsafe: users may be lost, or be made twice", slog.Any("error", err))
		return nil
	default:
		return fmt.Errorf("%w; -redis-unsafe starts nevertheless", err)
	}
}
