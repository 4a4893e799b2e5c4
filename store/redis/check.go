package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Why a server does not suit a store; see [ServerError].
var (
	// ErrEvicts: the server's maxmemory-policy lets it drop data when memory is full.
	ErrEvicts = errors.New("redisstore: maxmemory-policy is not noeviction")

	// ErrVersion: the server is older than Redis 6.2.
	ErrVersion = errors.New("redisstore: the server is older than Redis 6.2")
)

// ServerError says why a server does not suit a store, and what to set. It wraps ErrEvicts,
// ErrVersion or ErrNotPermitted.
type ServerError struct {
	Addr   string // of the node of a Cluster; else ""
	Is     string // what is wrong
	Remedy string // what to set, and to what
	Err    error
}

// Error implements error.
func (e *ServerError) Error() string {
	addr := ""
	if e.Addr != "" {
		addr = "node " + e.Addr + ": "
	}
	return "redisstore: " + addr + e.Is + ": " + e.Remedy
}

// Unwrap returns Err.
func (e *ServerError) Unwrap() error { return e.Err }

// CheckServer checks whether the servers suit a store. A program should call it once at
// start, and end if it returns an error. That is
//
//   - a *ServerError with ErrVersion if a master is older than Redis 6.2;
//   - one with ErrNotPermitted if the user lacks a right to a command or to keys below the
//     prefix: CheckServer sends every command that the store uses to every master, with
//     scratch keys, so that no write stops half way for want of a right;
//   - one with ErrEvicts if the maxmemory-policy of a master, or of a replica in a Cluster,
//     is not noeviction. The volatile policies are refused too, since the store's keys that
//     expire keep a repeated request from being done twice;
//   - store.ErrUnavailable if a master is unreachable or answers with another error.
//
// It reads version, policy and the rest from INFO or, where the server does not permit
// that, from HELLO and CONFIG GET. It logs a warning, and returns no error, for a setting
// that the server hides, for full memory, for an append-only file that is off, and for
// fewer connected replicas than WaitReplicas. It does not check the replicas of Sentinel.
func (s *Store) CheckServer(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	masters, err := s.masters(ctx)
	if err != nil {
		return unavailable(err)
	}
	for _, m := range masters {
		if err := s.checkMaster(ctx, m); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
	}
	if s.cluster == nil {
		return nil
	}
	return unavailableUnlessTyped(ctx, s.cluster.ForEachSlave(ctx, s.checkReplica))
}

// master is a server and one of its buckets.
type master struct {
	node   *goredis.Client
	bucket int
}

// masters returns all masters that have buckets.
func (s *Store) masters(ctx context.Context) ([]master, error) {
	if s.single != nil {
		return []master{{s.single, 0}}, nil
	}
	var all []master
	for b := range buckets {
		node, err := s.cluster.MasterForKey(ctx, s.bucket(b, ""))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(m master) bool { return m.node == node }) {
			all = append(all, master{node, b})
		}
	}
	return all, nil
}

func (s *Store) checkMaster(ctx context.Context, m master) error {
	info, err := s.info(ctx, m.node)
	if err != nil {
		return err
	}
	if err := s.checkVersion(ctx, m.node, info["redis_version"]); err != nil {
		return err
	}
	if err := s.checkRights(ctx, m); err != nil {
		return err
	}
	if err := s.checkPolicy(ctx, m.node, info["maxmemory_policy"]); err != nil {
		return err
	}
	if info["aof_enabled"] == "0" {
		s.warn(ctx, m.node, "the append-only file is off: a crash of the server loses writes; set appendonly to yes")
	}
	if n, err := strconv.Atoi(info["connected_slaves"]); err == nil && n < s.wait.replicas {
		s.warn(ctx, m.node, "fewer replicas are connected than WaitReplicas: no write is acknowledged")
	}
	return nil
}

// checkReplica checks a replica, which may be away.
func (s *Store) checkReplica(ctx context.Context, node *goredis.Client) error {
	info, err := s.info(ctx, node)
	if err == nil {
		err = s.checkPolicy(ctx, node, info["maxmemory_policy"])
	}
	if errors.Is(err, store.ErrUnavailable) {
		s.warn(ctx, node, "a replica does not answer: its settings are not checked")
		return nil
	}
	return err
}

// info returns the fields of INFO, none if the server does not permit it.
func (s *Store) info(ctx context.Context, node *goredis.Client) (map[string]string, error) {
	text, err := node.Info(ctx).Result()
	if err = permitted(err); errors.Is(err, ErrNotPermitted) {
		return nil, nil
	}
	return infoFields(text), err
}

// checkVersion checks the version, which it reads from HELLO where INFO has none.
func (s *Store) checkVersion(ctx context.Context, node *goredis.Client, version string) error {
	if version == "" {
		hello, err := node.Do(ctx, "hello").Result()
		if err = permitted(err); err != nil && !errors.Is(err, ErrNotPermitted) {
			return err
		}
		version = member(hello, "version")
	}
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n < 2 {
		s.warn(ctx, node, "the server does not tell its version: it has to be 6.2 or newer")
		return nil
	}
	if major < 6 || major == 6 && minor < 2 {
		return &ServerError{
			Addr: s.addr(node), Is: "the version is " + version, Remedy: "6.2 or newer is needed", Err: ErrVersion,
		}
	}
	return nil
}

