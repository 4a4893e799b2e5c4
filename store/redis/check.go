package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// ErrEvicts: the server's maxmemory-policy lets it drop data when memory is full.
var ErrEvicts = errors.New("redisstore: maxmemory-policy is not noeviction")

// CheckServer looks whether the servers suit a store. A program should call it
// once at start. It fails with
//
//   - ErrEvicts if a master's maxmemory-policy is not noeviction;
//   - ErrNotPermitted if a command that the store needs is refused: it runs each of
//     them once, on scratch keys;
//   - store.ErrUnavailable if a server cannot be reached.
//
// Where the server does not permit to read its settings it logs that and goes on.
// It logs a warning where the append-only file is off.
func (s *Store) CheckServer(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.probe(ctx); err != nil {
		return err
	}
	return s.eachMaster(ctx, s.checkSettings)
}

func (s *Store) probe(ctx context.Context) error {
	sp := s.space("probe")
	name := sp.nonce(rand.Text())
	cmd := goredis.NewCmd(ctx, scriptArgs(s.scripts.probe, []string{name, name + "h", name + "z"}, []any{"probe"})...)
	if err := s.client.Process(ctx, bySource(ctx, cmd, s.scripts.probe)); err != nil {
		return permitted(err)
	}
	commands := [][]any{
		{"zrangebyscore", sp.feed(), "-inf", "-inf"},
		{"zrevrangebyscore", sp.feed(), "-inf", "-inf"},
		{"zrangebylex", sp.tenants(), "-", "-"},
		{"zmscore", sp.feed(), "a"},
		{"hmget", sp.records(), "a"},
		{"hstrlen", sp.records(), "a"},
	}
	for _, args := range commands {
		if err := s.client.Do(ctx, args...).Err(); err != nil {
			return permitted(err)
		}
	}
	return nil
}

func (s *Store) checkSettings(ctx context.Context, node *goredis.Client) error {
	policy, err := config(ctx, node, "maxmemory-policy")
	switch {
	case errors.Is(err, ErrNotPermitted):
		s.log.LogAttrs(ctx, slog.LevelInfo, "redisstore: the server's maxmemory-policy cannot be read; it has to be noeviction")
	case err != nil:
		return err
	case policy != "noeviction":
		return ErrEvicts
	}
	info, err := persistence(ctx, node)
	switch {
	case errors.Is(err, ErrNotPermitted):
	case err != nil:
		return err
	case info["aof_enabled"] == "0":
		s.log.LogAttrs(ctx, slog.LevelWarn, "redisstore: the append-only file is off: a crash of the server loses writes")
	}
	return nil
}

// permitted wraps an error of a command that not every server permits.
func permitted(err error) error {
	if err == nil {
		return nil
	}
	var reply goredis.Error
	if errors.As(err, &reply) {
		text := reply.Error()
		for _, no := range []string{
			"NOPERM", "NOAUTH", "ERR unknown command", "ERR unknown subcommand",
			"ERR section", "ERR ACL failure", "ERR The user executing the script",
		} {
			if strings.HasPrefix(text, no) {
				return fmt.Errorf("%w: %w", ErrNotPermitted, clean(err))
			}
		}
	}
	return unavailable(err)
}

// unavailableUnlessTyped wraps what ForEachMaster adds of its own.
func unavailableUnlessTyped(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrUnavailable), errors.Is(err, ErrNotPermitted), errors.Is(err, ErrEvicts):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return unavailable(err)
}
