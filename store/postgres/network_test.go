package postgres_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// loss is what a network loses, and with it the connection.
type loss int32

const (
	nothing loss = iota
	request      // the server does not get it
	reply        // the server has done what was asked, and is ready for more
	losses
)

// network is between a store and its server. It loses what it is told to.
type network struct {
	home home // as it is reached through the network
	next atomic.Int32
	lost [losses]atomic.Int64

	server string // path of its socket
	mu     sync.Mutex
	conns  map[net.Conn]bool
}

// newNetwork puts a network before the server of a home until the end of the test.
func newNetwork(tb testing.TB, h home) *network {
	tb.Helper()
	u, err := url.Parse(h.dsn)
	must(tb, err)
	q := u.Query()
	socket := ".s.PGSQL." + q.Get("port")
	n := &network{home: h, server: filepath.Join(q.Get("host"), socket), conns: make(map[net.Conn]bool)}
	dir := tb.TempDir()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	n.home.dsn = u.String()
	l, err := net.Listen("unix", filepath.Join(dir, socket))
	must(tb, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { n.serve(c) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		n.mu.Lock()
		for c := range n.conns {
			_ = c.Close()
		}
		n.mu.Unlock()
		wg.Wait()
	})
	return n
}

// lose makes the network lose the next request or reply of any connection.
func (n *network) lose(l loss) { n.next.Store(int32(l)) }

// take reports whether the next of these is to be lost, and counts it.
func (n *network) take(l loss) bool {
	if !n.next.CompareAndSwap(int32(l), int32(nothing)) {
		return false
	}
	n.lost[l].Add(1)
	return true
}

func (n *network) serve(client net.Conn) {
	server, err := net.Dial("unix", n.server)
	if err != nil {
		_ = client.Close()
		return
	}
	both := []net.Conn{client, server}
	n.mu.Lock()
	for _, c := range both {
		n.conns[c] = true
	}
	n.mu.Unlock()
	hangUp := func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, c := range both {
			_ = c.Close()
			delete(n.conns, c)
		}
	}
	var asked, silent atomic.Bool // a request is on its way; its reply is to be lost
	var wg sync.WaitGroup
	wg.Go(func() { defer hangUp(); n.forward(server, client, &asked, &silent) })
	n.answer(client, server, &asked, &silent)
	hangUp()
	wg.Wait()
}

// forward passes on what the client asks. The first packet is about the connection.
func (n *network) forward(server io.Writer, client io.Reader, asked, silent *atomic.Bool) {
	buf := make([]byte, 64<<10)
	for first := true; ; first = false {
		k, err := client.Read(buf)
		if err != nil {
			return
		}
		if !first && !asked.Load() {
			if n.take(request) {
				return
			}
			silent.Store(n.take(reply))
		}
		asked.Store(!first)
		if _, err := server.Write(buf[:k]); err != nil {
			return
		}
	}
}

// answer passes on what the server says, message by message. A reply is lost when the server
// is ready for the next request, so that it has done all of this one.
func (n *network) answer(client io.Writer, server io.Reader, asked, silent *atomic.Bool) {
	r := bufio.NewReader(server)
	for {
		header, err := r.Peek(5)
		if err != nil {
			return
		}
		const ready = 'Z'
		kind := header[0]
		message := make([]byte, 1+binary.BigEndian.Uint32(header[1:]))
		if _, err := io.ReadFull(r, message); err != nil {
			return
		}
		if silent.Load() {
			if kind == ready {
				return
			}
			continue
		}
		if kind == ready {
			asked.Store(false)
		}
		if _, err := client.Write(message); err != nil {
			return
		}
	}
}
