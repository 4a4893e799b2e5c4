package redis

import (
	"context"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Scrub implements store.Scrubber: it rewrites the append-only file of every master, and
// the snapshot where the server keeps one, and returns when that is done. It does not reach
// the files of replicas, nor backups.
//
// It needs rights that the other methods do not need and that many hosted servers give to
// nobody. It then returns ErrNotPermitted, and nothing has changed.
func (s *Store) Scrub(ctx context.Context) (err error) {
	c := s.begin("Scrub")
	defer func() { c.end(0, err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.single != nil {
		return s.scrub(ctx, s.single)
	}
	return unavailableUnlessTyped(ctx, s.cluster.ForEachMaster(ctx, s.scrub))
}

// scrubPoll is how often Scrub checks whether a server is done.
const scrubPoll = 50 * time.Millisecond

func (s *Store) scrub(ctx context.Context, node *goredis.Client) error {
	info, err := persistence(ctx, node)
	if err != nil {
		return err
	}
	save, err := config(ctx, node, "save")
	if err != nil {
		return err
	}
	if info["aof_enabled"] == "1" {
		err := s.rewrite(ctx, node, fileJob{
			command: "bgrewriteaof",
			running: []string{"aof_rewrite_in_progress", "aof_rewrite_scheduled"},
			status:  "aof_last_bgrewrite_status",
		})
		if err != nil {
			return err
		}
	}
	if save == "" {
		return nil
	}
	return s.rewrite(ctx, node, fileJob{
		command: "bgsave",
		running: []string{"rdb_bgsave_in_progress"},
		status:  "rdb_last_bgsave_status",
	})
}

// fileJob is a command that replaces a file in the background, and the fields of INFO about
// it.
type fileJob struct {
	command string
	running []string
	status  string
}

// rewrite runs a job that starts after the call and waits for its end.
func (s *Store) rewrite(ctx context.Context, node *goredis.Client, job fileJob) error {
	for {
		// A job that runs already may have begun before the last deletion.
		if _, err := s.idle(ctx, node); err != nil {
			return err
		}
		err := node.Do(ctx, job.command).Err()
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "in progress") {
			return permitted(err)
		}
		if !sleep(ctx, scrubPoll) {
			return ctx.Err()
		}
	}
	info, err := s.idle(ctx, node)
	if err != nil {
		return err
	}
	if info[job.status] != "ok" {
		return unavailable(fmt.Errorf("%s failed on the server", job.command))
	}
	return nil
}

// idle waits until the server neither rewrites a file nor is about to.
func (s *Store) idle(ctx context.Context, node *goredis.Client) (map[string]string, error) {
	for {
		info, err := persistence(ctx, node)
		if err != nil {
			return nil, err
		}
		busy := false
		for _, field := range []string{"aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress"} {
			busy = busy || info[field] == "1"
		}
		if !busy {
			return info, nil
		}
		if !sleep(ctx, scrubPoll) {
			return nil, ctx.Err()
		}
	}
}

// persistence returns the fields of INFO persistence.
func persistence(ctx context.Context, node *goredis.Client) (map[string]string, error) {
	text, err := node.Info(ctx, "persistence").Result()
	if err != nil {
		return nil, permitted(err)
	}
	return infoFields(text), nil
}

// config returns one setting of the server.
func config(ctx context.Context, node *goredis.Client, name string) (string, error) {
	settings, err := node.ConfigGet(ctx, name).Result()
	return settings[name], permitted(err)
}
