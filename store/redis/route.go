package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"
)

// read sends commands about one tenant in one round trip and returns their replies, nil
// where Redis has none. They run in order on one connection.
func (s *Store) read(ctx context.Context, sp space, method string, class class, commands ...[]any) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var vals []any
	err := s.repeat(ctx, method, func(ctx context.Context, _ int) error {
		cmds := make([]*goredis.Cmd, len(commands))
		for i, args := range commands {
			cmds[i] = goredis.NewCmd(ctx, args...)
		}
		r := &request{ctx: ctx, cmds: cmds, class: class, done: make(chan struct{})}
		if _, err := s.send(ctx, sp, r, false); err != nil {
			return err
		}
		var err error
		vals, err = r.results()
		return err
	})
	return vals, readError(ctx, err)
}

// send sends r once to the server of the tenant. Its error is about the sending; the
// commands have errors of their own. Sent is false if nothing left the process.
func (s *Store) send(ctx context.Context, sp space, r *request, write bool) (sent bool, err error) {
	node, err := s.node(ctx, sp)
	if err != nil {
		return false, err
	}
	moved := func() bool {
		now, err := s.node(ctx, sp)
		return err == nil && now != node
	}
	l := s.lane(node, write)
	if r.class == point {
		sent, err = l.send(ctx, r, moved)
	} else {
		sent, err = l.sendAlone(ctx, sp.tenant, r, moved)
	}
	if err != nil {
		return sent, err
	}
	if s.cluster != nil && (!write || s.wait.replicas == 0) {
		if _, err := r.result(); redirected(err) {
			s.follow(ctx, r)
		}
	}
	return true, nil
}

// follow sends a redirected request through the ClusterClient, which follows the
// redirections of the nodes.
func (s *Store) follow(ctx context.Context, r *request) {
	s.cluster.ReloadState(ctx)
	for i, cmd := range r.cmds {
		if r.script != nil {
			r.cmds[i] = bySource(ctx, cmd, *r.script)
		} else {
			r.cmds[i] = goredis.NewCmd(ctx, cmd.Args()...)
		}
		if r.mark > 0 {
			r.cmds[i].Args()[r.mark] = "1" // go-redis may send it several times
		}
		_ = s.cluster.Process(ctx, r.cmds[i])
	}
	r.followed = true
}

// node returns the client of the server that has a tenant's keys.
func (s *Store) node(ctx context.Context, sp space) (*goredis.Client, error) {
	if s.single != nil {
		return s.single, nil
	}
	return s.cluster.MasterForKey(ctx, sp.bucket)
}

// scatter sends n commands about many buckets in one pipeline, which go-redis
// splits between the nodes of a Cluster, and returns their replies.
func (s *Store) scatter(ctx context.Context, method string, n int, command func(i int) []any) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	var vals []any
	err := s.repeat(ctx, method, func(ctx context.Context, _ int) error {
		release, err := s.lane(nil, false).long.Long(ctx, "")
		if err != nil {
			return errQueued
		}
		defer release()
		pipe := s.client.Pipeline()
		cmds := make([]*goredis.Cmd, n)
		for i := range cmds {
			cmds[i] = goredis.NewCmd(ctx, command(i)...)
			_ = pipe.Process(ctx, cmds[i])
		}
		exec(ctx, pipe)
		vals, err = values(cmds)
		return err
	})
	return vals, readError(ctx, err)
}
