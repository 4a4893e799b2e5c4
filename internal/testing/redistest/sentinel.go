package redistest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

// MasterName is the name that Sentinels of this package give their master.
const MasterName = "main"

// Sentinels are a master with two replicas, which can be cut off from each other, and
// three Sentinels that watch them. A failover changes the roles and not the order.
type Sentinels struct {
	Nodes    []*Process
	Watchers []*Process
	Network  *Network
}

// StartSentinels starts the servers and waits until each knows all others and the replicas
// have the master's data. The caller closes it.
func StartSentinels() (*Sentinels, error) {
	s := &Sentinels{Network: newNetwork()}
	err := s.start()
	if err == nil {
		err = s.AwaitReady(context.Background())
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Sentinels) start() error {
	for i := range 3 {
		args := []string{"--repl-diskless-sync-delay", "0"}
		if i > 0 {
			args = append(args, "--replicaof", "127.0.0.1", s.Nodes[0].announced[0])
		}
		p, err := setup{args: args, network: s.Network, source: source(i)}.start()
		if err != nil {
			return err
		}
		s.Nodes = append(s.Nodes, p)
	}
	for i := range 3 {
		p, err := setup{
			args: []string{"--protected-mode", "no", "--sentinel"}, network: s.Network, source: source(10 + i),
			conf: func(p *Process) string {
				return strings.NewReplacer("MASTER", s.Nodes[0].announced[0], "PORT", p.announced[0]).Replace(`
sentinel monitor main 127.0.0.1 MASTER 2
sentinel down-after-milliseconds main 1500
sentinel failover-timeout main 2000
sentinel announce-ip 127.0.0.1
sentinel announce-port PORT
`)
			},
		}.start()
		if err != nil {
			return err
		}
		s.Watchers = append(s.Watchers, p)
		// A master that is back is made a replica after four of these periods, of 2 s
		// unless set. Redis before 7.0 cannot set them.
		c := p.Client()
		_ = c.Do(context.Background(), "sentinel", "debug", "publish-period", "750").Err()
		_ = c.Close()
	}
	return nil
}

// Addrs returns the addresses of the Sentinels.
func (s *Sentinels) Addrs() []string { return addrs(s.Watchers) }

func addrs(processes []*Process) []string {
	all := make([]string, len(processes))
	for i, p := range processes {
		all[i] = p.Addr
	}
	return all
}

// Close kills all servers and removes their files.
func (s *Sentinels) Close() {
	s.Network.Heal()
	var wg sync.WaitGroup
	for _, p := range append(s.Watchers, s.Nodes...) {
		wg.Go(p.Close)
	}
	wg.Wait()
}

// AwaitReady waits until one node is master for all Sentinels, and the others are its
// replicas and have its data.
func (s *Sentinels) AwaitReady(ctx context.Context) error {
	return poll(func() error {
		var master string
		for _, p := range s.Nodes {
			info, err := p.replication(ctx)
			switch {
			case err != nil:
				return err
			case field(info, "role") == "master" && master != "":
				return errors.New("there are two masters")
			case field(info, "role") == "master":
				master = p.Addr
				if field(info, "connected_slaves") != "2" {
					return errors.New("a replica is missing")
				}
			case field(info, "master_link_status") != "up":
				return errors.New("a replica is not in step")
			}
		}
		for _, p := range s.Watchers {
			if err := p.watches(ctx, master); err != nil {
				return err
			}
		}
		return nil
	})
}

// watches returns an error unless a Sentinel reports that the master and all others are
// well.
func (p *Process) watches(ctx context.Context, master string) error {
	c := goredis.NewSentinelClient(p.Client().Options())
	defer func() { _ = c.Close() }()
	m, err := c.Master(ctx, MasterName).Result()
	switch {
	case err != nil:
		return err
	case m["ip"]+":"+m["port"] != master, m["flags"] != "master", m["num-slaves"] != "2", m["num-other-sentinels"] != "2":
		return fmt.Errorf("a Sentinel says %v", m)
	}
	replicas, err := c.Replicas(ctx, MasterName).Result()
	for _, r := range replicas {
		if r["flags"] != "slave" {
			return fmt.Errorf("a Sentinel says that a replica is %s", r["flags"])
		}
	}
	return err
}
