package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// The pause before a call is repeated grows from the first to the second.
const (
	minPause = 5 * time.Millisecond
	maxPause = 100 * time.Millisecond
)

// read sends commands about one tenant in one round trip and returns their
// replies, nil where Redis has none. They run in order on one connection.
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
		vals, err = values(r.cmds)
		return err
	})
	if err != nil && ctx.Err() != nil {
		return nil, ended(ctx, nil)
	}
	return vals, unavailable(err)
}

// readScript runs a script that only reads; see reply for its answer.
func (s *Store) readScript(ctx context.Context, sp space, method string, class class, sc script, keys []string, args ...any) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	var got reply
	err := s.repeat(ctx, method, func(ctx context.Context, _ int) error {
		r := &request{ctx: ctx, script: &sc, class: class, done: make(chan struct{})}
		r.cmds = []*goredis.Cmd{goredis.NewCmd(ctx, scriptArgs(sc, keys, append([]any{sp.tenant}, args...))...)}
		if _, err := s.send(ctx, sp, r, false); err != nil {
			return err
		}
		val, err := r.cmds[0].Result()
		if err != nil {
			return err
		}
		got, err = parseReply(val, sp.tenant)
		return err
	})
	if err != nil && ctx.Err() != nil {
		return reply{}, ended(ctx, nil)
	}
	return got, unavailable(err)
}

// send sends r once to the server of the tenant. Its error is about the sending;
// the commands have their own. Sent is false if nothing left.
func (s *Store) send(ctx context.Context, sp space, r *request, write bool) (sent bool, err error) {
	node, err := s.node(ctx, sp)
	if err != nil {
		return false, err
	}
	gone := func() bool {
		now, err := s.node(ctx, sp)
		return err == nil && now != node
	}
	l := s.lane(node, write)
	if r.class == point {
		sent, err = l.send(ctx, r, gone)
	} else {
		sent, err = l.sendAlone(ctx, sp.tenant, r, gone)
	}
	if err != nil {
		return sent, err
	}
	if s.cluster != nil && redirected(r.cmds[0].Err()) && (!write || s.wait.replicas == 0) {
		s.follow(ctx, r)
	}
	return true, nil
}

// follow sends a redirected request through the ClusterClient, which goes where
// the nodes point.
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

// bound returns the context of tries that begin now.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(s.retryFor, 0)+s.readTimeout)
}

// repeat calls try until it succeeds, fails for good, or time is up: none begins later
// than RetryFor after the first, and the context of all of them ends one ReadTimeout after
// that. So a call is answered in time whatever the server does, wherever it waits.
func (s *Store) repeat(ctx context.Context, method string, try func(ctx context.Context, n int) error) error {
	begun := time.Now() //nolint:forbidigo // how long a call takes is not in any record
	bounded, cancel := s.bound(ctx)
	defer cancel()
	pause := minPause
	for n := 0; ; n++ {
		err := try(bounded, n)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return errNoAnswer // the deadline is not the caller's
		case err == nil || bounded.Err() != nil || s.retryFor < 0 || !passing(err):
			return err
		}
		if s.cluster != nil {
			// go-redis does not look for a new master when one refuses connections.
			s.cluster.ReloadState(ctx)
		}
		if time.Since(begun)+pause >= s.retryFor || !sleep(bounded, pause) {
			return err
		}
		pause = min(2*pause, maxPause)
		s.retried(method, err)
	}
}

// sleep returns false if the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// values returns the replies of commands, or the first error.
func values(cmds []*goredis.Cmd) ([]any, error) {
	vals := make([]any, len(cmds))
	for i, cmd := range cmds {
		val, err := cmd.Result()
		if err != nil && !errors.Is(err, goredis.Nil) {
			return nil, err
		}
		vals[i] = val
	}
	return vals, nil
}

func scriptArgs(sc script, keys []string, args []any) []any {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", sc.sha, strconv.Itoa(len(keys)))
	for _, k := range keys {
		all = append(all, k)
	}
	return append(all, args...)
}

// reply is what a script answered: a status, then the echo, then the rest.
type reply struct {
	status string
	args   []string
}

// parseReply verifies that a reply has the shape of a script's and echoes what
// the call was about. A reply that does not belongs to somebody else.
func parseReply(val any, echo ...string) (reply, error) {
	list, ok := val.([]any)
	if !ok || len(list) < 1+len(echo) {
		return reply{}, errReply
	}
	words := make([]string, len(list))
	for i, v := range list {
		if words[i], ok = v.(string); !ok {
			return reply{}, errReply
		}
	}
	for i, want := range echo {
		if words[1+i] != want {
			return reply{}, errReply
		}
	}
	return reply{status: words[0], args: words[1+len(echo):]}, nil
}

func (r reply) is(status string, args int) bool {
	return r.status == status && len(r.args) == args
}
