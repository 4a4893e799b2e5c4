package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

type nothing struct{}

func (nothing) Close() error { return nil }

// openStore opens the store that -store names.
func openStore(ctx context.Context, c *config, log *slog.Logger) (store.Store, io.Closer, error) {
	scheme, path, _ := strings.Cut(c.store, ":")
	switch {
	case c.store == "memory:":
		return memory.New(nil), nothing{}, nil
	case scheme == "sqlite":
		opts := &sqlitestore.Options{Logger: log}
		if c.sync == "normal" {
			opts.Sync = sqlitestore.Normal
		}
		s, err := sqlitestore.Open(ctx, path, opts)
		if err != nil {
			return nil, nil, fmt.Errorf("-store sqlite:%s: %w", path, err)
		}
		return s, s, nil
	case strings.HasPrefix(scheme, "redis"):
		return openRedis(ctx, c, log)
	}
	return nil, nil, errors.New("-store: not sqlite:PATH, memory: or a redis URL")
}

func openRedis(ctx context.Context, c *config, log *slog.Logger) (store.Store, io.Closer, error) {
	dial, opts, err := redisstore.ParseURL(c.store)
	if err != nil {
		return nil, nil, fmt.Errorf("-store: %w", err)
	}
	opts.Logger = log
	client := redisstore.NewClient(dial)
	s, err := redisstore.New(client, opts)
	if err == nil {
		err = c.checkRedis(ctx, s, log)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("-store: %w", err), client.Close())
	}
	return s, client, nil
}

// checkRedis refuses servers on which users could be lost or made twice, unless
// -redis-unsafe is given.
func (c *config) checkRedis(ctx context.Context, s *redisstore.Store, log *slog.Logger) error {
	err := s.CheckServer(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, errors.Is(err, store.ErrUnavailable):
		return err
	case c.unsafe:
		log.Warn("-redis-unsafe: users may be lost, or be made twice", slog.Any("error", err))
		return nil
	default:
		return fmt.Errorf("%w; -redis-unsafe starts nevertheless", err)
	}
}
