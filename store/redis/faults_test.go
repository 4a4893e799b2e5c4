package redis_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// deployment is a group of servers that replaces a master that fails.
type deployment struct {
	url     string
	nodes   []*redistest.Process
	network *redistest.Network
	ready   func(context.Context) error
	heirs   func(node int) []*redistest.Process // who may replace a master

	// alone says that a master has one replica. When that takes its place it has none, and
	// a store that waits for one gets no acknowledgement until the other is back.
	alone bool
}

func onSentinel(t *testing.T) deployment {
	t.Helper()
	s := redistest.Sentinel(t)
	return deployment{
		url:   "redis-sentinel://" + s.Addrs()[0] + "?master_name=" + redistest.MasterName + "&addr=" + strings.Join(s.Addrs()[1:], "&addr="),
		nodes: s.Nodes, network: s.Network, ready: s.AwaitReady,
		heirs: func(node int) []*redistest.Process {
			return slices.DeleteFunc(slices.Clone(s.Nodes), func(p *redistest.Process) bool { return p == s.Nodes[node] })
		},
	}
}

func onSplitCluster(t *testing.T) deployment {
	t.Helper()
	g := redistest.SplitCluster(t)
	return deployment{
		url:   "redis-cluster://" + g.Addrs()[0] + "?addr=" + strings.Join(g.Addrs()[1:], "&addr="),
		nodes: g.Nodes, network: g.Network, ready: g.AwaitReady,
		heirs: func(node int) []*redistest.Process { return g.Nodes[(node+3)%6 : (node+3)%6+1] },
		alone: true,
	}
}

// open makes a store with the defaults, as a program of its own would.
func (d deployment) open(t *testing.T, replicas int) *redisstore.Store {
	t.Helper()
	return d.openFrom(t, replicas, "127.0.0.1")
}

// openFrom is open of a program that connects from an address.
func (d deployment) openFrom(t *testing.T, replicas int, from string) *redisstore.Store {
	t.Helper()
	client, opts, err := redisstore.ParseURL(d.url)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Second}
	client.Dialer = dialer.DialContext
	c := redisstore.NewClient(client)
	t.Cleanup(func() { _ = c.Close() })
	opts.WaitReplicas = replicas
	return newStore(t, c, opts)
}

// manage returns a Manager that can make groups.
func manage(t *testing.T, st *redisstore.Store) *enduser.Manager {
	t.Helper()
	key, err := enduser.NewKey("key", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(key)})
}