// checkPolicy checks the maxmemory-policy, which it reads from CONFIG GET where INFO has
// none.
func (s *Store) checkPolicy(ctx context.Context, node *goredis.Client, policy string) error {
	if policy == "" {
		var err error
		if policy, err = config(ctx, node, "maxmemory-policy"); err != nil && !errors.Is(err, ErrNotPermitted) {
			return err
		}
	}
	switch policy {
	case "noeviction":
		return nil
	case "":
		s.warn(ctx, node, "the server does not tell its maxmemory-policy: it has to be noeviction")
		return nil
	}
	return &ServerError{
		Addr: s.addr(node), Is: "maxmemory-policy is " + policy,
		Remedy: "it drops users and what they are found by; set maxmemory-policy to noeviction", Err: ErrEvicts,
	}
}

// checkRights sends every command that the store uses, so that a missing right shows here
// and not in a script that has begun to write.
func (s *Store) checkRights(ctx context.Context, m master) error {
	name := rand.Text()
	sp := space{tenant: name, bucket: s.bucket(m.bucket, ""), name: lengthPrefixed(name)}
	var missing []string
	for _, args := range s.everyCommand(sp) {
		cmd := m.node.Do(ctx, args...)
		err := permitted(cmd.Err())
		switch {
		case err == nil, errors.Is(cmd.Err(), goredis.Nil), goredis.HasErrorPrefix(cmd.Err(), "NOSCRIPT"):
		case errors.Is(err, ErrNotPermitted) && strings.Contains(err.Error(), "access"):
			return &ServerError{
				Addr: s.addr(m.node), Is: "the user has no right to a key below the prefix",
				Remedy: "add ~" + s.prefix + "* with ACL SETUSER", Err: ErrNotPermitted,
			}
		case goredis.HasErrorPrefix(cmd.Err(), "NOAUTH"), goredis.HasErrorPrefix(cmd.Err(), "WRONGPASS"):
			return &ServerError{
				Addr: s.addr(m.node), Is: "the server does not accept the user and password",
				Remedy: "give the client those of a user that the server knows", Err: ErrNotPermitted,
			}
		case errors.Is(err, ErrNotPermitted):
			missing = append(missing, "+"+cmd.Name())
		case goredis.HasErrorPrefix(cmd.Err(), "OOM"):
			s.warn(ctx, m.node, "memory is full: only deletions succeed; raise maxmemory")
		default:
			return err
		}
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 {
		return &ServerError{
			Addr: s.addr(m.node), Is: "the user has no right to commands that the store needs",
			Remedy: "add " + strings.Join(missing, " ") + " with ACL SETUSER", Err: ErrNotPermitted,
		}
	}
	return nil
}

// everyCommand returns every command that the store uses, in scripts or outside, on keys of
// a tenant that does not exist. They remove what they write, or else the server does within
// a minute.
func (s *Store) everyCommand(sp space) [][]any {
	hash, set := sp.records(), sp.feed()
	keys := []any{
		hash, set, sp.unique(), sp.nonces(), sp.tenants(), sp.queue(), sp.kind("k"), sp.due("k"), sp.index("k", store.Key{Kind: "k"}),
		sp.kinds(),
	}
	eval := []any{"eval", s.scripts.probe.source, len(keys)}
	evalsha := []any{"evalsha", s.scripts.probe.sha, len(keys)}
	return [][]any{
		append(append(eval, keys...), "probe"),
		append(append(evalsha, keys...), "probe"),
		{"hset", hash, "a", "1"},
		{"pexpire", hash, 60000},
		{"hget", hash, "a"},
		{"hmget", hash, "a"},
		{"hstrlen", hash, "a"},
		{"hlen", hash},
		{"zadd", set, 1, "a"},
		{"pexpire", set, 60000},
		{"zcard", set},
		{"zcount", set, "-inf", "inf"},
		{"zmscore", set, "a"},
		{"zrange", set, 0, 0},
		{"zrangebylex", set, "-", "+"},
		{"zrangebyscore", set, "-inf", "inf"},
		{"zrevrangebyscore", set, "inf", "-inf"},
		{"zremrangebyrank", set, 1, 1},
		{"time"},
		{"wait", 0, 1},
		{"hdel", hash, "a"},
		{"zrem", set, "a"},
		{"unlink", hash, set},
	}
}

func (s *Store) warn(ctx context.Context, node *goredis.Client, what string) {
	s.log.LogAttrs(ctx, slog.LevelWarn, "redisstore: "+what, slog.String("node", node.Options().Addr))
}

// addr returns the address of a node of a Cluster, else "": a client of Sentinel has none.
func (s *Store) addr(node *goredis.Client) string {
	if s.cluster == nil {
		return ""
	}
	return node.Options().Addr
}

// permitted returns the error of a command that not every server permits: ErrNotPermitted
// or store.ErrUnavailable.
func permitted(err error) error {
	if err == nil {
		return nil
	}
	var reply goredis.Error
	if errors.As(err, &reply) {
		text := reply.Error()
		for _, no := range []string{"NOPERM", "NOAUTH", "WRONGPASS", "ERR unknown command", "ERR unknown subcommand", "ERR section"} {
			if strings.HasPrefix(text, no) {
				return fmt.Errorf("%w: %w", ErrNotPermitted, clean(err))
			}
		}
	}
	return unavailable(err)
}

// unavailableUnlessTyped wraps errors of go-redis's own in a walk through a Cluster's nodes.
func unavailableUnlessTyped(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrUnavailable), errors.Is(err, ErrNotPermitted), errors.Is(err, ErrEvicts):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return unavailable(err)
}
