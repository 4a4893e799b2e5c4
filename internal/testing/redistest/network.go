package redistest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Network connects the servers of a group, so that a server can be cut off from the others
// while clients still reach it. It consists of proxies before their ports. They tell
// servers from clients by the address that a connection comes from, since every server has
// a loopback address of its own (Linux serves all of 127.0.0.0/8).
type Network struct {
	mu       sync.Mutex
	isolated map[string]bool // servers and clients, by the address that they connect from
	healed   chan struct{}   // closed when no server is isolated any more
	links    map[*link]bool
}

func newNetwork() *Network {
	return &Network{isolated: make(map[string]bool), links: make(map[*link]bool)}
}

// source returns the address that server i of a group connects from.
func source(i int) string { return fmt.Sprintf("127.0.1.%d", 1+i) }

// NearClient is an address of clients that Isolate cuts off together with the server.
const NearClient = "127.0.1.250"

// anyClient is the address of all other clients.
const anyClient = "127.0.0.1"

// Isolate cuts a server, and the clients that connect from NearClient, off from all others,
// in both directions, until Heal: what they send is held back, as by a network that drops
// packets. All other clients reach everybody.
func (n *Network) Isolate(p *Process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.isolated) == 0 {
		n.healed = make(chan struct{})
	}
	n.isolated[p.source], n.isolated[NearClient] = true, true
	for l := range n.links {
		l.broken = l.broken || n.cuts(l)
	}
}

// Heal ends every Isolate. The connections that were cut break: what was held back never
// arrives.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.isolated) == 0 {
		return
	}
	clear(n.isolated)
	close(n.healed)
	for l := range n.links {
		if l.broken {
			l.close()
		}
	}
}

func (n *Network) cuts(l *link) bool {
	return l.from != anyClient && n.isolated[l.from] != n.isolated[l.to]
}

// pass waits until bytes of a link may go on, and reports whether they ever may.
func (n *Network) pass(l *link) bool {
	n.mu.Lock()
	broken, healed := l.broken, n.healed
	n.mu.Unlock()
	if broken {
		<-healed
	}
	return !broken
}

// link is a connection to a server.
type link struct {
	from, to   string // addresses
	broken     bool   // was cut; guarded by Network.mu
	near, away net.Conn
}

func (l *link) close() {
	_ = l.near.Close()
	if l.away != nil {
		_ = l.away.Close()
	}
}

// proxy stands before one port of a server while the server runs.
type proxy struct {
	network *Network
	to      string // the server's address
	target  string // host and port
	addr    string // where it listens

	listener net.Listener // nil while the server does not run
	wg       sync.WaitGroup
}

// up begins to listen, at the same port every time.
func (p *proxy) up() error {
	if p.addr == "" {
		ports, err := FreePorts(1)
		if err != nil {
			return err
		}
		p.addr = loopback(ports[0])
	}
	l, err := listen(p.addr)
	if err != nil {
		return err
	}
	p.listener = l
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				p.wg.Go(func() { p.serve(c) })
			}
		}
	})
	return nil
}

// listen waits for a port that is in use: while the server was down, another test may have
// tried whether it is free.
func listen(addr string) (net.Listener, error) {
	for end := time.Now().Add(20 * time.Second); ; {
		l, err := net.Listen("tcp", addr)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
			return l, err
		}
		<-time.After(10 * time.Millisecond)
	}
}

// down refuses new connections and closes the others.
func (p *proxy) down() {
	if p.listener == nil {
		return
	}
	_ = p.listener.Close()
	p.listener = nil
	p.network.mu.Lock()
	for l := range p.network.links {
		if l.to == p.to {
			l.close()
		}
	}
	p.network.mu.Unlock()
}

func (p *proxy) serve(c net.Conn) {
	from, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	n, l := p.network, &link{from: from, to: p.to, near: c}
	n.mu.Lock()
	l.broken = n.cuts(l)
	n.links[l] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.links, l)
		l.close()
		n.mu.Unlock()
	}()
	if !n.pass(l) {
		return
	}
	away, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	n.mu.Lock()
	l.away = away
	n.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { n.copy(l, away, c) })
	n.copy(l, c, away)
	wg.Wait()
}

// copy forwards one direction of a link and ends both when it ends.
func (n *Network) copy(l *link, to io.Writer, from io.Reader) {
	defer l.close()
	buf := make([]byte, 64<<10)
	for {
		k, err := from.Read(buf)
		if k > 0 {
			if !n.pass(l) {
				return
			}
			if _, err := to.Write(buf[:k]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
