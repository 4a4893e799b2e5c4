package redis

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// lookEvery is how often the Sentinels are asked while the client is used. A master that is
// cut off from the others still answers, and its clients must leave it.
const lookEvery = time.Second

// newSentinelClient returns a client of the master that Sentinels name. It asks all of them
// at every dial, once a second while it is used, and when an answer is late. When they name
// another master, it closes the connections to the last one. go-redis's own client asks one
// Sentinel, and another only after three timeouts, so it waits for a host that hangs with
// its Sentinel.
func newSentinelClient(o *goredis.UniversalOptions) *goredis.Client {
	s := &sentinels{name: o.MasterName, dialMaster: o.Dialer, timeout: o.DialTimeout}
	for _, addr := range o.Addrs {
		s.options = append(s.options, goredis.Options{
			Addr: addr, Username: o.SentinelUsername, Password: o.SentinelPassword, Protocol: o.Protocol,
			Dialer: failLate(o.Dialer), DialTimeout: o.DialTimeout, ReadTimeout: o.DialTimeout, WriteTimeout: o.DialTimeout,
			PoolSize: 1, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
	}
	c := o.Simple()
	c.Addr, c.Dialer = o.MasterName, failLate(s.dial)
	return goredis.NewClient(c)
}

// sentinels find the master of a group and connect to it.
type sentinels struct {
	name       string
	options    []goredis.Options // of each Sentinel
	dialMaster dialer
	timeout    time.Duration // of asking

	mu     sync.Mutex
	master named
	conns  map[*masterConn]bool
	asking *lookup   // nil while no Sentinel is asked
	asked  time.Time // when Sentinels were last asked
}

// named is the master in a Sentinel's configuration. The configuration with the highest
// epoch is the newest.
type named struct {
	addr  string
	epoch int64
}

// lookup is a question to all Sentinels.
type lookup struct {
	done   chan struct{} // closed when the rest is set
	master string
	err    error
}

// dial connects to the master.
func (s *sentinels) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	s.mu.Lock()
	l := s.look(ctx)
	s.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.err != nil {
		return nil, l.err
	}
	conn, err := s.dialMaster(ctx, network, l.master)
	if err != nil {
		return nil, err
	}
	c := &masterConn{Conn: conn, sentinels: s, master: l.master}
	c.late = time.AfterFunc(time.Hour, c.isLate)
	c.late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master.addr != l.master {
		_ = conn.Close()
		return nil, errors.New("the Sentinels name another master now")
	}
	if s.conns == nil {
		s.conns = make(map[*masterConn]bool)
	}
	s.conns[c] = true
	if raw, ok := conn.(syscall.Conn); ok {
		return rawConn{c, raw}, nil
	}
	return c, nil
}

// look asks all Sentinels, unless that is under way. Others may wait for the answer too, so
// the end of the context does not end it. The caller holds mu.
func (s *sentinels) look(ctx context.Context) *lookup {
	if s.asking == nil {
		s.asking = &lookup{done: make(chan struct{})}
		s.asked = time.Now() //nolint:forbidigo // when servers were asked is not in any record
		go s.ask(context.WithoutCancel(ctx), s.asking)
	}
	return s.asking
}

// lookAgain asks all Sentinels if the last time is at least after ago.
func (s *sentinels) lookAgain(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) >= after {
		s.look(context.Background())
	}
}

// ask finds the master and closes the connections to the one before.
func (s *sentinels) ask(ctx context.Context, l *lookup) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	master, answers, err := s.askAll(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	// A few Sentinels that are cut off may name a former master.
	switch most := 2*answers > len(s.options); {
	case err == nil && (most || master.epoch >= s.master.epoch):
		s.master = master
	case s.master.addr == "":
		l.err = err
	}
	l.master = s.master.addr
	for c := range s.conns {
		if c.master != l.master {
			delete(s.conns, c)
			_ = c.Conn.Close()
		}
	}
	s.asking = nil
	close(l.done)
}

// askAll returns the newest answer of the Sentinels, and how many have answered.
func (s *sentinels) askAll(ctx context.Context) (newest named, answers int, err error) {
	type answer struct {
		named
		err error
	}
	all := make(chan answer, len(s.options))
	for _, o := range s.options {
		go func() {
			n, err := askSentinel(ctx, o, s.name)
			all <- answer{n, err}
		}()
	}
	err = errors.New("no Sentinel is configured")
	collect(len(s.options), all, func(a answer) (useful, decided bool) {
		if a.err != nil {
			err = a.err
			return false, false
		}
		if answers == 0 || a.epoch > newest.epoch {
			newest = a.named
		}
		answers++
		return true, false
	})
	if answers > 0 {
		err = nil
	}
	return newest, answers, err
}

// askSentinel asks one Sentinel for the epoch and then for the master's address. During a
// failover the address is the new one only if the epoch is.
func askSentinel(ctx context.Context, o goredis.Options, name string) (named, error) {
	c := goredis.NewSentinelClient(&o) // which fills in the options
	defer func() { _ = c.Close() }()
	var n named
	master, err := c.Master(ctx, name).Result()
	if err != nil {
		return named{}, err
	}
	n.epoch, _ = strconv.ParseInt(master["config-epoch"], 10, 64)
	addr, err := c.GetMasterAddrByName(ctx, name).Result()
	if err != nil || len(addr) != 2 {
		return named{}, errors.Join(err, errors.New("the Sentinel does not name a master"))
	}
	n.addr = net.JoinHostPort(addr[0], addr[1])
	return n, nil
}

// masterConn is a connection to a master.
type masterConn struct {
	net.Conn
	sentinels *sentinels
	master    string
	reading   atomic.Bool
	late      *time.Timer // runs while a Read does
}

// rawConn is a masterConn that go-redis can check while it is idle.
type rawConn struct {
	*masterConn
	syscall.Conn
}

func (c *masterConn) Write(b []byte) (int, error) {
	c.sentinels.lookAgain(lookEvery)
	return c.Conn.Write(b)
}

func (c *masterConn) Read(b []byte) (int, error) {
	c.reading.Store(true)
	c.late.Reset(lateAfter)
	n, err := c.Conn.Read(b)
	c.reading.Store(false)
	c.late.Stop()
	return n, err
}

func (c *masterConn) isLate() {
	if c.reading.Load() {
		c.sentinels.lookAgain(lateAfter)
		c.late.Reset(lateAfter)
	}
}

func (c *masterConn) Close() error {
	c.sentinels.mu.Lock()
	delete(c.sentinels.conns, c)
	c.sentinels.mu.Unlock()
	return c.Conn.Close()
}
