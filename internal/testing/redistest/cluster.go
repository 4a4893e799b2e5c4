package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

const (
	masters = 3
	slots   = 16384
)

// Group is a running Redis Cluster: three masters, then a replica of each in the
// same order. A failover changes the roles and not the order.
type Group struct {
	Nodes   []*Process
	Network *Network // nil if it cannot be split
}

// StartCluster starts a Cluster and waits until every slot is served and every
// replica has its master's data. The caller closes it.
func StartCluster() (*Group, error) { return startCluster(nil) }

// StartSplitCluster starts a Cluster whose nodes can be cut off from each other.
func StartSplitCluster() (*Group, error) { return startCluster(newNetwork()) }

func startCluster(network *Network) (*Group, error) {
	g := &Group{Nodes: make([]*Process, 2*masters), Network: network}
	errs := make([]error, len(g.Nodes))
	var wg sync.WaitGroup
	for i := range g.Nodes {
		wg.Go(func() {
			s := setup{network: network, args: []string{
				"--cluster-enabled", "yes", "--cluster-node-timeout", "1500",
				"--cluster-config-file", "nodes.conf", "--repl-diskless-sync-delay", "0",
				"--cluster-require-full-coverage", "no",
			}}
			if network != nil {
				s.source = source(i)
			}
			g.Nodes[i], errs[i] = s.start()
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			g.Close()
			return nil, err
		}
	}
	if err := g.form(context.Background()); err != nil {
		g.Close()
		return nil, fmt.Errorf("redistest: form the cluster: %w", err)
	}
	return g, nil
}

// Addrs returns the addresses of all nodes.
func (g *Group) Addrs() []string { return addrs(g.Nodes) }

// Close kills all nodes and removes their files.
func (g *Group) Close() {
	if g.Network != nil {
		g.Network.Heal()
	}
	for _, n := range g.Nodes {
		if n != nil {
			n.Close()
		}
	}
}

// Slot returns the first slot of a master by its place in Nodes, and the first
// behind its last.
func Slot(master int) (first, end int) {
	return master * slots / masters, (master + 1) * slots / masters
}

// Role returns the role that a node reports: "master" or "slave".
func (p *Process) Role(ctx context.Context) (string, error) {
	info, err := p.replication(ctx)
	return field(info, "role"), err
}

func (p *Process) replication(ctx context.Context) (string, error) {
	c := p.Client()
	defer func() { _ = c.Close() }()
	return c.Info(ctx, "replication").Result()
}

// form joins the started nodes to a Cluster.
func (g *Group) form(ctx context.Context) error {
	clients := make([]*goredis.Client, len(g.Nodes))
	ids := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		clients[i] = n.Client()
		defer func() { _ = clients[i].Close() }()
		var err error
		if ids[i], err = clients[i].Do(ctx, "cluster", "myid").Text(); err != nil {
			return err
		}
		if err := clients[i].Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
			return err
		}
		if i < masters {
			first, end := Slot(i)
			if err := clients[i].ClusterAddSlotsRange(ctx, first, end-1).Err(); err != nil {
				return err
			}
		}
	}
	for _, n := range g.Nodes[1:] {
		err := clients[0].Do(ctx, "cluster", "meet", "127.0.0.1", n.announced[0], n.announced[1]).Err()
		if err != nil {
			return err
		}
	}
	if err := everywhere(ctx, clients, func(info string) bool {
		return field(info, "cluster_known_nodes") == strconv.Itoa(len(g.Nodes))
	}); err != nil {
		return err
	}
	for i := masters; i < len(clients); i++ {
		// A replica may not know its master as one with slots yet.
		if err := poll(func() error {
			return clients[i].ClusterReplicate(ctx, ids[i-masters]).Err()
		}); err != nil {
			return err
		}
	}
	return g.awaitReady(ctx, clients)
}

// AwaitReady waits until every slot is served, every replica has its master's data and
// every node knows the others' roles.
func (g *Group) AwaitReady(ctx context.Context) error {
	clients := make([]*goredis.Client, len(g.Nodes))
	for i, n := range g.Nodes {
		clients[i] = n.Client()
		defer func() { _ = clients[i].Close() }()
	}
	return g.awaitReady(ctx, clients)
}

// everywhere waits until CLUSTER INFO of every node is as wanted.
func everywhere(ctx context.Context, clients []*goredis.Client, want func(info string) bool) error {
	for _, c := range clients {
		if err := poll(func() error {
			info, err := c.ClusterInfo(ctx).Result()
			if err == nil && !want(info) {
				err = fmt.Errorf("a node says %q", info)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) awaitReady(ctx context.Context, clients []*goredis.Client) error {
	for _, c := range clients {
		if err := poll(func() error {
			info, err := c.Info(ctx, "replication").Result()
			if err == nil && field(info, "role") == "slave" && field(info, "master_link_status") != "up" {
				err = fmt.Errorf("a replica is not in step: %q", info)
			}
			return err
		}); err != nil {
			return err
		}
	}
	if err := everywhere(ctx, clients, func(info string) bool {
		return field(info, "cluster_state") == "ok" && field(info, "cluster_slots_ok") == strconv.Itoa(slots)
	}); err != nil {
		return err
	}
	// Unless every node knows of every replica, an election fails.
	for _, c := range clients {
		if err := poll(func() error {
			nodes, err := c.ClusterNodes(ctx).Result()
			if n := strings.Count(nodes, "slave "); err == nil && (n != masters || strings.Contains(nodes, "fail")) {
				err = fmt.Errorf("a node says %q", nodes)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// field returns a field of an INFO text.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && key == name {
			return value
		}
	}
	return ""
}

// Reshard moves the first slots of one master, by their number, to another, with all
// their keys, as redis-cli does: one slot after the other.
func (g *Group) Reshard(ctx context.Context, from, to, number int) error {
	source, target := g.Nodes[from].Client(), g.Nodes[to].Client()
	defer func() { _ = errors.Join(source.Close(), target.Close()) }()
	var ids [2]string
	for i, c := range []*goredis.Client{source, target} {
		var err error
		if ids[i], err = c.Do(ctx, "cluster", "myid").Text(); err != nil {
			return err
		}
	}
	_, port, _ := net.SplitHostPort(g.Nodes[to].Addr)
	first, _ := Slot(from)
	for slot := first; slot < first+number; slot++ {
		if err := target.Do(ctx, "cluster", "setslot", slot, "importing", ids[0]).Err(); err != nil {
			return err
		}
		if err := source.Do(ctx, "cluster", "setslot", slot, "migrating", ids[1]).Err(); err != nil {
			return err
		}
		for {
			keys, err := source.ClusterGetKeysInSlot(ctx, slot, 10).Result()
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				break
			}
			args := []any{"migrate", "127.0.0.1", port, "", 0, 5000, "keys"}
			for _, k := range keys {
				args = append(args, k)
			}
			if err := source.Do(ctx, args...).Err(); err != nil {
				return err
			}
		}
		for _, c := range []*goredis.Client{target, source} {
			if err := c.Do(ctx, "cluster", "setslot", slot, "node", ids[1]).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}
