package redis_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// CheckServer refuses every policy that drops data and names the setting to change, by INFO
// or by CONFIG GET. Where the server permits neither, it logs a warning.
func TestCheckServerPolicy(t *testing.T) {
	server := redistest.Server(t)
	// With none of the further rights, with either and with both.
	users := map[string][]any{"neither": {}, "info": {"+info"}, "config": {"+config|get"}, "both": {"+info", "+config|get"}}
	for name, rights := range users {
		acl := append(publishedACL(t), rights...)
		acl[2] = name
		server.Do(t, acl...)
	}
	for _, policy := range []string{
		"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "noeviction",
	} {
		server.Set(t, "maxmemory-policy", policy)
		for name := range users {
			var log bytes.Buffer
			st := on(server).as(name).open(t, &redisstore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			err := st.CheckServer(t.Context())
			if told := !strings.Contains(log.String(), "does not tell its maxmemory-policy"); told != (name != "neither") {
				t.Errorf("%s: the log says that the policy is not known: %v", name, !told)
			}
			if policy == "noeviction" || name == "neither" {
				if err != nil {
					t.Errorf("%s, %s: %v", policy, name, err)
				}
				continue
			}
			var refused *redisstore.ServerError
			want := "maxmemory-policy is " + policy + ": it drops users and what they are found by; set maxmemory-policy to noeviction"
			if !errors.Is(err, redisstore.ErrEvicts) || !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v", policy, name, err)
			}
		}
	}
}

// CheckServer refuses and names a node of a Cluster that evicts, even a replica: it may be
// the next master.
func TestCheckServerCluster(t *testing.T) {
	t.Parallel() // it mostly waits
	g := redistest.Cluster(t)
	b := onGroup(g)
	client := b.client(t).(*goredis.ClusterClient)
	if err := client.ForEachMaster(t.Context(), func(ctx context.Context, c *goredis.Client) error {
		return c.FlushAll(ctx).Err() // a replica that never got anything is not shown
	}); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "all nodes show all replicas", func() bool {
		return !slices.ContainsFunc(g.Nodes, func(p *redistest.Process) bool {
			c := p.Client()
			defer func() { _ = c.Close() }()
			slots, err := c.ClusterSlots(t.Context()).Result() //nolint:staticcheck // what clients ask for
			return err != nil || slices.ContainsFunc(slots, func(s goredis.ClusterSlot) bool { return len(s.Nodes) != 2 })
		})
	})
	for i, node := range g.Nodes {
		node.Set(t, "maxmemory-policy", "volatile-ttl")
		err := b.open(t, nil).CheckServer(t.Context())
		if wantError(t, err, redisstore.ErrEvicts); err != nil && !strings.Contains(err.Error(), node.Addr) {
			t.Errorf("node %d: %v", i, err)
		}
		node.Set(t, "maxmemory-policy", "noeviction")
	}
	last := g.Nodes[len(g.Nodes)-1]
	last.Kill() // a replica that is away does not keep a program from starting
	if err := b.open(t, nil).CheckServer(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCheckServerWarns(t *testing.T) {
	server := redistest.Server(t)
	var log bytes.Buffer
	st := on(server).open(t, &redisstore.Options{WaitReplicas: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := st.CheckServer(t.Context()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"append-only file is off", "fewer replicas are connected than WaitReplicas"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("not logged: %s\n%s", want, log.String())
		}
	}
	if n := server.Do(t, "dbsize"); n != int64(0) {
		t.Errorf("CheckServer left %v keys", n)
	}
}

// CheckServer refuses servers that are too old, and logs where they hide their version. The
// server of this test is a fake.
func TestCheckServerVersion(t *testing.T) {
	for version, refused := range map[string]bool{"5.0.14": true, "6.0.16": true, "6.2.0": false, "8.0.1": false, "": false} {
		m := miniredis.RunT(t)
		m.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
			switch {
			case strings.EqualFold(cmd, "info") && version != "":
				c.WriteBulk("# Server\r\nredis_version:" + version + "\r\nmaxmemory_policy:noeviction\r\n")
			case strings.EqualFold(cmd, "info"), strings.EqualFold(cmd, "config"), strings.EqualFold(cmd, "hello"):
				c.WriteError("ERR unknown command")
			case strings.EqualFold(cmd, "wait"), strings.EqualFold(cmd, "hstrlen"), strings.EqualFold(cmd, "evalsha"):
				c.WriteInt(0)
			default:
				return false
			}
			return true
		})
		st := backend{addrs: []string{m.Addr()}}.open(t, nil)
		if err := st.CheckServer(t.Context()); errors.Is(err, redisstore.ErrVersion) != refused || !refused && err != nil {
			t.Errorf("version %q: %v", version, err)
		}
	}
}
