package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

type nothing struct{}

func (nothing) Close() error { return nil }

// openStore opens what -store names.
func openStore(ctx context.Context, name, sync string) (store.Store, io.Closer, error) {
	scheme, rest, ok := strings.Cut(name, ":")
	if !ok {
		return nil, nil, errors.New("-store: not sqlite:PATH, memory: or a redis URL")
	}
	switch scheme {
	case "memory":
		if rest != "" {
			return nil, nil, errors.New("-store memory: takes nothing behind the colon")
		}
		return memory.New(nil), nothing{}, nil
	case "sqlite":
		opts := &sqlitestore.Options{}
		if sync == "normal" {
			opts.Sync = sqlitestore.Normal
		}
		s, err := sqlitestore.Open(ctx, rest, opts)
		return s, s, err
	case "redis", "redis-sentinel", "redis-cluster":
		return openRedis(ctx, scheme, rest)
	}
	return nil, nil, fmt.Errorf("-store %s: unknown kind of store", scheme)
}

// openRedis connects to a server, to the master that sentinels name, or to a
// cluster.
func openRedis(ctx context.Context, scheme, rest string) (store.Store, io.Closer, error) {
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok || rest == "" {
		return nil, nil, fmt.Errorf("-store %s: needs //HOST:PORT", scheme)
	}
	var o goredis.UniversalOptions
	switch scheme {
	case "redis":
		single, err := goredis.ParseURL("redis://" + rest)
		if err != nil {
			return nil, nil, errors.New("-store redis: is not //[USER:PASSWORD@]HOST:PORT[/DB]") // err may show the password
		}
		o.Addrs, o.DB, o.Username, o.Password = []string{single.Addr}, single.DB, single.Username, single.Password
	case "redis-sentinel":
		master, addrs, ok := strings.Cut(rest, "@")
		if !ok || master == "" || addrs == "" {
			return nil, nil, errors.New("-store redis-sentinel: needs //MASTER@HOST:PORT,…")
		}
		o.MasterName, o.Addrs = master, strings.Split(addrs, ",")
	case "redis-cluster":
		o.IsClusterMode, o.Addrs = true, strings.Split(rest, ",")
	}
	client := redisstore.NewClient(&o)
	s, err := redisstore.New(client, nil)
	if err == nil {
		err = client.Ping(ctx).Err()
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("-store: %w", err), client.Close())
	}
	return s, client, nil
}
