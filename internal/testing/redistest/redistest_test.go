package redistest_test

import (
	"context"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

func TestServer(t *testing.T) {
	s := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always")
	c := s.Client()
	defer func() { _ = c.Close() }()
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Get(t.Context(), "k").Result(); err != nil || v != "v" {
		t.Errorf("after a restart: %q, %v; want what its file has", v, err)
	}
}

func TestCluster(t *testing.T) {
	g := redistest.Cluster(t)
	c := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: g.Addrs()})
	defer func() { _ = c.Close() }()
	masters := make(map[string]bool)
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		if err := c.Set(t.Context(), key, "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		node, err := c.MasterForKey(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		masters[node.Options().Addr] = true
	}
	if len(masters) != 3 {
		t.Errorf("the keys are on %d masters, want 3", len(masters))
	}
	replicas := 0
	for _, n := range g.Nodes {
		role, err := n.Role(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if role == "slave" {
			replicas++
		}
	}
	if replicas != 3 {
		t.Errorf("%d replicas, want 3", replicas)
	}
}

// A master that is isolated is replaced, goes on to answer clients, and becomes a replica
// when the network is whole again.
func TestSplit(t *testing.T) {
	size.Need(t, size.Long)
	g := redistest.SplitCluster(t)
	master, heir := g.Nodes[0], g.Nodes[3]
	g.Network.Isolate(master)
	redistest.Until(t, "the replica is promoted", func() bool {
		role, err := heir.Role(t.Context())
		return err == nil && role == "master"
	})
	if role, err := master.Role(t.Context()); err != nil || role != "master" {
		t.Errorf("the isolated master is %q, %v", role, err)
	}
	g.Network.Heal()
	if err := g.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if role, err := master.Role(t.Context()); err != nil || role != "slave" {
		t.Errorf("the master that was isolated is %q, %v", role, err)
	}
}