// masters returns the nodes that are masters, by their place.
func (d deployment) masters(t *testing.T) []int {
	t.Helper()
	var all []int
	for i, p := range d.nodes {
		role, err := p.Role(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if role == "master" {
			all = append(all, i)
		}
	}
	return all
}

// fault is a master that is broken under load, and when what happened then.
type fault struct {
	tenants  map[string]bool // which it has
	began    time.Time
	promoted atomic.Int64 // all in nanoseconds since began
	first    atomic.Int64 // the first write that was acknowledged after the promotion
	safe     atomic.Int64 // likewise, of those that wait for a replica
}

// answered records a write that was acknowledged.
func (f *fault) answered(w *worker) {
	if f != nil && f.promoted.Load() > 0 && f.tenants[w.tenants[w.tenant]] {
		f.safe.CompareAndSwap(0, int64(time.Since(f.began)))
	}
}

// watch writes without waiting for replicas until the heir has acknowledged a write.
func (f *fault) watch(ctx context.Context, st *redisstore.Store, tenant string, heir *redistest.Process) {
	for n := 0; ctx.Err() == nil && f.first.Load() == 0; n++ {
		_, err := st.Apply(ctx, tenant, store.Ops(store.Create(user(rand.Text()), nil)))
		if err != nil || f.promoted.Load() == 0 {
			continue
		}
		if addr, err := st.HomeAddr(ctx, tenant); err == nil && addr == heir.Addr {
			f.first.CompareAndSwap(0, int64(time.Since(f.began)))
		}
	}
}

// breakage is a way to break a master, and to put it right.
type breakage struct {
	name         string
	begin, mend  func(deployment, *redistest.Process) error
	firstAnswers []time.Duration
}

func breakages() []*breakage {
	return []*breakage{
		{
			name:  "kill",
			begin: func(_ deployment, p *redistest.Process) error { p.Kill(); return nil },
			mend:  func(_ deployment, p *redistest.Process) error { return p.Restart() },
		},
		{
			name:  "freeze",
			begin: func(_ deployment, p *redistest.Process) error { return p.Pause() },
			mend:  func(_ deployment, p *redistest.Process) error { return p.Resume() },
		},
		{
			name:  "partition",
			begin: func(d deployment, p *redistest.Process) error { d.network.Isolate(p); return nil },
			mend:  func(d deployment, _ *redistest.Process) error { d.network.Heal(); return nil },
		},
	}
}

// A master is killed, hangs, or is cut off from all but its clients. One program is then cut
// off together with it; the other reaches all servers. With WaitReplicas no write that a
// Manager acknowledged is lost, and no two answers, conflicts included, give two IDs of one
// user.
func TestFaultsSentinel(t *testing.T) { testFaults(t, onSentinel) }

func TestFaultsCluster(t *testing.T) { testFaults(t, onSplitCluster) }

func testFaults(t *testing.T, start func(*testing.T) deployment) {
	t.Helper()
	size.Need(t, size.Long)
	d := start(t)
	// The second program is on the side of a master that is isolated.
	st := d.open(t, 1)
	managers := []*enduser.Manager{manage(t, st), manage(t, d.openFrom(t, 1, redistest.NearClient))}
	tenants := []string{"t0", "t1", "t2", "t3", "t4", "t5"}
	l := startLoad(t.Context(), managers, tenants, 24)
	defer l.end()
	ways := breakages()
	for round := range size.Pick(t, 0, 1, 10) {
		for _, way := range ways {
			if !t.Failed() {
				d.round(t, l, way, fmt.Sprintf("%s %d", way.name, round+1), st)
			}
		}
	}
	l.end()
	if t.Failed() {
		return
	}
	l.verify(t, manage(t, d.open(t, 1)))
	for _, way := range ways {
		slices.Sort(way.firstAnswers)
		n := len(way.firstAnswers)
		t.Logf("%s: the first answer came %v / %v / %v after the promotion (minimum, median, maximum of %d)",
			way.name, way.firstAnswers[0], way.firstAnswers[n/2], way.firstAnswers[n-1], n)
	}
}

// round breaks a master, waits until writes to its tenants succeed again and for a while
// longer, and puts it right under load.
func (d deployment) round(t *testing.T, l *workload, way *breakage, name string, st *redisstore.Store) {
	t.Helper()
	progress := func(what string) {
		t.Helper()
		n := l.acked.Load() + 500
		redistest.Until(t, what, func() bool { return l.acked.Load() > n })
	}
	progress(name + ": writes are acknowledged")
	victim, tenants := d.victim(t, l, st)
	f := &fault{tenants: tenants, began: time.Now()}
	l.fault.Store(f)
	before := [3]int64{l.acked.Load(), l.unknown.Load(), l.unavailable.Load()}
	if err := way.begin(d, d.nodes[victim]); err != nil {
		t.Fatal(err)
	}
	if d.alone {
		plain := d.open(t, 0)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop()
		for tenant := range tenants {
			wg.Go(func() { f.watch(ctx, plain, tenant, d.heirs(victim)[0]) })
		}
	}
	redistest.Until(t, name+": a replica is promoted", func() bool {
		for _, p := range d.heirs(victim) {
			if role, err := p.Role(t.Context()); err == nil && role == "master" {
				return true
			}
		}
		return false
	})
	f.promoted.Store(int64(time.Since(f.began)))
	redistest.Until(t, name+": a write is acknowledged", func() bool {
		if !d.alone {
			f.first.Store(f.safe.Load())
		}
		return f.first.Load() > 0
	})
	progress(name + ": writes go on")
	if err := way.mend(d, d.nodes[victim]); err != nil {
		t.Fatal(err)
	}
	if err := d.ready(t.Context()); err != nil {
		t.Fatalf("%s: afterwards: %v", name, err)
	}
	redistest.Until(t, name+": a write is acknowledged again", func() bool { return f.safe.Load() > 0 })
	late := time.Duration(f.first.Load() - f.promoted.Load()).Round(time.Millisecond)
	way.firstAnswers = append(way.firstAnswers, late)
	t.Logf("%s: promoted after %v, first answer %v later; %d acknowledged, %d unknown, %d unavailable", name,
		time.Duration(f.promoted.Load()).Round(time.Millisecond), late,
		l.acked.Load()-before[0], l.unknown.Load()-before[1], l.unavailable.Load()-before[2])
}

// victim returns a master that has tenants of the load, and those tenants.
func (d deployment) victim(t *testing.T, l *workload, st *redisstore.Store) (int, map[string]bool) {
	t.Helper()
	masters := d.masters(t)
	if len(masters) == 1 { // of all
		tenants := make(map[string]bool)
		for _, name := range l.tenants {
			tenants[name] = true
		}
		return masters[0], tenants
	}
	homes := make(map[string]map[string]bool)
	for _, name := range l.tenants {
		addr, err := st.HomeAddr(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if homes[addr] == nil {
			homes[addr] = make(map[string]bool)
		}
		homes[addr][name] = true
	}
	for _, i := range masters {
		if tenants := homes[d.nodes[i].Addr]; tenants != nil {
			return i, tenants
		}
	}
	t.Fatalf("no master has a tenant: %v", homes)
	return 0, nil
}

// Slots move from one master to another under load, and no call fails, except where the
// answer to a Confirm is late while its slot moves: that could be a failover.
func TestFaultsReshard(t *testing.T) {
	size.Need(t, size.Long)
	g := redistest.Cluster(t)
	open := func() *redisstore.Store {
		// A machine that does all this at once may take longer than the default to move a slot.
		return onGroup(g).open(t, &redisstore.Options{WaitReplicas: 1, RetryFor: 20 * time.Second})
	}
	stores := []*redisstore.Store{open(), open()}
	var tenants []string
	for i := range 48 { // a quarter of which move
		tenants = append(tenants, fmt.Sprintf("tenant-%d", i))
	}
	l := startLoad(t.Context(), []*enduser.Manager{manage(t, stores[0]), manage(t, stores[1])}, tenants, 96)
	defer l.end()
	redistest.Until(t, "writes are acknowledged", func() bool { return l.acked.Load() > 1000 })
	began := time.Now()
	if err := g.Reshard(t.Context(), 0, 1, 4000); err != nil {
		t.Fatal(err)
	}
	t.Logf("4000 slots moved in %v", time.Since(began).Round(time.Millisecond))
	n := l.acked.Load() + 1000
	redistest.Until(t, "writes go on", func() bool { return l.acked.Load() > n })
	l.end()
	for _, failed := range l.failed {
		if !strings.Contains(failed, "confirm: the server did not answer and the tenant has another one now") {
			t.Error(failed)
		}
	}
	l.verify(t, manage(t, open()))
}
